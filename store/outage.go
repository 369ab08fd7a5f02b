package store

import (
	"sync"
	"time"
)

// calm is how long no write may fail before writing counts as working again. On a
// nearly full disk small writes succeed between large ones that fail, and each pair
// would be told of.
const calm = time.Minute

// Outage is whether writes fail. It is safe for concurrent use.
type Outage struct {
	mutex   sync.Mutex
	failing bool
	working time.Time // since when no write failed, while failing; zero if the last did
}

// Note takes in how a write ended, and reports whether writes fail from now on or work
// again, each once.
func (o *Outage) Note(err error, now time.Time) (fails, works bool) {
	o.mutex.Lock()
	defer o.mutex.Unlock()
	switch {
	case err != nil:
		fails = !o.failing
		o.failing, o.working = true, time.Time{}
	case !o.failing:
	case o.working.IsZero():
		o.working = now
	case now.Sub(o.working) >= calm:
		o.failing, works = false, true
	}
	return fails, works
}
