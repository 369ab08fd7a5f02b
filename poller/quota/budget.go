package quota

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"prefetch_exporter/poller/clock"
	"prefetch_exporter/prefetch"
	"prefetch_exporter/store"
	vendorapi "prefetch_exporter/vendor_api"
)

const (
	// slack is added to a limit's period, in percent, so that rounding at the
	// vendor never makes a call one too many.
	slack = 1
	// recoveryStep is how much of the full rate comes back after each
	// recoveryTime without throttling.
	recoveryStep = 0.1
	recoveryTime = 10 * time.Minute
	// slowest bounds how far throttling can slow a budget down.
	slowest = 1.0 / 16
	// turnGrace is how long a slot stays reserved for an account whose turn
	// it is, where several accounts share a budget.
	turnGrace = 250 * time.Millisecond
)

// Budget is the quota of one identity at one vendor. A call takes one of the
// limit's slots when it leaves, and the slot is free again one period after the
// call ended: so no interval as long as the period sees one call too many at
// the vendor either, whatever the latency was.
type Budget struct {
	identity string
	store    Store
	clock    clock.Clock

	mu       sync.Mutex
	members  map[string]*member
	calls    []*Call // by number
	turn     uint64
	throttle throttle
	// forgotten is until when calls may have been made that are not in the ledger;
	// nil if it was always whole. Whatever limit counts them counts as spent.
	forgotten *clock.Stamp
	// damaged: some of the ledger could not be read.
	damaged bool
	// self is how this process signs what it writes in a ledger that replicas share;
	// empty where nobody else writes. Unheard are the calls that did not leave, and of
	// which nobody knows whether they are in the ledger.
	self    string
	unheard map[string]bool
	// said is what the ledger said last of what is no call, by key.
	said map[string]string
	// untold: the other replicas do not know yet that calls may be missing.
	untold bool

	nextAt atomic.Pointer[clock.Stamp]
}

// member is one account that shares a budget.
type member struct {
	limit prefetch.Limit
	// waiting: the account has a question and waits for the budget.
	waiting bool
	// turn orders the accounts by when they last called, left is when that was.
	turn uint64
	left clock.Stamp
	wake func()
	// elsewhere: it is a limit that another replica states.
	elsewhere bool
}

// Join adds an account, or changes the limit of one that is there. The limit
// holds for the calls already in the ledger. wake is called when a slot may
// have become free earlier than take said.
func (b *Budget) Join(account string, limit prefetch.Limit, wake func()) {
	b.mu.Lock()
	defer b.mu.Unlock()
	m := b.members[account]
	if m == nil {
		m = &member{}
		b.members[account] = m
	}
	m.limit, m.wake = limit, wake
	now := b.clock()
	b.publishNext(now)
}

// Leave removes an account. Its calls stay: the vendor counts them still.
func (b *Budget) Leave(account string) {
	b.mu.Lock()
	delete(b.members, account)
	wake := b.others(account)
	b.mu.Unlock()
	wake()
}

// Rest tells that the account has no question at present.
func (b *Budget) Rest(account string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if m := b.members[account]; m != nil {
		m.waiting = false
	}
}

// Wanted reports whether another account waits for the budget.
func (b *Budget) Wanted(account string) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	for name, m := range b.members {
		if name != account && m.waiting {
			return true
		}
	}
	return false
}

// Take asks for a call to leave now. It returns the call, which is in the
// ledger durably by then, or else how long to wait before asking again. An
// error means that the ledger cannot be kept: then no call may leave.
func (b *Budget) Take(account string) (*Call, time.Duration, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	m := b.members[account]
	if m == nil {
		return nil, 0, fmt.Errorf("account %q has no budget", account)
	}
	now := b.clock()
	m.waiting = true
	if wait := b.wait(account, now); wait > 0 {
		return nil, wait, nil
	}
	c := &Call{Begun: now, number: b.newNumber()}
	ops := append(b.compact(now), b.put(c.key(), c))
	if err := b.store.Write(ops...); err != nil {
		if b.self != "" && errors.Is(err, store.ErrUnknown) {
			b.unheard[c.key()] = true // it does not leave either way
		}
		return nil, 0, fmt.Errorf("ledger: %w", err)
	}
	b.calls = append(b.calls, c)
	b.turn++
	m.turn, m.waiting, m.left = b.turn, false, now
	b.publishNext(now)
	return c, 0, nil
}

// LastLeft is when the last call of the account left; zero if none has since it
// joined.
func (b *Budget) LastLeft(account string) (at clock.Stamp) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if m := b.members[account]; m != nil {
		at = m.left
	}
	return at
}

// End closes a call: its slot is free again one period from now, or from when the
// vendor may have answered if no answer came. If that cannot be recorded, a restart
// counts the call as ended then, which is later: safe.
func (b *Budget) End(c *Call, answered bool) {
	b.mu.Lock()
	now := b.clock()
	c.over(now, answered)
	b.publishNext(now)
	op := b.put(c.key(), c)
	wake := b.others("")
	b.mu.Unlock()
	_ = b.store.Write(op)
	wake()
}

// Heed takes over what a failed call says of the quota.
func (b *Budget) Heed(e *vendorapi.Error, c *Call) {
	if e.RetryAfter > 0 {
		b.hold(e.RetryAfter)
	}
	if e.Reason == prefetch.ReasonThrottled || e.Reason == prefetch.ReasonUnavailable && e.HTTPStatus == 200 {
		// Under HTTP 200 a text that no table knows may well mean "too often".
		b.throttled(c)
	}
}

