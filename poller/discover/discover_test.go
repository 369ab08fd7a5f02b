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
	return &discover.Moment{Moment: dialect.Moment{Terms: d.At(now), PollInterval: time.Minute}, Age: 24 * time.Hour}
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

// What the vendor cannot mean is asked for once a poll interval, and nothing is taken
// for known by it.
func TestPagesThatDoNotAddUp(t *testing.T) {
	t.Parallel()
	row := vendorapi.Answer{RowTasks: []string{"a"}, URLs: []prefetch.URL{{Created: noon}}, Count: 1}
	loop := row
	loop.Next = "again"
	for name, pages := range map[string][]vendorapi.Answer{
		"no row of many":             {{Count: 300}},
		"the same page for ever":     {loop, loop},
		"an empty page, and another": {{Next: "b"}, row},
		"tasks went meanwhile":       {{RowTasks: row.RowTasks, URLs: row.URLs, Count: 300}, {Count: 300}},
	} {
		var l discover.Listing
		m := moment(noon)
		for i := range pages {
			q, due := l.Next(m)
			if due.After(noon) || q.Page != i+1 {
				t.Fatalf("%s: page %d is due at %v", name, q.Page, due)
			}
			l.Leaves(true, noon)
			l.Saw(q, &pages[i], noon, m)
		}
		q, due := l.Next(m)
		if known := name == "an empty page, and another" || name == "tasks went meanwhile"; q.Page != 1 || !due.Equal(noon.Add(time.Minute)) || known != l.Until.Equal(noon) {
			t.Errorf("%s: page %d is due at %v, known until %v", name, q.Page, due, l.Until)
		}
	}
}

// A list that the vendor does not take any more is begun anew, with what can be read
// in time.
func TestPagesThatLeaveTheLookBack(t *testing.T) {
	t.Parallel()
	cut := vendorapi.Answer{RowTasks: []string{"a"}, URLs: []prefetch.URL{{Created: noon}}, Count: 300}
	var l discover.Listing
	m := moment(noon)
	m.Age = m.LookBack()
	q, _ := l.Next(m)
	l.Leaves(true, noon)
	l.Saw(q, &cut, noon, m)
	later := moment(noon.Add(3 * time.Minute))
	later.Age = m.Age
	if q, _ = l.Next(later); q.Page != 1 || q.From.Before(later.Oldest().Add(30*time.Minute)) {
		t.Errorf("page %d from %v on is asked for, and %v is the oldest", q.Page, q.From, later.Oldest())
	}
	l.Saw(q, &cut, later.Now, later)
	later.Learned.PageSize = 50
	if q, _ = l.Next(later); q.Page != 1 || q.PageSize != 50 {
		t.Errorf("page %d of %d is asked for after smaller pages were learned", q.Page, q.PageSize)
	}
}

// Others ask for the first page only: what is read page by page goes on meanwhile.
func TestOthersDoNotBeginAnew(t *testing.T) {
	t.Parallel()
	cut := vendorapi.Answer{RowTasks: []string{"a"}, URLs: []prefetch.URL{{Created: noon}}, Count: 300}
	l := discover.Listing{Until: noon.Add(-time.Hour)}
	m := moment(noon)
	for page := 1; page < 4; page++ {
		q, _ := l.Next(m)
		if q.Page != page {
			t.Fatalf("page %d instead of %d", q.Page, page)
		}
		l.Saw(q, &cut, noon, m)
		q.Page, q.From = 1, q.From.Add(-time.Hour)
		l.Saw(q, &cut, noon, m)
	}
}

// A vendor's clock that was ahead for a while hides nothing for longer.
func TestKnownUntilTheFuture(t *testing.T) {
	t.Parallel()
	l := discover.Listing{Until: noon.Add(3 * time.Hour)}
	m := moment(noon)
	q, _ := l.Next(m)
	cut := vendorapi.Answer{RowTasks: []string{"a"}, URLs: []prefetch.URL{{Created: noon}}, Count: 2}
	l.Saw(q, &cut, noon, m)
	if q, _ = l.Next(m); q.Page != 2 {
		t.Fatalf("page %d follows", q.Page)
	}
	if l.Saw(q, &cut, noon, m); !l.Until.Equal(noon) {
		t.Errorf("known until %v", l.Until)
	}
}
