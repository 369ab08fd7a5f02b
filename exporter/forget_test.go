package exporter_test

import (
	"testing"
	"time"

	"prefetch_exporter/exporter"
	"prefetch_exporter/prefetch"
)

// A task of the task API is forgotten when its time has been over for a while, and
// not because a clock that ran ahead said so for a moment.
func TestOnlyWhatStaysOverIsForgotten(t *testing.T) {
	t.Parallel()
	const after = time.Hour
	ended := time.Date(2026, 11, 21, 10, 0, 0, 0, time.UTC)
	known := func(over bool) prefetch.Snapshot {
		task := prefetch.UnwatchedTask{TaskState: &prefetch.TaskState{ID: "task-0"}}
		if over {
			task.Ended = ended
		}
		return prefetch.Snapshot{Accounts: []prefetch.AccountState{{Unwatched: []prefetch.UnwatchedTask{task}}}}
	}
	seen, now := exporter.NewEndings(), ended.Add(24*time.Hour)
	for n, step := range []struct {
		after     time.Duration // the step before
		over      bool
		forgotten int
	}{
		{over: false},
		{after: time.Minute, over: true},
		{after: 50 * time.Minute, over: true},
		{after: time.Minute, over: false}, // the clock was set right
		{after: 50 * time.Minute, over: true},
		{after: 50 * time.Minute, over: true},
		{after: 10 * time.Minute, over: true, forgotten: 1},
	} {
		now = now.Add(step.after)
		if got := seen.Over(known(step.over), now, after); len(got) != step.forgotten {
			t.Errorf("step %d: %q are forgotten, want %d", n, got, step.forgotten)
		}
	}
}
