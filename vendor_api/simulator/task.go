package simulator

import (
	"slices"
	"time"

	"prefetch_exporter/prefetch"
)

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
	// Appears is how long after the creation CDNetworks begins to show the
	// row. Huawei Cloud ignores it.
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

// AtOnce is the task at a vendor that shows every row from the creation on.
func (t Task) AtOnce() Task {
	t.URLs = slices.Clone(t.URLs)
	for i := range t.URLs {
		t.URLs[i].Appears = 0
	}
	return t
}

// Vocabulary is how one vendor spells the statuses.
type Vocabulary struct {
	// Word is what the vendor sends for a status.
	Word func(prefetch.Status) string
	// Status is what a client should make of a word.
	Status func(word string) prefetch.Status
}

// StatusAt is what is true of the URL at now, whatever word is sent for it.
func (p *URLPlan) StatusAt(created, now time.Time) prefetch.Status {
	switch {
	case now.Before(p.Begin(created)):
		return prefetch.Waiting
	case p.Stuck || now.Before(p.Finish(created)):
		return prefetch.Running
	case p.Fails:
		return prefetch.Failed
	default:
		return prefetch.Succeeded
	}
}

// WordAt is the status word that the vendor sends for the URL at now.
func (p *URLPlan) WordAt(created, now time.Time, v Vocabulary) string {
	if p.Word != "" {
		return p.Word
	}
	return v.Word(p.StatusAt(created, now))
}

// Begin is when the fetch begins.
func (p *URLPlan) Begin(created time.Time) time.Time { return created.Add(p.Wait) }

// Finish is when the fetch ends; meaningless for a URL that is stuck.
func (p *URLPlan) Finish(created time.Time) time.Time { return p.Begin(created).Add(p.Fetch) }

// finalFrom is the moment from which the vendor shows the URL with a final
// status; false if it never will.
func (p *URLPlan) finalFrom(created time.Time, v Vocabulary) (time.Time, bool) {
	visible := created.Add(p.Appears)
	if p.Word != "" {
		return visible, v.Status(p.Word).Final()
	}
	if p.Stuck {
		return time.Time{}, false
	}
	return later(visible, p.Finish(created)), true
}

// ProgressAt is how far the vendor is with the URL at now, between 0 and 1.
func (p *URLPlan) ProgressAt(created, now time.Time) float64 {
	switch s := p.StatusAt(created, now); {
	case s.Final():
		return 1
	case s == prefetch.Waiting, p.Fetch <= 0:
		return 0
	default:
		return min(1, float64(now.Sub(p.Begin(created)))/float64(p.Fetch))
	}
}

// EdgeRate is the success rate that CDNetworks shows for a URL that has ended.
func (p *URLPlan) EdgeRate() float64 {
	if p.Rate == 0 && !p.Fails {
		const all = 100
		return all
	}
	return p.Rate
}

// counts is the truth about the task at now, in the vendor's own terms: what a
// client would count that saw every row.
func (t *Registered) counts(now time.Time, v Vocabulary) prefetch.Counts {
	var c prefetch.Counts
	if now.Before(t.Created) {
		return c
	}
	for i := range t.URLs {
		c[v.Status(t.URLs[i].WordAt(t.Created, now, v))]++
	}
	return c
}

// settled is when every row was there to be seen with a final status; false as
// long as that is not so.
func (t *Registered) settled(now time.Time, v Vocabulary) (time.Time, bool) {
	last := t.Created
	for i := range t.URLs {
		at, ok := t.URLs[i].finalFrom(t.Created, v)
		if !ok {
			return time.Time{}, false
		}
		last = later(last, at)
	}
	if len(t.URLs) == 0 || last.After(now) {
		return time.Time{}, false
	}
	return last, true
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}
