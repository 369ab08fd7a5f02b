package task

import (
	"iter"
	"slices"

	"prefetch_exporter/prefetch"
)

// sample is what a task that settles keeps of the URLs that succeeded, for whoever
// asks an edge for them. The last one stays where no URL that succeeded is known.
func (t *Task) sample() []string {
	if sample := prefetch.Sample(t.succeeded(), prefetch.MostSampled); len(sample) > 0 || t.Counts[prefetch.Succeeded] == 0 {
		return sample
	}
	return t.Sample
}

// succeeded are the URLs that the task is known to have warmed, before it forgets
// them.
func (t *Task) succeeded() iter.Seq[string] {
	if submitted := t.submittedWarm(); submitted != nil {
		return slices.Values(submitted)
	}
	return func(yield func(string) bool) {
		for i := range t.Rows.URLs {
			if u := &t.Rows.URLs[i]; u.Status == prefetch.Succeeded && !yield(u.URL) {
				return
			}
		}
	}
}

// submittedWarm are the submitted URLs that did not fail, of a task whose rows were
// not all read; nil unless all that failed are known.
func (t *Task) submittedWarm() []string {
	if len(t.Rows.URLs) == t.Counts.Total() || t.Counts.Total() != len(t.Expected) {
		return nil
	}
	known := t.Rows.Failed().URLs
	if len(known) != t.Counts[prefetch.Failed] {
		return nil
	}
	failed := map[string]bool{}
	for i := range known {
		failed[known[i].URL] = true
	}
	return slices.DeleteFunc(slices.Clone(t.Expected), func(url string) bool { return failed[url] })
}
