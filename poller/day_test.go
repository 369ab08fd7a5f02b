package poller_test

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"prefetch_exporter/poller"
	"prefetch_exporter/prefetch"
	"prefetch_exporter/vendor_api/alibabacloud"
	"prefetch_exporter/vendor_api/simulator"
	simalibabacloud "prefetch_exporter/vendor_api/simulator/alibabacloud"
	simcdnetworks "prefetch_exporter/vendor_api/simulator/cdnetworks"
	simhuaweicloud "prefetch_exporter/vendor_api/simulator/huaweicloud"
	simtencentcloud "prefetch_exporter/vendor_api/simulator/tencentcloud"
	"prefetch_exporter/vendor_api/tencentcloud"
)

// dayLatency is the most that a call takes: long enough that the time between
// sending and arriving matters to a quota.
const dayLatency = 10 * time.Second

// At vendors that allow many calls the day ends early: the rest of it would only ask
// again for what never finishes, which takes the tests minutes.
const wholeDay, shortDay = 24 * time.Hour, 8 * time.Hour

// TestDay polls a simulated day of tasks, some of which never finish, and asks
// the vendor's side whether any interval saw one call too many.
func TestDay(t *testing.T) {
	t.Parallel()
	t.Run("huaweicloud_vod", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			const tasks, urls = 10, 10
			o := huaweiOptions()
			o.Latency = simulator.Jitter(tasks, dayLatency)
			vendor := simhuaweicloud.New(o)
			day(t, vendor, huawei(t, vendor), project, tasks, urls, wholeDay)
		})
	})
	// Named, or found in the vendor's lists.
	for name, discover := range map[string]time.Duration{"huaweicloud_cdn": 0, "huaweicloud_cdn/discovered": 24 * time.Hour} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				const tasks, urls = 60, 10
				vendor := simhuaweicloud.NewCDN(simhuaweicloud.CDNOptions{
					Quota: simulator.Quota{Calls: 60, Per: time.Minute}, Latency: simulator.Jitter(tasks, dayLatency),
					DomainID: project, AccessKeys: map[string]string{"AK": "SK"},
				})
				vendor.Submit(simulator.Task{ID: "refresh", Owner: project, Purge: true, URLs: plans(urls, 40*time.Minute)})
				a := huaweiCDN(t, vendor)
				a.Discover = discover
				day(t, vendor, a, project, tasks, urls, shortDay)
			})
		})
	}
	for name, discover := range map[string]time.Duration{"alibabacloud_cdn": 0, "alibabacloud_cdn/discovered": 24 * time.Hour} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				const tasks, urls = 40, 20
				vendor := simalibabacloud.New(simalibabacloud.Options{
					Quota: simulator.Quota{Calls: 60, Per: time.Minute}, Latency: simulator.Jitter(tasks, dayLatency),
					AccessKeys: map[string]string{"AK": "SK"},
				})
				vendor.Submit(simulator.Task{ID: "refresh", Owner: "AK", Purge: true, URLs: plans(urls, 40*time.Minute)})
				p, err := alibabacloud.New(alibabacloud.Options{
					Product: alibabacloud.CDN, Endpoint: "http://cdn.test", Client: client(t, vendor),
					Auth: alibabacloud.Keys(func() string { return "AK" }, func() string { return "SK" }, nil),
				})
				if err != nil {
					t.Fatal(err)
				}
				a := account(prefetch.Account{Provider: string(alibabacloud.CDN), Name: "cn"}, p, prefetch.Limit{Calls: 60, Per: time.Minute})
				a.Discover = discover
				day(t, vendor, a, "AK", tasks, urls, shortDay)
			})
		})
	}
	for _, n := range []int{1, 100} {
		t.Run(fmt.Sprintf("cdnetworks/%d", n), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				o := edgeOptions()
				o.Latency = simulator.Jitter(uint64(n), dayLatency)
				vendor := simcdnetworks.New(o)
				day(t, vendor, edge(t, vendor), user, n, 20, wholeDay)
			})
		})
	}
}

