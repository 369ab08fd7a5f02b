package collector_test

import (
	"slices"
	"sync"
	"testing"
	"time"
	"unsafe"

	"prefetch_exporter/collector"
	"prefetch_exporter/prefetch"
	vendorapi "prefetch_exporter/vendor_api"
)

// perAccount are the families of a recorder that have series of accounts, and
// how many each account has.
func perAccount() map[string]int {
	return map[string]int{
		"prefetch_api_requests_total":           4, // the kinds of a query
		"prefetch_api_request_failures_total":   7, // the reasons of a failure
		"prefetch_api_request_duration_seconds": 1,
		"prefetch_url_wait_seconds":             1,
		"prefetch_url_fetch_seconds":            1,
		"prefetch_task_duration_seconds":        1,
	}
}

func expectSeries(t *testing.T, got families, a prefetch.Account, there bool) {
	t.Helper()
	for name, want := range perAccount() {
		if !there {
			want = 0
		}
		if n := len(got.Series(name, "provider", a.Provider, "account", a.Name)); n != want {
			t.Errorf("%s: %d series of %v, want %d", name, n, a, want)
		}
	}
}

func TestAccountStartsWithZeros(t *testing.T) {
	t.Parallel()
	r := collector.NewRecorder()
	r.AddAccount(edge)
	got := gather(t, registered(r))
	expectSeries(t, got, edge, true)
	for name := range perAccount() {
		for _, m := range got.Series(name) {
			if m.GetCounter().GetValue() != 0 || m.GetHistogram().GetSampleCount() != 0 {
				t.Errorf("%s does not start with 0: %v", name, m)
			}
		}
	}
	for _, kind := range []vendorapi.QueryKind{vendorapi.QueryTask, vendorapi.QueryWindow, vendorapi.QueryCount, vendorapi.QueryList} {
		got.Value(t, "prefetch_api_requests_total", "query", string(kind))
	}
	for _, reason := range prefetch.Reasons() {
		got.Value(t, "prefetch_api_request_failures_total", "reason", string(reason))
	}
}

func TestExporterStartsWithZeros(t *testing.T) {
	t.Parallel()
	got := gather(t, registered(collector.NewRecorder()))
	for _, reason := range []string{"corrupt", "read", "write"} {
		if v := got.Value(t, "prefetch_exporter_store_errors_total", "reason", reason); v != 0 {
			t.Errorf("store errors %s = %v", reason, v)
		}
	}
	for _, reason := range []string{"unknown_account", "invalid"} {
		if v := got.Value(t, "prefetch_exporter_tasks_rejected", "reason", reason); v != 0 {
			t.Errorf("rejected %s = %v", reason, v)
		}
	}
	for _, name := range []string{
		"prefetch_exporter_config_last_reload_successful",
		"prefetch_exporter_config_last_reload_success_timestamp_seconds",
	} {
		if v := got.Value(t, name); v != 0 {
			t.Errorf("%s = %v", name, v)
		}
	}
}

func TestCallThatEndsAfterItsAccountIsRemoved(t *testing.T) {
	t.Parallel()
	r := collector.NewRecorder()
	r.AddAccount(edge)
	r.AddAccount(huawei)
	r.Called(edge, "task")
	r.Called(edge, "a kind that nobody documented")
	r.RemoveAccount(edge)

	r.Called(edge, "task")
	r.Answered(edge, time.Second)
	r.Failed(edge, prefetch.ReasonTimeout)
	r.URLWait(edge, time.Second)
	r.URLFetch(edge, time.Second)
	r.TaskDuration(edge, time.Second)
	got := gather(t, registered(r))
	expectSeries(t, got, edge, false)
	expectSeries(t, got, huawei, true)

	r.AddAccount(edge)
	got = gather(t, registered(r))
	expectSeries(t, got, edge, true)
	if v := got.Value(t, "prefetch_api_requests_total", "account", edge.Name, "query", "task"); v != 0 {
		t.Errorf("an account that was removed and added has %v calls, want 0", v)
	}
}

func TestAddingAnAccountTwiceKeepsItsCounters(t *testing.T) {
	t.Parallel()
	r := collector.NewRecorder()
	r.AddAccount(edge)
	r.Called(edge, "window")
	r.AddAccount(edge)
	if v := gather(t, registered(r)).Value(t, "prefetch_api_requests_total", "query", "window"); v != 1 {
		t.Errorf("calls = %v, want 1", v)
	}
}

