package planner

import (
	"cmp"
	"math"
	"slices"
	"strings"
	"time"

	"prefetch_exporter/poller/clock"
	"prefetch_exporter/poller/dialect"
	"prefetch_exporter/poller/match"
	"prefetch_exporter/poller/planner/ask"
	"prefetch_exporter/poller/planner/priority"
	"prefetch_exporter/poller/planner/tuning"
	"prefetch_exporter/prefetch"
)

// appraisal is what the planner has worked out of a task. It is kept from question
// to question: of many tasks few change, and a task that has waited for long is
// worth much the same a little later. Times are nanoseconds since 1970, and what
// each walk over all appraisals looks at stands together in half of the appraisal, so that it
// touches little memory.
type appraisal struct {
	until  int64 // when it must be made anew; 0 at once
	made   int64 // when the appraisal was made
	fading int64 // from when on it should be made anew, as far as there is time
	// at is when the task may be asked by the poll interval, and deadline when it must
	// be warm, 0 where there is none.
	at, deadline int64
	// worth is what a question about the task alone is worth: see Priority.
	worth float64
	// rootRate is the root of how many times a minute the task would settle from now on,
	// calls how many calls it takes to answer for it, if it is unsettled.
	rootRate, calls float32

	kind      ask.Kind
	class     priority.Class // priority.Idle if it is not to be asked now
	unsettled bool           // watched, and not settled
	askable   bool           // at some time
	due       bool           // now
	imminent  bool           // now, for the answer to be there at its deadline
	asking    bool           // a call about it is under way
	joinable  bool           // a window that is asked for now can tell of it
	open      bool           // a window that names its tasks can, now or later

	task    *Candidate
	created int64 // what the appraisals are in order of
	margin  int64 // how far around it the task's rows are
	// floor is from when on its deadline may have the task asked sooner: see timing.
	// asked is when the last question left that could tell of it.
	floor, asked int64
	// chance is the chance that the task is settled, lag what it is expected to have
	// gathered since the last look, in minutes.
	chance, lag float32
	// rows is how many rows the task has, running how many of them run.
	rows    int32
	running float32
	weight  float32 // see Priority
	hidden  bool    // a scout cannot tell of it: it has rows that neither run nor are final
	moved   bool    // it is out of order, since created is new
}

// priority is that of a question about the task of the appraisal alone.
func (c *appraisal) priority() priority.Priority {
	return priority.Priority{Class: c.class, Weight: float64(c.weight), Worth: c.worth}
}

func (c *appraisal) first() int64 { return c.created - c.margin }
func (c *appraisal) last() int64  { return c.created + c.margin }

// appraisals is the appraisals of all tasks in order of their creation, once it is sorted.
type appraisals struct {
	all   []appraisal
	moved int // how many appraisals may be out of order
	room  []priority.Share
}

// shares has room for what each task adds to a window. The next caller gets the same.
func (b *appraisals) shares() []priority.Share {
	b.room = slices.Grow(b.room[:0], len(b.all))[:len(b.all)]
	return b.room
}

// toNano is 0 for no time.
func toNano(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixNano()
}

// newAppraisal is the appraisal of a task before anything was worked out.
func newAppraisal(t *Candidate) appraisal {
	return appraisal{task: t, created: t.CreatedAt().UnixNano(), deadline: toNano(t.Deadline)}
}

// Set makes tasks the candidates.
func (b *appraisals) Set(tasks map[string]*Candidate) {
	*b = appraisals{all: make([]appraisal, 0, len(tasks))}
	for _, t := range tasks {
		b.all = append(b.all, newAppraisal(t))
	}
	slices.SortFunc(b.all, compareAppraisals)
	b.number()
}

// Add adds a candidate that was not there.
func (b *appraisals) Add(t *Candidate) {
	t.place = len(b.all)
	c := newAppraisal(t)
	c.moved = true
	b.all = append(b.all, c)
	b.moved++
}

func compareAppraisals(x, y appraisal) int {
	return cmp.Or(cmp.Compare(x.created, y.created), strings.Compare(x.task.ID, y.task.ID))
}

// Changed has what was worked out of a task worked out anew.
func (b *appraisals) Changed(t *Candidate) {
	if t.place >= len(b.all) || b.all[t.place].task != t {
		return // it is not watched any more
	}
	c := &b.all[t.place]
	c.until, c.deadline = 0, toNano(t.Deadline)
	if created := t.CreatedAt().UnixNano(); created != c.created {
		if c.created = created; !c.moved {
			c.moved = true
			b.moved++
		}
	}
}

