package freshness_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"prefetch_exporter/freshness"
)

// edge and vod are the vendors of the scenarios: one with windows and pages, one
// with neither.
func edge() freshness.Vendor { return scenario(freshness.Trickle).Vendor }
func vod() freshness.Vendor  { return scenario(freshness.VODFlood).Vendor }

// listed and ten are those whose answers say of which tasks they are: by a list, and
// by a question for ten of them.
func listed() freshness.Vendor { return scenario(freshness.TasksListed).Vendor }
func ten() freshness.Vendor    { return scenario(freshness.TenTasksAQuestion).Vendor }

func scenario(name string) freshness.Scenario {
	for _, s := range freshness.Scenarios() {
		if s.Name == name {
			return s
		}
	}
	panic("no scenario " + name)
}

// item is created at one time and settles at another, with the last of its n
// URLs; the others are final at once.
func item(created, settled time.Duration, n int) freshness.Item {
	urls := make([]freshness.URL, n)
	urls[n-1].Fetch = settled - created
	return freshness.Item{Created: created, URLs: urls}
}

// dozen are twelve items of so many rows, the last of which settled first.
func dozen(n int) (items []freshness.Item) {
	for i := range 12 {
		items = append(items, item(time.Duration(10*i-300)*time.Second, -time.Duration(i+1)*time.Second, n))
	}
	return items
}

func work(v freshness.Vendor, items ...freshness.Item) *freshness.Workload {
	return &freshness.Workload{Scenario: freshness.Scenario{Vendor: v}, Items: items}
}

func withStrangers(w *freshness.Workload, items ...freshness.Item) *freshness.Workload {
	w.Strangers = items
	return w
}

// edgeSlot is the n-th slot, from 0, of one call in 5 min: a period and 1 %, and
// the second that a call takes. vodSlot and namedSlot are those of 90 and 60 in 1 min.
func edgeSlot(n int) time.Duration  { return time.Duration(n) * 304 * time.Second }
func namedSlot(n int) time.Duration { return time.Duration(n) * (61600 * time.Millisecond / 60) }
func vodSlot(n int) time.Duration   { return time.Duration(n) * (61600 * time.Millisecond / 90) }

// answers are the times at which the answers to calls in these slots are there;
// a negative slot is never.
func answers(slot func(int) time.Duration, slots ...int) []time.Duration {
	times := make([]time.Duration, len(slots))
	for i, n := range slots {
		times[i] = freshness.Never
		if n >= 0 {
			times[i] = slot(n) + time.Second
		}
	}
	return times
}

