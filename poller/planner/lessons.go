package planner

import (
	"math"
	"time"

	"prefetch_exporter/poller/match"
	"prefetch_exporter/poller/task"
	"prefetch_exporter/prefetch"
	vendorapi "prefetch_exporter/vendor_api"
)

// strangersHalve is how long it takes to forget half of the rows of others.
const strangersHalve = time.Hour

// Learn learns from what was told of a task: before is the task before it, and rows
// are all of its rows if the answer showed those.
func (h *Heard) Learn(before *task.Task, t *Candidate, rows []prefetch.URL) {
	was, is := before.Counted, t.Counted
	switch {
	case rows != nil:
		h.learnRows(before, rows)
		h.checkScout(t.hint, rows)
		t.hint = nil
	case is == nil:
		if was != nil {
			t.hint = nil
		}
	case was == nil || was.Total != is.Total:
		h.learned.Durations.Sized(is.Total)
	default:
		h.learnCounts(was, t)
	}
}

// learnRows learns how long URLs take from an answer that shows all rows of the
// task.
func (h *Heard) learnRows(before *task.Task, urls []prefetch.URL) {
	d := &h.learned.Durations
	if !before.Answered() {
		d.Sized(max(len(urls), len(before.Expected)))
	}
	counts := prefetch.CountURLs(urls)
	d.Failed += float64(max(0, counts[prefetch.Failed]-before.Counts[prefetch.Failed]))
	if !h.Capabilities.RowTimes {
		h.learnLeft(before, counts)
		return
	}
	seen := before.LastRefresh.Add(h.Offset)
	for i := range urls {
		u := &urls[i]
		if u.Created.IsZero() {
			continue
		}
		from := time.Duration(0)
		if before.Answered() {
			from = max(0, seen.Sub(u.Created))
		}
		switch {
		case !u.Status.Final():
			d.Watched(1, from, h.Life.Sent.Sub(u.Created))
		case u.Finished.IsZero(): // nobody knows when
		case !before.Answered() || u.Finished.After(seen):
			age := u.Finished.Sub(u.Created)
			d.Watched(1, from, age)
			d.EndedAt(1, age)
		}
	}
}

// learnLeft learns from how many URLs are left, where rows have no times.
func (h *Heard) learnLeft(t *task.Task, counts prefetch.Counts) {
	if t.KnownCreation().IsZero() && !t.Answered() {
		return // how old they are is not known
	}
	d := &h.learned.Durations
	now := h.age(t, h.Now)
	before, from := counts.Total(), time.Duration(0)
	if t.Answered() {
		before, from = t.Counts.Total()-t.Counts.Final(), h.age(t, t.LastRefresh)
	}
	left := counts.Total() - counts.Final()
	d.Watched(left, from, now)
	d.EndedBetween(before-left, from, now, h.curve)
}

// learnCounts learns from a count of URLs that succeeded.
func (h *Heard) learnCounts(before *task.Counted, t *Candidate) {
	d, now := &h.learned.Durations, t.Counted
	failed, succeeded := float64(max(0, now.Failed-before.Failed)), max(0, now.Succeeded-before.Succeeded)
	d.Failed += failed
	d.Final += failed
	if t.hint != nil || !now.SucceededAt.After(before.SucceededAt) {
		d.Final += float64(succeeded)
		return // windows of what runs tell more
	}
	from := time.Duration(0)
	if !before.SucceededAt.IsZero() {
		from = h.age(&t.Task, before.SucceededAt)
	}
	to := h.age(&t.Task, h.Now)
	// What failed since that was counted is not under way.
	alive := float64(now.Left())
	if now.Both() {
		g := h.gapAt(t, h.Now)
		alive *= g.part(g.alive, 1)
	}
	d.Watched(int(math.Round(alive)), from, to)
	d.EndedBetween(succeeded, from, to, h.curve)
}

// Strangers learns how many of the rows of a window belong to no task. What fills a
// page in the narrowest window is as much as any number beyond.
func (h *Heard) Strangers(q vendorapi.Query, rows int) {
	const memory = 0.8
	tasks, _ := h.claims(q, func(*Candidate) bool { return true })
	for _, t := range tasks {
		rows -= h.sizeOf(t)
	}
	l, span, most := h.learned, q.To.Sub(q.From), float64(h.PageSize())/match.Narrowest.Seconds()
	l.Strangers = min(most, memory*l.strangers(h.Now)+(1-memory)*float64(max(0, rows))/span.Seconds())
	l.StrangersAt = h.Now
}

// strangers is how many rows a second of a window has that belong to no task, as
// far as it can be told by now. Only windows tell, and where many were there may
// be none: so it is forgotten with time.
func (l *Knowledge) strangers(now time.Time) float64 {
	return l.Strangers * math.Exp2(-float64(max(0, now.Sub(l.StrangersAt)))/float64(strangersHalve))
}
