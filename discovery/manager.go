package discovery

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"prefetch_exporter/discovery/files"
	"prefetch_exporter/internal/loglimit"
	"prefetch_exporter/prefetch"
)

const defaultInterval = time.Minute

// Submitted are the tasks that were put through the task API. Its methods are called
// with the manager's lock held.
type Submitted interface {
	// List returns all tasks, by account and id.
	List() []prefetch.Task
	// Get returns a task, and whether it is there.
	Get(account, id string) (prefetch.Task, bool)
	// Unreadable says which tasks are kept and cannot be read.
	Unreadable() []error
	// Revision is another number after each change.
	Revision() uint64
}

// Options are what stays over all reloads.
type Options struct {
	// Submitted are the tasks of the task API.
	Submitted Submitted
	// Reporter is told of the sources' health.
	Reporter Reporter
	// Logger is told what changes for the better or the worse.
	Logger *slog.Logger
	// Interval is how often files are read though no change was seen; one
	// minute if 0.
	Interval time.Duration
	// UserAgent is sent to HTTP sources.
	UserAgent string
	// Random returns numbers in [0, 1) that spread the questions to HTTP
	// sources, and is called concurrently; nil means a good generator.
	Random func() float64
}

// Update is what a configuration says: the sources of tasks and its own.
type Update struct {
	// Configured are the configuration's own tasks.
	Configured []prefetch.Task
	// Accounts are the names of all accounts.
	Accounts []string
	// Files are absolute patterns as in [filepath.Glob], but that a wildcard at
	// the beginning of a name does not mean a dot. A pattern that means nothing
	// now is no error, nor is a folder that does not exist yet.
	Files []string
	// HTTP are the HTTP sources, from the one that wins a conflict to the one
	// that loses.
	HTTP []HTTPSource
}

// Manager watches all sources and merges what they list. It is safe for
// concurrent use.
type Manager struct {
	submitted Submitted
	reporter  Reporter
	log       *slog.Logger
	limit     *loglimit.Limiter // of what changes with each answer
	interval  time.Duration
	userAgent string
	random    func() float64

	changes chan struct{} // Merged or Complete may have changed
	work    chan struct{} // a change waits for Run
	reread  chan struct{} // the patterns changed

	// reading serialises readings of the files, so that none overtakes a later
	// one. It is taken before mu.
	reading sync.Mutex

	mu         sync.Mutex
	configured []prefetch.Task
	accounts   []string
	ready      bool // the configuration is known
	files      *fileSet
	http       []*httpSource
	// filesSuccess is when all files could be read last; zero if never.
	filesSuccess time.Time

	// merged and the rest are made of all above; dirty says that they must be
	// made anew.
	dirty     bool
	revision  uint64 // of submitted
	merged    map[string][]prefetch.Task
	listed    map[key]bool // by other sources than the task API
	unknown   map[string]int
	conflicts map[Conflict]bool
}

// New returns a manager without sources, which are known by the first
// [Manager.Reload].
func New(o Options) *Manager {
	m := &Manager{
		submitted: o.Submitted, reporter: o.Reporter, log: o.Logger,
		limit:    loglimit.New(o.Logger, time.Now, maxLogged),
		interval: cmp.Or(o.Interval, defaultInterval), userAgent: o.UserAgent, random: o.Random,
		changes: make(chan struct{}, 1), work: make(chan struct{}, 1),
		reread: make(chan struct{}, 1),
		files:  &fileSet{},
		merged: map[string][]prefetch.Task{},
	}
	if m.random == nil {
		m.random = rand.Float64
	}
	m.reporter.SetRejected(RejectedUnknownAccount, 0)
	m.reporter.SetRejected(RejectedInvalid, 0)
	for _, err := range m.submitted.Unreadable() {
		m.log.Error("a task put through the API cannot be read and is not watched", "error", err)
	}
	return m
}

// newSources parses the patterns, and makes the clients of the HTTP sources.
func newSources(texts []string, http []HTTPSource) (patterns []files.Pattern, sources []*httpSource, err error) {
	for i, text := range texts {
		p, err := files.Parse(text)
		if err != nil {
			return nil, nil, fmt.Errorf("task discovery: file pattern %d: %w", i+1, err)
		}
		patterns = append(patterns, p)
	}
	for _, source := range http {
		client, err := newHTTPClient(&source)
		if err != nil {
			return nil, nil, fmt.Errorf("task discovery: HTTP source %s: %w", source.Name, err)
		}
		sources = append(sources, &httpSource{HTTPSource: source, client: client, state: httpState{content: &content{}}})
	}
	return patterns, sources, nil
}