// TestBaselines checks the strategies on work that can be followed by hand.
func TestBaselines(t *testing.T) {
	t.Parallel()
	type expected struct {
		slots []int // in which each item is reported
		calls int
	}
	second := time.Second
	for name, c := range map[string]struct {
		work                                   *freshness.Workload
		roundRobin, newLast, oracle, nextSlots expected
	}{
		"one item is settled by the second slot": {
			work:       work(edge(), item(0, 100*second, 5)),
			roundRobin: expected{[]int{1}, 2}, newLast: expected{[]int{1}, 2},
			oracle: expected{[]int{1}, 1}, nextSlots: expected{[]int{1}, 0},
		},
		"rows may still appear a minute after the creation": {
			work:       work(edge(), item(250*second, 251*second, 5)),
			roundRobin: expected{[]int{2}, 2}, newLast: expected{[]int{2}, 2},
			oracle: expected{[]int{2}, 1}, nextSlots: expected{[]int{2}, 0},
		},
		"the vendor sees a call half a second after it was sent": {
			work: work(edge(), item(0, edgeSlot(1)+500*time.Millisecond, 5),
				item(0, edgeSlot(1)+501*time.Millisecond, 5)),
			roundRobin: expected{[]int{2, 3}, 4}, newLast: expected{[]int{2, 3}, 4},
			oracle: expected{[]int{1, 2}, 2}, nextSlots: expected{[]int{1, 2}, 0},
		},
		"a page holds five items of twenty, and the oldest finish decides which": {
			work: work(edge(), item(0, 100*second, 20), item(second, 100*second, 20), item(2*second, 100*second, 20),
				item(3*second, 100*second, 20), item(4*second, 100*second, 20), item(5*second, 90*second, 20)),
			roundRobin: expected{[]int{6, 1, 2, 3, 4, 5}, 7}, newLast: expected{[]int{1, 2, 3, 4, 5, 6}, 7},
			oracle: expected{[]int{2, 1, 1, 1, 1, 1}, 2}, nextSlots: expected{[]int{1, 1, 1, 1, 1, 1}, 0},
		},
		"rows of an item that has not settled fill the page as well": {
			work: work(edge(), item(0, 100*second, 40), item(second, 400*second, 40),
				item(2*second, 100*second, 40)),
			roundRobin: expected{[]int{3, 4, 2}, 5}, newLast: expected{[]int{1, 2, 3}, 4},
			oracle: expected{[]int{1, 2, 2}, 2}, nextSlots: expected{[]int{1, 2, 1}, 0},
		},
		"a window cannot part what was created within one second": {
			work: work(edge(), item(100*time.Millisecond, 100*second, 60),
				item(200*time.Millisecond, 100*second, 60)),
			roundRobin: expected{[]int{1, 2}, 2}, newLast: expected{[]int{1, 2}, 2},
			oracle: expected{[]int{1, 2}, 2}, nextSlots: expected{[]int{1, 1}, 0},
		},
		"nor reach into such a second": {
			work: work(edge(), item(0, 100*second, 30), item(1100*time.Millisecond, 100*second, 60),
				item(1200*time.Millisecond, 100*second, 60)),
			roundRobin: expected{[]int{3, 1, 2}, 4}, newLast: expected{[]int{1, 2, 3}, 4},
			oracle: expected{[]int{1, 2, 3}, 3}, nextSlots: expected{[]int{1, 1, 1}, 0},
		},
		"pages are judged when they are read, counts after the item settled": {
			work:       work(edge(), item(10*second, 900*second, 250)),
			roundRobin: expected{[]int{3}, 3}, newLast: expected{[]int{3}, 3},
			oracle: expected{[]int{4}, 2}, nextSlots: expected{[]int{3}, 0},
		},
		"a small item goes before the first count of a large one": {
			work:       work(edge(), item(10*second, 20*second, 150), item(10*second, 30*second, 5)),
			roundRobin: expected{[]int{2, 3}, 3}, newLast: expected{[]int{2, 3}, 3},
			oracle: expected{[]int{3, 1}, 3}, nextSlots: expected{[]int{1, 1}, 0},
		},
		"rows of somebody else fill the page as well": {
			work: withStrangers(work(edge(), item(0, 100*second, 40), item(2*second, 100*second, 40)),
				item(second, 400*second, 20), item(2*second, 400*second, 1), item(3*second, 400*second, 90)),
			roundRobin: expected{[]int{2, 1}, 3}, newLast: expected{[]int{1, 2}, 3},
			oracle: expected{[]int{1, 2}, 2}, nextSlots: expected{[]int{1, 1}, 0},
		},
		"what began before the exporter is asked for from its beginning on": {
			work: work(edge(), item(-201*second, -100*second, 30), item(-199900*time.Millisecond, -100*second, 60),
				item(-199*second, -100*second, 60)),
			roundRobin: expected{[]int{0, 1, 2}, 3}, newLast: expected{[]int{0, 1, 2}, 3},
			oracle: expected{[]int{0, 0, 1}, 2}, nextSlots: expected{[]int{0, 0, 0}, 0},
		},
		"a window may span a day less a second": {
			work:       work(edge(), item(0, 86500*second, 5), item(86399*second, 86500*second, 5)),
			roundRobin: expected{[]int{286, 285}, 287}, newLast: expected{[]int{285, 286}, 287},
			oracle: expected{[]int{285, 285}, 1}, nextSlots: expected{[]int{285, 285}, 0},
		},
		"a window may span no more": {
			work:       work(edge(), item(0, 86500*second, 5), item(86400*second, 86500*second, 5)),
			roundRobin: expected{[]int{286, 285}, 287}, newLast: expected{[]int{285, 286}, 287},
			oracle: expected{[]int{285, 286}, 2}, nextSlots: expected{[]int{285, 285}, 0},
		},
		"what is older than the look-back is never known": {
			work:       work(edge(), item(0, 73*time.Hour, 5)),
			roundRobin: expected{[]int{-1}, 853}, newLast: expected{[]int{-1}, 853},
			oracle: expected{[]int{-1}, 0}, nextSlots: expected{[]int{865}, 0},
		},
		"without windows the task that settled longest ago": {
			work:       work(vod(), item(0, 1300*time.Millisecond, 10), item(0, 1200*time.Millisecond, 10)),
			roundRobin: expected{[]int{2, 3}, 4}, newLast: expected{[]int{2, 3}, 4},
			oracle: expected{[]int{3, 2}, 2}, nextSlots: expected{[]int{2, 2}, 0},
		},
		"a list tells of all that settled": {
			work:       work(listed(), item(0, 1200*time.Millisecond, 3), item(0, 1300*time.Millisecond, 3), item(0, 4*second, 3)),
			roundRobin: expected{[]int{3, 1, 4}, 5}, newLast: expected{[]int{3, 1, 4}, 5},
			oracle: expected{[]int{1, 1, 4}, 2}, nextSlots: expected{[]int{1, 1, 4}, 0},
		},
		"ten by their ids, of which those that settled first are longest unknown": {
			work:       work(ten(), dozen(40)...),
			roundRobin: expected{[]int{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1}, 2}, newLast: expected{[]int{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1}, 2},
			oracle: expected{[]int{1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}, 2}, nextSlots: expected{make([]int, 12), 0},
		},
		"a window, if it tells of more": {
			work:       work(ten(), dozen(3)...),
			roundRobin: expected{[]int{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1}, 2}, newLast: expected{[]int{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1}, 2},
			oracle: expected{make([]int, 12), 1}, nextSlots: expected{make([]int, 12), 0},
		},
	} {
		slot := edgeSlot
		switch v := &c.work.Scenario.Vendor; {
		case v.Named:
			slot = namedSlot
		case !v.Windows:
			slot = vodSlot
		}
		for strategy, s := range map[string]struct {
			got  freshness.Outcome
			want expected
		}{
			"round-robin":           {freshness.RoundRobin(c.work, false), c.roundRobin},
			"round-robin, new last": {freshness.RoundRobin(c.work, true), c.newLast},
			"page oracle":           {freshness.PageOracle(c.work, 0), c.oracle},
			"next slot":             {freshness.NextSlot(c.work), c.nextSlots},
		} {
			t.Run(name+"/"+strategy, func(t *testing.T) {
				t.Parallel()
				got := s.got
				if diff := cmp.Diff(answers(slot, s.want.slots...), got.Reported); diff != "" {
					t.Errorf("reported (-want +got):\n%s", diff)
				}
				if got.Calls != s.want.calls {
					t.Errorf("%d calls, want %d", got.Calls, s.want.calls)
				}
			})
		}
	}
}

