package discovery

import (
	"context"
	"reflect"
	"slices"
	"sync"
	"time"
)

// calmly is the least time between two lines which say that a source fails.
const calmly = time.Minute

// cannotBeRead is said of a source that fails, or fails in another way.
const cannotBeRead = "a task source cannot be read; what was read before stays"

// replaceHTTP takes over the sources. Those that stay keep what is known of
// them. The lock is held.
func (m *Manager) replaceHTTP(sources []*httpSource) {
	before := make(map[string]*httpSource)
	for _, s := range m.http {
		before[s.URL] = s
	}
	m.http = nil
	for _, s := range sources {
		if old := before[s.URL]; old != nil {
			s.state = old.state
			s.failing = old.failing
			if reflect.DeepEqual(s.HTTPSource, old.HTTPSource) {
				s = old // its connections stay
			}
		}
		m.http = append(m.http, s)
		m.reportHTTP(s)
	}
	for _, s := range before {
		if !slices.ContainsFunc(sources, func(now *httpSource) bool { return now.Name == s.Name }) {
			m.reporter.RemoveDiscovery(s.Name)
		}
	}
	m.markDirty()
}

func (m *Manager) reportHTTP(s *httpSource) {
	up := s.state.asked && s.state.content.err == nil
	m.reporter.SetDiscovery(s.Name, up, s.state.lastSuccess)
}

// startPolls starts and stops polls so that there is one for each HTTP source.
func (m *Manager) startPolls(ctx context.Context, running *sync.WaitGroup, polls map[*httpSource]context.CancelFunc) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, s := range m.http {
		if polls[s] == nil {
			pollCtx, stop := context.WithCancel(ctx)
			polls[s] = stop
			running.Go(func() { m.poll(pollCtx, s) })
		}
	}
	for s, stop := range polls {
		if !slices.Contains(m.http, s) {
			stop()
			delete(polls, s)
		}
	}
}

// poll asks one HTTP source until the context ends.
func (m *Manager) poll(ctx context.Context, s *httpSource) {
	defer s.client.CloseIdleConnections()
	m.mu.Lock()
	state := s.state
	m.mu.Unlock()
	for {
		state = s.fetch(ctx, m.userAgent, state)
		if ctx.Err() != nil || !m.publishHTTP(s, state) {
			return
		}
		wait := s.RefreshInterval + time.Duration(m.random()*jitterPart*float64(s.RefreshInterval))
		select {
		case <-ctx.Done():
			return
		case <-time.After(wait):
		}
	}
}

// publishHTTP takes over what is known after an answer, and reports whether the
// source is still one.
func (m *Manager) publishHTTP(s *httpSource, state httpState) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	// A source that was removed meanwhile must not come back to the metrics.
	if !slices.Contains(m.http, s) {
		return false
	}
	before := s.state
	s.state = state
	m.reportHTTP(s)
	err := state.content.err
	switch {
	case err != nil && !s.failing:
		if s.failing = m.limit.Apart("fails "+s.Name, calmly); s.failing {
			m.log.Warn(cannotBeRead, "source", s.Name, "error", err)
		}
	case err != nil && (before.content.err == nil || before.content.err.Error() != err.Error()):
		m.limit.Warn("error "+s.Name, cannotBeRead, "source", s.Name, "error", err)
	case err == nil && s.failing:
		s.failing = false
		m.log.Info("a task source can be read again", "source", s.Name)
	}
	m.logProblems(func(msg string, args ...any) { m.limit.Warn(msg+" "+s.Name, msg, args...) }, state.content, before.content)
	// The first answer changes the content, too, and so tells of Complete.
	if state.content != before.content {
		m.markDirty()
	}
	return true
}
