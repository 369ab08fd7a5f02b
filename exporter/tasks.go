package exporter

import (
	"context"
	"sync"
	"time"

	"prefetch_exporter/config"
	"prefetch_exporter/discovery"
	"prefetch_exporter/discovery/submitted"
	"prefetch_exporter/poller"
)

// firstAnswer is how long --once waits for the first answers of HTTP sources.
const firstAnswer = 30 * time.Second

// update is what discovery needs of a configuration.
func update(cfg *config.Config) discovery.Update {
	u := discovery.Update{Files: cfg.TaskDiscovery.Files}
	for i := range cfg.Accounts {
		u.Accounts = append(u.Accounts, cfg.Accounts[i].Name)
		u.Configured = append(u.Configured, cfg.Accounts[i].Tasks...)
	}
	for _, h := range cfg.TaskDiscovery.HTTP {
		u.HTTP = append(u.HTTP, discovery.HTTPSource{
			Name: h.Source(), URL: h.URL.Value(), RefreshInterval: time.Duration(h.RefreshInterval),
			ClientConfig: *h.HTTPClientConfig.HTTPClientConfig,
		})
	}
	return u
}

// list tells the poller how the tasks that changed are listed now: all of them,
// unless some are named of which only the task API decides.
func (e *Exporter) list(changed []submitted.Name) {
	changes := map[string][]poller.Change{}
	for _, name := range changed {
		task, alone := e.discovery.Submitted(name.Account, name.ID)
		if !alone {
			changes = nil
			break
		}
		changes[name.Account] = append(changes[name.Account], poller.Change{ID: name.ID, Task: task})
	}
	if len(changes) > 0 {
		e.poller.Relist(changes)
		return
	}
	e.poller.List(e.discovery.Merged(), e.discovery.Pending()...)
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

// shared lists tasks on behalf of several callers at once: each returns after a
// run that began after its call, and those that come while one is under way share
// the next.
type shared struct {
	// run lists the tasks that are named, or everything if none is.
	run func(changed []submitted.Name)

	running sync.Mutex
	mu      sync.Mutex
	next    *run // nil if nobody waits
}

// run is one that has not begun.
type run struct {
	done    chan struct{} // closed at its end
	changed []submitted.Name
	all     bool
}

// do lists the tasks that are named, or everything if none is.
func (s *shared) do(changed ...submitted.Name) {
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
