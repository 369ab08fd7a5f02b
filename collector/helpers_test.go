package collector_test

import (
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"prefetch_exporter/collector"
	"prefetch_exporter/collector/collectortest"
	"prefetch_exporter/prefetch"
)

// The words of the tests.
type families = collectortest.Families

var (
	now, ago     = collectortest.Now, collectortest.Ago
	huawei, edge = collectortest.Huawei, collectortest.Edge
	golden       = collectortest.Golden
	recorded     = collectortest.Record

	vodAccount, windowAccount      = collectortest.VODAccount, collectortest.WindowAccount
	tellingAccount                 = collectortest.TellingAccount
	launch, settledTask, staleTask = collectortest.Launch, collectortest.SettledTask, collectortest.StaleTask
)

const huaweiTask, edgeTask = collectortest.HuaweiTask, collectortest.EdgeTask

// source is a snapshot that a test can replace.
type source struct{ snapshot prefetch.Snapshot }

func (s *source) Snapshot() prefetch.Snapshot { return s.snapshot }

func clock() time.Time { return now }

func newCollector(s collector.Source) *collector.Collector {
	return collector.New(collector.Options{Source: s, Now: clock})
}

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
