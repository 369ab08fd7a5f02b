package task

import (
	"time"

	"prefetch_exporter/poller/clock"
)

// Moment is what the life of a task depends on besides the answer: when it was
// asked for, and what its vendor can be asked.
type Moment struct {
	// Now is when the answer came, and Left when its question left, by our clock;
	// Sent is Left in the vendor's time.
	Now, Left, Sent time.Time
	// Moved is by how much the answer itself put the vendor's clock ahead.
	Moved time.Duration
	// Oldest is the earliest creation that the vendor can be asked for.
	Oldest time.Time
	Means
	// Gradual and Windows: rows may appear after others, and the vendor can be asked for
	// windows.
	Gradual, Windows bool
	// Causes: the vendor tells why URLs failed.
	Causes bool
	// Open: the vendor says that the task is not over.
	Open bool
	// Jitter returns a number in [0, 1).
	Jitter func() float64
}

// Surely is the earliest that the question can have left, in the vendor's time. A
// Date header that does not fit those before it may be another server's: what it
// puts ahead proves nothing until another one fits it.
func (m *Moment) Surely() time.Time { return m.Sent.Add(-max(0, m.Moved)) }

// Backoff is the gap after the n-th failure in a row: base doubled n-1 times,
// at most [clock.LongestRetry], less up to a quarter at random, but never below
// base.
func (m *Moment) Backoff(base time.Duration, n int) time.Duration {
	const most = 20 // doublings beyond any limit
	d := min(base<<min(max(n-1, 0), most), clock.LongestRetry)
	if d <= 0 {
		d = clock.LongestRetry
	}
	return max(base, d-time.Duration(m.Jitter()*float64(d)/4))
}