// Check reports whether the sources of the options could be used, without using
// them: what Reload would refuse.
func Check(patterns []string, http []HTTPSource) error {
	_, _, err := newSources(patterns, http)
	return err
}

// Reload applies the update whole, or returns an error and changes nothing.
// Merged never shows a mixture of before and after. HTTP sources that stay keep
// what they said, and their connections if nothing about them changed. Files are read
// before it returns, so that no restart shows a hole where they are whole; what is
// broken in them is reported and logged, and no error. HTTP sources are asked by Run.
func (m *Manager) Reload(u Update) error {
	patterns, sources, err := newSources(u.Files, u.HTTP)
	if err != nil {
		return err
	}
	m.reading.Lock()
	defer m.reading.Unlock()
	m.mu.Lock()
	before := m.files
	m.mu.Unlock()
	set := readFiles(patterns, before)

	m.mu.Lock()
	defer m.mu.Unlock()
	m.publishFiles(set)
	m.replaceHTTP(sources)
	m.configured, m.accounts = slices.Clone(u.Configured), slices.Clone(u.Accounts)
	m.ready = true
	m.markDirty()
	m.refresh()
	signal(m.reread)
	return nil
}

// Changes returns a channel that gets a value when Merged or Complete may have
// changed since the last value was taken, but for what [Submitted] changed: who
// changes that knows. It has one reader.
func (m *Manager) Changes() <-chan struct{} { return m.changes }

// Merged returns the tasks to watch, by account and sorted by id, as [Merge]
// makes them. A change that a method of the manager or of [Submitted] has
// returned from is in it. The result must not be changed.
func (m *Manager) Merged() map[string][]prefetch.Task {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.refresh()
	return m.merged
}

// Sources returns the sources that list the task, one of the Source constants
// for each listing, from the one that wins a conflict to the one that loses.
func (m *Manager) Sources(account, id string) []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	wanted := key{account: account, id: id}
	var sources []string
	for _, listing := range m.elsewhere() {
		for i := range listing {
			if keyOf(listing[i]) == wanted {
				sources = append(sources, listing[i].Source)
			}
		}
	}
	if _, there := m.submitted.Get(account, id); there {
		sources = append(sources, prefetch.SourceAPI)
	}
	return sources
}

// Submitted returns the task as it was put through the API, nil if it was not, where
// that alone decides how it is listed. It is false if another source lists it too,
// if its account does not exist, or while that is not known: then only all sources
// together tell.
func (m *Manager) Submitted(account, id string) (task *prefetch.Task, alone bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, known := m.merged[account]; !known || m.listed[key{account: account, id: id}] {
		return nil, false
	}
	if t, there := m.submitted.Get(account, id); there {
		return &t, true
	}
	return nil, true
}

// Complete reports whether every source has been asked: the configuration is
// set, and each HTTP source has answered or failed once. Before that, a task
// that Merged does not have may still be listed somewhere.
func (m *Manager) Complete() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.ready && !slices.ContainsFunc(m.http, func(s *httpSource) bool { return !s.state.asked })
}

// Pending returns the kinds of sources, as Source constants, of which something waits
// for its first successful reading. A task that came from there before a restart may
// still be listed, though Merged does not have it and Complete is true.
func (m *Manager) Pending() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	var pending []string
	if !m.ready || !m.files.known() {
		pending = append(pending, prefetch.SourceFile)
	}
	if slices.ContainsFunc(m.http, func(s *httpSource) bool { return !s.state.content.known }) {
		pending = append(pending, prefetch.SourceHTTP)
	}
	return pending
}

// Run watches the files and asks the HTTP sources until the context ends, and
// returns nil then. It is called once.
func (m *Manager) Run(ctx context.Context) error {
	var running sync.WaitGroup
	defer running.Wait()
	running.Go(func() { m.watchFiles(ctx) })

	polls := make(map[*httpSource]context.CancelFunc)
	defer func() {
		for _, stop := range polls {
			stop()
		}
	}()
	for {
		m.startPolls(ctx, &running, polls)
		select {
		case <-ctx.Done():
			return nil
		case <-m.work:
			m.mu.Lock()
			m.refresh()
			m.mu.Unlock()
		}
	}
}

func (m *Manager) markDirty() {
	m.dirty = true
	signal(m.changes)
	signal(m.work)
}

// signal leaves a value in a channel of capacity 1 unless there is one.
func signal(c chan<- struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
