package planner

import (
	"math"
	"time"

	"prefetch_exporter/poller/clock"
	"prefetch_exporter/poller/planner/ask"
	"prefetch_exporter/poller/planner/estimate"
	"prefetch_exporter/poller/planner/priority"
	"prefetch_exporter/poller/planner/tuning"
	"prefetch_exporter/poller/task"
)

// age is the task's age at a moment of our clock.
func (s *Round) age(t *task.Task, at time.Time) time.Duration {
	return at.Add(s.Offset).Sub(t.CreatedAt())
}

// looked is when the task was last looked at, and how many of its URLs were not
// final then. Without a look it is its creation, and all of them.
func (s *Round) looked(t *Candidate) (left int, at time.Time) {
	if h := t.hint; h != nil && h.at.After(t.CountedAt(h.Left)) {
		return h.Left, h.at
	}
	if c := t.Counted; c.Both() {
		return c.Left(), clock.Later(c.SucceededAt, c.FailedAt)
	}
	if t.Answered() {
		return max(1, t.Counts.Total()-t.Counts.Final()), t.LastRefresh
	}
	return s.sizeOf(t), t.CreatedAt().Add(-s.Offset)
}

// sizeOf is how many rows the task has, as far as anybody knows.
func (s *Round) sizeOf(t *Candidate) int {
	switch {
	case t.Counted != nil:
		return t.Counted.Total
	case t.Answered():
		return t.Counts.Total()
	case len(t.Expected) > 0:
		return len(t.Expected)
	case t.hint != nil:
		return max(1, t.hint.Rows)
	default:
		return s.typicalSize
	}
}

// Chance is the chance that every URL of the task is final now.
func (s *Round) Chance(t *Candidate) float64 {
	left, at := s.looked(t)
	if left == 0 {
		return 1 // a window showed all of them final; it remains to be proven
	}
	if t.LastCounted(at) {
		return s.gapAt(t, s.Now).Settled(left)
	}
	chance := s.view(t, left, at).Chance(s.curve)
	if t.hint != nil && t.hint.at.Equal(at) {
		chance = 1 - (1-chance)*(1-t.hint.Others)
	}
	return chance
}

// settledAt is the chance that the task had settled when it was looked at, and
// the look could not tell.
func (s *Round) settledAt(t *Candidate, left int, at time.Time) float64 {
	switch {
	case left == 0:
		return 0
	case t.LastCounted(at):
		return s.gapAt(t, at).Settled(left)
	case t.hint != nil && t.hint.at.Equal(at):
		return t.hint.Others
	default:
		return 0
	}
}

// weigh works out how pressing a question about the task alone is now, and what it
// is worth, in minutes of lag.
func (s *Round) weigh(c *appraisal, left int, looked time.Time) {
	t := c.task
	if c.kind == ask.Vain {
		c.class, c.worth = priority.Hopeless, 1+max(0, s.Now.Sub(t.LastAsked).Minutes())
		return
	}
	chance := s.Chance(t)
	worth := s.appraise(c, chance, left, looked) * s.oneCount(t)
	if c.calls > 1 && !s.terms.ByCount(&t.Task) {
		worth /= float64(c.calls) // of its pages
	}
	// What was asked in vain is not worth the whole wait at once again.
	waited := max(0, s.Now.Sub(clock.Later(looked, t.LastAsked)))
	if whole := s.Now.Sub(looked); waited < whole {
		worth *= float64(waited) / float64(whole)
	}
	worth = worth + tuning.Residue*(1+waited.Minutes()) + s.novelty(t, chance)
	c.class, c.worth = s.urgent(t, worth)
	if c.imminent {
		c.class = priority.Imminent
	}
	// What a window hinted at is shown nowhere.
	unanswered := s.Now.Sub(clock.Later(clock.Later(t.LastAsked, t.LastRefresh), t.FirstSeen))
	switch longest := tuning.Starving*s.round + s.PollInterval; {
	case c.class >= priority.Imminent:
		c.weight = 1
	case unanswered > longest:
		c.class, c.weight = priority.Starved, float32(unanswered.Minutes())
	}
}

