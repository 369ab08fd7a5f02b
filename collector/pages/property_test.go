package pages_test

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/prometheus/common/expfmt"
	"pgregory.net/rapid"

	"prefetch_exporter/collector/collectortest"
	"prefetch_exporter/collector/pages"
	"prefetch_exporter/prefetch"
)

// anyName yields names as the rules of a task may let them pass, and worse, often the
// same.
func anyName() *rapid.Generator[string] {
	return rapid.OneOf(rapid.SampledFrom([]string{"", "a", "b", "\uFFFD", "\"", "\\", "\n", "le"}), rapid.String())
}

// anyText yields text as it may come from outside: hostile, invalid UTF-8, and
// often the same.
func anyText() *rapid.Generator[string] {
	return rapid.OneOf(
		rapid.SampledFrom([]string{"", "a", "b", "a\xff", "a\xfe", "a\uFFFD", "\"", "\\", "\n", "le", "account", "__name__", "x.y", "x_y"}),
		rapid.String(),
		rapid.Map(rapid.SliceOfN(rapid.Byte(), 0, 8), func(b []byte) string { return string(b) }),
	)
}

func anyTime() *rapid.Generator[time.Time] {
	return rapid.Custom(func(t *rapid.T) time.Time {
		if rapid.Bool().Draw(t, "zero") {
			return time.Time{}
		}
		return now.Add(time.Duration(rapid.Int64Range(-int64(100*24*time.Hour), int64(24*time.Hour)).Draw(t, "offset")))
	})
}

func anyCounts() *rapid.Generator[prefetch.Counts] {
	return rapid.Custom(func(t *rapid.T) prefetch.Counts {
		var c prefetch.Counts
		for i := range c {
			c[i] = rapid.IntRange(0, 1000).Draw(t, "count")
		}
		return c
	})
}

func anyTask() *rapid.Generator[*prefetch.TaskState] {
	return rapid.Custom(func(t *rapid.T) *prefetch.TaskState {
		return &prefetch.TaskState{
			ID:           anyName().Draw(t, "id"),
			Labels:       rapid.MapOfN(anyText(), anyText(), 0, 4).Draw(t, "labels"),
			Phase:        rapid.SampledFrom([]prefetch.Phase{prefetch.Pending, prefetch.Active, prefetch.Settled, prefetch.Lost}).Draw(t, "phase"),
			Created:      anyTime().Draw(t, "created"),
			Finished:     anyTime().Draw(t, "finished"),
			Deadline:     anyTime().Draw(t, "deadline"),
			LastRefresh:  anyTime().Draw(t, "last refresh"),
			Up:           rapid.Bool().Draw(t, "up"),
			Counts:       anyCounts().Draw(t, "counts"),
			Answered:     rapid.Bool().Draw(t, "answered"),
			Recovered:    rapid.IntRange(0, 1000).Draw(t, "recovered"),
			EdgeRatio:    rapid.Float64Range(0, 1).Draw(t, "edge ratio"),
			HasEdgeRatio: rapid.Bool().Draw(t, "has edge ratio"),
			Progress:     rapid.Float64Range(0, 1).Draw(t, "progress"),
			HasProgress:  rapid.Bool().Draw(t, "has progress"),
			Causes:       prefetch.Causes{prefetch.CauseOrigin: rapid.IntRange(0, 1000).Draw(t, "origin")},
			HasCauses:    rapid.Bool().Draw(t, "has causes"),
		}
	})
}

func anySnapshot() *rapid.Generator[prefetch.Snapshot] {
	account := rapid.Custom(func(t *rapid.T) prefetch.AccountState {
		a := prefetch.AccountState{
			Account:      prefetch.Account{Provider: anyName().Draw(t, "provider"), Name: anyName().Draw(t, "account")},
			Owned:        rapid.Bool().Draw(t, "owned"),
			Differs:      rapid.Bool().Draw(t, "differs"),
			Up:           rapid.Bool().Draw(t, "up"),
			Failing:      prefetch.Reason(anyText().Draw(t, "failing")),
			MaxStaleness: time.Hour,
			Backlog:      time.Duration(rapid.Int64Range(0, 1e15).Draw(t, "backlog")),
			NextCall:     anyTime().Draw(t, "next call"),
			Tasks:        inOrder(rapid.SliceOfN(anyTask(), 0, 6).Draw(t, "tasks")),
		}
		if rapid.Bool().Draw(t, "window") {
			counts := anyCounts().Draw(t, "window counts")
			a.Window, a.WindowRefresh = &counts, anyTime().Draw(t, "window refresh")
		}
		return a
	})
	return rapid.Custom(func(t *rapid.T) prefetch.Snapshot {
		return snapshotOf(eachOnce(rapid.SliceOfN(account, 0, 4).Draw(t, "accounts"))...)
	})
}

// inOrder returns tasks as a snapshot has them: ordered by id, each id once.
func inOrder(tasks []*prefetch.TaskState) []*prefetch.TaskState {
	tasks = slices.SortedStableFunc(slices.Values(tasks), func(a, b *prefetch.TaskState) int { return strings.Compare(a.ID, b.ID) })
	return slices.CompactFunc(tasks, func(a, b *prefetch.TaskState) bool { return a.ID == b.ID })
}

// eachOnce leaves out accounts with the name of an earlier one.
func eachOnce(accounts []prefetch.AccountState) []prefetch.AccountState {
	seen := map[prefetch.Account]bool{}
	return slices.DeleteFunc(accounts, func(a prefetch.AccountState) bool {
		twice := seen[a.Account]
		seen[a.Account] = true
		return twice
	})
}

