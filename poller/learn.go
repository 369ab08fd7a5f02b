package poller

import (
	"math"
	"time"

	"prefetch_exporter/poller/dialect"
	"prefetch_exporter/poller/match"
	"prefetch_exporter/poller/task"
	"prefetch_exporter/prefetch"
	vendorapi "prefetch_exporter/vendor_api"
)

// strangersHalve is how long it takes to forget half of the rows of others.
const strangersHalve = time.Hour

// checkTimes warns where the vendor's times show that it ignored the time zone.
func (a *account) checkTimes(t *entry, m *moment) {
	if t.VendorCreated.IsZero() {
		return
	}
	if ahead := t.NewestRow.Sub(m.life.Sent); ahead > dialect.Edge {
		a.journal.warn(warnFuture, "", "a row was created in the vendor's future: the time zone is probably ignored, check time_zone",
			"task", t.ID, "created", t.NewestRow, "ahead", ahead.Round(time.Second))
	}
	if t.Created.IsZero() {
		return
	}
	const near = 5 * time.Minute
	off := t.VendorCreated.Sub(t.Created)
	hours := off.Round(time.Hour)
	if hours != 0 && (off-hours).Abs() < near {
		a.journal.warn(warnHours, "", "the vendor's time of creation is whole hours off the configured one: "+
			"the time zone is probably ignored, check time_zone", "task", t.ID, "created", t.VendorCreated, "configured", t.Created, "off", hours)
	}
}

// learn learns from what was told of a task: before is the task before it, and rows
// are all of its rows if the answer showed those.
func (m *moment) learn(before *task.Task, t *entry, rows []prefetch.URL) {
	was, is := before.Counted, t.Counted
	switch {
	case rows != nil:
		m.learnRows(before, rows)
		m.checkScout(t.hint, rows)
		t.hint = nil
	case is == nil:
		if was != nil {
			t.hint = nil
		}
	case was == nil || was.Total != is.Total:
		m.learned.Durations.Sized(is.Total)
	default:
		m.learnCounts(was, t)
	}
}

// learnRows learns how long URLs take from an answer that shows all rows of the
// task.
func (m *moment) learnRows(before *task.Task, urls []prefetch.URL) {
	d := &m.learned.Durations
	if !before.Answered() {
		d.Sized(max(len(urls), len(before.Expected)))
	}
	counts := prefetch.CountURLs(urls)
	d.Failed += float64(max(0, counts[prefetch.Failed]-before.Counts[prefetch.Failed]))
	if !m.Capabilities.RowTimes {
		m.learnLeft(before, counts)
		return
	}
	seen := before.LastRefresh.Add(m.Offset)
	for i := range urls {
		u := &urls[i]
		if u.Created.IsZero() {
			continue
		}
		from := time.Duration(0)
		if before.Answered() {
			from = max(0, seen.Sub(u.Created))
		}
		switch {
		case !u.Status.Final():
			d.Watched(1, from, m.life.Sent.Sub(u.Created))
		case u.Finished.IsZero(): // nobody knows when
		case !before.Answered() || u.Finished.After(seen):
			age := u.Finished.Sub(u.Created)
			d.Watched(1, from, age)
			d.EndedAt(1, age)
		}
	}
}

// learnLeft learns from how many URLs are left, where rows have no times.
func (m *moment) learnLeft(t *task.Task, counts prefetch.Counts) {
	if t.KnownCreation().IsZero() && !t.Answered() {
		return // how old they are is not known
	}
	d := &m.learned.Durations
	now := m.age(t, m.Now)
	before, from := counts.Total(), time.Duration(0)
	if t.Answered() {
		before, from = t.Counts.Total()-t.Counts.Final(), m.age(t, t.LastRefresh)
	}
	left := counts.Total() - counts.Final()
	d.Watched(left, from, now)
	d.EndedBetween(before-left, from, now, m.curve)
}

// learnCounts learns from a count of URLs that succeeded.
func (m *moment) learnCounts(before *task.Counted, t *entry) {
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
		from = m.age(&t.Task, before.SucceededAt)
	}
	to := m.age(&t.Task, m.Now)
	// What failed since that was counted is not under way.
	alive := float64(now.Left())
	if now.Both() {
		g := m.gapAt(t, m.Now)
		alive *= g.part(g.alive, 1)
	}
	d.Watched(int(math.Round(alive)), from, to)
	d.EndedBetween(succeeded, from, to, m.curve)
}

// learnStrangers learns how many of the rows of a window belong to no task. What
// fills a page in the narrowest window is as much as any number beyond.
func (a *account) learnStrangers(q vendorapi.Query, rows int, m *moment) {
	const memory = 0.8
	tasks, _ := m.claims(q, func(*entry) bool { return true })
	for _, t := range tasks {
		rows -= m.sizeOf(t)
	}
	l, span, most := &a.knowledge, q.To.Sub(q.From), float64(m.PageSize())/match.Narrowest.Seconds()
	l.Strangers = min(most, memory*l.strangers(m.Now)+(1-memory)*float64(max(0, rows))/span.Seconds())
	l.StrangersAt = m.Now
}

// strangers is how many rows a second of a window has that belong to no task, as
// far as it can be told by now. Only windows tell, and where many were there may
// be none: so it is forgotten with time.
func (l *knowledge) strangers(now time.Time) float64 {
	return l.Strangers * math.Exp2(-float64(max(0, now.Sub(l.StrangersAt)))/float64(strangersHalve))
}
