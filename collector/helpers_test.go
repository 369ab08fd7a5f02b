package collector_test

import (
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"

	"prefetch_exporter/collector"
	"prefetch_exporter/prefetch"
)

var update = flag.Bool("update", false, "write the golden files and docs/metrics.md")

// now is the time of every scrape in the tests.
var now = time.Date(2026, 11, 21, 10, 0, 0, 0, time.UTC)

var (
	huawei = prefetch.Account{Provider: "huaweicloud_vod", Name: "vod-launches"}
	edge   = prefetch.Account{Provider: "cdnetworks", Name: "edge"}
)

const (
	huaweiTask = "8ff1d0f7b2b04bd8b4b6b9f2f2a4c4f1"
	edgeTask   = "3ff59d129a2c40a39b9be8c9de9975d6"
)

// source is a snapshot that a test can replace.
type source struct{ snapshot prefetch.Snapshot }

func (s *source) Snapshot() prefetch.Snapshot { return s.snapshot }

func clock() time.Time { return now }

func newCollector(s collector.Source) *collector.Collector {
	return collector.New(collector.Options{Source: s, Now: clock})
}

func ago(d time.Duration) time.Time { return now.Add(-d) }

// gather collects from all parts.
func gather(t testing.TB, parts ...prometheus.Gatherer) families {
	t.Helper()
	got, err := prometheus.Gatherers(parts).Gather()
	if err != nil {
		t.Fatalf("gather: %v", err)
	}
	return got
}

// registered is a recorder in a pedantic registry.
func registered(r *collector.Recorder) prometheus.Gatherer {
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(r)
	return registry
}

func gatherSnapshot(t testing.TB, snapshot prefetch.Snapshot) families {
	t.Helper()
	return gather(t, newCollector(&source{snapshot}))
}

func snapshotOf(accounts ...prefetch.AccountState) prefetch.Snapshot {
	return prefetch.Snapshot{Accounts: accounts}
}

type families []*dto.MetricFamily

// series returns the series of a family that have all of the labels, given as
// name, value, name, value.
func (f families) series(name string, labels ...string) []*dto.Metric {
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

// value returns the value of the only gauge or counter with the labels.
func (f families) value(t testing.TB, name string, labels ...string) float64 {
	t.Helper()
	found := f.series(name, labels...)
	if len(found) != 1 {
		t.Fatalf("%s%v: %d series, want 1", name, labels, len(found))
	}
	if c := found[0].GetCounter(); c != nil {
		return c.GetValue()
	}
	return found[0].GetGauge().GetValue()
}

// names returns the names of the families in f that have series.
func (f families) names() []string {
	var names []string
	for _, family := range f {
		names = append(names, family.GetName())
	}
	return names
}

func hasLabels(m *dto.Metric, labels []string) bool {
	for pair := range slices.Chunk(labels, 2) {
		if label(m, pair[0]) != pair[1] {
			return false
		}
	}
	return true
}

// label returns the value of a label, empty if the series has none of the name.
func label(m *dto.Metric, name string) string {
	for _, pair := range m.GetLabel() {
		if pair.GetName() == name {
			return pair.GetValue()
		}
	}
	return ""
}

// asText renders families in the text format.
func (f families) asText(t testing.TB) string {
	t.Helper()
	var b strings.Builder
	for _, family := range f {
		if _, err := expfmt.MetricFamilyToText(&b, family); err != nil {
			t.Fatalf("render %s: %v", family.GetName(), err)
		}
	}
	return b.String()
}

// golden compares got with a file, or writes the file with -update.
func golden(t *testing.T, path, got string) {
	t.Helper()
	if *update {
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
