package roster_test

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"prefetch_exporter/poller/planner"
	"prefetch_exporter/poller/roster"
	"prefetch_exporter/prefetch"
)

func active(t *planner.Candidate) { t.Phase = prefetch.Active }

func lost(hours int) func(*planner.Candidate) {
	return func(t *planner.Candidate) {
		t.Phase, t.LostAt = prefetch.Lost, now.Add(-time.Duration(hours)*time.Hour)
	}
}

// TestSweep has a retention of four hours, and a vendor that cannot be asked for what
// was created more than six hours ago.
func TestSweep(t *testing.T) {
	t.Parallel()
	type tasks []*planner.Candidate
	for name, c := range map[string]struct {
		known tasks
		want  string // what changed, was lost (and what it was before), ended and was forgotten, and the hours until next
	}{
		"none":                       {nil, "never"},
		"under way":                  {tasks{known("a", 5), known("b", 6, active)}, "never"},
		"nobody knows its creation":  {tasks{known("a", 0)}, "never"},
		"out of reach":               {tasks{known("a", 7), known("b", 7, active), known("c", 1)}, "changed a b, lost a pending b active, next 4"},
		"settled out of reach":       {tasks{known("a", 7, settled(1))}, "next 3"},
		"settled for the retention":  {tasks{known("a", 1, settled(4)), known("b", 1, settled(2))}, "changed a, ended a, next 2"},
		"lost for the retention":     {tasks{known("a", 1, lost(5)), known("b", 1, lost(1))}, "changed a, ended a, next 3"},
		"over before":                {tasks{known("a", 1, ended)}, "never"},
		"unlisted":                   {tasks{known("a", 1, unlisted(3)), known("b", 9, active, unlisted(1))}, "next 1"},
		"unlisted for the retention": {tasks{known("a", 1, unlisted(4)), known("b", 1, ended, unlisted(5))}, "forgotten a b, never"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			all := map[string]*planner.Candidate{}
			over := map[string]bool{}
			for _, k := range c.known {
				all[k.ID], over[k.ID] = k, k.Ended
			}
			reach := func(created time.Time) bool { return !created.IsZero() && now.Sub(created) > 6*time.Hour }
			out := roster.Sweep(all, roster.Rules{Retention: 4 * time.Hour}, reach, now)
			var told []string
			tell := func(what string, ids []string) {
				if slices.Sort(ids); len(ids) > 0 {
					told = append(told, what+" "+strings.Join(ids, " "))
				}
			}
			var changed, lost, ended, forgotten []string
			for _, k := range out.Changed {
				if changed = append(changed, k.ID); k.Ended && !over[k.ID] {
					ended = append(ended, k.ID)
				}
			}
			for k, before := range out.Lost {
				lost = append(lost, fmt.Sprint(k.ID, " ", before))
				if k.Phase != prefetch.Lost || !k.LostAt.Equal(now) {
					t.Errorf("%s is %v since %v", k.ID, k.Phase, k.LostAt)
				}
			}
			for _, k := range out.Forgotten {
				forgotten = append(forgotten, k.ID)
			}
			tell("changed", changed)
			tell("lost", lost)
			tell("ended", ended)
			tell("forgotten", forgotten)
			if out.Next == math.MaxInt64 {
				told = append(told, "never")
			} else {
				told = append(told, fmt.Sprint("next ", out.Next.Hours()))
			}
			if got := strings.Join(told, ", "); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
			if n := len(all); n != len(c.known) {
				t.Errorf("%d tasks are there still, want %d: who called forgets them", n, len(c.known))
			}
		})
	}
}
