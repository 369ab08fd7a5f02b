// Package answers makes of what a vendor says what is known: of the vendor, of the
// account, and of the tasks that it tells of. See hear in the poller, which calls it.
//
// It must not know what is stored or published of that.
package answers

import (
	"math"
	"slices"
	"time"

	"prefetch_exporter/poller/clock"
	"prefetch_exporter/poller/dialect"
	"prefetch_exporter/poller/health"
	"prefetch_exporter/poller/journal"
	"prefetch_exporter/poller/lookback"
	"prefetch_exporter/poller/match"
	"prefetch_exporter/poller/planner"
	"prefetch_exporter/prefetch"
	vendorapi "prefetch_exporter/vendor_api"
)

// Account is what answers change of an account, whose lock guards it, and where it
// is said.
type Account struct {
	Dialect *dialect.Dialect
	Planner *planner.Planner
	Watch   *lookback.LookBack
	Health  *health.Health
	Journal *journal.Journal
	// NoWindow is until when windows are not asked for, and SweepAt when it is looked
	// next whose time is over.
	NoWindow, SweepAt *time.Time
}

// Question is what was asked, about tasks or about the look-back.
type Question struct {
	planner.Question

	// Watch is set if the question is about the look-back. Discover: it is about which
	// tasks there are.
	Watch    *lookback.Question
	Discover bool
}

// When is when an answer came, and how long the call took.
type When struct {
	Now  clock.Stamp
	Took time.Duration
}

// Succeeded applies an answer to the account and to the tasks it tells of, which
// it returns. number is the call's.
func (a *Account) Succeeded(q Question, number uint64, ans vendorapi.Answer, m *planner.Heard) []*planner.Candidate {
	a.well(number)
	for _, word := range ans.UnknownWords {
		a.Journal.Word(word, "task", q.TaskID(), "request_id", ans.RequestID)
	}
	for _, oddity := range ans.Oddities {
		a.Journal.Warn(journal.Oddity, oddity, "the vendor's answer is not as documented", "task", q.TaskID(), "oddity", oddity)
	}
	defer a.tellScouts(a.Dialect.NoRunFilter)
	switch t := q.Task; {
	case q.Watch != nil:
		return a.watchAnswered(q, ans, m)
	case t == nil && q.Query.Kind == vendorapi.QueryCount:
		return a.waitAnswered(q.Query, ans, m)
	case q.Query.Kind == vendorapi.QueryList:
		return a.listAnswered(q.Query, ans, m)
	case t == nil:
		return a.windowAnswered(q.Query, ans, m)
	case len(q.Others) > 0:
		a.severalAnswered(q, ans, m)
	case ans.Refused[t.ID] != nil:
		a.refused(t, ans.Refused[t.ID], m)
	case q.Query.Kind == vendorapi.QueryCount && a.notCounted(t, q.Query, ans, m.Now):
	default:
		m.Life.Open = ans.Open || ans.Next != "" // its rows are asked for by number
		a.tell(t, m, func() ([]prefetch.URL, string) { return t.Apply(q.Query, ans, &m.Life) })
	}
	return q.Tasks()
}

// severalAnswered applies the answer to a question for several tasks. If it does not
// show them whole, or not whose all rows are, each is asked for alone.
func (a *Account) severalAnswered(q Question, ans vendorapi.Answer, m *planner.Heard) {
	whole := ans.Whole() && len(ans.RowTasks) == len(ans.URLs) && !slices.Contains(ans.RowTasks, "")
	for _, t := range q.Tasks() {
		switch err := ans.Refused[t.ID]; {
		case err != nil:
			a.refused(t, err, m)
		case !whole:
			t.AskAlone(m.Now)
		default:
			rows := ans.RowsOf(t.ID)
			own := vendorapi.Answer{URLs: rows, Count: len(rows)}
			a.tell(t, m, func() ([]prefetch.URL, string) { return t.Apply(q.Query, own, &m.Life) })
		}
	}
}

