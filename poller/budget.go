package poller

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"prefetch_exporter/poller/clock"
	"prefetch_exporter/prefetch"
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

// budget is the quota of one identity at one vendor. A call takes one of the
// limit's slots when it leaves, and the slot is free again one period after the
// call ended: so no interval as long as the period sees one call too many at
// the vendor either, whatever the latency was.
type budget struct {
	identity string
	store    Store
	clock    clock.Clock

	mu       sync.Mutex
	members  map[string]*member
	calls    []*call // by seq
	seq      uint64
	turn     uint64
	throttle throttle
	// forgotten is until when calls may have been made that are not in the ledger;
	// nil if it was always whole. Whatever limit counts them counts as spent.
	forgotten *clock.Stamp
	// damaged: some of the ledger could not be read.
	damaged bool

	nextAt atomic.Pointer[clock.Stamp]
}

// member is one account that shares a budget.
type member struct {
	limit prefetch.Limit
	// waiting: the account has a question and waits for the budget.
	waiting bool
	// turn orders the accounts by when they last called.
	turn uint64
	wake func()
}

// join adds an account, or changes the limit of one that is there. The limit
// holds for the calls already in the ledger. wake is called when a slot may
// have become free earlier than take said.
func (b *budget) join(account string, limit prefetch.Limit, wake func()) {
	b.mu.Lock()
	defer b.mu.Unlock()
	m := b.members[account]
	if m == nil {
		m = &member{}
		b.members[account] = m
	}
	m.limit, m.wake = limit, wake
	now := b.clock()
	b.tell(now)
}

// leave removes an account. Its calls stay: the vendor counts them still.
func (b *budget) leave(account string) {
	b.mu.Lock()
	delete(b.members, account)
	wake := b.others(account)
	b.mu.Unlock()
	wake()
}

// rest tells that the account has no question at present.
func (b *budget) rest(account string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if m := b.members[account]; m != nil {
		m.waiting = false
	}
}

// wanted reports whether another account waits for the budget.
func (b *budget) wanted(account string) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	for name, m := range b.members {
		if name != account && m.waiting {
			return true
		}
	}
	return false
}

// take asks for a call to leave now. It returns the call, which is in the
// ledger durably by then, or else how long to wait before asking again. An
// error means that the ledger cannot be kept: then no call may leave.
func (b *budget) take(account string) (*call, time.Duration, error) {
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
	c := &call{Begun: now, seq: b.seq + 1}
	ops := append(b.compact(now), b.put(c.key(), c))
	if err := b.store.Write(ops...); err != nil {
		return nil, 0, fmt.Errorf("ledger: %w", err)
	}
	b.seq++
	b.calls = append(b.calls, c)
	b.turn++
	m.turn, m.waiting = b.turn, false
	b.tell(now)
	return c, 0, nil
}

// end closes a call: its slot is free again one period from now, or from when the
// vendor may have answered if no answer came. If that cannot be recorded, a restart
// counts the call as ended then, which is later: safe.
func (b *budget) end(c *call, answered bool) {
	b.mu.Lock()
	now := b.clock()
	c.over(now, answered)
	b.tell(now)
	op := b.put(c.key(), c)
	wake := b.others("")
	b.mu.Unlock()
	_ = b.store.Write(op)
	wake()
}

// heed takes over what a failed call says of the quota.
func (b *budget) heed(e *vendorapi.Error, c *call) {
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
func (b *budget) throttled(c *call) {
	b.change(func(now clock.Stamp) {
		if at := b.throttle.At; !at.Wall.IsZero() && c.Begun.Until(at) > 0 {
			return
		}
		b.throttle.Factor = max(slowest, b.throttle.factor(now)/2)
		b.throttle.At = now
	})
}

// hold forbids every call for d, as a vendor's Retry-After asks.
func (b *budget) hold(d time.Duration) {
	b.change(func(now clock.Stamp) {
		if d > b.throttle.holds(now) {
			b.throttle.Hold, b.throttle.HoldAt = d, now
		}
	})
}

func (b *budget) change(f func(now clock.Stamp)) {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := b.clock()
	f(now)
	b.tell(now)
	// A throttle that cannot be recorded is still kept while this runs.
	_ = b.store.Write(b.put(throttleKey, b.throttle))
}

// next is when the budget allows the next call: zero if no call was ever made,
// in the past if one is allowed now. While every slot is held by a call under
// way it is the earliest time that is possible. It is told by the clock as that is set now, and
// waits for no disk.
func (b *budget) next(now clock.Stamp) time.Time {
	at := b.nextAt.Load()
	if at == nil {
		return time.Time{}
	}
	return now.Wall.Add(-at.Until(now))
}

// tell publishes when the next call is allowed.
func (b *budget) tell(now clock.Stamp) {
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
func (b *budget) wait(account string, now clock.Stamp) time.Duration {
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
func (b *budget) slot(limit prefetch.Limit, reserved int, now clock.Stamp) time.Duration {
	period := b.period(limit, now)
	type taken struct {
		left  time.Duration
		slots int
	}
	all, total := make([]taken, 0, len(b.calls)), 0
	for _, c := range b.calls {
		t := taken{period, c.count()}
		if c.Ended != nil {
			t.left -= c.since(now)
		}
		all = append(all, t)
		total += t.slots
	}
	known := b.known(limit, now)
	need := total + reserved + 1 - limit.Calls
	if need <= 0 {
		return known
	}
	slices.SortFunc(all, func(x, y taken) int { return cmp.Compare(x.left, y.left) })
	for _, t := range all {
		if need -= t.slots; need <= 0 {
			return max(known, t.left)
		}
	}
	return max(known, period)
}

// known is the time until the limit counts no call that was forgotten; how long
// ago it did is negative.
func (b *budget) known(limit prefetch.Limit, now clock.Stamp) time.Duration {
	if b.forgotten == nil {
		return -keptFor
	}
	return max(-keptFor, b.period(limit, now)-b.forgotten.Elapsed(now))
}

// spare is how long after a moment the budget has a call to give while it keeps so
// many others; 0 if it has one then.
func (b *budget) spare(kept int, at clock.Stamp) time.Duration {
	b.mu.Lock()
	defer b.mu.Unlock()
	wait := b.throttle.holds(at)
	for _, m := range b.members {
		wait = max(wait, b.slot(m.limit, kept, at))
	}
	return max(0, wait)
}

// taken is how long a call is taken after it ended.
func (b *budget) taken(at clock.Stamp) (longest time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, m := range b.members {
		longest = max(longest, b.period(m.limit, at))
	}
	return longest
}

// free is how many calls the account may make at once at a moment, if nobody else
// makes any.
func (b *budget) free(now clock.Stamp) int {
	b.mu.Lock()
	defer b.mu.Unlock()
	free := math.MaxInt
	for _, m := range b.members {
		period, taken := b.period(m.limit, now), 0
		for _, c := range b.calls {
			if c.Ended == nil || c.since(now) < period {
				taken += c.count()
			}
		}
		if b.known(m.limit, now) > 0 {
			taken = m.limit.Calls
		}
		free = min(free, m.limit.Calls-taken)
	}
	return free
}

// period is the limit's period with the slack, stretched by throttling.
func (b *budget) period(limit prefetch.Limit, now clock.Stamp) time.Duration {
	full := limit.Per + limit.Per*slack/100
	return time.Duration(float64(full) / b.throttle.factor(now))
}

// others returns a function that wakes every waiting account but one; it is to
// be called without the lock.
func (b *budget) others(account string) func() {
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
