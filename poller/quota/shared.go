package quota

import (
	"cmp"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"prefetch_exporter/poller/clock"
	"prefetch_exporter/prefetch"
	"prefetch_exporter/store"
	vendorapi "prefetch_exporter/vendor_api"
)

// Departure is within what time of the beginning of its charge a call must have left,
// where several replicas share the ledger: whoever hears of the charge counts the call
// from then on, so it must not leave much later.
const Departure = time.Second

// missing is until when calls may be missing in the ledger. By and Age are as in
// [throttle].
type missing struct {
	clock.Stamp

	By  string        `json:"by,omitempty"`
	Age time.Duration `json:"age,omitempty"`
}

// Share loads the ledger of an identity that several replicas write. What others write
// is told to [Budget.Heard], and each replica dates it by its own clock when it hears
// of it: that is after the fact, so a slot is never free too early, and no clock but
// one's own decides. A store that is not loaded yet has nothing: see [Budget.Reload].
func Share(identity string, st Store, tells clock.Clock) (*Budget, error) {
	b := &Budget{
		identity: identity, store: st, clock: tells, members: map[string]*member{},
		self: rand.Text(), unheard: map[string]bool{}, said: map[string]string{},
	}
	if err := b.Reload(); err != nil && !errors.Is(err, store.ErrNotLoaded) {
		return nil, err
	}
	return b, nil
}

// Reload reads a shared ledger anew, after changes may have been missed.
func (b *Budget) Reload() error {
	b.mu.Lock()
	_, err := b.read()
	wake := b.others("")
	b.mu.Unlock()
	wake()
	return err
}