// key is the labels of a task as they must be served.
func key(a prefetch.Account, id string) string {
	return fmt.Sprintf("%q %q %q", a.Provider, a.Name, id)
}

func valid(s string) string { return strings.ToValidUTF8(s, "\uFFFD") }

// TestAnySnapshot holds for every state that the collector can be given: the
// exposition is whole and valid, and the numbers of a task agree.
func TestAnySnapshot(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		snapshot := anySnapshot().Draw(rt, "snapshot")
		tasks := map[string]*prefetch.TaskState{}
		for i := range snapshot.Accounts {
			a := &snapshot.Accounts[i]
			for _, task := range a.Tasks {
				tasks[key(a.Account, task.ID)] = task
			}
		}

		resp := request{accept: acceptProtobuf}.do(pages.NewHandler(handlerOptions(&source{snapshot})))
		got := decodeText(rt, expfmt.ResponseFormat(resp.Header), body(rt, resp))
		checkLabelsAndTimestamps(rt, got)
		for _, name := range []string{"prefetch_task_info", "prefetch_task_up", "prefetch_task_settled"} {
			if n := len(got.Series(name)); n != len(tasks) {
				rt.Errorf("%s has %d series, want %d", name, n, len(tasks))
			}
		}
		checkCounts(rt, got, tasks)
	})
}

func checkLabelsAndTimestamps(t *rapid.T, got families) {
	for _, family := range got {
		for _, m := range family.GetMetric() {
			if m.TimestampMs != nil {
				t.Errorf("%s has a sample timestamp", family.GetName())
			}
			for _, pair := range m.GetLabel() {
				if !utf8.ValidString(pair.GetValue()) {
					t.Errorf("%s: %q is not valid UTF-8", family.GetName(), pair.GetValue())
				}
			}
		}
	}
}

func checkCounts(t *rapid.T, got families, tasks map[string]*prefetch.TaskState) {
	sums := map[string]float64{}
	statuses := map[string]int{}
	succeeded := map[string]float64{}
	for _, m := range got.Series("prefetch_task_urls") {
		k := key(prefetch.Account{Provider: collectortest.Label(m, "provider"), Name: collectortest.Label(m, "account")}, collectortest.Label(m, "task"))
		sums[k] += m.GetGauge().GetValue()
		statuses[k]++
		if collectortest.Label(m, "status") == "succeeded" {
			succeeded[k] = m.GetGauge().GetValue()
		}
	}
	for k, task := range tasks {
		shown := task.Answered && !task.Stale(now, time.Hour)
		if !shown {
			if statuses[k] != 0 {
				t.Errorf("%s: URLs are served that must not be", k)
			}
			continue
		}
		if statuses[k] != prefetch.NumStatuses || sums[k] != float64(task.Counts.Total()) {
			t.Errorf("%s: %d statuses with the sum %v, want %d", k, statuses[k], sums[k], task.Counts.Total())
		}
	}
	for _, m := range got.Series("prefetch_task_success_ratio") {
		k := key(prefetch.Account{Provider: collectortest.Label(m, "provider"), Name: collectortest.Label(m, "account")}, collectortest.Label(m, "task"))
		if ratio := m.GetGauge().GetValue(); math.Abs(ratio*sums[k]-succeeded[k]) > 1e-9 || sums[k] == 0 {
			t.Errorf("%s: the ratio is %v of %v URLs, %v of them succeeded", k, ratio, sums[k], succeeded[k])
		}
	}
}

// FuzzTextRoundTrip asserts that a reader of the text format finds the very
// labels that went in, whatever a user or a vendor put there.
func FuzzTextRoundTrip(f *testing.F) {
	f.Add("edge", edgeTask, "title", "launch")
	f.Add("e\"d\\g\ne", "\xff", "account", "\n")
	f.Add("", "", "__name__", "")
	f.Add("{}", "a=\"b\",", "le", "+Inf")
	f.Add("\x00", "\u2028", "a.b", "# EOF")
	f.Fuzz(func(t *testing.T, account, id, name, value string) {
		task := launch()
		task.ID, task.Labels = id, map[string]string{name: value}
		state := vodAccount(task)
		state.Account.Name = account
		got := decode(t, get(t, pages.NewHandler(handlerOptions(&source{snapshotOf(state)})), acceptText))

		info := got.Series("prefetch_task_info")
		if len(info) != 1 {
			t.Fatalf("%d tasks, want 1", len(info))
		}
		if a, id2 := collectortest.Label(info[0], "account"), collectortest.Label(info[0], "task"); a != valid(account) || id2 != valid(id) {
			t.Errorf("account %q and task %q became %q and %q", account, id, a, id2)
		}
		switch n := len(info[0].GetLabel()); n {
		case 3: // the configured label cannot be used
			if err := (prefetch.Task{Account: account, ID: id, Labels: task.Labels}).Validate(); err == nil {
				t.Errorf("%s=%q is left out though a task may have it", name, value)
			}
		case 4:
			if got := collectortest.Label(info[0], name); got != valid(value) {
				t.Errorf("%s=%q became %q", name, value, got)
			}
		default:
			t.Errorf("%d labels: %v", n, info[0].GetLabel())
		}
		if up := got.Value(t, "prefetch_task_up"); up != 1 {
			t.Errorf("up = %v, want 1", up)
		}
	})
}
