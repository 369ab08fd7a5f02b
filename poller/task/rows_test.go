package task_test

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"prefetch_exporter/poller/task"
	"prefetch_exporter/prefetch"
)

// Each row is observed once, over restarts, answers without it, and a corrected
// time zone.
func TestRowsAreObservedOnce(t *testing.T) {
	t.Parallel()
	a := fresh()
	observe := func(urls []prefetch.URL) int {
		a.Observations = nil
		apply(t, a, whole(urls), at(0))
		value, err := a.Encode()
		if err != nil {
			t.Fatal(err)
		}
		n := len(a.Observations)
		if a, err = task.Decode("a", value); err != nil {
			t.Fatal(err)
		}
		return n
	}
	both := append(rows(prefetch.Running, 2), rows(prefetch.Unknown, 3)[2])
	shifted := slices.Clone(both)
	for i := range shifted {
		shifted[i].Created = shifted[i].Created.Add(8 * time.Hour)
	}
	for n, c := range []struct {
		urls []prefetch.URL
		want int
	}{{both, 3}, {both, 0}, {both[:1], 0}, {both, 0}, {shifted, 0}, {append(rows(prefetch.Succeeded, 2), both[2]), 2}} {
		if got := observe(c.urls); got != c.want {
			t.Errorf("answer %d: %d durations, want %d", n, got, c.want)
		}
	}
}

// Rows survive a restart, to the second.
func TestRowsAreStored(t *testing.T) {
	t.Parallel()
	urls := append(rows(prefetch.Failed, 1), prefetch.URL{URL: "https://example.com/?a=1&b=<2>", Status: prefetch.Waiting, Rate: 0.5, HasRate: true})
	a := fresh()
	apply(t, a, whole(urls), at(0))
	a.Rows = a.Rows.Recover(func(string) bool { return true })
	value, err := a.Encode()
	if err != nil {
		t.Fatal(err)
	}
	got, err := task.Decode("a", value)
	if err != nil {
		t.Fatal(err)
	}
	urls[0].Recovered = true
	if diff := cmp.Diff(urls, got.Rows.URLs); diff != "" {
		t.Error(diff)
	}
	if !new(task.Rows).IsZero() || a.Rows.IsZero() {
		t.Error("there are rows, or there are none")
	}
}

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
	warm := task.Hashes{}
	b.EachWarm(func(hash uint64) { warm[hash] = struct{}{} })
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
	a.Rows = a.Rows.Recover(func(url string) bool { return warm.Has(task.HashOf(url)) })
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
