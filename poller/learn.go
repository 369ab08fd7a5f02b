package poller

import (
	"math"
	"time"

	"prefetch_exporter/prefetch"
	vendorapi "prefetch_exporter/vendor_api"
)

const (
	// defaultPage is the page size that vendors take when none is asked for.
	defaultPage = 20
	// shortLookBack is the look-back of the vendor's Chinese page and of its
	// error text, where the English page says seven days.
	shortLookBack = 72 * time.Hour
	// leastLookBack is where a shrinking look-back stops.
	leastLookBack = 24 * time.Hour
	// offsetTolerance is how far a Date header may be off what is known of the
	// vendor's clock: it has whole seconds, and the call takes time.
	offsetTolerance = 3 * time.Second
	// slowCall is how long a call may take for its Date to tell the offset.
	slowCall = 10 * time.Second
	// secondTry is after how long it is tried again whether the vendor can limit
	// answers to a status.
	secondTry = 24 * time.Hour
	// strangersHalve is how long it takes to forget half of the rows of others.
	strangersHalve = time.Hour
)

// learnRefusal notices that the vendor refused a feature, and reports whether
// there is another way to ask.
func (a *account) learnRefusal(f vendorapi.Feature, q question) bool {
	s := a.situation(a.now())
	next := a.learned
	switch f {
	case vendorapi.FeatureTaskAlone:
		if a.learned.NeedWindow || !s.caps.Windows {
			return false
		}
		next.NeedWindow = true
	case vendorapi.FeaturePageSize:
		if !next.refusePage(q.query, s.pageSize()) {
			return false
		}
	case vendorapi.FeatureLookBack:
		if q.query.From.IsZero() {
			return false // it was not asked for
		}
		if q.query.From.Before(s.oldest().Add(-edge)) {
			return true // the window was reckoned with a wrong idea of the vendor's clock
		}
		lookBack, ok := shorter(s.lookBack())
		if !ok {
			return false
		}
		next.LookBack = lookBack
	case vendorapi.FeatureStatusFilter:
		if a.learned.NoStatusFilter {
			return false
		}
		next.refuseFilter(q.query.Status, s.now)
	default:
		return false
	}
	a.learned, a.unsaved, a.sweepAt = next, true, time.Time{}
	a.board.stale()
	return true
}

// refusePage notices that a page was too large, or too small, and reports whether
// there is another size to ask for. size is what pages are asked for with now.
func (l *learned) refusePage(q vendorapi.Query, size int) bool {
	switch {
	case q.PageSize > size:
		return true // learned since this reading began
	case q.Kind == vendorapi.QueryCount && q.PageSize < size:
		l.NoSmallPage = true // a larger one gave the rows that are counted now
		return true
	}
	size = min(size, q.PageSize)
	if size <= 1 {
		return false
	}
	l.PageSize = size / 2
	if size > defaultPage {
		l.PageSize = max(l.PageSize, defaultPage)
	}
	return true
}

// refuseFilter notices that a question could not be limited to a status. Where
// running is refused, the other words may well be known.
func (l *learned) refuseFilter(status *prefetch.Status, now time.Time) {
	l.RefusedAt = now
	if status != nil && *status == prefetch.Running {
		l.NoRunFilter = true
		return
	}
	l.NoStatusFilter = true
}

// tryFilters forgets that the vendor cannot limit answers to a status when that
// was so for a day: one odd row can have shown it, and to do without is dear.
func (a *account) tryFilters(now time.Time) {
	l := &a.learned
	if !l.NoStatusFilter && !l.NoRunFilter || now.Sub(l.RefusedAt).Abs() < secondTry {
		return
	}
	l.NoStatusFilter, l.NoRunFilter = false, false
	l.Misled = min(l.Misled, mostMisled-1) // once more is enough
	a.board.stale()
}

// shorter is the look-back to try after one was refused; false if there is none.
func shorter(lookBack time.Duration) (time.Duration, bool) {
	switch {
	case lookBack > shortLookBack:
		return shortLookBack, true
	case lookBack > leastLookBack:
		return max(leastLookBack, lookBack-time.Hour), true
	default:
		return 0, false
	}
}

// learnPageSize notices that the vendor gave smaller pages than were asked for,
// and said so. One that gave fewer rows and said nothing may do otherwise next
// time; and one that says less than it gives unasked is not believed of others.
func (a *account) learnPageSize(q vendorapi.Query, ans vendorapi.Answer) {
	given := ans.PageSize
	if q.Page != 1 || given < defaultPage || given >= q.PageSize || ans.Count <= len(ans.URLs) {
		return
	}
	a.learned.PageSize, a.unsaved = given, true
	a.board.stale()
	a.log.Info("the vendor gives smaller pages than were asked for", "asked", q.PageSize, "given", given)
}