// refused notes that the vendor answered, but not about this task.
func (a *Account) refused(t *planner.Candidate, err *vendorapi.Error, m *planner.Heard) {
	phase := t.Phase
	t.Fail(err, &m.Life)
	a.Journal.Failed(err.Reason, t.ID, "task", t.ID, "reason", err.Reason, "err", err)
	a.Journal.Changed(&t.Task, phase)
}

// listAnswered applies what a list says of tasks, and returns those that it told of.
func (a *Account) listAnswered(q vendorapi.Query, ans vendorapi.Answer, m *planner.Heard) (told []*planner.Candidate) {
	tasks, missed := m.Listed(q, ans)
	said := make(map[string]vendorapi.TaskSummary, len(ans.Tasks))
	for _, s := range ans.Tasks {
		said[s.ID] = s
	}
	for _, t := range tasks {
		if s, ok := said[t.ID]; ok {
			told = append(told, t)
			a.tell(t, m, func() ([]prefetch.URL, string) {
				t.Summarize(s, &m.Life)
				return nil, ""
			})
		}
	}
	return append(told, a.missed(tasks, missed, ans, m)...)
}

// notCounted reports whether the vendor answered a question for how many of a task's
// URLs have a status with something else, and has it asked otherwise.
func (a *Account) notCounted(t *planner.Candidate, q vendorapi.Query, ans vendorapi.Answer, now time.Time) bool {
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
func (a *Account) waitAnswered(q vendorapi.Query, ans vendorapi.Answer, m *planner.Heard) (told []*planner.Candidate) {
	if a.ignored(q, ans, math.MaxInt, m.Now) {
		return nil
	}
	told = m.Unsplit(q)
	for _, t := range told {
		if ans.Count > 0 {
			t.OthersWait = true // another's, it may be
			continue
		}
		a.tell(t, m, func() ([]prefetch.URL, string) { return t.Apply(q, ans, &m.Life) })
	}
	return told
}

// tellScouts logs that scouts turned out to be of no use.
func (a *Account) tellScouts(before bool) {
	if a.Dialect.NoRunFilter && !before {
		a.Journal.Learned("the vendor does not limit answers to URLs that run; asking otherwise from now on")
	}
}

// Heard learns from an answer, or an error, what it tells of the vendor whatever
// it is about: it came at a time, after the call took so long. It returns by how much
// the vendor's clock turned out to be ahead of what was known.
func (a *Account) Heard(q vendorapi.Query, ans vendorapi.Answer, err error, at When) (moved time.Duration) {
	if e := vendorapi.AsError(err); e != nil {
		moved = a.Dialect.SawDate(e.Date, at.Now, at.Took)
	} else {
		moved = a.Dialect.SawDate(ans.Date, at.Now, at.Took)
		if a.Dialect.SawPage(q, ans) {
			a.relearned()
			a.Journal.Learned("the vendor gives smaller pages than were asked for", "asked", q.PageSize, "given", ans.PageSize)
		}
		if a.Dialect.TryFilters(at.Now.Wall) {
			a.relearned()
		}
	}
	if moved == 0 {
		return 0
	}
	a.relearned()
	if a.Dialect.Offset.Abs() > dialect.Edge {
		a.Journal.Warn(journal.Clock, "", "the vendor's clock differs from ours; one of them is wrong", "offset", a.Dialect.Offset)
	}
	return moved
}

// relearned is told that the vendor can be asked otherwise than was thought: what is
// worth asking must be worked out anew, and so must whose time is over.
func (a *Account) relearned() {
	*a.SweepAt = time.Time{}
	a.Planner.Stale()
}

// ignored reports whether the vendor answered with rows of another status than
// was asked for, or with more than there can be: it does not count by status then.
func (a *Account) ignored(q vendorapi.Query, ans vendorapi.Answer, most int, now time.Time) bool {
	if !a.Dialect.SawRows(q, ans.URLs, now) &&
		(ans.Count <= most || !a.Dialect.Refused(vendorapi.FeatureStatusFilter, q, now)) {
		return false
	}
	a.relearned()
	a.Journal.Learned("the vendor does not limit answers to a status; asking otherwise from now on")
	return true
}

// tell applies an answer to a task, learns from it, and logs what it made of the
// task. apply returns all rows of the task, if the answer showed it whole, and why
// what the vendor said was thrown away, if it was.
func (a *Account) tell(t *planner.Candidate, m *planner.Heard, apply func() (rows []prefetch.URL, complaint string)) {
	before := t.Task
	rows, complaint := apply()
	m.Learn(&before, t, rows)
	a.checkTimes(t, m)
	if complaint != "" {
		a.Journal.Warn(journal.Discarded, t.ID, "what the vendor said of a task was thrown away", "task", t.ID, "why", complaint)
	}
	a.Journal.Changed(&t.Task, before.Phase)
}

// watchAnswered applies an answer about the look-back. It returns the tasks that
// a window told of, too.
func (a *Account) watchAnswered(q Question, ans vendorapi.Answer, m *planner.Heard) []*planner.Candidate {
	if a.ignored(q.Query, ans, math.MaxInt, m.Now) {
		q.Watch.Discard()
		return nil
	}
	out := a.Watch.Answered(q.Watch, ans, lookback.Sent{Left: m.Life.Left, Asked: m.Life.Surely()}, m.Asking())
	if out.Trouble != "" {
		a.Journal.Warn(journal.Window, out.About, out.Trouble, out.Args...)
	}
	if !out.Whole {
		return nil
	}
	return a.windowAnswered(q.Query, ans, m)
}

// windowAnswered applies the rows of a window to the tasks they belong to, and
// returns those that it told of.
func (a *Account) windowAnswered(q vendorapi.Query, ans vendorapi.Answer, m *planner.Heard) []*planner.Candidate {
	if q.Status != nil {
		return a.scoutAnswered(q, ans, m)
	}
	tasks, r := m.Join(q, ans)
	m.LearnUnwatched(q, ans.Count)
	told := a.found(tasks, r, m)
	for _, t := range told {
		t.BecomeExclusive()
		t.Overlooked = false
	}
	return append(told, a.missed(tasks, r.Missed, ans, m)...)
}

// missed has the tasks asked for alone that an answer should have told of, and
// returns those of which that is new.
func (a *Account) missed(tasks []*planner.Candidate, missed []int, ans vendorapi.Answer, m *planner.Heard) (told []*planner.Candidate) {
	for _, i := range missed {
		// A window that should have told of the task and did not will not the
		// next time either: others crowd its rows out of the page, or they are
		// not what they seemed.
		switch t := tasks[i]; {
		case m.Worth(t) <= 0: // it was not asked for the task's sake
		case !t.Overlooked && (ans.Count == 0 || m.Names() && t.VendorCreated.IsZero()):
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
func (a *Account) scoutAnswered(q vendorapi.Query, ans vendorapi.Answer, m *planner.Heard) []*planner.Candidate {
	if a.Dialect.SawRows(q, ans.URLs, m.Now) {
		// The filter was ignored: then this is a window of all rows.
		q.Status = nil
		if !ans.Whole() {
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
func (a *Account) found(tasks []*planner.Candidate, r match.Result, m *planner.Heard) []*planner.Candidate {
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
func (a *Account) checkTimes(t *planner.Candidate, m *planner.Heard) {
	if t.VendorCreated.IsZero() {
		return
	}
	if ahead := t.NewestRow.Sub(m.Life.Sent); ahead > dialect.Edge {
		a.Journal.Warn(journal.Future, "", "a row was created in the vendor's future: the time zone is probably ignored, check time_zone",
			"task", t.ID, "created", t.NewestRow, "ahead", ahead.Round(time.Second))
	}
	if t.Created.IsZero() {
		return
	}
	const near = 5 * time.Minute
	off := t.VendorCreated.Sub(t.Created)
	hours := off.Round(time.Hour)
	if hours != 0 && (off-hours).Abs() < near {
		a.Journal.Warn(journal.Hours, "", "the vendor's time of creation is whole hours off the configured one: "+
			"the time zone is probably ignored, check time_zone", "task", t.ID, "created", t.VendorCreated, "configured", t.Created, "off", hours)
	}
}
