package poller

import (
	"math"
	"slices"
	"time"

	"prefetch_exporter/poller/dialect"
	"prefetch_exporter/poller/journal"
	"prefetch_exporter/poller/lookback"
	"prefetch_exporter/poller/match"
	"prefetch_exporter/poller/planner"
	"prefetch_exporter/poller/task"
	"prefetch_exporter/prefetch"
	vendorapi "prefetch_exporter/vendor_api"
)

// hear is the way of an answer, or of an error, from the vendor to whoever looks at
// the account: the dialect observes it, a match or the one task that was asked for
// finds whom it tells of, each of these is applied to and learned from (see tell),
// and what changed is kept. It reports whether the call failed, and is called with
// the lock held.
func (a *account) hear(e errand, ans vendorapi.Answer, err error, took time.Duration) (failed bool) {
	m := a.moment(e.Left, a.looked.Wall, a.heard(e.Query, ans, err, took))
	a.last = &prefetch.QueryState{Kind: string(e.Query.Kind), Task: e.TaskID(), Why: e.Why, Time: e.Left}
	a.unsaved.Account = true // every answer teaches something
	var told []*planner.Candidate
	if err == nil {
		told = a.succeeded(e, ans, m)
	} else {
		failed = a.failed(e, vendorapi.AsError(err), m)
		if e.Task != nil {
			told = append(told, e.Task)
		}
	}
	a.keep(told, m.Now)
	return failed
}

// keep makes what a call told of tasks durable and then publishes it, all at once.
func (a *account) keep(told []*planner.Candidate, now time.Time) {
	settled := false
	for _, t := range slices.Clone(told) {
		if a.tasks[t.ID] == t {
			for _, o := range a.failing.Told(&t.Task, a.each) {
				told = append(told, a.tasks[o.ID])
			}
		}
	}
	for _, t := range told {
		if a.tasks[t.ID] == t {
			a.touch(t)
			a.planner.Changed(t)
			if end := t.EndsAt(a.options.Retention); !end.IsZero() && end.Before(a.sweepAt) {
				a.sweepAt = end
			}
		}
		settled = settled || t.Phase == prefetch.Settled
	}
	if a.dropped > 0 && settled {
		a.refresh(now) // a settled task makes room
		return
	}
	a.save()
	a.publish(told...)
}

// succeeded applies an answer to the account and to the tasks it tells of, which
// it returns.
func (a *account) succeeded(e errand, ans vendorapi.Answer, m *planner.Heard) []*planner.Candidate {
	q := e.question
	a.answeredWell(e)
	for _, word := range ans.UnknownWords {
		a.journal.Word(word, "task", q.TaskID(), "request_id", ans.RequestID)
	}
	for _, oddity := range ans.Oddities {
		a.journal.Warn(journal.Oddity, oddity, "the vendor's answer is not as documented", "task", q.TaskID(), "oddity", oddity)
	}
	defer a.tellScouts(a.dialect.NoRunFilter)
	switch t := q.Task; {
	case q.watch != nil:
		return a.watchAnswered(q, ans, m)
	case t == nil && q.Query.Kind == vendorapi.QueryCount:
		return a.waitAnswered(q.Query, ans, m)
	case t == nil:
		return a.windowAnswered(q.Query, ans, m)
	case q.Query.Kind == vendorapi.QueryCount && a.notCounted(t, q.Query, ans, m.Now):
	default:
		a.tell(t, m, func() ([]prefetch.URL, string) { return t.Apply(q.Query, ans, &m.Life) })
	}
	return []*planner.Candidate{q.Task}
}

// notCounted reports whether the vendor answered a question for how many of a task's
// URLs have a status with something else, and has it asked otherwise.
func (a *account) notCounted(t *planner.Candidate, q vendorapi.Query, ans vendorapi.Answer, now time.Time) bool {
	waiting, most := *q.Status == prefetch.Waiting, math.MaxInt
	if waiting && t.Counted != nil {
		most = t.Counted.Left()
	}
	switch ignored := a.ignored(q, ans, most, now); {
	case ignored && waiting:
		t.RetryAt = now // what was counted is true still
		return true
	case ignored:
		t.Recount(now)
		t.Forget()
		return true
	default:
		return false
	}
}

// waitAnswered applies the answer to how many rows of a window wait, and returns the
// tasks that it told of.
func (a *account) waitAnswered(q vendorapi.Query, ans vendorapi.Answer, m *planner.Heard) (told []*planner.Candidate) {
	if a.ignored(q, ans, math.MaxInt, m.Now) {
		return nil
	}
	told = m.Unsplit(q)
	for _, t := range told {
		if ans.Count > 0 {
			t.Crowded = true // another's, it may be
			continue
		}
		a.tell(t, m, func() ([]prefetch.URL, string) { return t.Apply(q, ans, &m.Life) })
	}
	return told
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
		a.journal.Warn(journal.Clock, "", "the vendor's clock differs from ours; one of them is wrong", "offset", a.dialect.Offset)
	}
	return moved
}

