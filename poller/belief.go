package poller

import (
	"math"
	"time"

	"prefetch_exporter/prefetch"
)

const (
	// surest bounds how little may be left of doubt: a task is not worth more
	// for being surer still than 19 to 1.
	surest = 0.05
	// urgency is how much more a task weighs at its deadline, and
	// urgencySpan how long before it that begins to show.
	urgency     = 4.0
	urgencySpan = 10 * time.Minute
	// overdue is the worth of a task whose deadline passed since it was last
	// looked at: more than everything else.
	overdue = 1e6
	// starving is for how many rounds of all unsettled tasks one may wait before
	// waiting alone makes it worth more than anything but a deadline, and
	// starvation that worth.
	starving   = 4
	starvation = 1e3
	// stranger is the worth, in minutes, of the first answer about a task whose
	// rows are not known: from then on windows can tell of it. It counts whole
	// from the chance promising on: a call that comes later may prove the task
	// settled besides.
	stranger  = 8.0
	promising = 0.3
	// familiar is the worth of the first answer about any other task.
	familiar = 0.1
	// residue keeps the worth of tasks that have no chance above nothing, and
	// residue squared that of hopeless ones.
	residue = 1e-6
	// fresh is the part of a task's wait for which its worth is not worked out
	// anew: it does not change by more.
	fresh = 1.0 / 32
)

// age is the task's age at a moment of our clock.
func (s *situation) age(t *task, at time.Time) time.Duration {
	return at.Add(s.learned.Offset).Sub(t.created())
}

// looked is when the task was last looked at, and how many of its URLs were not
// final then. Without a look it is its creation, and all of them.
func (s *situation) looked(t *task) (left int, at time.Time) {
	if h := t.hint; h != nil && h.at.After(t.LastRefresh) {
		return h.left, h.at
	}
	if t.Answered {
		return max(1, t.Counts.Total()-t.Counts.Final()), t.LastRefresh
	}
	return s.sizeOf(t), t.created().Add(-s.learned.Offset)
}

// sizeOf is how many rows the task has, as far as anybody knows.
func (s *situation) sizeOf(t *task) int {
	switch {
	case t.Counted != nil:
		return t.Counted.Total
	case t.Answered:
		return t.Counts.Total()
	case len(t.Expected) > 0:
		return len(t.Expected)
	case t.hint != nil:
		return max(1, t.hint.rows)
	default:
		return s.typicalSize
	}
}

// chance is the chance that every URL of the task is final now.
func (s *situation) chance(t *task) float64 {
	if t.Counted != nil && !s.learned.NoStatusFilter {
		chance, _ := s.countChance(t)
		return chance
	}
	left, at := s.looked(t)
	if left == 0 {
		return 1 // a window showed all of them final; it remains to be proven
	}
	alive := s.curve.survive(s.age(t, at), s.age(t, s.now))
	return math.Pow(1-alive, float64(left))
}

// countChance is the chance that counting the succeeded, or else the failed,
// URLs of a large task proves it settled now, and which of the two to count.
func (s *situation) countChance(t *task) (chance float64, status prefetch.Status) {
	c := t.Counted
	left := float64(max(1, c.Total-c.Succeeded-c.Failed))
	now := s.age(t, s.now)
	// What a URL that was not counted may be by now: succeeded since the
	// successes were counted, failed since the failures were, or under way.
	succeeded := (1 - s.failureRate) * s.endedSince(s.age(t, c.SucceededAt), now)
	failed := s.failureRate * s.endedSince(s.age(t, c.FailedAt), now)
	alive := s.curve.survive(0, now)
	total := succeeded + failed + alive
	if total <= 0 {
		return 0, prefetch.Succeeded
	}
	bySuccess, byFailure := math.Pow(succeeded/total, left), math.Pow(failed/total, left)
	switch {
	case c.SucceededAt.IsZero():
		chance, status = bySuccess, prefetch.Succeeded
	case c.FailedAt.IsZero(), byFailure > bySuccess:
		chance, status = byFailure, prefetch.Failed
	default:
		chance, status = bySuccess, prefetch.Succeeded
	}
	// It may take both.
	const both = 2
	return max(chance, math.Pow((succeeded+failed)/total, left)/both), status
}

// endedSince is the part of all URLs that ends between two ages.
func (s *situation) endedSince(from, to time.Duration) float64 {
	return s.curve.survive(0, from) - s.curve.survive(0, to)
}

// appraisal is what a task was found to be worth, kept for a while: with many
// tasks most of them have waited long, and change little from call to call.
type appraisal struct {
	at, looked time.Time // when it was made, and the last look that it rests on
	chance     float64
	index      float64
}