// appraise is the index of a task that so many rows were left of at the last
// look: see index. It fills in what else a scout is worth by.
func (s *Round) appraise(c *appraisal, chance float64, left int, looked time.Time) float64 {
	t, waited := c.task, max(0, s.Now.Sub(looked)).Minutes() // the clock may have been set back
	c.chance = float32(chance)
	if left == 0 {
		return waited * chance / tuning.Surest // all that is left is the proof
	}
	v := s.view(t, left, looked)
	lag := waited * v.MeanChance(s.curve)
	worth := v.Index(s.curve, chance, lag, tuning.Slowest)
	if then := s.settledAt(t, left, looked); then > 0 {
		worth += waited * min(1/tuning.Surest, then/max(tuning.Surest, 1-then))
	}
	if s.Tells() {
		c.lag, c.rootRate = float32(lag), float32(v.RootRate(s.curve, chance, tuning.Horizon*s.Slot))
	}
	return worth
}

// novelty is what the first answer about a task is worth besides.
func (s *Round) novelty(t *Candidate, chance float64) float64 {
	waited := max(0, s.Now.Sub(clock.Later(t.FirstSeen, t.LastAsked)).Minutes())
	switch {
	case t.Answered():
		return 0
	case t.Counted != nil:
		return s.firstCount(t)
	case s.Capabilities.Windows && s.CanCount() && s.sizeOf(t) > s.PageSize():
		return tuning.Stranger
	case s.Names() && s.joinable(t):
		return tuning.Familiar * waited // others that are new may come into the same answer
	case s.joinable(t) || !s.Tells():
		return tuning.Familiar
	case t.KnownCreation().IsZero():
		return tuning.Awaited * waited
	default:
		return max(tuning.Stranger*min(1, chance/tuning.Promising), tuning.Patience*waited)
	}
}

// firstCount is what the first counts of a task are worth besides.
func (s *Round) firstCount(t *Candidate) float64 {
	if c := t.Counted; c.FailedAt.IsZero() || c.Both() && s.CanCountWaiting() {
		return tuning.Uncounted
	}
	return tuning.Unseen
}

// urgent is a task's worth with regard to its deadline, and the class that this
// gives it.
func (s *Round) urgent(t *Candidate, worth float64) (priority.Class, float64) {
	if t.Deadline.IsZero() {
		return priority.Ordinary, worth
	}
	switch ahead := t.Deadline.Sub(s.Now); {
	case ahead > 0:
		return priority.Ordinary, worth * (1 + tuning.Urgency*math.Exp(-float64(ahead)/float64(tuning.UrgencySpan)))
	case t.AskedAt().Before(t.Deadline):
		return priority.Overdue, worth
	case t.LastRefresh.Before(t.Deadline):
		return priority.Ordinary, worth * (1 + tuning.Urgency)
	default:
		return priority.Ordinary, worth
	}
}

// view is what the task's chance rests on, after a look at so many URLs that were
// left.
func (s *Round) view(t *Candidate, left int, looked time.Time) estimate.View {
	return estimate.View{From: s.age(&t.Task, looked), To: s.age(&t.Task, s.Now), Left: left}
}

// callsFor is how many calls it takes to answer for an unsettled task once. A
// task that windows can tell of needs but its part of a page.
func (s *Round) callsFor(t *Candidate) float64 {
	const bothCounts = 2
	size, page := s.sizeOf(t), s.PageSize()
	switch {
	case page <= 0:
		return 1
	case s.Capabilities.TasksPerQuery > 1:
		return 1 / float64(s.Capabilities.TasksPerQuery)
	case !s.Capabilities.Paged:
		return 1
	case s.terms.ByCount(&t.Task):
		return bothCounts
	case size > page && !t.CountsRather(size, page, &s.terms.Means):
		return float64(task.PagesOf(size, page))
	case s.Tells() && !s.NoWindows && size <= page && s.joinable(t):
		return float64(s.rowsOf(t)) / float64(s.Room())
	default:
		return 1
	}
}
