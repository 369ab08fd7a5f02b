package collector_test

import (
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"prefetch_exporter/collector"
	"prefetch_exporter/prefetch"
)

func TestTaskThatIsGoneLeavesNoSeries(t *testing.T) {
	t.Parallel()
	s := &source{snapshotOf(vodAccount(launch()), windowAccount())}
	c := newCollector(s)
	if got := len(gather(t, c).Series("prefetch_task_info")); got != 2 {
		t.Fatalf("%d tasks, want 2", got)
	}

	s.snapshot = snapshotOf(vodAccount())
	after := gather(t, c)
	for _, family := range after {
		if strings.HasPrefix(family.GetName(), "prefetch_task_") {
			t.Errorf("%s has series of tasks that are gone: %v", family.GetName(), family.GetMetric())
		}
		if len(after.Series(family.GetName(), "account", edge.Name)) != 0 {
			t.Errorf("%s has series of an account that is gone", family.GetName())
		}
	}
}

func TestFailedCallErasesNothing(t *testing.T) {
	t.Parallel()
	before, after := launch(), launch()
	after.Up = false
	after.LastError = &prefetch.Failure{Reason: prefetch.ReasonDecode, Time: now}
	got := gatherSnapshot(t, snapshotOf(vodAccount(after)))
	if up := got.Value(t, "prefetch_task_up"); up != 0 {
		t.Errorf("prefetch_task_up = %v, want 0", up)
	}
	want := gatherSnapshot(t, snapshotOf(vodAccount(before)))
	for _, name := range want.Names() {
		if name == "prefetch_task_up" {
			continue
		}
		if diff := cmp.Diff(texts(want, name), texts(got, name)); diff != "" {
			t.Errorf("%s changed with a failed call (-before +after):\n%s", name, diff)
		}
	}
}

// texts returns every series of a family as text.
func texts(f families, name string) []string {
	var all []string
	for _, m := range f.Series(name) {
		all = append(all, m.String())
	}
	return all
}

func TestStaleDataIsWithdrawn(t *testing.T) {
	t.Parallel()
	withdrawn := []string{
		"prefetch_task_urls", "prefetch_task_success_ratio", "prefetch_task_edge_success_ratio", "prefetch_task_progress_ratio",
	}
	cases := []struct {
		name  string
		age   time.Duration
		phase prefetch.Phase
		shown bool
	}{
		{"fresh", time.Minute, prefetch.Active, true},
		{"at the limit", time.Hour, prefetch.Active, true},
		{"over the limit", time.Hour + time.Nanosecond, prefetch.Active, false},
		{"lost and over the limit", 2 * time.Hour, prefetch.Lost, false},
		{"settled long ago", 20 * time.Hour, prefetch.Settled, true},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			fresh, task := telling(staleTask()), telling(staleTask())
			fresh.Phase, fresh.LastRefresh = tc.phase, now
			task.Phase, task.LastRefresh = tc.phase, ago(tc.age)
			want := gatherSnapshot(t, snapshotOf(vodAccount(fresh))).Names()
			if !tc.shown {
				want = without(want, withdrawn)
			}
			got := gatherSnapshot(t, snapshotOf(vodAccount(task)))
			if diff := cmp.Diff(want, got.Names()); diff != "" {
				t.Errorf("metrics (-want +got):\n%s", diff)
			}
			if at := got.Value(t, "prefetch_task_last_refresh_timestamp_seconds"); at != seconds(ago(tc.age)) {
				t.Errorf("last refresh = %v, want %v", at, seconds(ago(tc.age)))
			}
		})
	}
}

// telling adds what some vendors tell.
func telling(t *prefetch.TaskState) *prefetch.TaskState {
	t.Progress, t.HasProgress = 0.5, true
	t.Causes, t.HasCauses = prefetch.Causes{prefetch.CauseOrigin: 1}, true
	return t
}

func without(all, removed []string) []string {
	return slices.DeleteFunc(all, func(s string) bool { return slices.Contains(removed, s) })
}

func seconds(t time.Time) float64 { return float64(t.UnixNano()) / 1e9 }

func TestCreatedInTheFuture(t *testing.T) {
	t.Parallel()
	task := launch()
	task.Created = now.Add(8 * time.Hour)
	got := gatherSnapshot(t, snapshotOf(vodAccount(task))).Value(t, "prefetch_task_age_seconds")
	if want := -8 * time.Hour.Seconds(); got != want {
		t.Errorf("age = %v, want %v", got, want)
	}
}

func TestUnknownTimesAreAbsent(t *testing.T) {
	t.Parallel()
	got := gatherSnapshot(t, snapshotOf(vodAccount(&prefetch.TaskState{Account: huawei, ID: huaweiTask})))
	for _, name := range []string{
		"prefetch_task_age_seconds", "prefetch_task_created_timestamp_seconds", "prefetch_task_finished_timestamp_seconds",
		"prefetch_task_deadline_timestamp_seconds", "prefetch_task_last_refresh_timestamp_seconds",
	} {
		if series := got.Series(name); len(series) != 0 {
			t.Errorf("%s of an unknown time: %v", name, series)
		}
	}
}

