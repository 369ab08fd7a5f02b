package poller_test

import (
	"testing"
	"testing/synctest"
	"time"

	"prefetch_exporter/prefetch"
	"prefetch_exporter/vendor_api/baiducloud"
	"prefetch_exporter/vendor_api/simulator"
	simbaiducloud "prefetch_exporter/vendor_api/simulator/baiducloud"
	simvolcengine "prefetch_exporter/vendor_api/simulator/volcengine"
	"prefetch_exporter/vendor_api/volcengine"
)

// TestVolcengineDay is [TestDay] at a vendor whose rows tell their task, and whose pages
// are smaller than what was asked for.
func TestVolcengineDay(t *testing.T) {
	t.Parallel()
	key, secret := func() string { return "AK" }, func() string { return "SK" }
	for name, discover := range map[string]time.Duration{"named": 0, "discovered": 24 * time.Hour} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				const tasks, urls = 20, 20
				vendor := simvolcengine.New(simvolcengine.Options{
					Quota: simulator.Quota{Calls: 60, Per: time.Minute}, Latency: simulator.Jitter(tasks, dayLatency),
					AccessKeys: map[string]string{"AK": "SK"}, CapPageSize: 50,
				})
				vendor.Submit(simulator.Task{ID: "refresh", Owner: "AK", Purge: true, URLs: plans(urls, 40*time.Minute)})
				p, err := volcengine.New(volcengine.Options{
					Product: volcengine.Name, Endpoint: "http://cdn.test", Region: "cn-north-1", PageSize: 100, Client: client(t, vendor),
					AccessKey: key, SecretKey: secret,
				})
				if err != nil {
					t.Fatal(err)
				}
				a := account(prefetch.Account{Provider: volcengine.Name, Name: "a"}, p, prefetch.Limit{Calls: 60, Per: time.Minute})
				a.Discover = discover
				day(t, vendor, a, "AK", tasks, urls, shortDay)
			})
		})
	}
}

// TestBaiduCloudDay is [TestDay] at a vendor that answers a task whole, and whose windows
// have neither tasks nor counts.
func TestBaiduCloudDay(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const tasks, urls = 20, 20
		vendor := simbaiducloud.New(simbaiducloud.Options{
			Quota: simulator.Quota{Calls: 10, Per: time.Minute}, Latency: simulator.Jitter(tasks, dayLatency),
			AccessKeys: map[string]string{"AK": "SK"},
		})
		key, secret := func() string { return "AK" }, func() string { return "SK" }
		p, err := baiducloud.New(baiducloud.Options{
			Endpoint: "http://cdn.test", Edition: baiducloud.China, Client: client(t, vendor), AccessKey: key, SecretKey: secret,
		})
		if err != nil {
			t.Fatal(err)
		}
		a := account(prefetch.Account{Provider: baiducloud.Name, Name: "a"}, p, prefetch.Limit{Calls: 10, Per: time.Minute})
		day(t, vendor, a, "AK", tasks, urls, shortDay)
	})
}
