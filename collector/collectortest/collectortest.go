// Package collectortest is what the tests of the collector and of its pages have in
// common: typical states of the exporter, and what was gathered as tests look at it.
package collectortest

import (
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"

	"prefetch_exporter/collector"
	"prefetch_exporter/prefetch"
)

// Update is set where golden files are to be written.
var Update = flag.Bool("update", false, "write the golden files, and docs/metrics.md")

// Now is the time of every scrape in the tests.
var Now = time.Date(2026, 11, 21, 10, 0, 0, 0, time.UTC)

// Ago is a time before that.
func Ago(d time.Duration) time.Time { return Now.Add(-d) }

// The accounts of the states.
var (
	Huawei = prefetch.Account{Provider: "huaweicloud_vod", Name: "vod-launches"}
	Edge   = prefetch.Account{Provider: "cdnetworks", Name: "edge"}
	CDN    = prefetch.Account{Provider: "huaweicloud_cdn", Name: "cn"}
)

// The ids of their tasks.
const (
	HuaweiTask = "8ff1d0f7b2b04bd8b4b6b9f2f2a4c4f1"
	EdgeTask   = "3ff59d129a2c40a39b9be8c9de9975d6"
)

// VODAccount is an account in good health that watches the tasks.
func VODAccount(tasks ...*prefetch.TaskState) prefetch.AccountState {
	a := prefetch.AccountState{
		Account:      Huawei,
		Owned:        true,
		Up:           true,
		Limit:        prefetch.Limit{Calls: 50, Per: time.Minute},
		NextCall:     Ago(2 * time.Second),
		Progress:     Now,
		MaxStaleness: time.Hour,
		Tasks:        tasks,
	}
	for _, t := range tasks {
		a.Phases[t.Phase]++
	}
	return a
}

// Launch is a task that was answered a minute ago.
func Launch() *prefetch.TaskState {
	return &prefetch.TaskState{
		Account: Huawei, ID: HuaweiTask, Source: prefetch.SourceConfig,
		Labels:      map[string]string{"title": "launch", "region": "ap-southeast-3"},
		Phase:       prefetch.Active,
		FirstSeen:   Ago(90 * time.Minute),
		Created:     Ago(2*time.Hour + 500*time.Millisecond),
		Deadline:    Now.Add(30 * time.Minute),
		LastRefresh: Ago(time.Minute),
		Up:          true,
		Counts:      prefetch.Counts{prefetch.Waiting: 3, prefetch.Running: 2, prefetch.Succeeded: 14, prefetch.Failed: 1},
		Answered:    true,
		URLs:        []prefetch.URL{{URL: "https://example.com/a-url-is-never-a-label.mp4"}},
	}
}

// SettledTask is a task with a failed URL that a later task warmed.
func SettledTask() *prefetch.TaskState {
	t := Launch()
	t.Phase = prefetch.Settled
	t.Counts = prefetch.Counts{prefetch.Succeeded: 19, prefetch.Failed: 1}
	t.Recovered = 1
	t.Finished = Ago(20 * time.Hour)
	t.Created = Ago(22 * time.Hour)
	t.Deadline = time.Time{}
	t.Labels = nil
	// Long Ago, and yet not stale: a settled task does not change any more.
	t.LastRefresh = Ago(20 * time.Hour)
	return t
}

// StaleTask is a task whose numbers are too old to be shown.
func StaleTask() *prefetch.TaskState {
	t := Launch()
	t.LastRefresh = Ago(time.Hour + time.Nanosecond)
	t.EdgeRatio, t.HasEdgeRatio = 0.97, true
	return t
}

// WindowAccount is an account that counts its look-back.
func WindowAccount() prefetch.AccountState {
	t := Launch()
	t.Account, t.ID = Edge, EdgeTask
	t.Labels = nil
	t.Deadline = time.Time{}
	t.EdgeRatio, t.HasEdgeRatio = 0.9825, true
	return prefetch.AccountState{
		Account: Edge, Differs: true, Up: true, Phases: [prefetch.NumPhases]int{prefetch.Active: 1},
		Limit:    prefetch.Limit{Calls: 1, Per: 5 * time.Minute},
		NextCall: Now.Add(4 * time.Minute), Progress: Now.Add(-3 * time.Minute), MaxStaleness: time.Hour,
		Backlog:       5 * time.Minute,
		Window:        &prefetch.Counts{prefetch.Running: 40, prefetch.Succeeded: 240, prefetch.Failed: 1, prefetch.Unknown: 1},
		WindowRefresh: Ago(20 * time.Minute),
		Tasks:         []*prefetch.TaskState{t},
	}
}

