package journal_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"prefetch_exporter/poller/journal"
	"prefetch_exporter/poller/task"
	"prefetch_exporter/prefetch"
)

// log is a journal, what it wrote and its clock.
type log struct {
	*journal.Journal

	bytes.Buffer
	now time.Time
}

func open() *log {
	l := &log{now: time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)}
	plain := func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey {
			return slog.Attr{}
		}
		return a
	}
	l.Journal = journal.New(slog.New(slog.NewTextHandler(&l.Buffer, &slog.HandlerOptions{ReplaceAttr: plain})),
		func() time.Time { return l.now })
	return l
}

// wants that this and no more was logged since the last look.
func (l *log) wants(t *testing.T, lines ...string) {
	t.Helper()
	want := strings.Join(lines, "\n")
	if got := strings.TrimSuffix(l.String(), "\n"); got != want {
		t.Errorf("logged\n%s\nwant\n%s", got, want)
	}
	l.Reset()
}

func TestWords(t *testing.T) {
	t.Parallel()
	l := open()
	l.Learned("asking otherwise", "n", 1)
	l.wants(t, `level=INFO msg="asking otherwise" n=1`)
	l.Word("odd", "task", "a")
	l.now = l.now.Add(24 * time.Hour)
	l.Word("odd", "task", "b")
	l.wants(t, `level=WARN msg="the vendor used a status that it never documented; it counts as unknown" task=a status=odd`)
	for i := range 2000 {
		l.Word(fmt.Sprint(i))
		l.now = l.now.Add(time.Hour)
	}
	if n := strings.Count(l.String(), "\n"); n != 999 {
		t.Errorf("%d further words are logged, want 999", n)
	}
}

func TestWarningsOfAKind(t *testing.T) {
	t.Parallel()
	l := open()
	for i := range 8 {
		l.Warn(journal.Oddity, fmt.Sprint(i%7), "odd", "n", i)
	}
	l.Warn(journal.Ledger, "", "full")
	l.wants(t, "level=WARN msg=odd n=0", "level=WARN msg=odd n=1", "level=WARN msg=odd n=2", "level=WARN msg=odd n=3",
		"level=WARN msg=odd n=4", "level=WARN msg=full")
}

// An account that fails is told of at once, then once an hour, and when it answers.
func TestFailures(t *testing.T) {
	t.Parallel()
	const failed = `level=WARN msg="a vendor call failed; the last good answer stays"`
	l := open()
	since := l.now
	l.Again(prefetch.ReasonAuth, since, 1) // the log does not say that it fails
	l.Failed(prefetch.ReasonAuth, "a", "n", 1)
	l.Failed(prefetch.ReasonAuth, "a", "n", 2)
	l.Failed(prefetch.ReasonTimeout, "a", "n", 3)
	l.wants(t, failed+" n=1", failed+" n=3")
	l.now = l.now.Add(59 * time.Minute)
	l.Failed(prefetch.ReasonTimeout, "a", "n", 4)
	l.now = l.now.Add(time.Minute)
	l.Failed(prefetch.ReasonTimeout, "a", "n", 5)
	l.wants(t, failed+" n=5")
	l.Again(prefetch.ReasonTimeout, since, 5)
	l.Again(prefetch.ReasonTimeout, since, 5)
	l.wants(t, `level=INFO msg="the account answers again" reason=timeout after=1h0m0s failed_calls=5`)
	l.Failed(prefetch.ReasonTimeout, "a", "n", 6) // it flaps
	l.wants(t)
	l.Fails(prefetch.ReasonAuth) // as an earlier process logged
	l.Again(prefetch.ReasonAuth, since, 7)
	l.wants(t, `level=INFO msg="the account answers again" reason=auth after=1h0m0s failed_calls=7`)
	l.Failed(prefetch.ReasonInvalid, "a", "n", 8) // a task's own trouble
	l.Failed(prefetch.ReasonInvalid, "a", "n", 9)
	l.Again(prefetch.ReasonInvalid, since, 8)
	l.wants(t, failed+" n=8")
}

// Changes of tasks are told once a minute.
func TestChanges(t *testing.T) {
	t.Parallel()
	l := open()
	unsettled := func() int { return 7 }
	if wait := l.Tell(unsettled, true); wait < 24*time.Hour {
		t.Errorf("tells of nothing in %v", wait)
	}
	l.Listed(1, 1)
	l.Tell(unsettled, false)
	l.wants(t, `level=INFO msg="tasks changed" new=1 not_listed=1 active=0 settled=0 unsettled_left=7`)
	for i, phase := range []prefetch.Phase{prefetch.Pending, prefetch.Active, prefetch.Settled, prefetch.Settled, prefetch.Lost} {
		told := task.New(prefetch.Task{ID: fmt.Sprint("task-", i)}, l.now)
		told.Phase, told.Counts[prefetch.Failed] = phase, 2
		l.Changed(&told, prefetch.Pending)
	}
	l.now = l.now.Add(20 * time.Second)
	if wait := l.Tell(unsettled, false); wait != 40*time.Second {
		t.Errorf("tells in %v, want 40s", wait)
	}
	l.wants(t)
	l.Tell(unsettled, true)
	l.wants(t, `level=WARN msg="tasks are lost: the vendor does not know them" tasks=task-4 lost=1`,
		`level=INFO msg="tasks changed" new=0 not_listed=0 active=1 settled=2 unsettled_left=7 settled_tasks="task-2, task-3" failed_urls=4`)
	lost := task.New(prefetch.Task{}, l.now)
	lost.Phase = prefetch.Lost
	for i := range 6 {
		lost.ID = fmt.Sprint(i)
		l.Changed(&lost, prefetch.Pending)
	}
	l.Tell(unsettled, true)
	l.wants(t, `level=WARN msg="tasks are lost: the vendor does not know them" tasks="0, 1, 2, 3, 4, …" lost=6`)
}
