package quota_test

import (
	"fmt"
	"testing"
	"testing/synctest"

	"prefetch_exporter/store"
)

// A charge that was never made leaves its key to another replica's. What that one
// writes there stays, also when the first hands over and writes its age.
func TestAKeyThatAnotherTook(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newReplicas(t)
		a, b := r.replica("a", 0), r.replica("b", 0)
		r.store.failWith(fmt.Errorf("timed out: %w", store.ErrUnknown))
		if c, _, err := a.Take(someAccount); c != nil || err == nil {
			t.Fatalf("a call leaves: %v, %v", c, err)
		}
		r.store.failWith(nil)
		b.End(b.calls(), true)
		a.hears()
		if err := a.HandOver(); err != nil {
			t.Fatal(err)
		}
		a.hears()
		synctest.Wait()
		if n := keys(t, r.store); n != 1 {
			t.Errorf("%d records, want the call that left", n)
		}
		r.replica("c", 0).waits("a call that was handed over", taken)
	})
}
