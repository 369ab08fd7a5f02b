package poller

import (
	"math"
	"time"

	"prefetch_exporter/poller/dialect"
	"prefetch_exporter/prefetch"
	vendorapi "prefetch_exporter/vendor_api"
)

// strangersHalve is how long it takes to forget half of the rows of others.
const strangersHalve = time.Hour

// checkTimes warns where the vendor's times show that it ignored the time zone.
func (a *account) checkTimes(t *task, m *moment) {
	if t.VendorCreated.IsZero() {
		return
	}
	if ahead := t.NewestRow.Sub(m.sent); ahead > dialect.Edge {
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
	if !m.Capabilities.RowTimes {
		t.learnLeft(counts, m)
		return
	}
	seen := t.LastRefresh.Add(m.Offset)
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
	now := m.age(t, m.Now)
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
	to := m.age(t, m.Now)
	// What failed since that was counted is not under way.
	alive := float64(now.left())
	if now.both() {
		g := m.gapAt(t, m.Now)
		alive *= g.part(g.alive, 1)
	}
	d.watched(int(math.Round(alive)), from, to)
	d.endedBetween(succeeded, from, to, m.curve)
}

// learnStrangers learns how many rows of a window belong to no task. What fills
// a page in the narrowest window is as much as any number beyond.
func (a *account) learnStrangers(n int, q vendorapi.Query, m *moment) {
	const memory = 0.8
	l, span, most := &a.knowledge, q.To.Sub(q.From), float64(m.PageSize())/narrowest.Seconds()
	l.Strangers = min(most, memory*l.strangers(m.Now)+(1-memory)*float64(n)/span.Seconds())
	l.StrangersAt = m.Now
}

// strangers is how many rows a second of a window has that belong to no task, as
// far as it can be told by now. Only windows tell, and where many were there may
// be none: so it is forgotten with time.
func (l *knowledge) strangers(now time.Time) float64 {
	return l.Strangers * math.Exp2(-float64(max(0, now.Sub(l.StrangersAt)))/float64(strangersHalve))
}
