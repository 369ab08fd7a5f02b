// Package loglimit keeps what is said again and again from filling a log. It owns
// how often; it must not know what is said.
//
// Limits are per kind, of which there are few, and not per text: a text may be a
// server's, of which there is no end.
package loglimit

import (
	"log/slog"
	"sync"
	"time"
)

// quiet is how long the same warning is not repeated.
const quiet = time.Hour

// Limiter logs in measure. It is safe for concurrent use.
type Limiter struct {
	log  *slog.Logger
	now  func() time.Time
	most int

	mu     sync.Mutex
	told   map[string]*alike
	events map[string]time.Time
}

// alike is what was logged of one kind since some time, and how much was not.
type alike struct {
	since        time.Time
	about        map[string]bool
	logged, held int
}

// New returns a limiter that logs at most so many warnings of a kind an hour.
func New(log *slog.Logger, now func() time.Time, most int) *Limiter {
	return &Limiter{log: log, now: now, most: most, told: map[string]*alike{}, events: map[string]time.Time{}}
}

// Warn logs a warning, but no more of its kind an hour than the limit. The next one
// that is logged says how many were not.
func (l *Limiter) Warn(kind, msg string, args ...any) {
	if held, ok := l.take(kind, nil); ok {
		l.warn(held, msg, args)
	}
}

// WarnOnce is Warn for what is not to be said twice an hour about the same.
func (l *Limiter) WarnOnce(kind, about, msg string, args ...any) {
	if held, ok := l.take(kind, &about); ok {
		l.warn(held, msg, args)
	}
}

func (l *Limiter) warn(held int, msg string, args []any) {
	if held > 0 {
		args = append(args, "alike_not_logged", held)
	}
	l.log.Warn(msg, args...) //nolint:sloglint // each caller's is a constant
}

func (l *Limiter) take(kind string, about *string) (held int, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.now()
	a := l.told[kind]
	if a == nil || !recent(a.since, now, quiet) {
		if a != nil {
			held = a.held
		}
		a = &alike{since: now, about: map[string]bool{}}
		l.told[kind] = a
	}
	switch {
	case about != nil && a.about[*about]:
		return 0, false
	case a.logged >= l.most:
		a.held++
		return 0, false
	}
	a.logged++
	if about != nil {
		a.about[*about] = true
	}
	return held, true
}

// Apart reports whether the last thing of the kind that it said so of is so long
// ago.
func (l *Limiter) Apart(kind string, d time.Duration) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.now()
	if recent(l.events[kind], now, d) {
		return false
	}
	l.events[kind] = now
	return true
}

// recent reports whether at lies less than d back; a clock that was set back does
// not make it so for longer.
func recent(at, now time.Time, d time.Duration) bool {
	return !at.IsZero() && now.Sub(at).Abs() < d
}
