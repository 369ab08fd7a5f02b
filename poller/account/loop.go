package account

import (
	"context"
	"errors"
	"math"
	"sync"
	"sync/atomic"
	"time"

	"prefetch_exporter/poller/answers"
	"prefetch_exporter/poller/clock"
	"prefetch_exporter/poller/health"
	"prefetch_exporter/poller/journal"
	"prefetch_exporter/poller/planner"
	"prefetch_exporter/poller/quota"
	"prefetch_exporter/poller/roster"
	"prefetch_exporter/poller/task"
	"prefetch_exporter/prefetch"
	vendorapi "prefetch_exporter/vendor_api"
)

const (
	// longestRowlessGap bounds the gaps between questions about a task that waits for
	// nothing but rows that the vendor never showed.
	longestRowlessGap = 30 * time.Minute
	// shutdownGrace is how long a call under way may go on after the loop was
	// told to stop: its answer is paid for already.
	shutdownGrace = 5 * time.Second
	// ledgerRetry is how long a loop waits after the ledger could not be kept.
	ledgerRetry = 15 * time.Second
	// shortestSweep and longestSweep bound how long no task's time is over,
	// unless a change says otherwise.
	shortestSweep, longestSweep = time.Minute, 24 * time.Hour
	// idle is how long a loop sleeps when nothing is to be done.
	idle = time.Duration(math.MaxInt64)
	// ownedAgain is how often a loop looks whether it may ask again.
	ownedAgain = time.Second
)

// underWay is calls that have not ended, and how many failed of those that have.
type underWay struct {
	sync.WaitGroup

	failed atomic.Int32
}

// Run asks questions until ctx ends, and returns when no call is under way.
func (a *Account) Run(ctx context.Context) {
	var calls underWay
	defer a.finish(&calls)
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-a.wake:
		case <-timer.C:
		}
		wait := time.Duration(0)
		for wait == 0 && ctx.Err() == nil {
			wait = a.step(ctx, &calls)
		}
		timer.Reset(wait)
	}
}

// finish waits for the calls under way, and stores what could not be stored
// before.
func (a *Account) finish(calls *underWay) {
	calls.Wait()
	a.mu.Lock()
	defer a.mu.Unlock()
	a.save()
	a.journal.Tell(a.unsettled, true)
}

// step lets one call leave if there is a question and the budget allows it. It
// returns 0 if a call left, else how long there is nothing to do.
func (a *Account) step(ctx context.Context, calls *underWay) (rest time.Duration) {
	a.progress.Moves(0, false)
	a.mu.Lock()
	defer a.mu.Unlock()
	a.progress.Stored(nil)
	defer func() { a.progress.Moves(rest, a.inFlight > 0) }()
	if wait := a.away(); wait > 0 {
		return wait
	}
	present := a.clock()
	a.look(present)
	now := present.Wall
	sleep := min(a.sweep(now), a.journal.Tell(a.unsettled, false))
	a.save()
	if !a.unsaved.None() {
		sleep = min(sleep, saveRetry)
	}
	if a.inFlight >= max(1, a.dialect.Capabilities.MaxInFlight) {
		a.announce(a.usualEnd(present))
		return sleep // the end of a call wakes the loop
	}
	s := a.planner.At(a.planning(present))
	q, found, wake := a.choose(s, &a.watch, &a.finder)
	a.weighBacklog(s)
	if !found {
		a.budget.Rest(a.name.Name)
		if !wake.IsZero() {
			sleep = min(sleep, wake.Sub(now))
		}
		a.announce(present)
		return max(sleep, time.Millisecond)
	}
	if wait := a.health.Wait(now); wait > 0 {
		a.budget.Rest(a.name.Name)
		a.announce(present.Add(wait))
		return min(sleep, wait)
	}
	if wait := s.Held(&q.Question); wait > 0 {
		a.announce(present.Add(wait))
		return min(sleep, wait)
	}
	c, wait, err := a.budget.Take(a.name.Name)
	if err != nil {
		a.progress.Stored(err)
		a.journal.Warn(journal.Ledger, "", "no call is made while the ledger cannot be kept", "err", err)
		return min(sleep, ledgerRetry)
	}
	if wait > 0 {
		a.announce(present.Add(wait))
		return min(sleep, wait)
	}
	e := a.leaves(s, q)
	e.call, e.charged = c, present
	calls.Go(func() {
		if a.ask(ctx, e) {
			calls.failed.Add(1)
		}
	})
	return 0
}

// away is how long the account asks nothing, whatever there is to ask. It is called
// with the lock held.
func (a *Account) away() time.Duration {
	switch {
	case !a.known || a.removed || !a.asks || a.resting:
		return idle // what is stored is not to be judged before it is listed
	case !a.owns():
		return ownedAgain // cut off: what was answered waits to be stored
	default:
		return 0
	}
}

// leaves notes that a question is on its way.
func (a *Account) leaves(s *planner.Round, q answers.Question) errand {
	a.watch.Leaves(q.Watch != nil)
	a.finder.Leaves(q.Discover, s.Now)
	if q.Watch == nil {
		s.Leaves(&q.Question)
	}
	a.inFlight++
	a.progress.Leaves()
	a.paged = q.Follows
	return errand{
		Question: q, Call: health.Call{Number: a.health.Leaves(), Left: s.Now},
		provider: a.settings.Provider, identity: a.identity, budget: a.budget,
	}
}