// appraise returns the chance that the task is settled and its index.
func (s *situation) appraise(t *task) (chance, index float64) {
	left, at := s.looked(t)
	a := &t.appraisal
	age, waited := s.now.Sub(a.at), s.now.Sub(at)
	if a.looked.Equal(at) && age >= 0 && float64(age) < fresh*float64(waited) {
		return a.chance, a.index
	}
	*a = appraisal{at: s.now, looked: at, chance: s.chance(t)}
	switch {
	case t.Counted != nil:
		// What a rate would have cost that makes the chance what it is.
		x := -math.Log1p(-min(a.chance, 1-surest))
		if x > residue {
			a.index = waited.Minutes() * (math.Expm1(x)/x - 1)
		}
	case left == 0:
		// All that is left is the proof.
		a.index = max(0, waited.Minutes()) * a.chance / surest
	default:
		a.index = s.index(view{from: s.age(t, at), to: s.age(t, s.now), left: left}, a.chance)
	}
	return a.chance, a.index
}

// worth is what it is worth to look at the task now, in minutes of lag.
func (s *situation) worth(t *task) (worth, chance float64) {
	chance, worth = s.appraise(t)
	_, at := s.looked(t)
	// What was asked in vain is not worth the whole wait at once again.
	waited := max(0, s.now.Sub(later(at, t.LastAsked)))
	worth = worth*share(waited, s.now.Sub(at)) + residue*waited.Minutes()
	switch {
	case t.Answered:
	case t.Counted != nil:
		worth += stranger // nothing is shown before both counts are known
	case t.joinable() || !s.caps.Windows:
		worth += familiar
	default:
		worth += stranger * min(1, chance/promising)
	}
	if longest := starving*s.round + s.pollInterval; waited > longest {
		worth += starvation * float64(waited) / float64(longest)
	}
	if t.Deadline.IsZero() {
		return worth, chance
	}
	switch ahead := t.Deadline.Sub(s.now); {
	case ahead > 0:
		worth *= 1 + urgency*math.Exp(-float64(ahead)/float64(urgencySpan))
	case t.LastRefresh.Before(t.Deadline) && !t.LastAsked.After(t.Deadline):
		worth += overdue
	case t.LastRefresh.Before(t.Deadline):
		worth *= 1 + urgency
	}
	return worth, chance
}

// share is what part of a whole time has passed, at most all of it.
func share(part, whole time.Duration) float64 {
	if whole <= part {
		return 1
	}
	return float64(part) / float64(whole)
}

// view is what a task's chance rests on: how many URLs were left at the last
// look, and the task's age then and now.
type view struct {
	from, to time.Duration
	left     int
}

// index is the price of a call, in minutes of lag, at which it is all the same
// whether to look at a task now or a moment later (Whittle's index).
//
// Let p be the chance that the task has settled since the last look, and A the
// lag that it is expected to have gathered: p added up over the time since. To
// wait a moment longer costs p, and raises the chance that the call is the last
// one. A task that ends at a constant rate is worth p²/p' - A then, where p' is
// how fast p grows: little while it cannot have settled, and more the longer
// nobody looked.
func (s *situation) index(v view, p float64) float64 {
	if v.to <= v.from || p <= 0 {
		return 0
	}
	waited, n, base := (v.to - v.from).Minutes(), float64(v.left), s.curve.at(v.from)
	alive := math.Exp(base - s.curve.at(v.to))
	// The rest of the tasks settle within twice the wait at the latest, or the
	// learned rate is too small to be believed.
	const slowest = 2
	rest := slowest * waited
	if grows := n * p / max(1-alive, residue) * alive * s.curve.hazard[binOf(v.to)] * time.Minute.Seconds(); grows > 0 {
		rest = min(rest, p/grows)
	}
	return max(0, p*rest-waited*s.meanChance(v))
}

// meanChance is the mean of the chance over the time since the last look, by
// Gauss and Legendre's rule.
func (s *situation) meanChance(v view) float64 {
	const (
		inner, outer             = 0.3399810435848563 / 2, 0.8611363115940526 / 2
		innerWeight, outerWeight = 0.6521451548625461 / 2, 0.3478548451374538 / 2
	)
	at := func(x float64) float64 {
		age := v.from + time.Duration((x+0.5)*float64(v.to-v.from)) //nolint:mnd // the middle
		return math.Pow(1-math.Exp(s.curve.at(v.from)-s.curve.at(age)), float64(v.left))
	}
	return innerWeight*(at(-inner)+at(inner)) + outerWeight*(at(-outer)+at(outer))
}
