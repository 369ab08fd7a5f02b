package poller_test

import (
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"prefetch_exporter/poller"
	"prefetch_exporter/poller/clock"
	"prefetch_exporter/prefetch"
	"prefetch_exporter/vendor_api/simulator"
	simhuaweicloud "prefetch_exporter/vendor_api/simulator/huaweicloud"
)

// TestEveryChangeIsTold looks at the state only when it is told of a change, and
// has seen all there is whenever nothing happens any more. That a snapshot can
// be taken there shows that no lock is held that a scrape needs.
func TestEveryChangeIsTold(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		vendor := simhuaweicloud.New(huaweiOptions())
		vendor.Submit(simulator.Task{ID: "launch", Owner: project, Created: time.Now(), URLs: plans(3, 5*time.Minute)})
		var (
			p    *poller.Poller
			mu   sync.Mutex
			seen prefetch.Snapshot
		)
		p = poller.New(poller.Options{
			Store: newMemory(), Recorder: newRecorder(), Clock: clock.Wall(time.Now),
			Changed: func() {
				mu.Lock()
				defer mu.Unlock()
				seen = p.Snapshot()
			},
		})
		sawAll := func(what string) {
			t.Helper()
			synctest.Wait()
			mu.Lock()
			defer mu.Unlock()
			// Progress is that of the moment.
			if diff := cmp.Diff(p.Snapshot(), seen, cmpopts.IgnoreFields(prefetch.AccountState{}, "Progress")); diff != "" {
				t.Errorf("%s: not told (-is +seen):\n%s", what, diff)
			}
		}
		if err := p.Configure([]poller.Account{huawei(t, vendor)}); err != nil {
			t.Fatal(err)
		}
		sawAll("an account")
		p.List(map[string][]prefetch.Task{huaweiAccount.Name: {configured(huaweiAccount, "launch")}})
		sawAll("a task")
		ctx, cancel := contextWithCancel(t)
		done := make(chan error)
		go func() { done <- p.Run(ctx) }()
		for range 10 {
			time.Sleep(time.Minute)
			sawAll("an answer")
		}
		if phase := p.Snapshot().Accounts[0].Tasks[0].Phase; phase != prefetch.Settled {
			t.Errorf("after ten minutes the task is %v", phase)
		}
		if err := p.Configure(nil); err != nil {
			t.Fatal(err)
		}
		sawAll("the account is gone")
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}