// TestRoundRobinCounts follows the shown counts of one URL, which waits for half
// a minute, runs for 100 s and is asked for at once and 304 s later.
func TestRoundRobinCounts(t *testing.T) {
	t.Parallel()
	url := freshness.URL{Wait: 30 * time.Second, Fetch: 100 * time.Second}
	for name, c := range map[string]struct {
		vendor  freshness.Vendor
		want    float64
		samples int
	}{
		// One URL too many is shown as waiting and one too few as running, then
		// as succeeded: 2 of 5 statuses, in each of five minutes.
		"as the vendor tells":            {edge(), 0.4, 5},
		"known before it can be sampled": {vod(), 0, 2},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := freshness.RoundRobin(work(c.vendor, freshness.Item{URLs: []freshness.URL{url}}), false)
			if o.Samples != c.samples || o.CountError != c.want {
				t.Errorf("error %v over %d samples, want %v over %d", o.CountError, o.Samples, c.want, c.samples)
			}
		})
	}
}

// TestFirstAnswer tells how long a person waits who asks about an item.
func TestFirstAnswer(t *testing.T) {
	t.Parallel()
	w := work(edge(), item(-time.Hour, time.Hour, 5), item(4*time.Second, time.Hour, 5))
	o := freshness.RoundRobin(w, false)
	if diff := cmp.Diff(answers(edgeSlot, 0, 1), o.Answered); diff != "" {
		t.Errorf("answered (-want +got):\n%s", diff)
	}
	first := freshness.Evaluate(w, freshness.ByRoundRobin, o).First
	// After a second, and after 301 s.
	if first == nil || first.Mean != 151 || first.Max != 301 {
		t.Errorf("first answers: %+v, want 151 s on average and 301 s at most", first)
	}
	if first := freshness.Evaluate(w, freshness.ByPageOracle, freshness.PageOracle(w, 0)).First; first != nil {
		t.Errorf("the oracle shows nothing before an item settled, not %+v", first)
	}
}

