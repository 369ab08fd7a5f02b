package choice

import (
	"time"

	"prefetch_exporter/poller/clock"
	"prefetch_exporter/poller/discover"
	"prefetch_exporter/poller/lookback"
	"prefetch_exporter/poller/planner"
	"prefetch_exporter/prefetch"
)

// mostForecasts bounds how many moments are looked at to tell what comes next.
const mostForecasts = 8

// Forecast is what the next question can be told from before it is chosen. It is
// changed by that: the planner, the look-back and the listing are copies.
type Forecast struct {
	Rules

	Planner *planner.Planner
	Watch   *lookback.LookBack
	Listing discover.Listing
	// UnderWay: calls are, and have usually ended at Over.
	UnderWay bool
	Over     time.Time
	// Planning is what the planner decides from at a moment, and Backoff how long calls
	// must wait then since they failed.
	Planning func(at clock.Stamp) planner.Moment
	Backoff  func(at time.Time) time.Duration
	// NextCall is when the budget allows the next call after a moment.
	NextCall func(after clock.Stamp) time.Time
}

// From is the next question and when it leaves, unless something is heard before; nil
// if only a change can bring one. It is what the same rule says that will decide:
// asked for each moment from the given one on in which a call may leave, until it lets
// one leave. Calls under way end when they usually do, and their tasks are unfinished
// still.
func (f *Forecast) From(from clock.Stamp) (next *prefetch.QueryState) {
	for range mostForecasts {
		under := f.UnderWay && from.Wall.Before(f.Over)
		if !under {
			f.Watch.Ended()
			f.Listing.Ended()
		}
		m := f.Planning(from)
		m.Foreseen = !under
		s := f.Planner.At(m)
		q, found, at := f.Next(s, f.Watch, &f.Listing)
		if !found && under {
			at = clock.Earlier(at, f.Over)
		}
		if found {
			at = s.Now.Add(max(f.Backoff(s.Now), s.Held(&q.Question)))
			at = clock.Later(at, f.NextCall(from))
			next = &prefetch.QueryState{Kind: string(q.Query.Kind), Task: q.TaskID(), Why: q.Why, Time: at}
		}
		if !at.After(s.Now) {
			return next
		}
		from = from.Add(at.Sub(s.Now))
	}
	return next
}
