package poller

import (
	"math"
	"slices"
	"time"

	"prefetch_exporter/poller/dialect"
	"prefetch_exporter/prefetch"
	vendorapi "prefetch_exporter/vendor_api"
)

// succeeded applies an answer to the account and to the tasks it tells of, which
// it returns.
func (a *account) succeeded(e errand, ans vendorapi.Answer, m *moment) []*task {
	q := e.question
	a.answeredWell(e)
	for _, word := range ans.UnknownWords {
		a.journal.word(word, "task", q.id(), "request_id", ans.RequestID)
	}
	for _, oddity := range ans.Oddities {
		a.journal.warn(warnOddity, oddity, "the vendor's answer is not as documented", "task", q.id(), "oddity", oddity)
	}
	defer a.tellScouts(a.dialect.NoRunFilter)
	switch t := q.task; {
	case q.survey != nil:
		return a.watchAnswered(q, ans, m)
	case t == nil && q.query.Kind == vendorapi.QueryCount:
		return a.waitAnswered(q.query, ans, m)
	case t == nil:
		return a.windowAnswered(q.query, ans, m)
	case q.query.Kind == vendorapi.QueryCount:
		a.follow(t, m, func() {
			a.countAnswered(t, q.query, ans, m)
		})
	default:
		a.follow(t, m, func() {
			// Windows were reckoned with a wrong idea of the vendor's time.
			if m.moved.Abs() > dialect.Edge && len(ans.URLs) == 0 && !q.query.To.IsZero() {
				t.Up, t.LastError = true, nil // it is asked again, with the right window
				return
			}
			a.taskAnswered(t, q.query, ans, m)
		})
	}
	return []*task{q.task}
}

// countAnswered applies the count of a task's URLs of one status.
func (a *account) countAnswered(t *task, q vendorapi.Query, ans vendorapi.Answer, m *moment) {
	waiting, most := *q.Status == prefetch.Waiting, math.MaxInt
	if waiting && t.Counted != nil {
		most = t.Counted.left()
	}
	switch ignored := a.ignored(q, ans, most, m.Now); {
	case ignored && waiting:
		t.RetryAt = m.Now // what was counted is true still
	case ignored:
		t.uncount(m)
	default:
		a.complain(t, t.tallied(*q.Status, ans, m))
	}
}

// tellScouts logs that scouts turned out to be of no use.
func (a *account) tellScouts(before bool) {
	if a.dialect.NoRunFilter && !before {
		a.log.Info("the vendor does not limit answers to URLs that run; asking otherwise from now on")
	}
}

// heard learns from an answer, or an error, what it tells of the vendor whatever
// it is about. It returns by how much the vendor's clock turned out to be ahead of
// what was known.
func (a *account) heard(q vendorapi.Query, ans vendorapi.Answer, err error, took time.Duration) (moved time.Duration) {
	if e := vendorapi.AsError(err); e != nil {
		moved = a.dialect.SawDate(e.Date, a.looked, took)
	} else {
		moved = a.dialect.SawDate(ans.Date, a.looked, took)
		if a.dialect.SawPage(q, ans) {
			a.relearned()
			a.log.Info("the vendor gives smaller pages than were asked for", "asked", q.PageSize, "given", ans.PageSize)
		}
		if a.dialect.TryFilters(a.looked.Wall) {
			a.relearned()
		}
	}
	if moved == 0 {
		return 0
	}
	a.relearned()
	if a.dialect.Offset.Abs() > dialect.Edge {
		a.journal.warn(warnClock, "", "the vendor's clock differs from ours; one of them is wrong", "offset", a.dialect.Offset)
	}
	return moved
}

// relearned is told that the vendor can be asked otherwise than was thought: what is
// worth asking must be worked out anew, and so must whose time is over.
func (a *account) relearned() {
	a.sweepAt = time.Time{}
	a.board.stale()
}

// ignored reports whether the vendor answered with rows of another status than
// was asked for, or with more than there can be: it does not count by status then.
func (a *account) ignored(q vendorapi.Query, ans vendorapi.Answer, most int, now time.Time) bool {
	if !a.dialect.SawRows(q, ans.URLs, now) &&
		(ans.Count <= most || !a.dialect.Refused(vendorapi.FeatureStatusFilter, q, now)) {
		return false
	}
	a.relearned()
	a.log.Info("the vendor does not limit answers to a status; asking otherwise from now on")
	return true
}

