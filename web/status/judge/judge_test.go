package judge_test

import (
	"fmt"
	"testing"
	"time"

	"prefetch_exporter/prefetch"
	"prefetch_exporter/web/status/judge"
)

const (
	minute = time.Minute
	// stale is after how long numbers are too old.
	stale = 15 * minute
)

// TestTask judges tasks at one moment, from which the times are reckoned.
func TestTask(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 21, 9, 30, 0, 0, time.UTC)
	at := now.Add
	warm := prefetch.Counts{prefetch.Succeeded: 4}
	failed := prefetch.Counts{prefetch.Succeeded: 3, prefetch.Failed: 1}
	running := prefetch.Counts{prefetch.Succeeded: 1, prefetch.Running: 3}
	of := func(phase prefetch.Phase, counts prefetch.Counts, change func(*prefetch.TaskState)) *prefetch.TaskState {
		s := &prefetch.TaskState{Phase: phase, Counts: counts, Answered: phase != prefetch.Pending}
		if s.Answered {
			s.LastRefresh = at(-minute)
		}
		if change != nil {
			change(s)
		}
		return s
	}
	failing := func(reason prefetch.Reason) func(*prefetch.TaskState) {
		return func(s *prefetch.TaskState) { s.LastError = &prefetch.Failure{Reason: reason} }
	}
	for name, tt := range map[string]struct {
		task *prefetch.TaskState
		want string // its problems, deadline and data
	}{
		"pending": {of(prefetch.Pending, prefetch.Counts{}, nil), `[8] {} [{pending neutral}]; ""  ; "no answer yet" stale=false final=false`},
		"active":  {of(prefetch.Active, running, nil), `[7] {} [{active active}]; ""  ; "1m" stale=false final=false`},
		"warm":    {of(prefetch.Settled, warm, nil), `[9] {} [{settled good}]; ""  ; "1m" stale=false final=true`},
		"lost":    {of(prefetch.Lost, prefetch.Counts{}, nil), `[1] {unknown to the vendor bad} [{lost bad}]; ""  ; "1m" stale=false final=false`},
		"failed":  {of(prefetch.Settled, failed, nil), `[2] {failed URLs bad} [{settled good}]; ""  ; "1m" stale=false final=true`},
		"recovered": {of(prefetch.Settled, failed, func(s *prefetch.TaskState) { s.Recovered, s.Deadline = 1, at(-minute) }),
			`[9] {} [{settled good}]; "recovered" neutral ; "1m" stale=false final=true`},
		"unknown id":     {of(prefetch.Active, running, failing(prefetch.ReasonNotFound)), `[3] {the vendor does not know this id yet warn} [{active active}]; ""  ; "1m" stale=false final=false`},
		"a call failed":  {of(prefetch.Active, running, failing(prefetch.ReasonAuth)), `[4] {last call failed warn} [{active active}]; ""  ; "1m" stale=false final=false`},
		"stale":          {of(prefetch.Active, running, func(s *prefetch.TaskState) { s.LastRefresh = at(-20 * minute) }), `[5] {stale data warn} [{active active}]; ""  ; "20m" stale=true final=false`},
		"clock set back": {of(prefetch.Active, running, func(s *prefetch.TaskState) { s.LastRefresh = at(minute) }), `[7] {} [{active active}]; ""  ; "0s" stale=false final=false`},
		"time left":      {of(prefetch.Active, running, func(s *prefetch.TaskState) { s.Deadline = at(5 * minute) }), `[7] {} [{active active}]; "5m left" neutral ; "1m" stale=false final=false`},
		"missed": {of(prefetch.Active, running, func(s *prefetch.TaskState) { s.Deadline, s.LastUnfinished = at(-5*minute), at(-minute) }),
			`[0] {deadline missed bad} [{active active}]; "missed 5m ago" bad ; "1m" stale=false final=false`},
		"missed, and a failed call": {of(prefetch.Settled, failed, func(s *prefetch.TaskState) {
			s.Deadline, s.LastError = at(-5*minute), &prefetch.Failure{Reason: prefetch.ReasonTimeout}
		}), `[0 2 4] {deadline missed bad} [{settled good}]; "missed 5m ago" bad ; "1m" stale=false final=true`},
		"unclear": {of(prefetch.Active, running, func(s *prefetch.TaskState) { s.Deadline, s.LastUnfinished = at(-5*minute), at(-6*minute) }),
			`[6] {deadline passed, no answer since warn} [{active active}]; "passed 5m ago" warn ; "1m" stale=false final=false`},
		"met, told": {of(prefetch.Settled, warm, func(s *prefetch.TaskState) { s.Deadline, s.Finished, s.FinishTold = at(-5*minute), at(-8*minute), true }),
			`[9] {} [{settled good}]; "met, 3m early" good ; "1m" stale=false final=true`},
		"late, told": {of(prefetch.Settled, warm, func(s *prefetch.TaskState) { s.Deadline, s.Finished, s.FinishTold = at(-5*minute), at(-3*minute), true }),
			`[9] {} [{settled good}]; "met 2m late" warn ; "1m" stale=false final=true`},
		"met, seen": {of(prefetch.Settled, warm, func(s *prefetch.TaskState) { s.Deadline, s.Finished = at(-5*minute), at(-8*minute) }),
			`[9] {} [{settled good}]; "met, at least 3m early" good ; "1m" stale=false final=true`},
		"perhaps late": {of(prefetch.Settled, warm, func(s *prefetch.TaskState) {
			s.Deadline, s.Finished, s.LastUnfinished = at(-5*minute), at(-3*minute), at(-8*minute)
		}), `[9] {} [{settled good}]; "warm at the latest at" neutral 09:27:00 UTC; "1m" stale=false final=true`},
		"seen late": {of(prefetch.Settled, warm, func(s *prefetch.TaskState) {
			s.Deadline, s.Finished, s.LastUnfinished = at(-5*minute), at(-3*minute), at(-4*minute)
		}), `[9] {} [{settled good}]; "late, warm at the latest at" warn 09:27:00 UTC; "1m" stale=false final=true`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			problems, deadline, data := judge.Problems(tt.task, now, stale), judge.DeadlineOf(tt.task, now), judge.DataOf(tt.task, now, stale)
			badge := fmt.Sprint(problems[0].Badge())
			if problems[0].Badge() == (judge.Badge{}) {
				badge = "{}"
			}
			got := fmt.Sprintf("%d %s [%v]; %q %s %s; %q stale=%v final=%v", problems, badge, judge.PhaseBadge(tt.task.Phase),
				deadline.Text, deadline.Tone, deadline.Finish.Absolute, data.Text, data.Stale, data.Final)
			if got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
		})
	}
}

func TestFailedStill(t *testing.T) {
	t.Parallel()
	task := prefetch.TaskState{Counts: prefetch.Counts{prefetch.Failed: 3}, Recovered: 1}
	if n := judge.FailedStill(&task); n != 0 {
		t.Errorf("before an answer %d URLs failed", n)
	}
	task.Answered = true
	if n := judge.FailedStill(&task); n != 2 {
		t.Errorf("%d URLs failed still, want 2", n)
	}
}