// TestRoundRobinDeadline finds the first answer that was asked for after the
// deadline.
func TestRoundRobinDeadline(t *testing.T) {
	t.Parallel()
	late := item(0, time.Hour, 5)
	late.Deadline = 10 * time.Minute
	w := work(edge(), late)
	o := freshness.RoundRobin(w, false)
	if want := edgeSlot(2) + time.Second; o.Covered[0] != want {
		t.Errorf("covered at %v, want %v", o.Covered[0], want)
	}
	if d := freshness.Evaluate(w, freshness.ByRoundRobin, o).Deadlines; d == nil || d.Lag.Max != 9 || d.WithinFirst != 1 {
		t.Errorf("deadlines: %+v, want 9 s and all within one slot", d)
	}
}

// TestBaselineProperties checks on random work what holds for every strategy.
func TestBaselineProperties(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		s := scenario(rapid.SampledFrom([]string{
			freshness.Trickle, freshness.VODFlood, freshness.RowsWithTasks, freshness.TasksListed, freshness.TenTasksAQuestion,
		}).Draw(t, "scenario"))
		s.Ramp, s.Unsettled, s.Within = 0, 0, 1000*s.Vendor.SlotLength()/time.Duration(rapid.IntRange(1, 100).Draw(t, "density"))
		s.Items = rapid.IntRange(1, 12).Draw(t, "items")
		s.LeastURLs = rapid.IntRange(1, 30).Draw(t, "least URLs")
		s.MostURLs = s.LeastURLs + rapid.IntRange(0, 120).Draw(t, "more URLs")
		s.Fetch.Median = time.Duration(rapid.IntRange(1, 3).Draw(t, "slots")) * s.Vendor.SlotLength()
		w := s.Workload(rapid.Uint64().Draw(t, "seed"))
		bound := freshness.NextSlot(w)
		for name, o := range map[string]freshness.Outcome{
			"round-robin": freshness.RoundRobin(w, false), "round-robin, new last": freshness.RoundRobin(w, true),
			"page oracle": freshness.PageOracle(w, 0), "next slot": bound,
		} {
			if limit := int(freshness.Horizon / s.Vendor.SlotLength()); o.Calls > limit+1 {
				t.Errorf("%s: %d calls in %d slots", name, o.Calls, limit)
			}
			for i, reported := range o.Reported {
				if reported < bound.Reported[i] {
					t.Errorf("%s: item %d is reported at %v, before the bound %v", name, i, reported, bound.Reported[i])
				}
				if settled := w.Items[i].Settled(); reported-freshness.Latency/2 < settled {
					t.Errorf("%s: item %d is reported at %v and settles at %v", name, i, reported, settled)
				}
			}
		}
	})
}

// TestLateOracle follows an oracle that is told a slot late: of what settled just
// before a slot it knows in the next one, and it still asks one question a slot.
func TestLateOracle(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		work  *freshness.Workload
		slot  func(int) time.Duration
		slots []int
	}{
		"a slot after the page oracle": {
			work(edge(), item(0, 100*time.Second, 60), item(time.Second, 100*time.Second, 60)), edgeSlot, []int{2, 3},
		},
		"without windows": {
			work(vod(), item(0, 1200*time.Millisecond, 10), item(0, 1300*time.Millisecond, 10)), vodSlot, []int{3, 4},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(answers(c.slot, c.slots...), freshness.PageOracle(c.work, c.work.Scenario.Vendor.SlotLength()).Reported); diff != "" {
				t.Errorf("reported (-want +got):\n%s", diff)
			}
		})
	}
}
