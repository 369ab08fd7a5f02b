package storetest_test

import (
	"testing"

	"prefetch_exporter/store/storetest"
)

func TestMemory(t *testing.T) {
	t.Parallel()
	storetest.Contract(t, func(*testing.T) storetest.Store { return storetest.NewMemory() })
}
