package task_test

import (
	"testing"
	"time"

	taskrows "prefetch_exporter/poller/task/rows"
	"prefetch_exporter/prefetch"
)

// A failed row is recovered by what a later task shows, and stays so.
func TestRecover(t *testing.T) {
	t.Parallel()
	a, b := fresh(), fresh()
	b.FirstSeen = now.Add(time.Second)
	if !b.After(a) || a.After(b) || a.After(a) {
		t.Error("of one creation that is later which was seen later")
	}
	apply(t, a, whole(rows(prefetch.Failed, 3)), at(0))
	apply(t, b, whole(rows(prefetch.Succeeded, 2)), at(0))
	warm := taskrows.Hashes{}
	b.EachWarm(func(hash uint64) { warm[hash] = true })
	left := func() (n int) {
		for _, u := range a.Rows.URLs {
			if !u.Recovered {
				n++
			}
		}
		return n
	}
	if n := left(); n != 3 || len(warm) != 2 {
		t.Errorf("%d failed, %d warm", n, len(warm))
	}
	a.Rows = a.Rows.Recover(warm)
	if n := left(); n != 1 {
		t.Errorf("%d left", n)
	}
	apply(t, a, whole(rows(prefetch.Failed, 3)), at(time.Minute))
	if n := left(); n != 1 {
		t.Errorf("%d left after another answer", n)
	}
}

// Of a counted task what was submitted and did not fail is warm, if every row that
// failed is known.
func TestWarmOfACountedTask(t *testing.T) {
	t.Parallel()
	for failed, want := range map[int]int{10: 140, 120: 0} {
		urls := make([]string, 0, 150)
		for _, u := range rows(prefetch.Waiting, 150) {
			urls = append(urls, u.URL)
		}
		a := large(t, prefetch.Running, 150, at(0))
		a.Expected = urls
		count(a, prefetch.Failed, failed, at(0))
		count(a, prefetch.Succeeded, 150-failed, at(time.Minute))
		warm := 0
		a.EachWarm(func(uint64) { warm++ })
		if a.Phase != prefetch.Settled || warm != want {
			t.Errorf("%v with %d warm URLs, want %d", a.Phase, warm, want)
		}
	}
}
