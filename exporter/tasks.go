package exporter

import (
	"context"
	"sync"
	"time"

	"prefetch_exporter/collector"
	"prefetch_exporter/config"
	"prefetch_exporter/discovery"
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
			URL: h.URL, RefreshInterval: h.RefreshInterval, ClientConfig: h.HTTPClientConfig,
		})
	}
	return u
}

// list tells the poller what is listed now.
func (e *Exporter) list() {
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
}

// Put adds or replaces a task; see [discovery.Registry.Put].
func (r registry) Put(task prefetch.Task) (created bool, err error) {
	r.forgetting.RLock()
	defer r.forgetting.RUnlock()
	created, err = r.Registry.Put(task)
	r.listed.do()
	return created, err
}

// Delete forgets a task; see [discovery.Registry.Delete].
func (r registry) Delete(account, id string) (existed bool, err error) {
	r.forgetting.RLock()
	defer r.forgetting.RUnlock()
	existed, err = r.Registry.Delete(account, id)
	r.listed.do()
	return existed, err
}

// shared runs a function on behalf of several callers at once: each returns
// after a run that began after its call, and those that come while one is under
// way share the next.
type shared struct {
	run func()

	running sync.Mutex
	mu      sync.Mutex
	next    chan struct{} // closed at the end of the next run; nil if nobody waits
}

func (s *shared) do() {
	s.mu.Lock()
	if done := s.next; done != nil {
		s.mu.Unlock()
		<-done
		return
	}
	done := make(chan struct{})
	s.next = done
	s.mu.Unlock()

	s.running.Lock()
	defer s.running.Unlock()
	s.mu.Lock()
	s.next = nil
	s.mu.Unlock()
	s.run()
	close(done)
}
