package planner

import (
	"math"
	"time"

	"prefetch_exporter/poller/match"
	"prefetch_exporter/poller/planner/lessons"
	"prefetch_exporter/poller/planner/tuning"
	"prefetch_exporter/poller/task"
	"prefetch_exporter/prefetch"
	vendorapi "prefetch_exporter/vendor_api"
)

// Learn learns from what was told of a task: before is the task before it, and rows
// are all of its rows if the answer showed those.
func (h *Heard) Learn(before *task.Task, t *Candidate, rows []prefetch.URL) {
	was, is := before.Counted, t.Counted
	lesson := lessons.Lesson{
		Durations: &h.learned.Durations, Curve: h.curve, Now: h.Now, Sent: h.Life.Sent, Offset: h.Offset,
		RowTimes: h.Capabilities.Times.Created && h.Capabilities.Times.Finished,
	}
	switch {
	case rows != nil:
		lesson.Rows(before, rows)
		h.checkScout(t.hint, rows)
		t.hint = nil
	case is == nil && was == nil && h.Capabilities.Lists && t.LastRefresh.After(before.LastRefresh):
		lesson.Summary(before, t.Counts)
	case is == nil:
		if was != nil {
			t.hint = nil
		}
	case was == nil || was.Total != is.Total:
		h.learned.Durations.Sized(is.Total)
	default:
		underWay := 1.0
		if is.Both() {
			g := h.gapAt(t, h.Now)
			underWay = g.Part(g.Alive, 1)
		}
		lesson.Counts(was, &t.Task, t.hint != nil, underWay)
	}
}

// LearnUnwatched learns how many of the rows of a window belong to no task. What fills a
// page in the narrowest window is as much as any number beyond.
func (h *Heard) LearnUnwatched(q vendorapi.Query, rows int) {
	tasks, _ := h.claims(q, func(*Candidate) bool { return true })
	for _, t := range tasks {
		rows -= h.sizeOf(t)
	}
	l, span, most := h.learned, q.To.Sub(q.From), float64(h.PageSize())/match.Narrowest.Seconds()
	l.Unwatched = min(most, tuning.UnwatchedMemory*l.unwatched(h.Now)+(1-tuning.UnwatchedMemory)*float64(max(0, rows))/span.Seconds())
	l.UnwatchedAt = h.Now
}

// unwatched is how many rows a second of a window has that belong to no task, as
// far as it can be told by now. Only windows tell, and where many were there may
// be none: so it is forgotten with time.
func (l *Knowledge) unwatched(now time.Time) float64 {
	return l.Unwatched * math.Exp2(-float64(max(0, now.Sub(l.UnwatchedAt)))/float64(tuning.UnwatchedHalve))
}
