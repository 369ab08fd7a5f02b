package poller_test

import (
	"testing"
	"testing/synctest"
	"time"

	"prefetch_exporter/poller"
	"prefetch_exporter/prefetch"
	vendorapi "prefetch_exporter/vendor_api"
	"prefetch_exporter/vendor_api/simulator"
	simcdnetworks "prefetch_exporter/vendor_api/simulator/cdnetworks"
)

// An account with more unsettled tasks than its quota can serve says how far
// behind it is, and says so in its log once an hour; when they have settled it
// does not any more.
func TestWorkBeyondTheQuotaIsTold(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		v := greedy()
		a := account(edgeAccount, v, prefetch.Limit{Calls: 1, Per: 5 * time.Minute})
		told := &logs{}
		r := rigUpWith(t, newMemory(), told.logger(), a, many(edgeAccount, 30)...)
		wait(10 * time.Minute)
		if got, want := r.Snapshot().Accounts[0].Backlog, 30*5*time.Minute; got != want {
			t.Errorf("backlog %v, want %v", got, want)
		}
		wait(45 * time.Minute)
		if lines := told.lines("exceeds its quota"); len(lines) != 1 {
			t.Errorf("warnings in the first hour: %q", lines)
		}
		r.List(map[string][]prefetch.Task{a.Name: many(edgeAccount, 12)})
		wait(second)
		if got, want := r.Snapshot().Accounts[0].Backlog, 12*5*time.Minute; got != want {
			t.Errorf("backlog of fewer tasks %v, want %v", got, want)
		}
		wait(3 * time.Hour)
		if lines := told.lines("exceeds its quota"); len(lines) != 1 {
			t.Errorf("warnings, though the last hours were within max_staleness: %q", lines)
		}
	})
}

// How many calls a task takes depends on how it can be asked for.
func TestBacklogOfTasks(t *testing.T) {
	t.Parallel()
	const slot = 5 * time.Minute
	page := func(t *testing.T, vendor *simcdnetworks.Server, n int, d time.Duration) prefetch.Task {
		t.Helper()
		urls := plans(n, d)
		vendor.Submit(simulator.Task{ID: "a", Owner: user, URLs: urls})
		spec := configured(edgeAccount, "a")
		spec.Created = time.Now()
		for _, u := range urls {
			spec.URLs = append(spec.URLs, u.URL)
		}
		return spec
	}
	for _, c := range []struct {
		name    string
		refuse  bool // a status filter
		urls    int
		told    bool // the URLs are configured
		after   time.Duration
		settles bool
		unknown bool // to the vendor
		want    time.Duration
	}{
		{name: "nothing is known of it", urls: 20, want: slot},
		{name: "its rows are known", urls: 20, after: 20 * time.Minute, want: slot / 5},
		{name: "its URLs are configured", urls: 20, told: true, want: slot / 5},
		{name: "it is counted", urls: 250, told: true, after: 20 * time.Minute, want: 2 * slot},
		{name: "it is read page by page", urls: 250, told: true, refuse: true, after: 30 * time.Minute, want: 3 * slot},
		{name: "it is lost", urls: 20, unknown: true, after: 40 * time.Minute},
		{name: "it has settled", urls: 20, settles: true, after: 20 * time.Minute},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				o := edgeOptions()
				o.RefuseStatusFilter = c.refuse
				vendor := simcdnetworks.New(o)
				last := 100 * time.Hour
				if c.settles {
					last = time.Minute
				}
				spec := page(t, vendor, c.urls, last)
				if c.unknown {
					spec.ID = "b"
				}
				if !c.told {
					spec.URLs = nil
				}
				r := start(t, newMemory(), []poller.Account{edge(t, vendor)}, spec)
				wait(second + c.after)
				if got := r.account(t, edgeAccount).Backlog; got != c.want {
					t.Errorf("backlog %v, want %v", got, c.want)
				}
			})
		})
	}
}

// A vendor without pages takes one call for each task.
func TestBacklogWithoutPages(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		v := &stub{caps: vendorapi.Capabilities{MaxInFlight: 4}, answer: running}
		a := account(huaweiAccount, v, prefetch.Limit{Calls: 50, Per: time.Minute})
		r := start(t, newMemory(), []poller.Account{a}, many(huaweiAccount, 100)...)
		wait(5 * time.Minute)
		if got, want := r.account(t, huaweiAccount).Backlog, 2*time.Minute; got != want {
			t.Errorf("backlog %v, want %v", got, want)
		}
		r.list()
		wait(second)
		if got := r.account(t, huaweiAccount).Backlog; got != 0 {
			t.Errorf("backlog of no task: %v", got)
		}
	})
}
