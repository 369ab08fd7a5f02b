package loglimit_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"prefetch_exporter/internal/loglimit"
)

// clock is a time that the test sets.
type clock struct{ at time.Time }

func (c *clock) now() time.Time { return c.at }

func start(most int) (*loglimit.Limiter, *clock, *bytes.Buffer) {
	log, c := &bytes.Buffer{}, &clock{at: time.Date(2026, 11, 21, 8, 0, 0, 0, time.UTC)}
	return loglimit.New(slog.New(slog.NewTextHandler(log, nil)), c.now, most), c, log
}

func TestWarn(t *testing.T) {
	t.Parallel()
	l, c, log := start(3)
	lines := func() []string {
		defer log.Reset()
		return strings.Split(strings.TrimSpace(log.String()), "\n")
	}
	for i := range 100 {
		l.Warn("one kind", "said", "n", i)
		c.at = c.at.Add(time.Second)
	}
	l.Warn("another kind", "said too")
	if got := lines(); len(got) != 4 || !strings.Contains(got[2], "n=2") || !strings.Contains(got[3], "said too") {
		t.Errorf("logged %q", got)
	}
	c.at = c.at.Add(time.Hour)
	l.Warn("one kind", "said", "n", 100)
	l.Warn("one kind", "said", "n", 101)
	if got := lines(); len(got) != 2 || !strings.HasSuffix(got[0], "n=100 alike_not_logged=97") || !strings.HasSuffix(got[1], "n=101") {
		t.Errorf("logged %q", got)
	}
	// A clock that was set back holds nothing for longer.
	c.at = c.at.Add(-24 * time.Hour)
	l.Warn("one kind", "said", "n", 102)
	if got := lines(); len(got) != 1 || !strings.HasSuffix(got[0], "n=102") {
		t.Errorf("logged %q", got)
	}
}

func TestWarnOnce(t *testing.T) {
	t.Parallel()
	l, c, log := start(3)
	for i := range 50 {
		l.WarnOnce("kind", fmt.Sprint("about ", i/10), "said", "n", i)
		c.at = c.at.Add(time.Minute)
	}
	if got := strings.Count(log.String(), "\n"); got != 3 {
		t.Errorf("%d lines:\n%s", got, log)
	}
	c.at = c.at.Add(10 * time.Minute)
	log.Reset()
	l.WarnOnce("kind", "about 0", "said")
	if got := log.String(); !strings.HasSuffix(got, "said alike_not_logged=20\n") {
		t.Errorf("logged %q", got)
	}
}

func TestApart(t *testing.T) {
	t.Parallel()
	l, c, _ := start(1)
	var got []bool
	for _, after := range []time.Duration{0, 59 * time.Second, time.Second, time.Second, -time.Hour} {
		c.at = c.at.Add(after)
		got = append(got, l.Apart("kind", time.Minute))
	}
	if want := "[true false true false true]"; fmt.Sprint(got) != want {
		t.Errorf("got %v, want %s", got, want)
	}
	if !l.Apart("another", time.Minute) {
		t.Error("one kind holds another back")
	}
}
