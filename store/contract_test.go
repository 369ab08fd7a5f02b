package store_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"prefetch_exporter/store"
	"prefetch_exporter/store/storetest"
)

func TestContract(t *testing.T) {
	t.Parallel()
	storetest.Contract(t, func(t *testing.T) storetest.Store {
		t.Helper()
		return open(t, store.Options{Path: t.TempDir()})
	})
}

// TestContractOfMemory tests what tests use instead of a file.
func TestContractOfMemory(t *testing.T) {
	t.Parallel()
	storetest.Contract(t, func(*testing.T) storetest.Store { return storetest.NewMemory() })
}

// equal reports how the two differ.
func equal(t testing.TB, want, got any) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}
