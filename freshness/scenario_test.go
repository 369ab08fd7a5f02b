package freshness_test

import (
	"math"
	"reflect"
	"slices"
	"testing"
	"time"

	"prefetch_exporter/freshness"
	"prefetch_exporter/prefetch"
)

// TestWorkloads checks what every scenario promises of its work.
func TestWorkloads(t *testing.T) {
	t.Parallel()
	for _, s := range freshness.Scenarios() {
		t.Run(s.Name, func(t *testing.T) {
			t.Parallel()
			if s.Unsettled > 0 {
				s.Within = time.Hour
			}
			w := s.Workload(7)
			if !reflect.DeepEqual(w.Items, s.Workload(7).Items) {
				t.Error("the same seed gives other work")
			}
			if reflect.DeepEqual(w.Items, s.Workload(8).Items) {
				t.Error("another seed gives the same work")
			}
			if s.Items > 0 && len(w.Items) != s.Items {
				t.Errorf("%d items, want %d", len(w.Items), s.Items)
			}
			if !slices.IsSortedFunc(w.Items, byCreation) {
				t.Error("items are not in the order of their creation")
			}
			checkItems(t, w)
		})
	}
}

func byCreation(a, b freshness.Item) int { return int(a.Created - b.Created) }

func checkItems(t *testing.T, w *freshness.Workload) {
	t.Helper()
	s := &w.Scenario
	ids := map[string]bool{}
	withDeadline := 0
	for i := range w.Strangers {
		ids[w.Strangers[i].ID] = true
	}
	if len(w.Strangers) != s.Strangers || !slices.IsSortedFunc(w.Strangers, byCreation) {
		t.Errorf("%d items of strangers, or not in the order of their creation; want %d", len(w.Strangers), s.Strangers)
	}
	for i := range w.Items {
		item := &w.Items[i]
		ids[item.ID] = true
		if at := item.Created + s.Before; at < 0 || at >= s.Within {
			t.Errorf("%s is created at %v, not within %v from %v", item.ID, item.Created, s.Within, -s.Before)
		}
		if n := len(item.URLs); n < s.LeastURLs || n > s.MostURLs {
			t.Errorf("%s has %d URLs, want %d to %d", item.ID, n, s.LeastURLs, s.MostURLs)
		}
		if item.Deadline != 0 {
			withDeadline++
			if item.Deadline != item.Created+s.DeadlineAfter {
				t.Errorf("%s has its deadline %v after its creation", item.ID, item.Deadline-item.Created)
			}
		}
	}
	if len(ids) != len(w.Items)+len(w.Strangers) {
		t.Errorf("%d ids for %d items", len(ids), len(w.Items)+len(w.Strangers))
	}
	near(t, "part of the items with a deadline", float64(withDeadline)/float64(len(w.Items)), s.Deadlines, 0.06)
}

// TestDistributions compares what is drawn with the figures.
func TestDistributions(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		median, p95 time.Duration
		wait        time.Duration // on average
	}{
		freshness.Busy:     {3 * time.Minute, 30 * time.Minute, 30 * time.Second},
		freshness.VODFlood: {4 * time.Minute, 20 * time.Minute, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := scenario(name)
			s.Within = 4 * time.Hour
			var fetches []time.Duration
			var wait time.Duration
			failed := 0
			for _, item := range s.Workload(1).Items {
				for _, u := range item.URLs {
					fetches = append(fetches, u.Fetch)
					wait += u.Wait
					if u.Fails {
						failed++
					}
				}
			}
			slices.Sort(fetches)
			n := len(fetches)
			near(t, "median in minutes", fetches[n/2].Minutes(), c.median.Minutes(), 0.3)
			near(t, "p95 in minutes", fetches[n*95/100].Minutes(), c.p95.Minutes(), 2)
			near(t, "mean wait in seconds", wait.Seconds()/float64(n), c.wait.Seconds(), 1)
			near(t, "part of the URLs that fail", float64(failed)/float64(n), 0.01, 0.005)
		})
	}
}