// learnOffset learns the vendor's clock from its Date header.
func (a *account) learnOffset(date time.Time, m *moment) {
	took := m.now.Sub(m.sent.Add(-a.learned.Offset))
	if date.IsZero() || took > slowCall {
		return
	}
	// The header was written at some time during the call.
	offset := date.Sub(m.now.Add(-took / 2))
	if diff := offset - a.learned.Offset; diff.Abs() <= offsetTolerance+took/2 {
		return
	}
	before := a.learned.Offset
	a.learned.Offset, a.unsaved = offset.Round(time.Second), true
	a.board.stale()
	m.moved = a.learned.Offset - before
	m.sent = m.sent.Add(m.moved)
	if offset.Abs() > edge {
		a.journal.warn(warnClock, "", "the vendor's clock differs from ours; one of them is wrong",
			"offset", a.learned.Offset)
	}
}

// checkTimes warns where the vendor's times show that it ignored the time zone.
func (a *account) checkTimes(t *task, m *moment) {
	if t.VendorCreated.IsZero() {
		return
	}
	if ahead := t.NewestRow.Sub(m.sent); ahead > edge {
		a.journal.warn(warnFuture, "", "a row was created in the vendor's future: the time zone is probably ignored, check time_zone",
			"task", t.id, "created", t.NewestRow, "ahead", ahead.Round(time.Second))
	}
	if t.Created.IsZero() {
		return
	}
	const near = 5 * time.Minute
	off := t.VendorCreated.Sub(t.Created)
	hours := off.Round(time.Hour)
	if hours != 0 && (off-hours).Abs() < near {
		a.journal.warn(warnHours, "", "the vendor's time of creation is whole hours off the configured one: "+
			"the time zone is probably ignored, check time_zone", "task", t.id, "created", t.VendorCreated, "configured", t.Created, "off", hours)
	}
}

// learn learns how long URLs take from an answer that shows all rows of the
// task. It is called before the answer is applied.
func (t *task) learn(urls []prefetch.URL, m *moment) {
	d := &m.learned.Durations
	if !t.Answered {
		d.sized(max(len(urls), len(t.Expected)))
	}
	counts := prefetch.CountURLs(urls)
	d.Failed += float64(max(0, counts[prefetch.Failed]-t.Counts[prefetch.Failed]))
	if !m.caps.RowTimes {
		t.learnLeft(counts, m)
		return
	}
	seen := t.LastRefresh.Add(m.learned.Offset)
	for i := range urls {
		u := &urls[i]
		if u.Created.IsZero() {
			continue
		}
		from := time.Duration(0)
		if t.Answered {
			from = max(0, seen.Sub(u.Created))
		}
		switch {
		case !u.Status.Final():
			d.watched(1, from, m.sent.Sub(u.Created))
		case u.Finished.IsZero(): // nobody knows when
		case !t.Answered || u.Finished.After(seen):
			age := u.Finished.Sub(u.Created)
			d.watched(1, from, age)
			d.ended(1, age)
		}
	}
}

// learnLeft learns from how many URLs are left, where rows have no times.
func (t *task) learnLeft(counts prefetch.Counts, m *moment) {
	if t.knownCreated().IsZero() && !t.Answered {
		return // how old they are is not known
	}
	d := &m.learned.Durations
	now := m.age(t, m.now)
	before, from := counts.Total(), time.Duration(0)
	if t.Answered {
		before, from = t.Counts.Total()-t.Counts.Final(), m.age(t, t.LastRefresh)
	}
	left := counts.Total() - counts.Final()
	d.watched(left, from, now)
	d.endedBetween(before-left, from, now, m.curve)
}

// learnCounts learns from a count of URLs that succeeded.
func (t *task) learnCounts(before *counted, m *moment) {
	d, now := &m.learned.Durations, t.Counted
	failed, succeeded := float64(max(0, now.Failed-before.Failed)), max(0, now.Succeeded-before.Succeeded)
	d.Failed += failed
	d.Final += failed
	if t.hint != nil || !now.SucceededAt.After(before.SucceededAt) {
		d.Final += float64(succeeded)
		return // windows of what runs tell more
	}
	from := time.Duration(0)
	if !before.SucceededAt.IsZero() {
		from = m.age(t, before.SucceededAt)
	}
	to := m.age(t, m.now)
	// What failed since that was counted is not under way.
	alive := float64(now.left())
	if now.both() {
		g := m.gapAt(t, m.now)
		alive *= g.part(g.alive, 1)
	}
	d.watched(int(math.Round(alive)), from, to)
	d.endedBetween(succeeded, from, to, m.curve)
}

// learnStrangers learns how many rows of a window belong to no task. What fills
// a page in the narrowest window is as much as any number beyond.
func (a *account) learnStrangers(n int, q vendorapi.Query, m *moment) {
	const memory = 0.8
	l, span, most := &a.learned, q.To.Sub(q.From), float64(m.pageSize())/narrowest.Seconds()
	l.Strangers = min(most, memory*l.strangers(m.now)+(1-memory)*float64(n)/span.Seconds())
	l.StrangersAt = m.now
}

// strangers is how many rows a second of a window has that belong to no task, as
// far as it can be told by now. Only windows tell, and where many were there may
// be none: so it is forgotten with time.
func (l *learned) strangers(now time.Time) float64 {
	return l.Strangers * math.Exp2(-float64(max(0, now.Sub(l.StrangersAt)))/float64(strangersHalve))
}
