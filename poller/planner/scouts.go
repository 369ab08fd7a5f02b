package planner

import (
	"fmt"
	"math"
	"slices"
	"time"

	"prefetch_exporter/poller/match"
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
func (s *Round) bestScout(rival Priority, covered int) (best Question, ok bool) {
	if !s.CanScout() || s.NoWindows || rival.class > ordinary || rival.class == ordinary && rival.Worth >= certain {
		return Question{}, false
	}
	crowd, m := s.learned.crowd(), s.market(covered)
	shareOf := func(c *card) share {
		if gain := m.gain(c); gain > 0 {
			return share{Priority{class: ordinary, Worth: gain}, crowd * float64(c.running), 1}
		}
		return share{rows: crowd * float64(c.running)}
	}
	w := s.slide(roomy*float64(s.PageSize()), 0, shareOf)
	proven := 0.0 // by the rival
	if rival.class == ordinary {
		proven = rival.Worth
	}
	if scouting*w.priority.Worth <= max(proven, m.price) {
		return Question{}, false
	}
	best = Question{
		Query: s.window(w, shareOf), Priority: w.priority,
		Why: fmt.Sprintf("to see which of %s still run", tasks(w.told)),
	}
	best.Query.Status = new(prefetch.Running)
	return best, true
}

// market is what calls are worth if every unsettled task is asked for as often
// as pays best: the interval between two questions about a task that settles h
// times a minute is in proportion to 1/√h then. It is in minutes.
type market struct{ slot, hurry, price float64 }

func (s *Round) market(covered int) market {
	m := market{slot: s.Slot.Minutes(), hurry: s.alone + s.shared/float64(max(1, covered))}
	const half = 2
	m.price = m.slot * m.slot * m.hurry * m.hurry / half
	return m
}

// gain is what it is worth, in minutes of lag, to know whether the task has
// settled without having it proven: with that chance it is asked one slot from
// now instead of when its turn comes.
func (m market) gain(c *card) float64 {
	if c.class == idleClass || c.hurry <= 0 || c.hidden {
		return 0
	}
	turn, chance := m.slot*max(1, m.hurry/float64(c.hurry)), float64(c.chance)
	// To look at it now is worth no more than the call that it costs.
	worth := min(m.price, chance*(m.price+turn)-float64(c.lag))
	return max(0, worth-chance*(m.price+m.slot))
}

// hurryOf is the root of how many times a minute the task would settle from now
// on.
func (s *Round) hurryOf(v view, chance float64) float64 {
	ahead := horizon * s.Slot
	then := math.Pow(1-s.curve.Survive(v.from, v.to+ahead), float64(v.left))
	rate := -math.Log(max(residue, 1-then)/max(residue, 1-chance)) / ahead.Minutes()
	return math.Sqrt(max(0, rate))
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
