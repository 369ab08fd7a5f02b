package etcdstore_test

import (
	"testing"

	"prefetch_exporter/store/etcdstore/etcdtest"
	"prefetch_exporter/store/storetest"
)

// TestContract holds the store to what the one in a file does, on one member, on
// three, and on the oldest release that is supported.
func TestContract(t *testing.T) {
	t.Parallel()
	for name, o := range map[string]etcdtest.Options{
		"one": {}, "three": {Members: 3}, "installed": {Binary: installed(t)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			endpoints := etcdtest.Start(t, o).Endpoints()
			storetest.Contract(t, func(t *testing.T) storetest.Store {
				t.Helper()
				return ready(t, options(endpoints))
			})
		})
	}
}