func TestObservations(t *testing.T) {
	t.Parallel()
	r := collector.NewRecorder()
	observers := map[string]func(prefetch.Account, time.Duration){
		"prefetch_api_request_duration_seconds": r.Answered,
		"prefetch_url_wait_seconds":             r.URLWait,
		"prefetch_url_fetch_seconds":            r.URLFetch,
		"prefetch_task_duration_seconds":        r.TaskDuration,
	}
	r.AddAccount(edge)
	for _, observe := range observers {
		observe(edge, 30*time.Second)
		observe(edge, -time.Hour)
	}
	got := gather(t, registered(r))
	for name := range observers {
		h := got.Series(name)[0].GetHistogram()
		if h.GetSampleCount() != 2 || h.GetSampleSum() != 30 {
			t.Errorf("%s: count %d and sum %v, want 2 and 30: a negative time counts as 0", name, h.GetSampleCount(), h.GetSampleSum())
		}
		if h.GetZeroCount() != 1 || len(h.GetNegativeSpan()) != 0 {
			t.Errorf("%s: zero bucket %d, negative spans %v", name, h.GetZeroCount(), h.GetNegativeSpan())
		}
		// Schema 3: eight buckets for each power of two, a growth of 1.09.
		if h.GetSchema() != 3 || len(h.GetPositiveSpan()) != 1 {
			t.Errorf("%s: schema %d, positive spans %v", name, h.GetSchema(), h.GetPositiveSpan())
		}
	}
}

func TestClassicBuckets(t *testing.T) {
	t.Parallel()
	r := collector.NewRecorder()
	r.AddAccount(edge)
	got := gather(t, registered(r))
	for name, want := range map[string][2]float64{
		"prefetch_api_request_duration_seconds": {0.1, 30},
		"prefetch_url_wait_seconds":             {10, 86400},
		"prefetch_url_fetch_seconds":            {10, 86400},
		"prefetch_task_duration_seconds":        {10, 86400},
	} {
		buckets := got.Series(name)[0].GetHistogram().GetBucket()
		first, last := buckets[0].GetUpperBound(), buckets[len(buckets)-1].GetUpperBound()
		if first != want[0] || last != want[1] {
			t.Errorf("%s: buckets from %v to %v, want %v", name, first, last, want)
		}
	}
}

func TestNoFailureIsNotCounted(t *testing.T) {
	t.Parallel()
	r := collector.NewRecorder()
	r.AddAccount(edge)
	r.Failed(edge, "")
	r.Failed(edge, prefetch.ReasonAuth)
	got := gather(t, registered(r))
	expectSeries(t, got, edge, true)
	if v := got.Value(t, "prefetch_api_request_failures_total", "reason", "auth"); v != 1 {
		t.Errorf("auth failures = %v, want 1", v)
	}
}

func TestFailedReloadDoesNotMoveTheTimeOfSuccess(t *testing.T) {
	t.Parallel()
	r := collector.NewRecorder()
	r.ConfigReloaded(true, ago(time.Hour))
	r.ConfigReloaded(false, now)
	got := gather(t, registered(r))
	if v := got.Value(t, "prefetch_exporter_config_last_reload_successful"); v != 0 {
		t.Errorf("successful = %v, want 0", v)
	}
	if v := got.Value(t, "prefetch_exporter_config_last_reload_success_timestamp_seconds"); v != seconds(ago(time.Hour)) {
		t.Errorf("time of success = %v, want %v", v, seconds(ago(time.Hour)))
	}
}

func TestStoreIsAskedAtEachScrape(t *testing.T) {
	t.Parallel()
	r := collector.NewRecorder()
	up, replicas := true, 1
	for _, told := range []bool{false, true} {
		if told {
			up, replicas = false, 3
		}
		got := gather(t, registered(r))
		if v, want := got.Value(t, "prefetch_exporter_store_up"), map[bool]float64{true: 1}[up]; v != want {
			t.Errorf("told: %t: store_up = %v, want %v", told, v, want)
		}
		if v := got.Value(t, "prefetch_exporter_replicas"); v != float64(replicas) {
			t.Errorf("told: %t: replicas = %v, want %d", told, v, replicas)
		}
		r.WatchStore(func() bool { return up }, func() int { return replicas })
	}
}

