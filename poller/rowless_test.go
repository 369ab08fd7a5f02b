package poller_test

import (
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"prefetch_exporter/poller"
	"prefetch_exporter/prefetch"
	vendorapi "prefetch_exporter/vendor_api"
)

// What was submitted and has no row is named, and asked for later and later; but at
// the deadline, and by the poll interval once there is a row.
func TestWhatHasNoRow(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name         string
		limit        prefetch.Limit
		maxStaleness time.Duration
		want         []int // from one question to the next, in minutes
	}{
		{"scarce", prefetch.Limit{Calls: 1, Per: 5 * time.Minute}, time.Hour, []int{5, 5, 10, 20, 30, 30}},
		{"plentiful", prefetch.Limit{Calls: 60, Per: time.Minute}, time.Hour, []int{1, 1, 2, 4, 8, 16, 30, 30}},
		{"soon stale", prefetch.Limit{Calls: 60, Per: time.Minute}, 10 * time.Minute, []int{1, 1, 2, 4, 5, 5}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var rows atomic.Pointer[[]prefetch.URL]
				rows.Store(&[]prefetch.URL{{URL: "a", Status: prefetch.Succeeded}, {URL: "b", Status: prefetch.Failed}})
				v := &stub{caps: vendorapi.Capabilities{MaxInFlight: 1}, answer: func(int, vendorapi.Query) (vendorapi.Answer, error) {
					return vendorapi.Answer{URLs: slices.Clone(*rows.Load()), Count: len(*rows.Load())}, nil
				}}
				a := account(huaweiAccount, v, c.limit)
				a.MaxStaleness = c.maxStaleness
				spec := configured(huaweiAccount, "a")
				spec.URLs, spec.Created = []string{"a", "b", "a", "c"}, time.Now()
				st := newMemory()
				r := start(t, st, []poller.Account{a}, spec)
				for len(v.calls()) <= len(c.want) {
					wait(second)
					if got := r.task(t, huaweiAccount, "a"); got.Answered {
						next, last := got.NextLook, v.calls()[len(v.calls())-1].began
						n := len(v.calls())
						if is := int(next.Sub(last).Round(time.Minute).Minutes()); n <= len(c.want) && is != c.want[n-1] {
							t.Fatalf("after %d calls the next look is %d min after the last, want %d", n, is, c.want[n-1])
						}
					}
				}
				var gaps []int
				calls := v.calls()
				for i := range c.want {
					gaps = append(gaps, int(calls[i+1].began.Sub(calls[i].began).Round(time.Minute).Minutes()))
				}
				if diff := cmp.Diff(c.want, gaps); diff != "" {
					t.Errorf("gaps (-want +got):\n%s", diff)
				}
				got := r.task(t, huaweiAccount, "a")
				if want := (prefetch.Counts{prefetch.Waiting: 2, prefetch.Succeeded: 1, prefetch.Failed: 1}); got.Counts != want {
					t.Errorf("%v, want %v", got.Counts, want)
				}
				if diff := cmp.Diff([]string{"a", "c"}, got.NoRow); diff != "" {
					t.Errorf("without a row (-want +got):\n%s", diff)
				}

				spec.Deadline = time.Now().Add(2 * time.Minute) // a restart keeps what is known
				r.stop()
				r = start(t, st, []poller.Account{a}, spec)
				if diff := cmp.Diff([]string{"a", "c"}, r.task(t, huaweiAccount, "a").NoRow); diff != "" {
					t.Errorf("after a restart (-want +got):\n%s", diff)
				}
				for !v.calls()[len(v.calls())-1].began.After(spec.Deadline.Add(-time.Minute)) {
					if time.Since(spec.Deadline) > c.limit.Per+time.Minute {
						t.Fatal("not asked for at its deadline")
					}
					wait(second)
				}
				rows.Store(new(append(slices.Clone(*rows.Load()), prefetch.URL{URL: "a", Status: prefetch.Running})))
				wait(40 * time.Minute) // until it is looked at
				got, before := r.task(t, huaweiAccount, "a"), len(v.calls())
				if diff := cmp.Diff([]string{"c"}, got.NoRow); diff != "" || got.Counts[prefetch.Waiting] != 1 {
					t.Errorf("with one more row (-want +got):\n%s", diff)
				}
				wait(30 * time.Minute)
				if n := len(v.calls()) - before; n < 5 {
					t.Errorf("asked %d times in half an hour while a URL runs", n)
				}
			})
		})
	}
}

// Of a large task that is counted, what was submitted and has no row waits.
func TestALargeTaskWithoutAllRows(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		began := time.Now().Truncate(time.Second).Add(-time.Hour)
		rows := itemOf("a", 150, began, after(5*time.Minute))
		o := &oddVendor{joins: joins{rows: rows[:140]}}
		r := watchOdd(t, o, edgeTask("a", began, rows))
		wait(12 * time.Hour)
		got := r.task(t, edgeAccount, "a")
		if want := (prefetch.Counts{prefetch.Waiting: 10, prefetch.Succeeded: 140}); got.Counts != want || got.NoRow != nil {
			t.Errorf("%v, want %v; without a row %q", got.Counts, want, got.NoRow)
		}
		if n := r.recorder.called[string(vendorapi.QueryCount)] + r.recorder.called[string(vendorapi.QueryTask)]; n > 40 {
			t.Errorf("%d calls for it in half a day", n)
		}
		o.locked(func() { o.rows = rows })
		wait(12 * time.Hour)
		if got := r.task(t, edgeAccount, "a"); !got.Settled() || got.Counts[prefetch.Succeeded] != 150 {
			t.Errorf("%v %v in the end", got.Phase, got.Counts)
		}
	})
}