// read takes in a shared ledger as it is now, and returns it. The lock is held.
func (b *Budget) read() (there map[string][]byte, err error) {
	there = map[string][]byte{}
	now := b.clock()
	err = b.store.ScanScope(store.Ledger, b.identity, func(key string, value []byte) error {
		there[key] = slices.Clone(value)
		b.hear(key, value, now, true)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("ledger of %s: %w", b.identity, err)
	}
	b.calls = slices.DeleteFunc(b.calls, func(c *Call) bool { return c.Ended != nil && there[c.key()] == nil })
	if at, ok := b.store.Recovery(); ok && b.forgotten == nil {
		// It forgot before this replica began, and whoever was there has not said so of
		// this identity.
		lost, _ := clock.Stamp{Wall: at}.Restamp(now)
		b.forgotten = &lost
	}
	b.publishNext(now)
	return there, nil
}

// Heard takes in what became of a key of a shared ledger; a value of nil deleted it.
// What this process wrote itself tells it nothing.
func (b *Budget) Heard(key string, value []byte) {
	b.mu.Lock()
	now := b.clock()
	b.hear(key, value, now, false)
	b.publishNext(now)
	wake := b.others("")
	b.mu.Unlock()
	wake()
}

// Rewound notes that the store may have forgotten calls: the whole quota counts as
// spent. It is told to those that share the ledger, if this replica is their owner.
func (b *Budget) Rewound() {
	b.mu.Lock()
	now := b.clock()
	b.forgotten, b.untold = &now, true
	b.publishNext(now)
	b.mu.Unlock()
	b.tellMissing() // else the next owner does, which was there as well
}

// TakeOver reads the ledger anew, as the owner of the identity, and tells the others
// if calls may be missing in it.
func (b *Budget) TakeOver() error {
	err := b.Reload()
	b.tellMissing()
	return err
}

func (b *Budget) tellMissing() {
	b.mu.Lock()
	untold := b.untold
	var op store.Op
	if untold {
		op = b.put(forgottenKey, &missing{Stamp: *b.forgotten})
	}
	b.mu.Unlock()
	if !untold || b.store.Write(op) != nil {
		return
	}
	b.mu.Lock()
	b.untold = false
	b.mu.Unlock()
}

// Restrict makes the limits that other replicas state hold as well.
func (b *Budget) Restrict(others []prefetch.Limit) {
	b.mu.Lock()
	for name, m := range b.members {
		if m.elsewhere {
			delete(b.members, name)
		}
	}
	for i, limit := range others {
		// No account has such a name.
		b.members["\x00"+strconv.Itoa(i)] = &member{limit: limit, elsewhere: true}
	}
	b.publishNext(b.clock())
	wake := b.others("")
	b.mu.Unlock()
	wake()
}

// HandOver writes how long each call has been over, for a replica that takes over and
// has not heard of it in time. What somebody else writes meanwhile is newer, and stays.
func (b *Budget) HandOver() error {
	b.mu.Lock()
	there, err := b.read()
	var ops []store.Op
	put := func(key string, entry any) {
		op := b.put(key, entry)
		op.Was = there[key]
		ops = append(ops, op)
	}
	for _, c := range b.calls {
		if c.Ended != nil {
			put(c.key(), c)
		}
	}
	if !b.throttle.At.Wall.IsZero() || b.throttle.Hold > 0 {
		put(throttleKey, &b.throttle)
	}
	if b.forgotten != nil {
		put(forgottenKey, &missing{Stamp: *b.forgotten})
	}
	b.mu.Unlock()
	if err != nil {
		return err
	}
	if err := b.store.Write(ops...); err != nil {
		return fmt.Errorf("ledger of %s: writing the ages of its calls: %w", b.identity, err)
	}
	return nil
}

// Cancel takes back a call of which nothing left.
func (b *Budget) Cancel(c *Call) {
	b.mu.Lock()
	now := b.clock()
	c.over(now, true)
	b.calls = slices.DeleteFunc(b.calls, func(o *Call) bool { return o == c })
	b.publishNext(now)
	op := b.drop(c)
	wake := b.others("")
	b.mu.Unlock()
	if b.store.Write(op) != nil {
		// It stays in the ledger, as a call that nobody closed.
		b.mu.Lock()
		b.add(c)
		b.mu.Unlock()
	}
	wake()
}

// sign writes into an entry who wrote it and how old it is.
func (b *Budget) sign(entry any) {
	now := b.clock()
	switch e := entry.(type) {
	case *Call:
		e.By, e.Over = b.self, 0
		if e.Ended != nil {
			e.Over = e.Ended.Elapsed(now)
		}
	case *throttle:
		e.By, e.Age, e.HoldAge = b.self, e.At.Elapsed(now), e.HoldAt.Elapsed(now)
	case *missing:
		e.By, e.Age = b.self, e.Elapsed(now)
	}
}

// hear takes in a key of a shared ledger. Whether it is read anew decides whether the
// writer's own dates may tell: of the same boot they do.
func (b *Budget) hear(key string, value []byte, now clock.Stamp, anew bool) {
	if key == throttleKey || key == forgottenKey {
		if b.said[key] == string(value) {
			return // it was dated when it was heard of
		}
		b.said[key] = string(value)
	}
	switch key {
	case throttleKey:
		b.hearThrottle(value, now, anew)
	case forgottenKey:
		b.hearMissing(value, now, anew)
	default:
		b.hearCall(key, value, now, anew)
	}
}

// hearThrottle takes in what another replica was asked by the vendor. What this one knows
// holds as well, until its time is over: a former owner may write over the present one's.
func (b *Budget) hearThrottle(value []byte, now clock.Stamp, anew bool) {
	t := throttle{}
	if value == nil || json.Unmarshal(value, &t) != nil || t.By == b.self {
		return
	}
	t.At, t.HoldAt = heardAt(t.At, t.Age, now, anew), heardAt(t.HoldAt, t.HoldAge, now, anew)
	if b.throttle.holds(now) > t.holds(now) {
		t.Hold, t.HoldAt = b.throttle.Hold, b.throttle.HoldAt
	}
	if b.throttle.factor(now) < t.factor(now) {
		t.Factor, t.At = b.throttle.Factor, b.throttle.At
	}
	b.throttle = t
}

func (b *Budget) hearMissing(value []byte, now clock.Stamp, anew bool) {
	if value == nil {
		return
	}
	m := missing{}
	if err := json.Unmarshal(value, &m); err != nil {
		m = missing{Stamp: now}
	}
	if m.By == b.self {
		return
	}
	at := heardAt(m.Stamp, m.Age, now, anew)
	if b.forgotten == nil || b.forgotten.Until(at) > 0 {
		b.forgotten = &at
	}
}

// heardAt is a moment that another replica has written, by the clock here.
func heardAt(at clock.Stamp, age time.Duration, now clock.Stamp, anew bool) clock.Stamp {
	if at.Wall.IsZero() {
		return at
	}
	if anew && at.Boot != "" && at.Boot == now.Boot {
		age = max(age, at.Elapsed(now))
	}
	return now.Add(-max(0, age))
}

// hearCall takes in a call of another replica. One that nobody closed may leave until
// the time for that is over, and be under way for as long as a call can take.
func (b *Budget) hearCall(key string, value []byte, now clock.Stamp, anew bool) {
	number, err := strconv.ParseUint(key, 10, 64)
	i := slices.IndexFunc(b.calls, func(c *Call) bool { return err == nil && c.number == number })
	if value == nil {
		// What is under way here counts, whatever another replica believes of it.
		if i >= 0 && b.calls[i].Ended != nil {
			b.calls = slices.Delete(b.calls, i, i+1)
		}
		delete(b.unheard, key)
		return
	}
	c := &Call{}
	if err == nil {
		err = json.Unmarshal(value, c)
	}
	if err != nil { // who knows what it was
		b.damaged, b.forgotten = true, &now
		return
	}
	c.number = number
	if c.By == b.self {
		if !b.unheard[key] {
			return
		}
		go func() { _ = b.store.Write(b.drop(c)) }() // its deletion is heard of, and else it blocks its slot
	}
	if c.Ended == nil {
		ended := heardAt(c.Begun, 0, now, anew)
		c.Ended, c.Late = &ended, Departure+vendorapi.DefaultTimeout
	} else {
		ended := heardAt(*c.Ended, c.Over, now, anew)
		c.Ended = &ended
	}
	c.Begun, _ = c.Begun.Restamp(*c.Ended)
	if i >= 0 {
		known := b.calls[i]
		if known.Ended == nil {
			known.Count = c.Count // it stands for others now, and will when it is closed
			return                // it is under way here, whatever another replica believes of it
		}
		if known.count() == c.count() && known.since(now) > c.since(now) {
			c.Ended, c.Late = known.Ended, known.Late
		}
		b.calls[i] = c
		return
	}
	b.add(c)
}

// add puts a call among the others, which are ordered by number.
func (b *Budget) add(c *Call) {
	i, _ := slices.BinarySearchFunc(b.calls, c.number, func(o *Call, number uint64) int { return cmp.Compare(o.number, number) })
	b.calls = slices.Insert(b.calls, i, c)
}