// errand is a question on its way, with what was in force when it left: a
// reload may have changed all of it since.
type errand struct {
	answers.Question
	health.Call

	provider vendorapi.Provider
	identity string
	budget   *quota.Budget
	call     *quota.Call
	charged  clock.Stamp // when its charge began
}

// situation is what the planner decides from. It is called with the lock held.
func (a *Account) situation(now time.Time) planner.Moment {
	limit, phases := a.settings.Limit, a.published.Phases()
	return planner.Moment{
		Terms: a.dialect.At(now), PollInterval: a.settings.PollInterval, Hasty: a.hasty, Begun: a.begun,
		Calls: limit.Calls, Slot: limit.Per / time.Duration(max(1, limit.Calls)), Taken: limit.Per, Latency: a.latency.Usual(),
		LongestRowless: min(longestRowlessGap, a.settings.MaxStaleness/2), // it stays shown
		Watched:        phases[prefetch.Pending] + phases[prefetch.Active],
		Paged:          a.paged, NoWindows: now.Before(a.noWindow),
	}
}

// planning is the situation for the choice of the next question, which depends on
// what the budget has to spare. It is called with the lock held.
func (a *Account) planning(present clock.Stamp) planner.Moment {
	m := a.situation(present.Wall)
	m.Taken = a.budget.Taken(present) + m.Latency
	m.Spare = func(others int) time.Duration { return a.budget.Spare(others, present) }
	return m
}

// sweep ends the time of tasks that are over, and returns how long until the
// next one is. It looks at them only when there is something to find. It is
// called with the lock held.
func (a *Account) sweep(now time.Time) time.Duration {
	if now.Before(a.sweepAt) && !now.Before(a.swept) {
		return a.sweepAt.Sub(now)
	}
	sleep := a.sweepAll(now)
	a.swept, a.sweepAt = now, now.Add(min(sleep, longestSweep))
	if a.dialect.NeedWindow {
		// Any task may leave the look-back.
		a.sweepAt = now.Add(min(sleep, shortestSweep))
	}
	return sleep
}

// sweepAll looks at every task: see sweep.
func (a *Account) sweepAll(now time.Time) time.Duration {
	terms := a.dialect.At(now)
	out := roster.Sweep(a.tasks, a.rules(), terms.OutOfReach, now)
	for t, before := range out.Lost {
		a.journal.Changed(&t.Task, before)
	}
	for _, t := range out.Changed {
		a.touch(t)
	}
	for _, t := range out.Forgotten {
		a.forget(t)
	}
	if len(out.Changed) > 0 || len(out.Forgotten) > 0 {
		a.refresh(now)
	}
	return out.Next
}

// ask makes one call and applies what comes of it. It reports whether the call
// failed.
func (a *Account) ask(ctx context.Context, e errand) (failed bool) {
	callCtx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	stop := context.AfterFunc(ctx, func() {
		timer := time.AfterFunc(shutdownGrace, cancel)
		context.AfterFunc(callCtx, func() { timer.Stop() })
	})
	defer stop()

	left := a.clock()
	ans, err := e.provider.Query(e.leaving(callCtx, a), e.Query)
	if errors.Is(err, vendorapi.ErrTooLate) {
		e.budget.Cancel(e.call)
	} else {
		e.budget.End(e.call, answered(err))
	}
	present := a.clock()
	// Reckoned from the end, since the clock may have been set meanwhile.
	took := left.Elapsed(present)
	sent := present.Wall.Add(-took)
	q := e.Question

	a.mu.Lock()
	defer a.mu.Unlock()
	a.inFlight--
	a.planner.Ended(&q.Question, err == nil)
	if q.Watch != nil {
		a.watch.Ended()
	}
	if q.Discover {
		a.finder.Ended()
	}
	defer a.Signal()
	defer a.calm()
	if a.removed && !a.retired {
		return false
	}
	if e := vendorapi.AsError(err); e == nil || !e.Unsent {
		a.record.Called(a.name, string(q.Query.Kind))
		a.record.Answered(a.name, took)
	}
	if err != nil && callCtx.Err() != nil {
		return false // the exporter stops; the call tells nothing of the vendor
	}
	if a.retired || e.identity != a.identity {
		// A host that the account does not ask any more tells nothing but of its quota.
		if err != nil {
			e.budget.Heed(vendorapi.AsError(err), e.call)
		}
		return false
	}
	q.Each(func(t *planner.Candidate) *planner.Candidate {
		if a.tasks[t.ID] == t && !t.Ended {
			return t
		}
		// Its time ended while the call was under way: only the account learns.
		return &planner.Candidate{Task: task.Task{ID: t.ID}}
	})
	a.look(present)
	a.latency.Learn(took)
	e.Question, e.Left = q, sent
	return a.hear(e, ans, err, took)
}

// answered reports whether nothing of a call can be under way at the vendor any
// more: it answered, or was never asked.
func answered(err error) bool {
	e := vendorapi.AsError(err)
	return e == nil || e.HTTPStatus != 0 || e.Unsent
}