func TestDiscoverySources(t *testing.T) {
	t.Parallel()
	const up, success = "prefetch_exporter_discovery_up", "prefetch_exporter_discovery_last_success_timestamp_seconds"
	r := collector.NewRecorder()
	r.SetDiscovery("files", false, time.Time{})
	got := gather(t, registered(r))
	if v := got.Value(t, up, "source", "files"); v != 0 {
		t.Errorf("up = %v, want 0", v)
	}
	if series := got.Series(success); len(series) != 0 {
		t.Errorf("a source that was never read has a time of success: %v", series)
	}

	r.SetDiscovery("files", true, now)
	r.SetDiscovery("bad\xff", true, now)
	got = gather(t, registered(r))
	if v := got.Value(t, success, "source", "files"); v != seconds(now) {
		t.Errorf("time of success = %v, want %v", v, seconds(now))
	}
	got.Value(t, up, "source", "bad\uFFFD")

	r.RemoveDiscovery("files")
	r.RemoveDiscovery("bad\xff")
	got = gather(t, registered(r))
	if n := len(got.Series(up)) + len(got.Series(success)); n != 0 {
		t.Errorf("%d series of sources that are gone", n)
	}

	r.SetDiscovery("files", true, now)
	r.SetDiscovery("files", false, time.Time{})
	if n := len(gather(t, registered(r)).Series(success)); n != 0 {
		t.Error("the time of a success that is no longer known stayed")
	}
}

func TestInvalidTextNeverBreaksARecorder(t *testing.T) {
	t.Parallel()
	r := collector.NewRecorder()
	bad := prefetch.Account{Provider: "p\xff", Name: "a\xff"}
	r.AddAccount(bad)
	r.Called(bad, "k\xff")
	r.Failed(bad, "r\xff")
	r.StoreError("s\xff")
	r.SetRejected("t\xff", 3)
	got := gather(t, registered(r))
	for name, want := range map[string][2]string{
		"prefetch_api_requests_total":          {"query", "k\uFFFD"},
		"prefetch_api_request_failures_total":  {"reason", "r\uFFFD"},
		"prefetch_exporter_store_errors_total": {"reason", "s\uFFFD"},
		"prefetch_exporter_tasks_rejected":     {"reason", "t\uFFFD"},
	} {
		got.Value(t, name, want[0], want[1])
	}
	r.RemoveAccount(bad)
	if n := len(gather(t, registered(r)).Series("prefetch_api_requests_total")); n != 0 {
		t.Errorf("%d series of an account that was removed", n)
	}
}

// TestScrapeSeesAnAccountWholeOrNotAtAll changes accounts while scrapes run.
func TestScrapeSeesAnAccountWholeOrNotAtAll(t *testing.T) {
	t.Parallel()
	r := collector.NewRecorder()
	registry := registered(r)
	const rounds = 100
	var writers sync.WaitGroup
	writers.Go(func() {
		for range rounds {
			r.AddAccount(edge)
			r.RemoveAccount(edge)
		}
	})
	writers.Go(func() {
		for range rounds {
			r.Called(edge, "task")
			r.Answered(edge, time.Second)
		}
	})
	for range rounds {
		gathered, err := registry.Gather()
		if err != nil {
			t.Fatal(err)
		}
		got := families(gathered)
		expectSeries(t, got, edge, slices.Contains(got.Names(), "prefetch_api_requests_total"))
	}
	writers.Wait()
}

// What happened before the clock was set is told by the clock as it is set now: an
// hour ago stays an hour ago, and nothing is in the future.
func TestTimesAreToldByTheClockAsItIsSet(t *testing.T) {
	t.Parallel()
	for _, ahead := range []time.Duration{-time.Hour, 0, time.Hour} {
		const ago = 10 * time.Minute
		at := time.Now().Add(-ago + ahead)
		// The clock was set back since: the wall time was another, and Go's
		// monotonic reading was not. There is no other way to have such a time
		// without setting the machine's clock.
		(*struct {
			wall uint64
			ext  int64
			loc  *time.Location
		})(unsafe.Pointer(&at)).ext -= int64(ahead)
		r := collector.NewRecorder()
		r.ConfigReloaded(true, at)
		r.SetDiscovery("files", true, at)
		got := gather(t, registered(r))
		for name, value := range map[string]float64{
			"reload":    got.Value(t, "prefetch_exporter_config_last_reload_success_timestamp_seconds"),
			"discovery": got.Value(t, "prefetch_exporter_discovery_last_success_timestamp_seconds", "source", "files"),
		} {
			age := time.Since(time.UnixMilli(int64(value * 1000)))
			if (age - ago).Abs() > time.Minute { // the clock may be slewed meanwhile
				t.Errorf("the clock was %v ahead: %s is %v ago, want %v", ahead, name, age, ago)
			}
		}
	}
}
