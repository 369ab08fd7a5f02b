package roster

import (
	"math"
	"time"

	"prefetch_exporter/poller/planner"
	"prefetch_exporter/prefetch"
)

// Swept is what time made of the tasks.
type Swept struct {
	// Changed are the tasks that must be stored; Forgotten those of which nothing is
	// to be known any more.
	Changed, Forgotten []*planner.Candidate
	// Lost are those of the changed that the vendor cannot be asked for any more, with
	// the phase that they were in.
	Lost map[*planner.Candidate]prefetch.Phase
	// Next is after how long the next task's time is over, as far as that can be told;
	// the longest duration if none is.
	Next time.Duration
}

// Sweep ends the time of tasks that is over: of those that no source lists, of those
// whose creation is out of the vendor's reach, and of those that are settled or lost
// for the retention.
func Sweep(tasks map[string]*planner.Candidate, rules Rules, outOfReach func(created time.Time) bool, now time.Time) Swept {
	s := Swept{Lost: map[*planner.Candidate]prefetch.Phase{}, Next: math.MaxInt64}
	for _, t := range tasks {
		if !t.Listed {
			if left := rules.Retention - now.Sub(t.Unlisted); left > 0 {
				s.Next = min(s.Next, left)
			} else {
				s.Forgotten = append(s.Forgotten, t)
			}
			continue
		}
		if (t.Phase == prefetch.Pending || t.Phase == prefetch.Active) && outOfReach(t.KnownCreation()) {
			s.Lost[t] = t.Phase
			t.Lose(now)
		}
		ended, next := t.Expire(now, rules.Retention)
		if _, lost := s.Lost[t]; ended || lost {
			s.Changed = append(s.Changed, t)
		}
		if !next.IsZero() {
			s.Next = min(s.Next, next.Sub(now))
		}
	}
	return s
}