// sort puts the appraisals whose creation turned out to be another where they belong.
func (b *appraisals) sort() {
	if b.moved == 0 {
		return
	}
	moved := make([]appraisal, 0, b.moved)
	for i := range b.all {
		if b.all[i].moved {
			moved = append(moved, b.all[i])
		}
	}
	slices.SortFunc(moved, compareAppraisals)
	stay := len(slices.DeleteFunc(b.all, func(c appraisal) bool { return c.moved }))
	for i := len(b.all) - 1; len(moved) > 0; i-- {
		if last := len(moved) - 1; stay == 0 || compareAppraisals(b.all[stay-1], moved[last]) < 0 {
			b.all[i], moved = moved[last], moved[:last]
		} else {
			stay--
			b.all[i] = b.all[stay]
		}
	}
	b.moved = 0
	b.number()
}

// number tells the tasks where their appraisals are.
func (b *appraisals) number() {
	for i := range b.all {
		b.all[i].moved = false
		if t := b.all[i].task; t.place != i {
			t.place = i
		}
	}
}

// Stale has everything worked out anew.
func (b *appraisals) Stale() {
	for i := range b.all {
		b.all[i].until = 0
	}
}

// between returns the appraisals of the tasks whose rows may be created between two
// times.
func (b *appraisals) between(from, to time.Time) []appraisal {
	const widest = dialect.Pad + match.Drift
	b.sort()
	byTime := func(c appraisal, at int64) int { return cmp.Compare(c.created, at) }
	first, _ := slices.BinarySearchFunc(b.all, from.Add(-widest).UnixNano(), byTime)
	last, _ := slices.BinarySearchFunc(b.all, to.Add(widest).UnixNano()+1, byTime)
	if last < first {
		return nil // so far away that nanoseconds do not reach there
	}
	return b.all[first:last]
}

// change has the appraisal made anew at a time that is still to come.
func (c *appraisal) change(at time.Time) {
	if n := at.UnixNano(); n > c.made {
		c.until = min(c.until, n)
	}
}

// schedule fills in when the task may be asked. It reports false if it is not to be
// asked at all.
func (s *Round) schedule(c *appraisal) bool {
	t, d := c.task, ask.Timing{}
	c.askable = t.Unsettled() && (!t.InFlight || s.Foreseen) && !s.OutOfReach(t.KnownCreation())
	if c.askable {
		d = s.terms.Due(&t.Task)
	}
	c.kind, c.at, c.floor, c.asked = d.Kind, toNano(d.At), toNano(d.Floor), toNano(t.AskedAt())
	return c.askable
}

// join fills in whether a window can tell of the task: from when on it can, and no
// sooner than the poll interval after the last one that could have.
func (s *Round) join(c *appraisal, claim *match.Claim) {
	t := c.task
	windowAt := clock.Later(claim.Tellable().Add(-s.Offset), s.again(t.windowed))
	c.open = s.Names() && !s.untold(t)
	c.joinable = !windowAt.After(s.Now) && !s.untold(t)
	c.change(windowAt)
	if c.open && !s.Hasty && t.windowed.IsZero() && !windowAt.After(t.FirstSeen.Add(2*dialect.Pad)) {
		c.at = max(c.at, windowAt.UnixNano()) // soon one answer tells of what is new
	}
}

// fill makes the appraisal anew.
func (s *Round) fill(c *appraisal) {
	t, now, claim := c.task, s.Now.UnixNano(), s.claim(c.task)
	*c = appraisal{
		task: t, created: c.created, margin: int64(claim.Margin()), deadline: c.deadline, asking: t.InFlight,
		made: now, until: math.MaxInt64, fading: math.MaxInt64,
		unsettled: t.Unsettled(), rows: int32(min(s.rowsOf(t), math.MaxInt32)), //nolint:gosec // bounded
	}
	if c.unsettled && t.Phase != prefetch.Lost { // lost ones are asked for ever less often
		c.calls = float32(s.callsFor(t))
	}
	if t.Ended || t.Phase == prefetch.Settled {
		return
	}
	left, looked := s.looked(t)
	waited := s.Now.Sub(looked)
	c.fading = now + int64(tuning.Fresh*float64(max(waited, 0)))
	c.running = float32(float64(left) * s.curve.Survive(s.age(&t.Task, looked), s.age(&t.Task, s.Now)))
	if !s.schedule(c) {
		return
	}
	// What was decided may change at these times.
	c.change(t.Deadline)
	if t.Reading != nil {
		c.change(t.Reading.Until(t.LastAsked, s.Slot))
	}
	c.change(t.LastAsked)
	// A list does not tell the rows of what failed.
	lacksRows := s.Capabilities.Lists && t.Answered() && t.Counts.AllFinal()
	if claim.Joinable() && !lacksRows {
		s.join(c, &claim)
	}
	scoutAt := s.again(t.scouted)
	c.change(scoutAt)
	var at int64
	if at, c.imminent = s.deadlines.When(c.look()); at > now {
		c.until = min(c.until, at)
		return
	}
	c.due = true
	c.hidden = t.Counts[prefetch.Waiting] > 0 || scoutAt.After(s.Now)
	s.weigh(c, left, looked)
}