// relearned is told that the vendor can be asked otherwise than was thought: what is
// worth asking must be worked out anew, and so must whose time is over.
func (a *account) relearned() {
	a.sweepAt = time.Time{}
	a.planner.Stale()
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

// moment is the present, after an answer. It is called with the lock held.
func (a *account) moment(sent, now time.Time, moved time.Duration) *planner.Heard {
	m := &planner.Heard{Round: a.planner.At(a.situation(now)), Vendor: &a.dialect}
	m.Life = task.Moment{
		Now: now, Left: sent, Sent: sent.Add(m.Offset), Moved: moved, Oldest: m.Oldest(),
		Means: m.Means(), RowTimes: m.Capabilities.RowTimes, Windows: m.Capabilities.Windows, Jitter: a.random,
	}
	return m
}

// tell applies an answer to a task, learns from it, and logs what it made of the
// task. apply returns all rows of the task, if the answer showed it whole, and why
// what the vendor said was thrown away, if it was.
func (a *account) tell(t *planner.Candidate, m *planner.Heard, apply func() (rows []prefetch.URL, complaint string)) {
	before := t.Task
	rows, complaint := apply()
	m.Learn(&before, t, rows)
	a.checkTimes(t, m)
	if complaint != "" {
		a.journal.Warn(journal.Discarded, t.ID, "what the vendor said of a task was thrown away", "task", t.ID, "why", complaint)
	}
	if t.Phase != before.Phase {
		a.journal.Changed(&t.Task, before.Phase)
	}
}

// watchAnswered applies an answer about the look-back. It returns the tasks that
// a window told of, too.
func (a *account) watchAnswered(q question, ans vendorapi.Answer, m *planner.Heard) []*planner.Candidate {
	if a.ignored(q.Query, ans, math.MaxInt, m.Now) {
		q.watch.Discard()
		return nil
	}
	out := a.watch.Answered(q.watch, ans, lookback.Sent{Left: m.Life.Left, Asked: m.Life.Surely()}, lookBack(m.Round))
	if out.Trouble != "" {
		a.journal.Warn(journal.Window, out.About, out.Trouble, out.Args...)
	}
	if !out.Whole {
		return nil
	}
	return a.windowAnswered(q.Query, ans, m)
}

// windowAnswered applies the rows of a window to the tasks they belong to, and
// returns those that it told of.
func (a *account) windowAnswered(q vendorapi.Query, ans vendorapi.Answer, m *planner.Heard) []*planner.Candidate {
	if q.Status != nil {
		return a.scoutAnswered(q, ans, m)
	}
	tasks, r := m.Join(q, ans)
	m.Strangers(q, ans.Count)
	told := a.found(tasks, r, m)
	for _, t := range told {
		t.BecomeExclusive()
		t.Overlooked = false
	}
	for _, i := range r.Missed {
		// A window that should have told of the task and did not will not the
		// next time either: others crowd its rows out of the page, or they are
		// not what they seemed.
		switch t := tasks[i]; {
		case m.Worth(t) <= 0: // it was not asked for the task's sake
		case ans.Count == 0 && !t.Overlooked:
			t.Overlooked = true // an answer without any row may be a slip
		default:
			t.BecomeAmbiguous()
			told = append(told, t)
		}
	}
	return told
}

// scoutAnswered applies the answer to a window that was limited to rows that
// run, and returns the tasks that it told of.
func (a *account) scoutAnswered(q vendorapi.Query, ans vendorapi.Answer, m *planner.Heard) []*planner.Candidate {
	if a.dialect.SawRows(q, ans.URLs, m.Now) {
		// The filter was ignored: then this is a window of all rows.
		q.Status = nil
		if ans.Count > len(ans.URLs) {
			// It was not meant to show them all: of whom it does not tell says
			// nothing.
			tasks, r := m.Join(q, ans)
			return a.found(tasks, r, m)
		}
		return a.windowAnswered(q, ans, m)
	}
	tasks, r := m.Scouted(q, ans)
	return a.found(tasks, r, m)
}

// found applies rows to the tasks that they are all of, and returns those.
func (a *account) found(tasks []*planner.Candidate, r match.Result, m *planner.Heard) []*planner.Candidate {
	told := make([]*planner.Candidate, 0, len(r.Found))
	for _, f := range r.Found {
		t := tasks[f.Claim]
		told = append(told, t)
		a.tell(t, m, func() ([]prefetch.URL, string) {
			t.Prove(f.URLs, &m.Life)
			return f.URLs, ""
		})
	}
	return told
}

// checkTimes warns where the vendor's times show that it ignored the time zone.
func (a *account) checkTimes(t *planner.Candidate, m *planner.Heard) {
	if t.VendorCreated.IsZero() {
		return
	}
	if ahead := t.NewestRow.Sub(m.Life.Sent); ahead > dialect.Edge {
		a.journal.Warn(journal.Future, "", "a row was created in the vendor's future: the time zone is probably ignored, check time_zone",
			"task", t.ID, "created", t.NewestRow, "ahead", ahead.Round(time.Second))
	}
	if t.Created.IsZero() {
		return
	}
	const near = 5 * time.Minute
	off := t.VendorCreated.Sub(t.Created)
	hours := off.Round(time.Hour)
	if hours != 0 && (off-hours).Abs() < near {
		a.journal.Warn(journal.Hours, "", "the vendor's time of creation is whole hours off the configured one: "+
			"the time zone is probably ignored, check time_zone", "task", t.ID, "created", t.VendorCreated, "configured", t.Created, "off", hours)
	}
}
