package pages

import (
	"log/slog"
	"sync"
	"time"
)

// refreshPause is how long after a change, and after the last refresh, pages
// are refreshed: many changes at once are rendered together, and a refresh that
// takes long comes less often.
const refreshPause = 250 * time.Millisecond

// refresher renders what changed on kept pages between scrapes. It has a
// goroutine only while it renders, and a timer only between a change and that.
// It is safe for concurrent use.
type refresher struct {
	log  *slog.Logger
	kept *keptPages

	mu sync.Mutex
	// timer will start a refresh, or has started the one that is under way; nil
	// if there is neither.
	timer *time.Timer
	// again: something changed since the refresh under way began.
	again  bool
	closed bool
	// idle is told when timer is nil again.
	idle sync.Cond
}

func newRefresher(log *slog.Logger, kept *keptPages) *refresher {
	r := &refresher{log: log, kept: kept}
	r.idle.L = &r.mu
	return r
}

// changed has pages refreshed soon, if somebody asks for any.
func (r *refresher) changed() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.timer != nil {
		r.again = true
		return
	}
	if !r.closed && len(r.kept.inUse()) > 0 {
		r.timer = time.AfterFunc(refreshPause, r.run)
	}
}

// run is what the timer starts.
func (r *refresher) run() {
	r.mu.Lock()
	r.again = false
	r.mu.Unlock()
	r.refresh()
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.again && !r.closed {
		r.timer.Reset(refreshPause)
		return
	}
	r.timer = nil
	r.idle.Broadcast()
}

// refresh renders what changed on all pages in use, one after the other.
func (r *refresher) refresh() {
	pages := r.kept.inUse()
	if len(pages) == 0 {
		return
	}
	began := time.Now()
	for _, p := range pages {
		if err := p.refresh(); err != nil {
			r.log.Error("A page cannot be rendered ahead of the next scrape, which renders it as a whole", "error", err)
		}
	}
	r.log.Debug("Pages were rendered ahead of the next scrape", "pages", len(pages), "took", time.Since(began))
}

// close returns when no refresh is under way, and none will be.
func (r *refresher) close() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.closed = true
	if r.timer != nil && r.timer.Stop() {
		r.timer = nil
		return
	}
	for r.timer != nil {
		r.idle.Wait()
	}
}
