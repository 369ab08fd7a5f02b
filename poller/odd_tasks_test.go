package poller_test

import (
	"testing"
	"testing/synctest"
	"time"

	"prefetch_exporter/poller"
	"prefetch_exporter/prefetch"
	"prefetch_exporter/vendor_api/alibabacloud"
	"prefetch_exporter/vendor_api/simulator"
	simalibabacloud "prefetch_exporter/vendor_api/simulator/alibabacloud"
)

// Tasks that are asked for together are each known in the end, though one of them is
// too large for the answer, one a purge, and one unknown, which the vendor refuses
// together with the others.
func TestOddTasksAmongSeveral(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		vendor := simalibabacloud.New(simalibabacloud.Options{
			CutRows: 120, RefuseUnknown: true, AccessKeys: map[string]string{"AK": "SK"},
		})
		p, err := alibabacloud.New(alibabacloud.Options{
			Product: alibabacloud.CDN, Endpoint: "http://cdn.test", Client: client(t, vendor),
			Auth: alibabacloud.Keys(func() string { return "AK" }, func() string { return "SK" }, nil),
		})
		if err != nil {
			t.Fatal(err)
		}
		a := account(prefetch.Account{Provider: string(alibabacloud.CDN), Name: "cn"}, p, prefetch.Limit{Calls: 60, Per: time.Minute})
		const small, large, purge, unknown = "10001", "10002", "10003", "99999"
		var tasks []prefetch.Task
		for id, urls := range map[string]int{small: 3, large: 250, purge: 3, unknown: 0} {
			if urls > 0 {
				vendor.Submit(simulator.Task{ID: id, Owner: "AK", Purge: id == purge, URLs: plans(urls, 4*time.Minute)})
			}
			tasks = append(tasks, configured(a.Account, id))
		}
		r := start(t, newMemory(), []poller.Account{a}, tasks...)
		time.Sleep(40 * time.Minute)
		r.stop()
		for id, want := range map[string]prefetch.Phase{
			small: prefetch.Settled, large: prefetch.Settled, purge: prefetch.Pending, unknown: prefetch.Lost,
		} {
			task, counts := r.task(t, a.Account, id), vendor.Counts(id)
			if want != prefetch.Settled {
				counts = prefetch.Counts{}
			}
			if task.Phase != want || task.Counts != counts {
				t.Errorf("%s: %v, %v; want %v, %v", id, task.Phase, task.Counts, want, counts)
			}
		}
		if task := r.task(t, a.Account, purge); task.LastError == nil || task.LastError.Reason != prefetch.ReasonInvalid {
			t.Errorf("the purge: %+v", task.LastError)
		}
	})
}
