package exporter

import (
	"context"
	"fmt"
	"sync"
	"time"

	"prefetch_exporter/collector"
	"prefetch_exporter/config"
	"prefetch_exporter/discovery"
	"prefetch_exporter/poller"
	"prefetch_exporter/prefetch"
)

// firstAnswer is how long --once waits for the first answers of HTTP sources.
const firstAnswer = 30 * time.Second

// reporter tells the metrics how discovery fares.
type reporter struct{ recorder *collector.Recorder }

func (r reporter) Discovery(source string, up bool, lastSuccess time.Time) {
	r.recorder.SetDiscovery(source, up, lastSuccess)
}
func (r reporter) ForgetDiscovery(source string) { r.recorder.RemoveDiscovery(source) }
func (r reporter) Rejected(reason string, n int) { r.recorder.SetRejected(reason, n) }

// update is what discovery needs of a configuration.
func update(cfg *config.Config) discovery.Update {
	u := discovery.Update{Files: cfg.TaskDiscovery.Files}
	for i := range cfg.Accounts {
		u.Accounts = append(u.Accounts, cfg.Accounts[i].Name)
		u.Configured = append(u.Configured, cfg.Accounts[i].Tasks...)
	}
	for _, h := range cfg.TaskDiscovery.HTTP {
		u.HTTP = append(u.HTTP, discovery.HTTPSource{
			URL: h.URL.Value(), RefreshInterval: time.Duration(h.RefreshInterval), ClientConfig: *h.HTTPClientConfig.HTTPClientConfig,
		})
	}
	return u
}

// list tells the poller how the tasks that changed are listed now: all of them,
// unless some are named of which only the task API decides.
func (e *Exporter) list(changed []taskName) {
	changes := map[string][]poller.Change{}
	for _, name := range changed {
		task, alone := e.discovery.Submitted(name.account, name.id)
		if !alone {
			changes = nil
			break
		}
		changes[name.account] = append(changes[name.account], poller.Change{ID: name.id, Task: task})
	}
	if len(changes) > 0 {
		e.poller.Relist(changes)
		return
	}
	var pending []string
	for _, source := range []string{prefetch.SourceFile, prefetch.SourceHTTP} {
		if !e.discovery.Known(source) {
			pending = append(pending, source)
		}
	}
	e.poller.List(e.discovery.Merged(), pending...)
}

// discover runs discovery and passes on its changes until ctx ends.
func (e *Exporter) discover(ctx context.Context) error {
	done := make(chan error, 1)
	go func() { done <- e.discovery.Run(ctx) }()
	told := e.tellWatched(false)
	for {
		select {
		case err := <-done:
			return err
		case <-e.discovery.Changes():
			e.listing.do()
			told = e.tellWatched(told)
		}
	}
}

// tellWatched logs once, when every source of tasks was asked, how much there is to
// watch. It reports whether it has.
func (e *Exporter) tellWatched(told bool) bool {
	if told || !e.discovery.Complete() {
		return told
	}
	e.log.Info("every source of tasks was asked", e.watching()...)
	return true
}

// watching is how much there is to watch, for the log.
func (e *Exporter) watching() []any {
	tasks := 0
	for _, listed := range e.discovery.Merged() {
		tasks += len(listed)
	}
	return []any{"accounts", len(e.config.Load().Accounts), "tasks", tasks}
}

// discoverOnce asks every source once.
func (e *Exporter) discoverOnce(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, firstAnswer)
	done := make(chan error, 1)
	go func() { done <- e.discovery.Run(ctx) }()
	for !e.discovery.Complete() && ctx.Err() == nil {
		select {
		case <-e.discovery.Changes():
		case <-ctx.Done():
		}
	}
	e.listing.do()
	e.tellWatched(false)
	cancel()
	return <-done
}

// registry is the registry of the task API. A change is in the next scrape when
// its method has returned.
type registry struct {
	*discovery.Registry
	listed *shared
	// forgetting is held for reading while a task is put or deleted, until it is
	// listed: what the poller knows is of the tasks that are there while it is
	// held for writing.
	forgetting *sync.RWMutex
	room       *room
}

// Put adds or replaces a task; see [discovery.Registry.Put]. One that is new and
// could not be watched is refused with [discovery.ErrFull]: who puts it must know.
func (r registry) Put(task prefetch.Task) (created bool, err error) {
	r.forgetting.RLock()
	defer r.forgetting.RUnlock()
	if _, there := r.Get(task.Account, task.ID); !there {
		leave, err := r.room.enter(task.Account, task.ID)
		if err != nil {
			return false, err
		}
		defer leave()
	}
	created, err = r.Registry.Put(task)
	r.listed.do(taskName{task.Account, task.ID})
	return created, err
}

// Delete forgets a task; see [discovery.Registry.Delete].
func (r registry) Delete(account, id string) (existed bool, err error) {
	r.forgetting.RLock()
	defer r.forgetting.RUnlock()
	existed, err = r.Registry.Delete(account, id)
	r.listed.do(taskName{account, id})
	return existed, err
}

// room keeps the task API within global.task_limit.
type room struct {
	// left is how many more tasks an account can watch, and the limit.
	left func(account string) (room, limit int)
	// alone reports whether no other source lists the task: then it needs no room.
	alone func(account, id string) bool

	mu sync.Mutex
	// entering is how many tasks of an account are being put: they are not watched
	// yet.
	entering map[string]int
}

// enter takes room for a task until it is listed.
func (r *room) enter(account, id string) (leave func(), err error) {
	if !r.alone(account, id) {
		return func() {}, nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	left, limit := r.left(account)
	if left <= r.entering[account] {
		return nil, fmt.Errorf("%w: account %q watches as many tasks as global.task_limit allows, %d that are not settled; "+
			"put it again when one is, delete one, or raise the limit", discovery.ErrFull, account, limit)
	}
	r.entering[account]++
	return func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		if r.entering[account]--; r.entering[account] == 0 {
			delete(r.entering, account)
		}
	}, nil
}

// shared lists tasks on behalf of several callers at once: each returns after a
// run that began after its call, and those that come while one is under way share
// the next.
type shared struct {
	// run lists the tasks that are named, or everything if none is.
	run func(changed []taskName)

	running sync.Mutex
	mu      sync.Mutex
	next    *run // nil if nobody waits
}

// run is one that has not begun.
type run struct {
	done    chan struct{} // closed at its end
	changed []taskName
	all     bool
}

// do lists the tasks that are named, or everything if none is.
func (s *shared) do(changed ...taskName) {
	s.mu.Lock()
	next, leads := s.next, s.next == nil
	if leads {
		next = &run{done: make(chan struct{})}
		s.next = next
	}
	next.changed = append(next.changed, changed...)
	next.all = next.all || len(changed) == 0
	s.mu.Unlock()
	if !leads {
		<-next.done
		return
	}
	s.running.Lock()
	defer s.running.Unlock()
	s.mu.Lock()
	s.next = nil
	s.mu.Unlock()
	if next.all {
		next.changed = nil
	}
	s.run(next.changed)
	close(next.done)
}
