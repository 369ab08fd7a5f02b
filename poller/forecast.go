package poller

import (
	"time"

	"prefetch_exporter/poller/answers"
	"prefetch_exporter/poller/clock"
	"prefetch_exporter/poller/discover"
	"prefetch_exporter/poller/lookback"
	"prefetch_exporter/poller/planner"
	"prefetch_exporter/prefetch"
)

// mostForecasts bounds how many moments are looked at to tell what comes next.
const mostForecasts = 8

// announce publishes what comes next, as far as can be told at a moment. It is
// called with the lock held.
func (a *account) announce(from clock.Stamp) {
	if a.hasty {
		return // there is no later call
	}
	a.next = a.forecast(from)
	a.publish(nil)
}

// forecast is the next question and when it leaves, unless something is heard
// before; nil if only a change can bring one. It is what the same rule says that
// will decide: asked for each moment from the given one on in which a call may
// leave, until it lets one leave. Calls under way end when they usually do, and
// their tasks are unfinished still. It changes nothing but its own copies.
func (a *account) forecast(from clock.Stamp) (next *prefetch.QueryState) {
	ahead, w, l, over := a.planner.Ahead(), a.watch.Clone(), a.finder, a.usualEnd(from).Wall
	for range mostForecasts {
		under := a.inFlight > 0 && from.Wall.Before(over)
		if !under {
			w.Ended()
			l.Ended()
		}
		m := a.planning(from)
		m.Foreseen = !under
		s := ahead.At(m)
		q, found, at := a.choose(s, w, &l)
		if !found && under {
			at = clock.Earlier(at, over)
		}
		if found {
			at = s.Now.Add(max(a.health.Wait(s.Now), s.Held(&q.Question)))
			at = clock.Later(at, a.budget.Next(from))
			next = &prefetch.QueryState{Kind: string(q.Query.Kind), Task: q.TaskID(), Why: q.Why, Time: at}
		}
		if !at.After(s.Now) {
			return next
		}
		from = from.Add(at.Sub(s.Now))
	}
	return next
}

// usualEnd is when the calls under way have usually ended.
func (a *account) usualEnd(present clock.Stamp) clock.Stamp {
	return present.Add(max(0, a.latency.Usual()-a.budget.LastLeft(a.name.Name).Elapsed(present)))
}

// choose picks the next question about tasks, about which there are, or about the
// look-back.
func (a *account) choose(s *planner.Round, w *lookback.LookBack, l *discover.Listing) (q answers.Question, found bool, wake time.Time) {
	if a.discovers() {
		return a.chooseNew(s, l)
	}
	return a.chooseKnown(s, w)
}

// chooseKnown picks the next question about tasks or about the look-back.
func (a *account) chooseKnown(s *planner.Round, w *lookback.LookBack) (q answers.Question, found bool, wake time.Time) {
	q.Question, found, wake = s.Plan()
	if !a.options.WatchWindow || !s.HasLookBack() || w.UnderWay() {
		return q, found, wake
	}
	// The look-back has its turn where tasks want nothing now and nothing before the
	// next call after this one, and else once in a while.
	m := answers.LookBack(s)
	segment, due := w.Next(m)
	due = clock.AfterRetry(due, a.noWindow, s.Now)
	soon := !wake.IsZero() && !s.Hasty && wake.Before(s.Now.Add(s.Slot))
	switch {
	case due.After(s.Now):
		return q, found, clock.Earlier(wake, due)
	case (found || soon) && !w.Turn(found && q.Pressing):
		return q, found, wake
	case !found && !w.Turn(false) && a.budget.Wanted(a.name.Name):
		return q, false, clock.Earlier(wake, w.Yield(m))
	default:
		watch := segment.Question(m)
		return answers.Question{Question: planner.Question{Query: watch.Query, Why: watch.Why}, Watch: watch}, true, wake
	}
}
