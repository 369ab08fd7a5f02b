package account

import (
	"time"

	"prefetch_exporter/poller/clock"
	"prefetch_exporter/poller/discover"
	"prefetch_exporter/poller/roster"
	"prefetch_exporter/prefetch"
	vendorapi "prefetch_exporter/vendor_api"
)

// discovered takes in which tasks an answer shows, where tasks are watched that nobody
// named. What it tells of them is applied after that. It is called with the lock held.
func (a *Account) discovered(q vendorapi.Query, ans *vendorapi.Answer, sent time.Time) {
	everything := q.Kind == vendorapi.QueryList || q.Kind == vendorapi.QueryWindow && q.Status == nil
	discovers := a.settings.Discover > 0 && a.dialect.Capabilities.Discovers()
	if !everything || !discovers || !a.known {
		return // what is listed has not been told yet
	}
	now, choosing := a.looked.Wall, a.choosing()
	m := choosing.Discovering(a.planner.At(a.situation(now)))
	rules := roster.Rules{Discover: a.settings.Discover, Ahead: m.Offset}
	fresh := false
	for _, f := range a.finder.Saw(q, ans, sent.Add(m.Offset), m) {
		spec := prefetch.Task{Account: a.name.Name, ID: f.ID, Created: f.Created, Source: prefetch.SourceVendor}
		fresh = a.listing.Find(spec, a.tasks, rules, now) || fresh
	}
	if fresh {
		a.refresh(now)
	}
}

// foundUntil is how far the tasks are known that the vendor lists, for the store: a
// task that finds no room is looked for again after a restart.
func (a *Account) foundUntil() discover.Listing {
	l := discover.Listing{Until: a.finder.Until}
	for _, spec := range a.listing.Found {
		if !spec.Created.IsZero() {
			l.Until = clock.Earlier(l.Until, spec.Created)
		}
	}
	return l
}