// TestTencentCloudDay is [TestDay] at a vendor whose rows tell their task.
func TestTencentCloudDay(t *testing.T) {
	t.Parallel()
	const zone = "zone-1"
	o := simtencentcloud.Options{Quota: simulator.Quota{Calls: 60, Per: time.Minute}, SecretKeys: map[string]string{"AK": "SK"}}
	key, secret := func() string { return "AK" }, func() string { return "SK" }
	for name, product := range map[string]struct {
		simulate func(simtencentcloud.Options) *simtencentcloud.Server
		create   func(tencentcloud.Options) (*tencentcloud.Provider, error)
		zones    []string
	}{
		tencentcloud.EdgeOneName: {simtencentcloud.NewEdgeOne, tencentcloud.NewEdgeOne, []string{zone}},
		tencentcloud.CDNName:     {simtencentcloud.NewCDN, tencentcloud.NewCDN, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				o := o
				o.Latency, o.Zones = simulator.Jitter(1, dayLatency), product.zones
				vendor := product.simulate(o)
				p, err := product.create(tencentcloud.Options{
					Endpoint: "http://tencent.test", Client: client(t, vendor), SecretID: key, SecretKey: secret, ZoneID: zone,
				})
				if err != nil {
					t.Fatal(err)
				}
				a := account(prefetch.Account{Provider: name, Name: "a"}, p, prefetch.Limit{Calls: 60, Per: time.Minute})
				day(t, vendor, a, zone, 20, 20, shortDay)
			})
		})
	}
}

// vendor is what both simulators offer.
type vendor interface {
	Submit(task simulator.Task)
	Counts(id string) prefetch.Counts
	Settled(id string) (time.Time, bool)
	Stats() simulator.Stats
}

func day(t *testing.T, v vendor, a poller.Account, owner string, tasks, urls int, length time.Duration) {
	t.Helper()
	began := time.Now()
	listed := make([]prefetch.Task, tasks)
	for i := range listed {
		id := fmt.Sprintf("task-%03d", i)
		// Created over the first half of the day; every tenth never finishes.
		created := began.Add(time.Duration(i) * length / 2 / time.Duration(tasks))
		p := plans(urls, 40*time.Minute)
		if i%10 == 0 {
			p[0].Stuck = true
		}
		p[1].Fails = i%3 == 1
		v.Submit(simulator.Task{ID: id, Owner: owner, Created: created, URLs: p})
		listed[i] = configured(a.Account, id)
		listed[i].Created = created
	}
	r := start(t, newMemory(), []poller.Account{a})
	for now := began; now.Before(began.Add(length)); now = now.Add(10 * time.Minute) {
		// A pipeline lists a task when it was submitted.
		n := 0
		for n < tasks && !listed[n].Created.After(now) {
			n++
		}
		if a.Discover == 0 {
			r.list(listed[:n]...)
		}
		time.Sleep(time.Until(now.Add(10 * time.Minute)))
	}
	r.stop()

	stats := v.Stats()
	allowed := int(length/a.Limit.Per)*a.Limit.Calls + a.Limit.Calls
	t.Logf("%s, %d tasks: %d calls made, %d allowed, %d over the quota, at most %d at once",
		a.Account.Provider, tasks, stats.Calls, allowed, stats.OverQuota, stats.MaxInFlight)
	if stats.OverQuota != 0 || stats.Calls > allowed {
		t.Errorf("%d calls of %d allowed, %d over the quota", stats.Calls, allowed, stats.OverQuota)
	}
	if want := a.Provider.Capabilities().MaxInFlight; stats.MaxInFlight > want {
		t.Errorf("%d calls at once, want at most %d", stats.MaxInFlight, want)
	}
	// Calls that were under way at the end of the day may not have arrived.
	cut := stats.Refused[simulator.RefusedCancelled]
	delete(stats.Refused, simulator.RefusedCancelled)
	if len(stats.Refused) != 0 || cut > stats.MaxInFlight {
		t.Errorf("the vendor refused calls: %v, and %d were cut", stats.Refused, cut)
	}
	// Of one that was cut before all of it was sent the vendor knows nothing.
	if got := r.recorder.answered; got < stats.Calls+cut || got > stats.Calls+cut+max(1, stats.MaxInFlight) {
		t.Errorf("%d calls recorded, the vendor saw %d and %d were cut", got, stats.Calls, cut)
	}
	for i := range listed {
		id := listed[i].ID
		task := r.task(t, a.Account, id)
		if task == nil {
			t.Errorf("%s is not watched", id)
			continue
		}
		if _, settled := v.Settled(id); settled != task.Settled() {
			t.Errorf("%s: settled %v, at the vendor %v", id, task.Settled(), settled)
		}
		if want := v.Counts(id); task.Counts != want {
			t.Errorf("%s: counts %v, the vendor has %v", id, task.Counts, want)
		}
	}
}