// throttled slows the budget down after the vendor said that there were too
// many calls, or said something that nobody understands. It said so once if it
// said so to calls that were under way together.
func (b *Budget) throttled(c *Call) {
	b.change(func(now clock.Stamp) {
		if at := b.throttle.At; !at.Wall.IsZero() && c.Begun.Until(at) > 0 {
			return
		}
		b.throttle.Factor = max(slowest, b.throttle.factor(now)/2)
		b.throttle.At = now
	})
}

// hold forbids every call for d, as a vendor's Retry-After asks.
func (b *Budget) hold(d time.Duration) {
	b.change(func(now clock.Stamp) {
		if d > b.throttle.holds(now) {
			b.throttle.Hold, b.throttle.HoldAt = d, now
		}
	})
}

func (b *Budget) change(f func(now clock.Stamp)) {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := b.clock()
	f(now)
	b.publishNext(now)
	// A throttle that cannot be recorded is still kept while this runs.
	_ = b.store.Write(b.put(throttleKey, &b.throttle))
}

// Next is when the budget allows the next call: zero if no call was ever made,
// in the past if one is allowed now. While every slot is held by a call under
// way it is the earliest time that is possible. It is told by the clock as that is
// set now, and waits for no disk.
func (b *Budget) Next(now clock.Stamp) time.Time {
	at := b.nextAt.Load()
	if at == nil {
		return time.Time{}
	}
	return now.Wall.Add(-at.Until(now))
}

// publishNext publishes when the next call is allowed.
func (b *Budget) publishNext(now clock.Stamp) {
	hold := b.throttle.holds(now)
	if len(b.calls) == 0 && hold == 0 && b.forgotten == nil {
		return
	}
	free := -keptFor
	for _, m := range b.members {
		free = max(free, b.slot(m.limit, 0, now))
	}
	if hold > 0 {
		free = max(free, hold)
	}
	if free == -keptFor {
		free = 0 // more slots than calls: nobody ever had to wait
	}
	at := now.Add(free)
	b.nextAt.Store(&at)
}

// wait is how long the account must wait; 0 if a call may leave now. An account
// steps back behind those that share its budget, wait too and called longer
// ago: behind each for a moment only, lest one in trouble delay another.
func (b *Budget) wait(account string, now clock.Stamp) time.Duration {
	me := b.members[account]
	ahead := 0
	for name, m := range b.members {
		if m != me && m.waiting && cmp.Or(cmp.Compare(m.turn, me.turn), cmp.Compare(name, account)) < 0 {
			ahead++
		}
	}
	wait := b.throttle.holds(now)
	for _, m := range b.members {
		own := b.slot(m.limit, 0, now) + time.Duration(ahead)*turnGrace
		// Enough free slots for everybody ahead need no stepping back.
		wait = max(wait, min(own, b.slot(m.limit, ahead, now)))
	}
	return wait
}

// slot is the time until the limit has one free slot beyond `reserved` others;
// how long ago it had is negative.
func (b *Budget) slot(limit prefetch.Limit, reserved int, now clock.Stamp) time.Duration {
	period := b.period(limit, now)
	type taken struct {
		free  time.Duration // from now
		slots int
	}
	all, total := make([]taken, 0, len(b.calls)), 0
	for _, c := range b.calls {
		t := taken{period, c.count()}
		if c.Ended != nil {
			t.free -= c.since(now)
		}
		all = append(all, t)
		total += t.slots
	}
	whole := b.untilWhole(limit, now)
	need := total + reserved + 1 - limit.Calls
	if need <= 0 {
		return whole
	}
	slices.SortFunc(all, func(x, y taken) int { return cmp.Compare(x.free, y.free) })
	for _, t := range all {
		if need -= t.slots; need <= 0 {
			return max(whole, t.free)
		}
	}
	return max(whole, period)
}

// untilWhole is the time until the limit counts no call that is missing in the
// ledger; negative is how long it has counted none, at most keptFor.
func (b *Budget) untilWhole(limit prefetch.Limit, now clock.Stamp) time.Duration {
	if b.forgotten == nil {
		return -keptFor
	}
	return max(-keptFor, b.period(limit, now)-b.forgotten.Elapsed(now))
}

// Spare is how long after a moment the budget has a call to give while it keeps so
// many others; 0 if it has one then.
func (b *Budget) Spare(kept int, at clock.Stamp) time.Duration {
	b.mu.Lock()
	defer b.mu.Unlock()
	wait := b.throttle.holds(at)
	for _, m := range b.members {
		wait = max(wait, b.slot(m.limit, kept, at))
	}
	return max(0, wait)
}

// Taken is how long a call is taken after it ended.
func (b *Budget) Taken(at clock.Stamp) (longest time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, m := range b.members {
		longest = max(longest, b.period(m.limit, at))
	}
	return longest
}

// period is the limit's period with the slack, stretched by throttling.
func (b *Budget) period(limit prefetch.Limit, now clock.Stamp) time.Duration {
	full := limit.Per + limit.Per*slack/100
	return time.Duration(float64(full) / b.throttle.factor(now))
}

// others returns a function that wakes every waiting account but one; it is to
// be called without the lock.
func (b *Budget) others(account string) func() {
	var wakes []func()
	for name, m := range b.members {
		if name != account && m.waiting && m.wake != nil {
			wakes = append(wakes, m.wake)
		}
	}
	return func() {
		for _, wake := range wakes {
			wake()
		}
	}
}
