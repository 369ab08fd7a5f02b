package planner

import (
	"fmt"
	"slices"
	"time"

	"prefetch_exporter/poller/match"
	"prefetch_exporter/poller/planner/estimate"
	"prefetch_exporter/poller/planner/priority"
	"prefetch_exporter/poller/planner/tuning"
	"prefetch_exporter/poller/planner/why"
	"prefetch_exporter/prefetch"
)

// bestScout is the window, limited to rows that run, that it is worth the most
// to know about, if that is more than what the rival question may prove. It
// proves nothing, but a task none of whose rows run has probably settled: then
// it is asked next, instead of one that was guessed. One page of such rows tells
// of many more tasks than one page of all rows does. covered is of how many tasks
// one window of all rows tells.
func (s *Round) bestScout(rival priority.Priority, covered int) (best Question, ok bool) {
	if !s.CanScout() || s.NoWindows || rival.Class > priority.Ordinary {
		return Question{}, false
	}
	ratio := s.learned.runningRatio(s.Now)
	calls := estimate.CallsAt(s.Slot, s.alone+s.shared/float64(max(1, covered)))
	shares := s.appraisals.shares()
	for i := range s.all {
		c, x := &s.all[i], &shares[i]
		*x = priority.Share{Created: c.created, Margin: c.margin, Rows: ratio * float64(c.running)}
		if c.class == priority.Idle || c.rootRate <= 0 || c.hidden {
			continue
		}
		if known := calls.Information(float64(c.rootRate), float64(c.chance), float64(c.lag)); known > 0 {
			x.Class, x.Worth, x.Told = priority.Ordinary, known, 1
		}
	}
	w := priority.Best(shares, s.bounds(tuning.Roomy*float64(s.PageSize()), 0))
	proven := 0.0 // by the rival
	if rival.Class == priority.Ordinary {
		proven = rival.Worth
	}
	if tuning.Scouting*w.Worth <= max(proven, calls.Price) {
		return Question{}, false
	}
	best = Question{
		Query: s.window(w, shares), Priority: w.Priority,
		Why: fmt.Sprintf("to see which of %s still run", why.Tasks(w.Told)),
	}
	best.Query.Status = new(prefetch.Running)
	return best, true
}

// runningRatio is how many rows run for each that is expected to. Only scouts tell, and
// where many ran none is sent: after a while that is tried again.
func (l *Knowledge) runningRatio(now time.Time) float64 {
	if now.Sub(l.RunningAt) > tuning.RunningKept {
		return 1
	}
	return l.RunningRatio
}

// learnRunning learns from how many rows run where so many were expected to.
func (l *Knowledge) learnRunning(now time.Time, expected float64, running int) {
	ratio := (float64(running) + tuning.RunningDoubt) / (expected + tuning.RunningDoubt)
	l.RunningRatio, l.RunningAt = tuning.RunningMemory*l.runningRatio(now)+(1-tuning.RunningMemory)*ratio, now
}

// note keeps what a page of rows that run hints at of a task.
func (h *Heard) note(t *Candidate, shown match.Hint) {
	if shown.Left == 0 && t.Counts[prefetch.Waiting] > 0 {
		return
	}
	if before := t.hint; before != nil && before.scouted && t.Counted != nil {
		// Of no other rows it is told when they end.
		from, to := h.age(&t.Task, before.at), h.age(&t.Task, h.Now)
		h.learned.Durations.Watched(shown.Left, from, to)
		h.learned.Durations.EndedBetween(before.Left-shown.Left, from, to, h.curve)
	}
	shown.Rows = max(shown.Rows, h.sizeOf(t))
	t.hint = &hint{Hint: shown, at: h.Now, scouted: true}
	h.appraisals.Changed(t)
}

// checkScout compares what a scout said of a task with an answer that shows all of
// it. A vendor that does not know the filter may as well show nothing.
func (h *Heard) checkScout(said *hint, urls []prefetch.URL) {
	if said == nil || !said.scouted || said.Left > 0 {
		return
	}
	at := said.at.Add(h.Offset - match.Drift)
	ran := func(u prefetch.URL) bool {
		return u.Status == prefetch.Running && !u.Started.IsZero() && u.Started.Before(at)
	}
	h.Vendor.Scouted(!slices.ContainsFunc(urls, ran), h.Now)
}
