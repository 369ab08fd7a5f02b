package simulator

import (
	"context"
	"math/rand/v2"
	"sync"
	"time"
)

// Latency says how long one call takes: before is the time until it reaches
// the vendor, is counted and answered, after the time until the answer leaves.
// It must be safe for concurrent use. A nil Latency takes no time.
type Latency func() (before, after time.Duration)

// Jitter returns a random Latency: before and after together are between 0 and
// limit, and either may have the greater share. The same seed gives the same
// sequence. A limit of zero or less takes no time.
func Jitter(seed uint64, limit time.Duration) Latency {
	var mu sync.Mutex
	random := rand.New(rand.NewPCG(seed, seed)) //nolint:gosec // repeatable on purpose, guards nothing
	return func() (before, after time.Duration) {
		if limit <= 0 {
			return 0, 0
		}
		mu.Lock()
		defer mu.Unlock()
		total := random.Int64N(int64(limit) + 1)
		part := random.Int64N(total + 1)
		return time.Duration(part), time.Duration(total - part)
	}
}

// sleep waits for d, or less if the context ends before; it reports whether
// the whole time passed.
func sleep(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return ctx.Err() == nil
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
