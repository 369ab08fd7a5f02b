// Package choice picks an account's next question: about the tasks that are watched,
// about which tasks there are, or about the look-back. It also tells ahead which one
// that will be, and when it leaves.
//
// It is pure: the same situation, the same choice.
package choice

import (
	"time"

	"prefetch_exporter/poller/answers"
	"prefetch_exporter/poller/clock"
	"prefetch_exporter/poller/discover"
	"prefetch_exporter/poller/lookback"
	"prefetch_exporter/poller/planner"
	vendorapi "prefetch_exporter/vendor_api"
)

// Rules are what an account's choices depend on beside its tasks.
type Rules struct {
	// WatchWindow: every URL of the look-back is counted too.
	WatchWindow bool
	// Discover is how young a task must be to be watched though nobody named it; 0 if
	// none is.
	Discover time.Duration
	// NoWindow is until when windows are not asked for.
	NoWindow time.Time
	// Wanted reports whether another account waits for the same budget.
	Wanted func() bool
}

// Discovering is the moment for choices about which tasks there are.
func (r *Rules) Discovering(s *planner.Round) *discover.Moment {
	return &discover.Moment{Moment: *s.Asking(), Age: r.Discover}
}

// Next picks the next question about tasks, about which there are, or about the
// look-back. Without one, wake is when there may be one; zero if only a change can
// bring one.
func (r *Rules) Next(s *planner.Round, w *lookback.LookBack, l *discover.Listing) (q answers.Question, found bool, wake time.Time) {
	if r.Discover > 0 && s.Names() {
		return r.orNew(s, l)
	}
	return r.orLookBack(s, w)
}

// orNew picks the next question about tasks, or the one about which there are, if it
// is due: unless a deadline wants an answer, or others have their turn.
func (r *Rules) orNew(s *planner.Round, l *discover.Listing) (q answers.Question, found bool, wake time.Time) {
	q.Question, found, wake = s.Plan()
	m := r.Discovering(s)
	if found && q.Query.Kind == vendorapi.QueryList {
		l.Widen(&q.Query, m)
		return q, true, wake
	}
	if l.UnderWay() {
		return q, found, wake
	}
	query, due := l.Next(m)
	due = clock.AfterRetry(due, r.NoWindow, s.Now)
	switch {
	case due.After(s.Now):
		return q, found, clock.Earlier(wake, due)
	case found && (l.Yields() || q.Priority.Presses()):
		return q, found, wake
	default:
		s.Reach(&query)
		return answers.Question{Question: planner.Question{Query: query, Why: "which tasks there are"}, Discover: true}, true, wake
	}
}

// orLookBack picks the next question about tasks or about the look-back.
func (r *Rules) orLookBack(s *planner.Round, w *lookback.LookBack) (q answers.Question, found bool, wake time.Time) {
	q.Question, found, wake = s.Plan()
	if !r.WatchWindow || !s.HasLookBack() || w.UnderWay() {
		return q, found, wake
	}
	// The look-back has its turn where tasks want nothing now and nothing before the
	// next call after this one, and else once in a while.
	m := s.Asking()
	segment, due := w.Next(m)
	due = clock.AfterRetry(due, r.NoWindow, s.Now)
	soon := !wake.IsZero() && !s.Hasty && wake.Before(s.Now.Add(s.Slot))
	switch {
	case due.After(s.Now):
		return q, found, clock.Earlier(wake, due)
	case (found || soon) && !w.Turn(found && q.Pressing):
		return q, found, wake
	case !found && !w.Turn(false) && r.Wanted():
		return q, false, clock.Earlier(wake, w.Yield(m))
	default:
		watch := segment.Question(m)
		return answers.Question{Question: planner.Question{Query: watch.Query, Why: watch.Why}, Watch: watch}, true, wake
	}
}
