package freshness_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"prefetch_exporter/freshness"
)

var (
	full = flag.Bool("freshness.full", false, "run every scenario for its whole length, with several seeds")
	out  = flag.String("freshness.out", "", "folder for freshness.md and freshness.json")
	most = flag.Uint64("freshness.seeds", 3, "number of seeds of a full run")
)

func urlOf(item *freshness.Item, i int) string {
	return fmt.Sprintf("https://cdn.example.com/%s/%03d.ts", item.ID, i)
}

// shortened is a scenario as every test run can afford it, and whether it is
// the whole one still.
func shortened(s freshness.Scenario) (short freshness.Scenario, whole bool) {
	switch s.Name {
	case freshness.VODFlood, freshness.FloodDeadlines:
		s.Unsettled, s.Within = 200, 10*time.Minute
	case freshness.RowsWithTasks, freshness.TasksListed, freshness.TenTasksAQuestion:
		s.Within = 11 * time.Minute
	case freshness.DiscoveredRows, freshness.DiscoveredListed, freshness.DiscoveredQuestions:
		s.Items, s.Within = s.Items/8, s.Within/8
	case freshness.Overload:
		s.Items, s.Within = s.Items/4, s.Within/4
	default:
		return s, true
	}
	return s, false
}

// TestFreshness measures every strategy in every scenario, and checks what must
// hold at any speed.
//
//nolint:tparallel // the group is not parallel, since its end is waited for
func TestFreshness(t *testing.T) {
	t.Parallel()
	var (
		mu      sync.Mutex
		results []freshness.Result
	)
	measure := func(w *freshness.Workload, s freshness.Strategy, o freshness.Outcome) {
		result := freshness.Evaluate(w, s, o)
		mu.Lock()
		defer mu.Unlock()
		results = append(results, result)
	}
	seeds := uint64(1)
	if *full {
		seeds = *most
	}
	t.Run("run", func(t *testing.T) {
		for _, s := range freshness.Scenarios() {
			if !*full {
				s, _ = shortened(s)
			}
			for seed := range seeds {
				for _, urls := range []bool{false, true} {
					if urls && (s.OnlyIDs || s.Vendor.Named) {
						continue
					}
					t.Run(fmt.Sprintf("%s/%d/urls=%t", s.Name, seed, urls), func(t *testing.T) {
						t.Parallel()
						w := s.Workload(seed)
						if urls {
							measure(w, freshness.OursWithURLs, ours(t, w, true))
							return
						}
						measure(w, freshness.Ours, ours(t, w, false))
						measure(w, freshness.ByRoundRobin, freshness.RoundRobin(w, false))
						measure(w, freshness.ByRoundRobinNewLast, freshness.RoundRobin(w, true))
						measure(w, freshness.ByPageOracle, freshness.PageOracle(w, 0))
						if v := &w.Scenario.Vendor; v.Windows || v.Named {
							measure(w, freshness.ByLateOracle, freshness.PageOracle(w, v.SlotLength()))
						}
						measure(w, freshness.ByNextSlot, freshness.NextSlot(w))
					})
				}
			}
		}
	})
	checkTargets(t, results)
	if *out != "" {
		write(t, results)
	}
}

// checkTargets fails the test where a figure is worse than it was, as far as the
// scenarios were run for their whole length or the figure holds in a part as well.
func checkTargets(t *testing.T, results []freshness.Result) {
	t.Helper()
	whole := map[string]bool{}
	for _, s := range freshness.Scenarios() {
		_, same := shortened(s)
		whole[s.Name] = same || *full
	}
	for _, target := range freshness.Targets(results) {
		if (whole[target.Scenario] || target.Partial) && !target.Holds {
			t.Errorf("%s: is %s, which is worse than it was", target.Text, target.Is)
		}
	}
}

// write writes the tables and the figures they are made of.
func write(t *testing.T, results []freshness.Result) {
	t.Helper()
	for name, f := range map[string]func(*os.File) error{
		"freshness.md":   func(f *os.File) error { return freshness.WriteMarkdown(f, results) },
		"freshness.json": func(f *os.File) error { return freshness.WriteJSON(f, results) },
	} {
		file, err := os.Create(filepath.Join(*out, name))
		if err != nil {
			t.Fatal(err)
		}
		if err := f(file); err != nil {
			t.Error(err)
		}
		if err := file.Close(); err != nil {
			t.Error(err)
		}
	}
}