// follow applies something to a task and logs what it made of it.
func (a *account) follow(t *task, m *moment, apply func()) {
	before := t.Phase
	apply()
	a.checkTimes(t, m)
	if t.Phase != before {
		a.journal.changed(t, before)
	}
}

// complain logs why what the vendor said of a task was thrown away.
func (a *account) complain(t *task, complaint string) {
	if complaint != "" {
		a.journal.warn(warnDiscarded, t.id, "what the vendor said of a task was thrown away", "task", t.id, "why", complaint)
	}
}

func (a *account) taskAnswered(t *task, q vendorapi.Query, ans vendorapi.Answer, m *moment) {
	if rows := len(ans.URLs); t.Reading == nil && rows > 0 && ans.Count > rows && ans.Count <= mostRows && m.countsRather(t, ans.Count, rows) {
		t.tooLarge(ans, m)
		return
	}
	var hopeless string
	if q.Page <= 1 || t.Reading == nil {
		hopeless = t.unreadable(ans, m)
	}
	if hopeless != "" {
		t.giveUp(hopeless, m)
		a.complain(t, hopeless)
		return
	}
	r, whole, complaint := t.page(q, ans, m)
	if hopeless = r.tooLong(); hopeless != "" {
		t.giveUp(hopeless, m)
		a.complain(t, hopeless)
		return
	}
	if !whole {
		t.Up, t.LastError = true, r.trouble()
	}
	switch {
	case complaint != "":
		t.misread(complaint, m)
		a.complain(t, complaint)
	case !whole: // its next page takes turns with others
	case len(r.Rows.urls) == 0:
		t.empty(q, m)
	default:
		t.read(r, m)
	}
}

// windowAnswered applies the rows of a window to the tasks they belong to, and
// returns those that it told of.
func (a *account) windowAnswered(q vendorapi.Query, ans vendorapi.Answer, m *moment) []*task {
	if q.Status != nil {
		return a.scoutAnswered(q, ans, m)
	}
	found := m.join(q, ans)
	strangers := ans.Count
	near := m.board.between(q.From, q.To)
	for i := range near {
		if t := near[i].task; t.mayShow(q) {
			strangers -= m.sizeOf(t)
		}
	}
	a.learnStrangers(max(0, strangers), q, m)
	told := a.joined(found, m)
	for _, t := range told {
		t.Sole, t.overlooked = t.Whole, false
	}
	for i := range near {
		t := near[i].task
		// A window that should have told of the task and did not will not the
		// next time either: others crowd its rows out of the page, or they are
		// not what they seemed.
		if near[i].worth > 0 && t.joinable() && within(t, q) && !slices.Contains(told, t) &&
			m.surely().After(t.tellable()) {
			if ans.Count == 0 && !t.overlooked {
				t.overlooked = true // an answer without any row may be a slip
				continue
			}
			t.Ambiguous = true
			told = append(told, t)
		}
	}
	return told
}

// scoutAnswered applies the answer to a window that was limited to rows that
// run, and returns the tasks that it told of.
func (a *account) scoutAnswered(q vendorapi.Query, ans vendorapi.Answer, m *moment) []*task {
	if a.dialect.SawRows(q, ans.URLs, m.Now) {
		// The filter was ignored: then this is a window of all rows.
		q.Status = nil
		if ans.Count > len(ans.URLs) {
			// It was not meant to show them all: of whom it does not tell says
			// nothing.
			return a.joined(m.join(q, ans), m)
		}
		return a.windowAnswered(q, ans, m)
	}
	return a.joined(m.scouted(q, ans), m)
}

// joined applies rows to the tasks that they are all of, and returns those.
func (a *account) joined(found []joined, m *moment) []*task {
	told := make([]*task, 0, len(found))
	for _, f := range found {
		told = append(told, f.task)
		a.follow(f.task, m, func() { f.task.answered(f.urls, m) })
	}
	return told
}

// mayShow reports whether rows of the task may be in the window.
func (t *task) mayShow(q vendorapi.Query) bool {
	c := t.created()
	return !c.Add(t.margin()).Before(q.From) && !c.Add(-t.margin()).After(q.To)
}

// within reports whether all of the task's rows must be in the window.
func within(t *task, q vendorapi.Query) bool {
	c := t.created()
	return !c.Add(-t.margin()).Before(q.From) && !c.Add(t.margin()).After(q.To)
}
