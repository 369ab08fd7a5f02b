package dialect

import (
	"time"

	"prefetch_exporter/poller/clock"
)

const (
	// Tolerance is how far a Date header may be off what is known of the
	// vendor's clock: it has whole seconds, and the call takes time.
	Tolerance = 3 * time.Second
	// SlowCall is how long a call may take for its Date to tell the offset.
	SlowCall = 10 * time.Second
	// LeastSet is the smallest change of our clock that counts as one: clocks
	// that are made to run a little faster or slower change by less between two
	// looks.
	LeastSet = time.Second
)

// SawDate learns the vendor's clock from the Date header of an answer that came
// at a moment, to a call that took a while; a zero date tells nothing. moved is by
// how much the vendor's clock turned out to be ahead of what was known.
func (d *Dialect) SawDate(date time.Time, now clock.Stamp, took time.Duration) (moved time.Duration) {
	if date.IsZero() || took > SlowCall {
		return 0
	}
	d.OffsetAt = now
	// The header was written at some time during the call.
	offset := date.Sub(now.Wall.Add(-took / 2))
	if diff := offset - d.Offset; diff.Abs() <= Tolerance+took/2 {
		return 0
	}
	before := d.Offset
	d.Offset = offset.Round(time.Second)
	return d.Offset - before
}

// SawClock is told the present of our clock. If that was set, the vendor's stayed
// where it was.
func (d *Dialect) SawClock(now clock.Stamp) (changed bool) {
	by, ok := d.OffsetAt.SetBy(now)
	if !ok || by.Abs() < LeastSet {
		return false
	}
	d.Offset -= by.Round(Tick)
	d.OffsetAt = now
	return true
}

// DoubtClock forgets what Offset is true of, unless the same boot's clock told it:
// since then our clock may have been set by any time.
func (d *Dialect) DoubtClock(now clock.Stamp) {
	if _, ok := d.OffsetAt.SetBy(now); !ok {
		d.OffsetAt = clock.Stamp{}
	}
}
