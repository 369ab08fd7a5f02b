package poller_test

import (
	"testing"
	"testing/synctest"
	"time"

	"prefetch_exporter/poller"
	"prefetch_exporter/prefetch"
	vendorapi "prefetch_exporter/vendor_api"
)

// TestTwoStoresOnOneQuota pins what docs/storage.md promises of two exporters with
// a store of their own each, and what it does not: a share of the calls holds in
// every period, but a longer period keeps one call of each nowhere apart from
// that of the other.
func TestTwoStoresOnOneQuota(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		share, holds, not prefetch.Limit
	}{
		"Huawei Cloud": {
			share: prefetch.Limit{Calls: 25, Per: time.Minute},
			holds: prefetch.Limit{Calls: 50, Per: time.Minute},
			not:   prefetch.Limit{Calls: 49, Per: time.Minute},
		},
		"CDNetworks": {
			share: prefetch.Limit{Calls: 1, Per: 10 * time.Minute},
			holds: prefetch.Limit{Calls: 2, Per: 10 * time.Minute},
			not:   prefetch.Limit{Calls: 1, Per: 5 * time.Minute},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				vendor := &stub{
					caps: vendorapi.Capabilities{MaxInFlight: 1}, answer: running,
					takes: func(n int) time.Duration { return time.Duration(n%7) * 300 * time.Millisecond },
				}
				a := account(edgeAccount, vendor, test.share)
				a.PollInterval = time.Second
				for range 2 {
					start(t, newMemory(), []poller.Account{a}, many(a.Account, 40)...)
					time.Sleep(test.share.Per / 4)
				}
				time.Sleep(40 * test.share.Per)
				if err := overQuota(vendor.calls(), test.holds); err != nil {
					t.Errorf("%v for each of two: %v", test.share, err)
				}
				if overQuota(vendor.calls(), test.not) == nil {
					t.Errorf("%v for each of two kept %v as well: the manual may promise more", test.share, test.not)
				}
			})
		})
	}
}
