package freshness_test

import (
	"time"

	"prefetch_exporter/freshness"
	vendorapi "prefetch_exporter/vendor_api"
	"prefetch_exporter/vendor_api/alibabacloud"
	"prefetch_exporter/vendor_api/cdnetworks"
	"prefetch_exporter/vendor_api/huaweicloud"
	"prefetch_exporter/vendor_api/simulator"
	simalibabacloud "prefetch_exporter/vendor_api/simulator/alibabacloud"
	simcdnetworks "prefetch_exporter/vendor_api/simulator/cdnetworks"
	simhuaweicloud "prefetch_exporter/vendor_api/simulator/huaweicloud"
	simvolcengine "prefetch_exporter/vendor_api/simulator/volcengine"
	"prefetch_exporter/vendor_api/volcengine"
)

const endpoint = "http://vendor.test"

// vendors make the simulated vendors of the scenarios, and the real clients that ask
// them, by the names of the providers.
var vendors = map[string]func(*runner, simulator.Quota) (simulated, vendorapi.Provider, error){
	"cdnetworks": func(r *runner, quota simulator.Quota) (simulated, vendorapi.Provider, error) {
		vendor := simcdnetworks.New(simcdnetworks.Options{Quota: quota, Latency: latency, APIKeys: map[string]string{owner: secret}})
		provider, err := cdnetworks.New(cdnetworks.Options{
			Endpoint: endpoint, Client: r.client(vendor), PageSize: r.w.Scenario.Vendor.PageSize,
			Auth: cdnetworks.APIKey(owner, func() string { return secret }), LookBack: 72 * time.Hour,
		})
		return vendor, provider, err
	},
	"huaweicloud_vod": func(r *runner, quota simulator.Quota) (simulated, vendorapi.Provider, error) {
		vendor := simhuaweicloud.New(simhuaweicloud.Options{Quota: quota, Latency: latency, AccessKeys: map[string]string{"AK": secret}})
		provider, err := huaweicloud.New(huaweicloud.Options{
			Endpoint: endpoint, Client: r.client(vendor), ProjectID: owner,
			Auth: huaweicloud.AKSK(func() string { return "AK" }, func() string { return secret }, nil),
		})
		return vendor, provider, err
	},
	"huaweicloud_cdn": func(r *runner, quota simulator.Quota) (simulated, vendorapi.Provider, error) {
		vendor := simhuaweicloud.NewCDN(simhuaweicloud.CDNOptions{
			Quota: quota, Latency: latency, DomainID: owner, AccessKeys: map[string]string{"AK": secret},
		})
		provider, err := huaweicloud.NewCDN(huaweicloud.CDNOptions{
			Endpoint: endpoint, Client: r.client(vendor), DomainID: owner,
			Auth: huaweicloud.AKSK(func() string { return "AK" }, func() string { return secret }, nil),
		})
		return vendor, provider, err
	},
	"alibabacloud_cdn": func(r *runner, quota simulator.Quota) (simulated, vendorapi.Provider, error) {
		vendor := simalibabacloud.New(simalibabacloud.Options{Quota: quota, Latency: latency, AccessKeys: map[string]string{owner: secret}})
		provider, err := alibabacloud.New(alibabacloud.Options{
			Product: alibabacloud.CDN, Endpoint: endpoint, Client: r.client(vendor),
			Auth: alibabacloud.Keys(func() string { return owner }, func() string { return secret }, nil),
		})
		return vendor, provider, err
	},
	"volcengine_cdn": func(r *runner, quota simulator.Quota) (simulated, vendorapi.Provider, error) {
		vendor := simvolcengine.New(simvolcengine.Options{Quota: quota, Latency: latency, AccessKeys: map[string]string{owner: secret}})
		provider, err := volcengine.New(volcengine.Options{
			Product: volcengine.Name, Endpoint: endpoint, Region: "cn-north-1", Client: r.client(vendor),
			PageSize: r.w.Scenario.Vendor.PageSize, AccessKey: func() string { return owner }, SecretKey: func() string { return secret },
		})
		return vendor, provider, err
	},
}

func latency() (before, after time.Duration) {
	return freshness.Latency / 2, freshness.Latency - freshness.Latency/2
}