func TestFinishedOnlyOfSettledTasks(t *testing.T) {
	t.Parallel()
	task := settledTask()
	task.Phase = prefetch.Active
	got := gatherSnapshot(t, snapshotOf(vodAccount(task)))
	if series := got.Series("prefetch_task_finished_timestamp_seconds"); len(series) != 0 {
		t.Errorf("an unsettled task has finished: %v", series)
	}
}

func TestWhatTheVendorTellsNeedsAnAnswer(t *testing.T) {
	t.Parallel()
	task := telling(launch())
	task.Answered = false
	task.EdgeRatio, task.HasEdgeRatio = 1, true
	got := gatherSnapshot(t, snapshotOf(vodAccount(task)))
	for _, name := range []string{"prefetch_task_edge_success_ratio", "prefetch_task_progress_ratio", "prefetch_task_failed_urls"} {
		if series := got.Series(name); len(series) != 0 {
			t.Errorf("what no answer told could never become stale: %v", series)
		}
	}
}

// Where the vendor tells causes, all of them are there, and nowhere else is one.
func TestCausesOfFailedURLs(t *testing.T) {
	t.Parallel()
	const name = "prefetch_task_failed_urls"
	got := gatherSnapshot(t, snapshotOf(vodAccount(launch()), tellingAccount()))
	sum, account := 0.0, tellingAccount()
	for _, cause := range prefetch.AllCauses() {
		sum += got.Value(t, name, "account", account.Account.Name, "cause", cause.String())
	}
	if want := float64(account.Tasks[0].Counts[prefetch.Failed]); sum != want {
		t.Errorf("%v URLs have a cause, want %v", sum, want)
	}
	for _, name := range []string{name, "prefetch_task_progress_ratio"} {
		if series := got.Series(name, "provider", huawei.Provider); len(series) != 0 {
			t.Errorf("of a vendor that does not tell: %v", series)
		}
	}

	none := tellingAccount()
	none.Tasks[0].Causes = prefetch.Causes{}
	if series := gatherSnapshot(t, snapshotOf(none)).Series(name); len(series) != prefetch.NumCauses {
		t.Errorf("of no failed URL: %v", series)
	}
}

func TestEveryReasonOfFailure(t *testing.T) {
	t.Parallel()
	for _, reason := range prefetch.Reasons() {
		account := vodAccount()
		account.Up, account.Failing = false, reason
		got := gatherSnapshot(t, snapshotOf(account))
		for _, other := range prefetch.Reasons() {
			want := 0.0
			if other == reason {
				want = 1
			}
			if v := got.Value(t, "prefetch_account_failing", "reason", string(other)); v != want {
				t.Errorf("failing for %s: %s = %v, want %v", reason, other, v, want)
			}
		}
	}
}

func TestConfiguredLabelsComeAndGo(t *testing.T) {
	t.Parallel()
	a, b := launch(), launch()
	a.ID, b.ID = "a", "b"
	s := &source{snapshotOf(vodAccount(a, b))}
	c := newCollector(s)
	for _, labels := range []map[string]string{{"title": "x"}, nil, {"team": "video", "title": "y"}, {"title": "x"}} {
		b.Labels = labels
		want := map[string]string{"provider": huawei.Provider, "account": huawei.Name, "task": "b"}
		maps.Copy(want, labels)
		got := map[string]string{}
		for _, pair := range gather(t, c).Series("prefetch_task_info", "task", "b")[0].GetLabel() {
			got[pair.GetName()] = pair.GetValue()
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("labels (-want +got):\n%s", diff)
		}
	}
}

func TestSameTaskIDInTwoAccounts(t *testing.T) {
	t.Parallel()
	second := vodAccount(launch())
	second.Account.Name = "another"
	got := gatherSnapshot(t, snapshotOf(vodAccount(launch()), second))
	if n := len(got.Series("prefetch_task_info", "task", huaweiTask)); n != 2 {
		t.Errorf("%d series, want one for each account", n)
	}
}

func TestClockOfTheSystemByDefault(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		task := launch()
		task.Created = time.Now()
		c := collector.New(collector.Options{Source: &source{snapshotOf(vodAccount(task))}})
		<-time.After(90 * time.Second)
		if age := gather(t, c).Value(t, "prefetch_task_age_seconds"); age != 90 {
			t.Errorf("age = %v, want 90", age)
		}
	})
}

func TestConcurrentScrapes(t *testing.T) {
	t.Parallel()
	settled := settledTask()
	settled.ID = "settled"
	c := newCollector(&source{snapshotOf(vodAccount(launch(), settled), windowAccount())})
	want := gather(t, c).AsText(t)
	var scrapes sync.WaitGroup
	for range 4 {
		scrapes.Go(func() {
			if got := gather(t, c).AsText(t); got != want {
				t.Errorf("concurrent scrapes differ:\n%s", cmp.Diff(want, got))
			}
		})
	}
	scrapes.Wait()
}
