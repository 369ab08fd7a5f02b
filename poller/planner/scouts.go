package planner

import (
	"fmt"
	"slices"
	"time"

	"prefetch_exporter/poller/match"
	"prefetch_exporter/poller/planner/estimate"
	"prefetch_exporter/poller/planner/priority"
	"prefetch_exporter/poller/planner/why"
	"prefetch_exporter/prefetch"
)

const (
	// roomy is the part of a page that rows which run are expected to fill at
	// most: how many they are is known less well than how many there are at all.
	roomy = 0.7
	// horizon is over how many slots a task's chance to settle is averaged to
	// tell how soon it would be looked at again.
	horizon = 6
	// scouting is the part of what a scout is worth that must be more than what
	// another question is worth for it to be asked. The measure was found by
	// trying: from a third to the whole little changes (see docs/freshness.md).
	scouting = 0.5
	// certain is the worth, in minutes, of questions that no scout precedes:
	// what they prove is known already.
	certain = 50.0
	// newborn is how old a task must be for rows that do not run to mean much:
	// before they wait.
	newborn = 2 * time.Minute
)

// bestScout is the window, limited to rows that run, that it is worth the most
// to know about, if that is more than what the rival question may prove. It
// proves nothing, but a task none of whose rows run has probably settled: then
// it is asked next, instead of one that was guessed. One page of such rows tells
// of many more tasks than one page of all rows does. covered is of how many tasks
// one window of all rows tells.
func (s *Round) bestScout(rival priority.Priority, covered int) (best Question, ok bool) {
	if !s.CanScout() || s.NoWindows || rival.Class > priority.Ordinary || rival.Class == priority.Ordinary && rival.Worth >= certain {
		return Question{}, false
	}
	crowd, m := s.learned.crowd(), s.prices(covered)
	shareOf := func(i int) priority.Share {
		c := &s.cards[i]
		running := crowd * float64(c.running)
		if c.class == priority.Idle || c.hurry <= 0 || c.hidden {
			return priority.Share{Rows: running}
		}
		if gain := m.Information(float64(c.hurry), float64(c.chance), float64(c.lag)); gain > 0 {
			return priority.Share{Priority: priority.Priority{Class: priority.Ordinary, Worth: gain}, Rows: running, Told: 1}
		}
		return priority.Share{Rows: running}
	}
	w := s.slide(roomy*float64(s.PageSize()), 0, shareOf)
	proven := 0.0 // by the rival
	if rival.Class == priority.Ordinary {
		proven = rival.Worth
	}
	if scouting*w.Worth <= max(proven, m.Price) {
		return Question{}, false
	}
	best = Question{
		Query: s.window(w, shareOf), Priority: w.Priority,
		Why: fmt.Sprintf("to see which of %s still run", why.Tasks(w.Told)),
	}
	best.Query.Status = new(prefetch.Running)
	return best, true
}

// prices is what calls are worth. Of the tasks that windows tell of too, one window
// tells of so many: covered.
func (s *Round) prices(covered int) estimate.Calls {
	return estimate.CallsAt(s.Slot, s.alone+s.shared/float64(max(1, covered)))
}

// waits reports whether the task may have rows that neither run nor are final.
func (s *Round) waits(t *Candidate) bool {
	if t.Answered() {
		return t.Counts[prefetch.Waiting] > 0
	}
	return s.age(&t.Task, s.Now) < newborn
}

// crowd is how many rows run for each that is expected to.
func (l *Knowledge) crowd() float64 {
	if l.Crowd <= 0 {
		return 1
	}
	return l.Crowd
}

// crowded learns from how many rows run where so many were expected to.
func (l *Knowledge) crowded(expected float64, running int) {
	const (
		doubt         = 5 // few rows tell little
		memory        = 0.5
		least, utmost = 0.1, 30.0
	)
	ratio := (float64(running) + doubt) / (expected + doubt)
	l.Crowd = min(utmost, max(least, memory*l.crowd()+(1-memory)*ratio))
}

// note keeps what a page of rows that run hints at of a task.
func (h *Heard) note(t *Candidate, shown match.Hint) {
	if shown.Left == 0 && h.waits(t) {
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
	h.board.changed(t)
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