// TestStragglers finds the slow part of the URLs.
func TestStragglers(t *testing.T) {
	t.Parallel()
	slow, all := 0, 0
	for seed := range uint64(5) {
		for _, item := range scenario(freshness.Stragglers).Workload(seed).Items {
			for _, u := range item.URLs {
				all++
				if u.Fetch > 6*time.Hour {
					slow++
				}
			}
		}
	}
	near(t, "part of the stragglers", float64(slow)/float64(all), 0.03, 0.005)
}

// TestFloodIsSteady counts the unsettled tasks at random moments.
func TestFloodIsSteady(t *testing.T) {
	t.Parallel()
	s := scenario(freshness.VODFlood)
	s.Within = 3 * time.Hour
	w := s.Workload(3)
	for at := time.Duration(0); at < s.Within; at += 7*time.Minute + 13*time.Second {
		unsettled := 0
		for i := range w.Items {
			if w.Items[i].Created <= at && at < w.Items[i].Settled() {
				unsettled++
			}
		}
		if unsettled != s.Unsettled {
			t.Errorf("%d unsettled at %v, want %d", unsettled, at, s.Unsettled)
		}
	}
}

// TestRamp counts the unsettled tasks while they become more, and after.
func TestRamp(t *testing.T) {
	t.Parallel()
	s := scenario(freshness.RowsWithTasks)
	w := s.Workload(3)
	for at := 500 * time.Millisecond; at < s.Within; at += 17 * time.Second {
		unsettled := 0
		for i := range w.Items {
			if w.Items[i].Created <= at && at < w.Items[i].Settled() {
				unsettled++
			}
		}
		if want := min(500, 1+int(at/(1200*time.Millisecond))); unsettled != want {
			t.Errorf("%d unsettled at %v, want %d", unsettled, at, want)
		}
	}
}

// TestCounts follows an item through its life, at both vendors.
func TestCounts(t *testing.T) {
	t.Parallel()
	life := freshness.Item{Created: time.Minute, URLs: []freshness.URL{
		{Wait: 10 * time.Second, Fetch: 10 * time.Second},
		{Fetch: 30 * time.Second, Fails: true},
	}}
	for _, c := range []struct {
		at        time.Duration
		edge, vod prefetch.Counts
	}{
		{at: 59 * time.Second},
		{at: 60 * time.Second, edge: counts(1, 1, 0, 0), vod: counts(0, 2, 0, 0)},
		{at: 70 * time.Second, edge: counts(0, 2, 0, 0), vod: counts(0, 2, 0, 0)},
		{at: 80 * time.Second, edge: counts(0, 1, 1, 0), vod: counts(0, 1, 1, 0)},
		{at: 90 * time.Second, edge: counts(0, 0, 1, 1), vod: counts(0, 0, 1, 1)},
	} {
		if got := work(edge(), life).Counts(0, c.at); got != c.edge {
			t.Errorf("at %v: %v, want %v", c.at, got, c.edge)
		}
		if got := work(vod(), life).Counts(0, c.at); got != c.vod {
			t.Errorf("at %v with one word: %v, want %v", c.at, got, c.vod)
		}
	}
	if got := life.Settled(); got != 90*time.Second {
		t.Errorf("settled at %v, want 90 s", got)
	}
}

func counts(waiting, running, succeeded, failed int) prefetch.Counts {
	return prefetch.Counts{
		prefetch.Waiting: waiting, prefetch.Running: running,
		prefetch.Succeeded: succeeded, prefetch.Failed: failed,
	}
}

func near(t *testing.T, what string, got, want, tolerance float64) {
	t.Helper()
	if math.Abs(got-want) > tolerance {
		t.Errorf("%s: %v, want %v ± %v", what, got, want, tolerance)
	}
}
