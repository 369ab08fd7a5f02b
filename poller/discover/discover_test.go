package discover_test

import (
	"fmt"
	"testing"
	"time"

	"prefetch_exporter/poller/dialect"
	"prefetch_exporter/poller/discover"
	"prefetch_exporter/prefetch"
	vendorapi "prefetch_exporter/vendor_api"
)

var noon = time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)

// vendor has one row a task, each created at one of these moments.
type vendor struct {
	created []time.Time
	cursor  bool // pages have no numbers
}

func (v *vendor) answer(q vendorapi.Query, now time.Time) vendorapi.Answer {
	var ans vendorapi.Answer
	for i, at := range v.created {
		if at.Before(q.From) || at.After(q.To) || at.After(now) {
			continue
		}
		ans.RowTasks = append(ans.RowTasks, fmt.Sprint(i))
		ans.URLs = append(ans.URLs, prefetch.URL{Created: at})
	}
	all := len(ans.URLs)
	first := min(all, (q.Page-1)*q.PageSize)
	last := min(all, first+q.PageSize)
	ans.RowTasks, ans.URLs, ans.Count = ans.RowTasks[first:last], ans.URLs[first:last], all
	if v.cursor {
		ans.Count = last - first
		if last < all {
			ans.Next = fmt.Sprint(last)
		}
	}
	return ans
}

func moment(now time.Time) *discover.Moment {
	d := dialect.Dialect{Capabilities: vendorapi.Capabilities{
		Windows: true, RowTask: true, PageSize: 100, LookBack: 72 * time.Hour, MaxSpan: 72 * time.Hour,
	}}
	return &discover.Moment{Terms: d.At(now), Age: 24 * time.Hour, PollInterval: time.Minute}
}

// Whatever was created when, everything that is young enough is found once it is there,
// and when nothing is behind there is one question a poll interval.
func TestEverythingIsFound(t *testing.T) {
	t.Parallel()
	every := func(gap time.Duration, n int) (times []time.Time) {
		for i := range n {
			times = append(times, noon.Add(-time.Duration(n-i)*gap+time.Hour))
		}
		return times
	}
	for name, c := range map[string]struct {
		vendor vendor
		calls  int // at most until all from before is known
	}{
		"nothing":                {calls: 1},
		"a task a minute":        {vendor: vendor{created: every(time.Minute, 1500)}, calls: 15},
		"ten a minute":           {vendor: vendor{created: every(6*time.Second, 15_000)}, calls: 146},
		"all at once":            {vendor: vendor{created: make([]time.Time, 950)}, calls: 10},
		"all at once, by cursor": {vendor: vendor{created: make([]time.Time, 950), cursor: true}, calls: 10},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for i, at := range c.vendor.created {
				if at.IsZero() {
					c.vendor.created[i] = noon.Add(-time.Hour)
				}
			}
			var l discover.Listing
			found, calls, idle := map[string]bool{}, 0, 0
			now := noon
			for now.Before(noon.Add(2 * time.Hour)) {
				m := moment(now)
				q, due := l.Next(m)
				if due.After(now) {
					if idle == 0 {
						t.Logf("%d calls until all is known", calls)
						if calls > c.calls {
							t.Errorf("%d calls, more than %d", calls, c.calls)
						}
					}
					idle++
					now = due
					continue
				}
				calls++
				l.Leaves(true, now)
				ans := c.vendor.answer(q, now)
				now = now.Add(time.Second)
				l.Ended()
				for _, f := range l.Saw(q, &ans, now.Add(-time.Second), moment(now)) {
					found[f.ID] = true
				}
			}
			young := 0
			for i, at := range c.vendor.created {
				if at.After(noon.Add(-24 * time.Hour)) {
					young++
					if !found[fmt.Sprint(i)] {
						t.Fatalf("task %d of %v is not found", i, at)
					}
				}
			}
			if idle < 100 {
				t.Errorf("it waited %d times in two hours", idle)
			}
			t.Logf("%d of %d tasks, %d calls in two hours", young, len(found), calls)
		})
	}
}

// What somebody else asks counts, if it reaches as far back.
func TestOthersQuestions(t *testing.T) {
	t.Parallel()
	l := discover.Listing{Until: noon.Add(-time.Minute)}
	m := moment(noon)
	list := vendorapi.Query{Kind: vendorapi.QueryList, From: noon.Add(-time.Second), To: noon.Add(time.Second), Page: 1, PageSize: 100}
	ans := vendorapi.Answer{Tasks: []vendorapi.TaskSummary{{ID: "a", Created: noon}}, Count: 1}
	if found := l.Saw(list, &ans, noon, m); len(found) != 1 || !l.Until.Equal(noon.Add(-time.Minute)) {
		t.Errorf("found %v; known until %v after a list that begins later", found, l.Until)
	}
	l.Widen(&list, m)
	if l.Saw(list, &ans, noon, m); !l.Until.Equal(noon) {
		t.Errorf("known until %v", l.Until)
	}
	if _, due := l.Next(m); !due.Equal(noon.Add(time.Minute)) {
		t.Errorf("the next question is due at %v", due)
	}
	l.Move(func(at *time.Time) { *at = at.Add(time.Hour) })
	if _, due := l.Next(m); !due.IsZero() {
		t.Errorf("after the clock was set back it is due at %v", due)
	}
	m.Hasty, m.Begun = true, noon.Add(2*time.Hour)
	if l.Leaves(false, noon); l.Yields() || l.UnderWay() {
		t.Error("another's call is its own")
	}
}
