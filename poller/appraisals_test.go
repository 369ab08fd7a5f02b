package poller_test

import (
	"maps"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"prefetch_exporter/poller"
	"prefetch_exporter/poller/clock"
	"prefetch_exporter/prefetch"
	vendorapi "prefetch_exporter/vendor_api"
)

// TestAppraisals asks whether what was worked out of tasks before, and is kept, says
// the same as what is worked out anew: of the same tasks exactly, that they may be
// asked, and of their worth nearly. It asks so after answers and failures, tasks
// that settle, end or are listed differently, and a clock that is set back.
func TestAppraisals(t *testing.T) {
	t.Parallel()
	// An appraisal is kept for a 32nd of the task's wait. Within that the chance that a
	// task settled may grow by a few times that, while it is small.
	// What is learned meanwhile moves more than that, once in a while.
	const near, small = 0.25, 0.5
	compared, apart := 0, 0
	for range 4 { // the share is told by many examples
		rapid.Check(t, func(rt *rapid.T) {
			w := drawWaiting(rt, bubble())
			for i := range w.rows { // some settle
				w.rows[i].ends = bubble().Add(time.Duration(rapid.IntRange(-30, 400).Draw(rt, "ends")) * time.Minute)
			}
			steps := rapid.SliceOfN(rapid.IntRange(0, 9), 30, 30).Draw(rt, "steps")
			synctest.Test(t, func(t *testing.T) {
				var fails atomic.Bool
				var jump atomic.Int64
				began := time.Now()
				w.stub.answer = func(n int, q vendorapi.Query) (vendorapi.Answer, error) {
					if fails.Load() {
						return vendorapi.Answer{}, &vendorapi.Error{Reason: prefetch.ReasonInvalid}
					}
					return w.answer(n, q)
				}
				tells := func() clock.Stamp {
					return clock.Stamp{Wall: time.Now().Add(time.Duration(jump.Load())), Boot: "b", Up: time.Since(began)}
				}
				a := account(edgeAccount, w, w.limit)
				a.PollInterval, a.Retention = w.interval, time.Hour
				p := rigUp(t, newMemory(), tells, []poller.Account{a}, w.tasks)
				defer p.end()
				for _, step := range steps {
					switch step {
					case 0:
						fails.Store(!fails.Load())
					case 1:
						jump.Add(-int64(3 * time.Hour))
					case 2:
						p.List(map[string][]prefetch.Task{a.Name: w.tasks[len(w.tasks)/2:]})
					case 3:
						p.List(map[string][]prefetch.Task{a.Name: w.tasks})
					default:
						wait(time.Duration(step*step) * w.slot / 4)
					}
					synctest.Wait()
					now := tells().Wall
					kept := poller.Worths(p.Poller, edgeAccount, now)
					query, why, _ := poller.Plan(p.Poller, edgeAccount, now)
					again, whyAgain, _ := poller.Plan(p.Poller, edgeAccount, now)
					if diff := cmp.Diff(query, again); diff != "" || why != whyAgain {
						rt.Errorf("planned twice, %q and %q:\n%s", why, whyAgain, diff)
					}
					poller.Forget(p.Poller, edgeAccount)
					anew := poller.Worths(p.Poller, edgeAccount, now)
					if diff := cmp.Diff(slices.Sorted(maps.Keys(anew)), slices.Sorted(maps.Keys(kept))); diff != "" {
						rt.Errorf("tasks that may be asked (-anew +kept):\n%s", diff)
					}
					for id, worth := range anew {
						if worth < 0 || kept[id] < 0 {
							rt.Errorf("%s is worth %v, and was kept as %v", id, worth, kept[id])
						}
						compared++
						if off := kept[id] - worth; max(off, -off) > small+near*max(worth, kept[id]) {
							apart++
						}
					}
				}
			})
		})
	}
	// About three of a hundred are, over many runs; eight and more if no appraisal is made
	// anew because time has passed.
	const few = 16
	if compared == 0 || apart*few > compared {
		t.Errorf("%d of %d worths are far from what was kept", apart, compared)
	}
}
