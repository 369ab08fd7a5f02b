package discovery

import (
	"context"
	"time"
)

// watchFiles reads the files when they may have changed, until the context ends.
func (m *Manager) watchFiles(ctx context.Context) {
	w := newWatcher(m.log)
	defer w.close()
	tick := time.NewTicker(m.interval)
	defer tick.Stop()
	for {
		w.follow(m.patterns())
		m.readFiles()
		if !w.wait(ctx, tick.C, m.reread) {
			return
		}
	}
}

func (m *Manager) patterns() []pattern {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.files.set.patterns
}

func (m *Manager) readFiles() {
	m.reading.Lock()
	defer m.reading.Unlock()
	m.mu.Lock()
	before := m.files.set
	m.mu.Unlock()
	set := readFiles(before.patterns, before)
	m.mu.Lock()
	defer m.mu.Unlock()
	m.publishFiles(set)
}

// publishFiles takes over a reading of the files. Both locks are held.
func (m *Manager) publishFiles(set *fileSet) {
	before := m.files.set
	m.files.set = set
	m.files.known = set.known()
	errs := set.errors()
	if len(errs) == 0 {
		m.files.lastSuccess = time.Now()
	}
	switch {
	case len(set.patterns) > 0:
		m.reporter.Discovery(sourceFiles, len(errs) == 0, m.files.lastSuccess)
	case len(before.patterns) > 0:
		m.reporter.ForgetDiscovery(sourceFiles)
	}

	known := make(map[string]bool)
	for _, text := range before.errors() {
		known[text] = true
	}
	for _, text := range errs {
		if !known[text] {
			m.log.Warn("task files cannot be read; what was read before stays", "error", text)
		}
	}
	if len(errs) == 0 && len(known) > 0 {
		m.log.Info("all task files can be read again")
	}
	for _, f := range set.files {
		m.logProblems(m.log.Warn, f.content, before.contentOf(f.path))
	}
	if !set.sameTasks(before) {
		m.markDirty()
	}
}
