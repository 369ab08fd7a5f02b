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
// goroutine only between a change and the end of its refresh. It is safe for
// concurrent use.
type refresher struct {
	log  *slog.Logger
	kept *keptPages
	// turn has room for the one goroutine that waits or renders.
	turn chan struct{}
	end  chan struct{} // closed by close

	mu sync.Mutex
	// due: a refresh will begin that has not begun.
	due, closed bool
	running     sync.WaitGroup
}

func newRefresher(log *slog.Logger, kept *keptPages) *refresher {
	return &refresher{log: log, kept: kept, turn: make(chan struct{}, 1), end: make(chan struct{})}
}

// changed has pages refreshed soon, if somebody asks for any.
func (r *refresher) changed() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.due && !r.closed && len(r.kept.inUse()) > 0 {
		r.due = true
		r.running.Go(r.run)
	}
}

func (r *refresher) run() {
	r.turn <- struct{}{}
	defer func() { <-r.turn }()
	select {
	case <-r.end:
		return
	case <-time.After(refreshPause):
	}
	r.mu.Lock()
	r.due = false
	r.mu.Unlock()
	r.refresh()
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
	if !r.closed {
		r.closed = true
		close(r.end)
	}
	r.mu.Unlock()
	r.running.Wait()
}