// TellingAccount is one whose vendor tells why URLs failed, and how far it is.
func TellingAccount() prefetch.AccountState {
	t := Launch()
	t.Account, t.ID, t.Source = CDN, "6241", prefetch.SourceVendor
	t.Labels = nil
	t.Counts = prefetch.Counts{prefetch.Running: 2, prefetch.Succeeded: 10, prefetch.Failed: 8}
	t.Progress, t.HasProgress = 0.9375, true
	t.Causes, t.HasCauses = prefetch.Causes{prefetch.CauseOrigin: 6, prefetch.CauseVendor: 1, prefetch.CauseUnknown: 1}, true
	a := VODAccount(t)
	a.Account = CDN
	return a
}

// Record brings every series of the recorder into being.
func Record(r *collector.Recorder) {
	r.AddAccount(Edge)
	r.Called(Edge, "task")
	r.Called(Edge, "window")
	r.Called(Edge, "window")
	r.Answered(Edge, 300*time.Millisecond)
	r.Answered(Edge, 30*time.Second)
	r.Answered(Edge, 31*time.Second)
	r.Failed(Edge, prefetch.ReasonTimeout)
	r.URLWait(Edge, 45*time.Second)
	r.URLFetch(Edge, 10*time.Minute)
	r.URLFetch(Edge, 25*time.Hour)
	r.TaskDuration(Edge, 3*time.Hour)
	r.StoreError("write")
	r.ConfigReloaded(true, Ago(time.Hour))
	r.SetDiscovery("files", true, Ago(time.Minute))
	r.SetDiscovery("https://example.com/tasks", false, time.Time{})
	r.SetRejected("invalid", 2)
}

// Families are what was gathered.
type Families []*dto.MetricFamily

// Series returns the series of a family that have all of the labels, given as
// name, value, name, value.
func (f Families) Series(name string, labels ...string) []*dto.Metric {
	var found []*dto.Metric
	for _, family := range f {
		if family.GetName() != name {
			continue
		}
		for _, m := range family.GetMetric() {
			if hasLabels(m, labels) {
				found = append(found, m)
			}
		}
	}
	return found
}

// Value returns the value of the only gauge or counter with the labels.
func (f Families) Value(t testing.TB, name string, labels ...string) float64 {
	t.Helper()
	found := f.Series(name, labels...)
	if len(found) != 1 {
		t.Fatalf("%s%v: %d series, want 1", name, labels, len(found))
	}
	if c := found[0].GetCounter(); c != nil {
		return c.GetValue()
	}
	return found[0].GetGauge().GetValue()
}

// Names returns the names of the Families in f that have series.
func (f Families) Names() []string {
	var names []string
	for _, family := range f {
		names = append(names, family.GetName())
	}
	return names
}

func hasLabels(m *dto.Metric, labels []string) bool {
	for pair := range slices.Chunk(labels, 2) {
		if Label(m, pair[0]) != pair[1] {
			return false
		}
	}
	return true
}

// Label returns the value of a Label, empty if the series has none of the name.
func Label(m *dto.Metric, name string) string {
	for _, pair := range m.GetLabel() {
		if pair.GetName() == name {
			return pair.GetValue()
		}
	}
	return ""
}

// AsText renders Families in the text format.
func (f Families) AsText(t testing.TB) string {
	t.Helper()
	var b strings.Builder
	for _, family := range f {
		if _, err := expfmt.MetricFamilyToText(&b, family); err != nil {
			t.Fatalf("render %s: %v", family.GetName(), err)
		}
	}
	return b.String()
}

// Golden compares got with a file, or writes the file with -update.
func Golden(t *testing.T, path, got string) {
	t.Helper()
	if *Update {
		if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("%v (run with -update to write it)", err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s differs (-want +got); review it and run with -update:\n%s", path, diff)
	}
}
