package poller

import (
	"cmp"
	"time"

	"prefetch_exporter/poller/answers"
	"prefetch_exporter/poller/clock"
	"prefetch_exporter/poller/discover"
	"prefetch_exporter/poller/planner"
	"prefetch_exporter/prefetch"
	vendorapi "prefetch_exporter/vendor_api"
)

// mostFound bounds how many tasks are remembered that the vendor lists and that find
// no room.
const mostFound = 100_000

// discovers reports whether tasks are watched that nobody named.
func (a *account) discovers() bool {
	return a.options.Discover > 0 && a.dialect.Capabilities.Discovers()
}

// discovering is the moment for choices about which tasks there are.
func (a *account) discovering(s *planner.Round) *discover.Moment {
	return &discover.Moment{
		Terms: s.Terms, Age: a.options.Discover, PollInterval: a.options.PollInterval, Hasty: s.Hasty, Begun: s.Begun,
	}
}

// chooseNew picks the next question about tasks, or the one about which there are, if
// it is due: unless a deadline wants an answer, or others have their turn.
func (a *account) chooseNew(s *planner.Round, l *discover.Listing) (q answers.Question, found bool, wake time.Time) {
	q.Question, found, wake = s.Plan()
	m := a.discovering(s)
	if found && q.Query.Kind == vendorapi.QueryList {
		l.Widen(&q.Query, m)
		return q, true, wake
	}
	if l.UnderWay() {
		return q, found, wake
	}
	query, due := l.Next(m)
	due = clock.AfterRetry(due, a.noWindow, s.Now)
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

// discovered takes in which tasks an answer shows. What it tells of them is applied
// after that. It is called with the lock held.
func (a *account) discovered(q vendorapi.Query, ans *vendorapi.Answer, sent time.Time) {
	everything := q.Kind == vendorapi.QueryList || q.Kind == vendorapi.QueryWindow && q.Status == nil
	if !everything || !a.discovers() || !a.known {
		return // what is listed has not been told yet
	}
	now := a.looked.Wall
	m := a.discovering(a.planner.At(a.situation(now)))
	fresh := false
	for _, f := range a.finder.Saw(q, ans, sent.Add(m.Offset), m) {
		if !a.isNew(f, m) || len(a.listing.Found) >= mostFound {
			continue
		}
		a.listing.Found[f.ID] = prefetch.Task{
			Account: a.name.Name, ID: f.ID, Created: cmp.Or(f.Created, m.VendorNow()), Source: prefetch.SourceVendor,
		}
		fresh = true
	}
	if fresh {
		a.refresh(now)
	}
}

// isNew reports whether a task that the vendor lists is to be watched from now on.
func (a *account) isNew(f discover.Found, m *discover.Moment) bool {
	if t := a.tasks[f.ID]; t != nil && (t.Listed || t.Ended) {
		return false
	}
	_, named := a.listing.Tasks[f.ID]
	old := !f.Created.IsZero() && m.VendorNow().Sub(f.Created) > a.options.Discover
	return !named && !old && prefetch.NameFault(f.ID) == ""
}

// foundUntil is how far the tasks are known that the vendor lists, for the store: a
// task that finds no room is looked for again after a restart.
func (a *account) foundUntil() discover.Listing {
	l := discover.Listing{Until: a.finder.Until}
	for _, spec := range a.listing.Found {
		if !spec.Created.IsZero() {
			l.Until = clock.Earlier(l.Until, spec.Created)
		}
	}
	return l
}
