package simulator

import "time"

// URLPlan is what will become of one URL of a task, from its creation on. The
// zero value succeeds at once.
type URLPlan struct {
	// URL is what was submitted.
	URL string
	// Wait is the time from the task's creation to the start of the fetch,
	// Fetch the time from there to the end.
	Wait, Fetch time.Duration
	// Fails makes the URL end as failed instead of succeeded.
	Fails bool
	// Stuck makes the fetch begin and never end.
	Stuck bool
	// Rate is CDNetworks' success rate over its edge nodes, 0–100. Of a URL
	// that succeeded, 0 means 100. It is sent once the URL has ended.
	Rate float64
	// Word, if set, is sent as the status at all times, in place of the right
	// one: an undocumented word, or a documented one in another letter case.
	Word string
	// Reason is why a URL that fails does, in the vendor's own words; empty for the
	// vendor's usual ones.
	Reason string
	// Appears is how long after the creation the vendor begins to show the row.
	Appears time.Duration
}

// Task is one submitted prefetch.
type Task struct {
	// ID is the task id (Huawei Cloud) or itemId (CDNetworks).
	ID string
	// Owner is who may see the task: a username or access key (CDNetworks), a
	// project id (Huawei Cloud).
	Owner string
	// Created is when the vendor took the task in; zero means when it is given
	// to Submit. Before Created nobody sees the task.
	Created time.Time
	// Purge: the task is a purge, or a refresh, and no prefetch: vendors whose answers
	// mix both show it as such.
	Purge bool
	// URLs are the task's rows in the order of submission.
	URLs []URLPlan
}

// finalFrom is the moment from which the vendor shows the URL with a final
// status; false if it never will.
func (p *URLPlan) finalFrom(created time.Time, v *Vocabulary) (time.Time, bool) {
	visible := created.Add(p.Appears)
	if p.Word != "" {
		return visible, v.status(p.Word).Final()
	}
	return later(visible, created.Add(p.Wait+p.Fetch)), !p.Stuck
}

// settled is when every row was there to be seen with a final status; false as
// long as that is not so.
func (t *Registered) settled(now time.Time, v *Vocabulary) (time.Time, bool) {
	last := t.Created
	for i := range t.URLs {
		at, ok := t.URLs[i].finalFrom(t.Created, v)
		if !ok {
			return time.Time{}, false
		}
		last = later(last, at)
	}
	return last, len(t.URLs) > 0 && !last.After(now)
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}
