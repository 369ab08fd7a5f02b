package planner_test

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"prefetch_exporter/poller/dialect"
	"prefetch_exporter/poller/planner"
	"prefetch_exporter/poller/task"
	"prefetch_exporter/prefetch"
	vendorapi "prefetch_exporter/vendor_api"
)

const minute = time.Minute

var noon = time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)

// launched is one task as the vendor has it: n URLs, the last of which ends after
// it takes.
type launched struct {
	id      string
	created time.Time
	n       int
	takes   time.Duration
	urls    []prefetch.URL
}

// world is an account with its vendor: nothing but the planner and the life of
// tasks, in a time that the test moves.
type world struct {
	t       *testing.T
	vendor  []*launched
	tasks   map[string]*planner.Candidate
	planner planner.Planner
	dialect dialect.Dialect
	m       planner.Moment
	waits   time.Duration // how long URLs wait at first
	calls   []string      // what was asked, and why
}

// huawei and cdnetworks are what the two kinds of vendors can be asked.
func huawei() vendorapi.Capabilities { return vendorapi.Capabilities{MaxInFlight: 1} }

func cdnetworks() vendorapi.Capabilities {
	return vendorapi.Capabilities{
		Windows: true, Paged: true, FilterWords: vendorapi.OneWord(prefetch.Waiting, prefetch.Running, prefetch.Succeeded, prefetch.Failed), Times: vendorapi.RowTimes{Created: true, Started: true, Finished: true}, Gradual: true, MaxInFlight: 1,
		PageSize: 50, LookBack: 72 * time.Hour, MaxSpan: 24 * time.Hour,
	}
}

func newWorld(t *testing.T, caps vendorapi.Capabilities, slot time.Duration) *world {
	t.Helper()
	w := &world{t: t, tasks: map[string]*planner.Candidate{}, dialect: dialect.Dialect{Capabilities: caps}}
	w.m = planner.Moment{
		PollInterval: minute, Slot: slot, Taken: slot, Latency: time.Second, Calls: 1,
		Spare: func(others int) time.Duration { return time.Duration(others) * slot },
	}
	w.at(noon)
	return w
}

func (w *world) at(now time.Time) { w.m.Terms = w.dialect.At(now) }

// launch submits a task, of which the exporter is told as much as `told` sets.
func (w *world) launch(id string, age time.Duration, n int, takes time.Duration, told func(*prefetch.Task, *launched)) *launched {
	l := &launched{id: id, created: w.m.Now.Add(-age).Truncate(time.Second), n: n, takes: takes}
	for i := range n {
		l.urls = append(l.urls, prefetch.URL{URL: fmt.Sprintf("https://example.com/%s/%d", id, i), Created: l.created})
	}
	w.vendor = append(w.vendor, l)
	spec := prefetch.Task{ID: id}
	if told != nil {
		told(&spec, l)
	}
	c := planner.New(spec, w.m.Now)
	w.tasks[id] = c
	w.planner.Add(c)
	return l
}

// everything tells the exporter the URLs and the creation.
func everything(spec *prefetch.Task, l *launched) {
	creation(spec, l)
	for _, u := range l.urls {
		spec.URLs = append(spec.URLs, u.URL)
	}
}

func creation(spec *prefetch.Task, l *launched) { spec.Created = l.created }

// row is a row as it is now. Of ten one fails.
func (w *world) row(l *launched, i int) prefetch.URL {
	u, age := l.urls[i], w.m.Now.Sub(l.created)
	ends := l.takes * time.Duration(i+1) / time.Duration(l.n)
	switch {
	case age >= ends && i%10 == 3:
		u.Status = prefetch.Failed
	case age >= ends:
		u.Status = prefetch.Succeeded
	case age >= w.waits:
		u.Status = prefetch.Running
	}
	if u.Status != prefetch.Waiting {
		u.Started = l.created.Add(w.waits)
	}
	if u.Status.Final() {
		u.Finished = l.created.Add(ends)
	}
	if !w.dialect.Capabilities.Gradual {
		u.Created, u.Started, u.Finished = time.Time{}, time.Time{}, time.Time{}
	}
	return u
}

// answer is what the vendor says.
func (w *world) answer(q vendorapi.Query) vendorapi.Answer {
	if span := q.To.Sub(q.From); !q.From.IsZero() && (span < 0 || span > w.dialect.Capabilities.MaxSpan) {
		w.t.Errorf("asked for %v", span)
	}
	var all []prefetch.URL
	for _, l := range w.vendor {
		if q.TaskID != "" && q.TaskID != l.id || !q.From.IsZero() && (l.created.Before(q.From) || l.created.After(q.To)) {
			continue
		}
		for i := range l.urls {
			if u := w.row(l, i); q.Status == nil || u.Status == *q.Status {
				all = append(all, u)
			}
		}
	}
	ans := vendorapi.Answer{Count: len(all), URLs: all}
	if q.PageSize > 0 {
		first := min(len(all), (max(q.Page, 1)-1)*q.PageSize)
		ans.URLs = all[first:min(len(all), first+q.PageSize)]
	}
	return ans
}

// step asks the next question, if there is one now.
func (w *world) step() {
	s := w.planner.At(w.m)
	q, found, _ := s.Plan()
	if !found {
		return
	}
	w.calls = append(w.calls, fmt.Sprintf("%s %s: %s", q.Query.Kind, q.TaskID(), q.Why))
	s.Leaves(&q)
	w.m.Paged = q.Follows
	left := w.m.Now
	w.at(left.Add(time.Second))
	w.hear(&q, w.answer(q.Query), left)
}

// hear applies an answer as an account does.
func (w *world) hear(q *planner.Question, ans vendorapi.Answer, left time.Time) {
	h := &planner.Heard{Round: w.planner.At(w.m), Vendor: &w.dialect}
	h.Life = task.Moment{
		Now: w.m.Now, Left: left, Sent: left, Oldest: h.Oldest(), Means: h.Means(),
		Gradual: h.Capabilities.Gradual, Windows: h.Capabilities.Windows, Jitter: func() float64 { return 0 },
	}
	tell := func(c *planner.Candidate, apply func() []prefetch.URL) {
		before := c.Task
		h.Learn(&before, c, apply())
		w.planner.Changed(c)
	}
	whole := func(c *planner.Candidate) {
		tell(c, func() []prefetch.URL {
			rows, _ := c.Apply(q.Query, ans, &h.Life)
			return rows
		})
	}
	w.planner.Ended(q, true)
	switch c := q.Task; {
	case c != nil:
		whole(c)
	case q.Query.Kind == vendorapi.QueryCount:
		for _, c := range h.Unsplit(q.Query) {
			if c.OthersWait = ans.Count > 0; !c.OthersWait {
				whole(c)
			}
		}
	default:
		use := h.Join
		if q.Query.Status != nil {
			use = h.Scouted
		}
		found, shown := use(q.Query, ans)
		if q.Query.Status == nil {
			h.LearnUnwatched(q.Query, ans.Count)
		}
		for _, f := range shown.Found {
			tell(found[f.Claim], func() []prefetch.URL { found[f.Claim].Prove(f.URLs, &h.Life); return f.URLs })
			found[f.Claim].BecomeExclusive()
		}
		for _, i := range shown.Missed {
			if h.Worth(found[i]) > 0 {
				found[i].BecomeAmbiguous()
				w.planner.Changed(found[i])
			}
		}
	}
}

// run asks a question each slot until a time is over, or everything is settled.
func (w *world) run(d time.Duration) {
	for end := w.m.Now.Add(d); w.m.Now.Before(end) && !w.settled(); {
		began := w.m.Now
		w.step()
		w.at(began.Add(w.m.Slot))
	}
}

func (w *world) settled() bool {
	for _, c := range w.tasks {
		if c.Phase != prefetch.Settled {
			return false
		}
	}
	return true
}

// asked are the reasons of the calls, each once.
func (w *world) asked() string { return strings.Join(w.calls, "\n") }

// A forecast has tasks that came since the last choice in the order of their creation,
// as that choice will.
func TestAheadOfATaskThatCame(t *testing.T) {
	t.Parallel()
	w := newWorld(t, cdnetworks(), 5*minute)
	for i := range 2 { // too far apart for one window, the newer one first
		w.launch(fmt.Sprint("task-", i), time.Duration(1+40*i)*time.Hour, 4, 5*minute, everything)
	}
	ahead, _, _ := w.planner.Ahead().At(w.m).Plan()
	next, _, _ := w.planner.At(w.m).Plan()
	if ahead.Why != next.Why || ahead.Query.From != next.Query.From || ahead.Query.To != next.Query.To {
		t.Errorf("the forecast is %q about %v to %v, the choice %q about %v to %v",
			ahead.Why, ahead.Query.From, ahead.Query.To, next.Why, next.Query.From, next.Query.To)
	}
}

// Whatever is known of tasks and however the vendor can be asked, everything settles
// with what the vendor has; the same calls give the same choices; and a forecast
// changes nothing.
func TestEverythingSettles(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		caps   vendorapi.Capabilities
		change func(w *world)
		told   func(*prefetch.Task, *launched)
		sizes  []int
		slot   time.Duration
		want   []string // reasons that are among those given
	}{
		"by id": {
			caps: huawei(), sizes: []int{1, 3, 10, 10, 30}, slot: minute,
			want: []string{"never asked before", "may have finished", "to see how far it is"},
		},
		"by windows": {
			caps: cdnetworks(), told: everything, sizes: slices.Repeat([]int{8, 3, 17}, 8), slot: 5 * minute,
			want: []string{"one answer tells of", "still run"},
		},
		"with their creation": {
			caps: cdnetworks(), told: creation, sizes: []int{1, 3, 8, 8, 5, 2}, slot: 5 * minute, want: []string{"never asked before"},
		},
		"without scouts": {
			caps: cdnetworks(), told: everything, sizes: []int{8, 8, 5, 2}, slot: 5 * minute, want: []string{"one answer tells of"},
			change: func(w *world) { w.dialect.NoRunFilter = true },
		},
		"large ones, counted": {
			caps: cdnetworks(), sizes: []int{120, 70, 4}, slot: 5 * minute,
			want: []string{"have succeeded", "have failed", "still wait"},
			change: func(w *world) {
				w.waits = 40 * minute
				for _, l := range w.vendor {
					l.takes += 2 * time.Hour
				}
			},
		},
		"large ones, read": {
			caps: cdnetworks(), sizes: []int{120, 70, 4}, slot: 5 * minute, want: []string{"its next page, 2 of 3"},
			change: func(w *world) { w.dialect.NoStatusFilter = true },
		},
		"calls are not scarce": {caps: cdnetworks(), sizes: []int{120, 70, 4}, slot: time.Second, want: []string{"its next page, 2 of 3"}},
		"only within a window": {
			caps: cdnetworks(), told: creation, sizes: []int{3, 8}, slot: 5 * minute,
			change: func(w *world) { w.dialect.NeedWindow = true },
		},
		"searched day by day": {
			caps: cdnetworks(), sizes: []int{3, 8}, slot: 5 * minute,
			change: func(w *world) {
				w.dialect.NeedWindow = true
				for _, l := range w.vendor {
					l.created = l.created.Add(-30 * time.Hour)
					for i := range l.urls {
						l.urls[i].Created = l.created
					}
				}
			},
		},
		"just submitted, together": {
			caps: cdnetworks(), told: everything, sizes: []int{8, 8, 5, 2}, slot: 5 * minute, want: []string{"one answer tells of 4 tasks"},
			change: func(w *world) {
				for _, l := range w.vendor {
					l.created = noon.Add(-10 * time.Second)
					for i := range l.urls {
						l.urls[i].Created = l.created
					}
					w.tasks[l.id].Created = l.created
				}
				w.planner.Set(w.tasks)
			},
		},
		"with deadlines": {
			caps: huawei(), sizes: []int{4, 4, 4, 4, 4, 4}, slot: minute,
			want: []string{"its deadline passed since the last answer"},
			change: func(w *world) {
				for i, l := range w.vendor {
					w.tasks[l.id].Deadline = noon.Add(time.Duration(10+10*i) * minute)
				}
				w.tasks["task-5"].Deadline = noon.Add(-minute)
				w.m.Spare = func(int) time.Duration { return 0 }
				w.planner.Set(w.tasks)
			},
		},
		"one of them is lost": {caps: huawei(), sizes: []int{3, 0}, slot: minute, want: []string{"lost, in case"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var before []string
			for twice := range 2 {
				w := newWorld(t, c.caps, c.slot)
				for i, n := range c.sizes {
					w.launch(fmt.Sprint("task-", i), time.Duration(i)*3*minute, n, time.Duration(10+7*i)*minute, c.told)
				}
				if c.change != nil {
					c.change(w)
				}
				w.at(noon)
				for range 40 {
					if twice > 0 {
						w.planner.Ahead().At(w.m).Plan()
					}
					w.run(15 * minute)
				}
				for _, l := range w.vendor {
					got := w.tasks[l.id]
					if l.n == 0 {
						if got.Phase != prefetch.Lost {
							t.Errorf("%s is %v", l.id, got.Phase)
						}
						continue
					}
					var rows []prefetch.URL
					for i := range l.urls {
						rows = append(rows, w.row(l, i))
					}
					if want := prefetch.CountURLs(rows); got.Phase != prefetch.Settled || got.Counts != want {
						t.Errorf("%s is %v with %v, want %v", l.id, got.Phase, got.Counts, want)
					}
				}
				for _, want := range c.want {
					if !strings.Contains(w.asked(), want) {
						t.Errorf("nothing was asked because %q:\n%s", want, w.asked())
					}
				}
				if twice > 0 && !slices.Equal(before, w.calls) {
					t.Errorf("the second time it asked\n%s\nthe first time\n%s", w.asked(), strings.Join(before, "\n"))
				}
				before = w.calls
			}
		})
	}
}

// Of tasks that are asked for alone, the one that has probably settled is asked
// before one that cannot have, and a deadline goes before both.
func TestOrder(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(w *world)
		want   string
		why    string
	}{
		"the older one, both unasked": {func(*world) {}, "old", "never asked before"},
		"the one whose deadline passed": {
			func(w *world) { w.tasks["young"].Deadline = noon.Add(-minute) }, "young", "its deadline passed since the last answer",
		},
		"the one whose deadline is near": {
			func(w *world) {
				w.tasks["young"].Deadline, w.m.Spare = noon.Add(time.Second), func(int) time.Duration { return 0 }
			}, "young", "its deadline is near",
		},
		"the one that waited for long": {
			func(w *world) {
				w.tasks["old"].LastAsked, w.tasks["old"].LastRefresh = noon.Add(-2*minute), noon.Add(-2*minute)
				w.tasks["young"].FirstSeen = noon.Add(-10 * time.Hour)
				w.tasks["young"].LastAsked = noon.Add(-10 * time.Hour)
			},
			"young", "it waited for long",
		},
		"not the one under way": {func(w *world) { w.tasks["old"].InFlight = true }, "young", "never asked before"},
		"not the one that backs off": {
			func(w *world) { w.tasks["old"].RetryAt, w.tasks["old"].LastAsked = noon.Add(minute), noon.Add(-minute) }, "young", "never asked before",
		},
		"even that, if its time is of a clock that was set back": {
			func(w *world) { w.tasks["old"].LastAsked, w.tasks["young"].InFlight = noon.Add(time.Hour), true }, "old", "likely to have finished",
		},
		"what can only be in vain goes last": {
			func(w *world) {
				w.tasks["old"].LastRefresh, w.tasks["old"].LastAsked = noon.Add(-time.Hour), noon.Add(-time.Hour)
				w.tasks["old"].Counts[prefetch.Unknown] = 1
			}, "young", "never asked before",
		},
		"and is asked if there is nothing else": {
			func(w *world) {
				w.tasks["old"].LastRefresh, w.tasks["old"].LastAsked = noon.Add(-time.Hour), noon.Add(-time.Hour)
				w.tasks["old"].Counts[prefetch.Unknown] = 1
				w.tasks["young"].Phase = prefetch.Settled
			}, "old", "only statuses are left that no page documents",
		},
	} {
		w := newWorld(t, huawei(), minute)
		w.launch("old", 3*time.Hour, 3, time.Hour, creation)
		w.launch("young", minute, 3, time.Hour, creation)
		c.change(w)
		w.planner.Stale()
		w.planner.Changed(w.tasks["young"])
		w.planner.Changed(w.tasks["old"])
		q, found, _ := w.planner.At(w.m).Plan()
		if !found || q.TaskID() != c.want || q.Why != c.why {
			t.Errorf("%s: asked %q because %q, want %q because %q", name, q.TaskID(), q.Why, c.want, c.why)
		}
	}
}

// A window goes by the most pressing of its tasks, then by how many of those there
// are, and only then by what it is worth.
func TestOrderOfWindows(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		passed []string // the tasks whose deadline passed
		want   string
	}{
		"the window, which tells of more":                 {nil, "one answer tells of 2 tasks"},
		"the task alone, whose deadline passed":           {[]string{"alone"}, "its deadline passed since the last answer"},
		"the task alone, which is worth more":             {[]string{"alone", "a"}, "its deadline passed since the last answer"},
		"the window, since two of its deadlines passed":   {[]string{"alone", "a", "b"}, "one answer tells of 2 tasks"},
		"the window, whatever the worth of what it shows": {[]string{"b"}, "one answer tells of 2 tasks"},
	} {
		w := newWorld(t, cdnetworks(), 5*minute)
		w.launch("alone", 3*time.Hour, 40, time.Hour, creation)
		w.launch("a", 10*minute, 3, time.Hour, everything)
		w.launch("b", 10*minute+time.Second, 3, time.Hour, everything)
		if len(c.passed) == 0 {
			w.tasks["alone"].Phase = prefetch.Settled
		}
		for _, id := range c.passed {
			w.tasks[id].Deadline = noon.Add(-minute)
		}
		for _, task := range w.tasks {
			w.planner.Changed(task)
		}
		if q, _, _ := w.planner.At(w.m).Plan(); q.Why != c.want {
			t.Errorf("%s: asked %q because %q", name, q.TaskID(), q.Why)
		}
	}
}

// Nothing is asked of nobody, of what is settled, and of what cannot be reached; and
// it is told when there is something to ask.
func TestNothingToAsk(t *testing.T) {
	t.Parallel()
	w := newWorld(t, cdnetworks(), minute)
	if _, found, wake := w.planner.At(w.m).Plan(); found || !wake.IsZero() {
		t.Errorf("without tasks asked at %v", wake)
	}
	w.launch("a", time.Hour, 3, 9*time.Hour, creation)
	c := w.tasks["a"]
	w.step()
	q, found, wake := w.planner.At(w.m).Plan()
	if found || !wake.After(w.m.Now) || wake.After(w.m.Now.Add(minute)) {
		t.Errorf("just after it was asked: %v at %v", q.Why, wake)
	}
	if at := w.planner.At(w.m).NextLook(c); !at.Equal(wake) {
		t.Errorf("the next look is at %v, want %v", at, wake)
	}
	if needs, n := w.planner.At(w.m).Backlog(); needs != 0 || n != 0 {
		t.Errorf("before the choice %v for %d tasks", needs, n)
	}
	s := w.planner.At(w.m)
	s.Plan()
	if needs, n := s.Backlog(); needs <= 0 || needs > minute || n != 1 {
		t.Errorf("%v for %d tasks", needs, n)
	}
	w.at(w.m.Now.Add(time.Second))
	w.m.Hasty, w.m.Begun = true, w.m.Now
	w.planner.Stale()
	if _, found, _ := w.planner.At(w.m).Plan(); !found {
		t.Error("who is in haste does not ask")
	}
	c.Phase = prefetch.Settled
	w.planner.Set(w.tasks)
	if _, found, wake := w.planner.At(w.m).Plan(); found || !wake.IsZero() {
		t.Errorf("settled, but asked at %v", wake)
	}
	if at := w.planner.At(w.m).NextLook(c); !at.IsZero() {
		t.Errorf("settled, but the next look is at %v", at)
	}
}

// A deadline that is ahead keeps a call in reserve, which nothing else takes before it;
// and it waits for none of that itself.
func TestHeld(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(w *world)
		want   time.Duration
	}{
		"without a deadline":  {func(*world) {}, 0},
		"who is in haste":     {func(w *world) { w.m.Hasty, w.m.Begun = true, noon }, 0},
		"a deadline is now":   {func(w *world) { w.tasks["0"].Deadline = noon }, 0},
		"a deadline is ahead": {func(w *world) { w.tasks["0"].Deadline = noon.Add(40 * time.Second) }, 10 * time.Second},
	} {
		w := newWorld(t, huawei(), minute)
		w.m.Taken, w.m.Calls = minute, 1
		for i := range 5 {
			w.launch(fmt.Sprint(i), time.Hour, 3, 3*time.Hour, creation)
			c := w.tasks[fmt.Sprint(i)]
			c.LastAsked, c.LastRefresh, c.Phase = noon.Add(-10*minute), noon.Add(-10*minute), prefetch.Active
			c.Counts[prefetch.Running] = 3
		}
		c.change(w)
		w.planner.Set(w.tasks)
		s := w.planner.At(w.m)
		q, found, _ := s.Plan()
		if !found {
			t.Errorf("%s: nothing is asked", name)
			continue
		}
		if got := s.Held(&q); got != c.want {
			t.Errorf("%s: %s waits %v, want %v", name, q.TaskID(), got, c.want)
		}
	}
}

// The chance that a task has settled grows with its age, is sure once a window
// showed every row final, and falls with every URL that is left.
func TestChance(t *testing.T) {
	t.Parallel()
	w := newWorld(t, cdnetworks(), 5*minute)
	few, many := w.launch("few", 10*minute, 2, time.Hour, creation), w.launch("many", 10*minute, 40, time.Hour, everything)
	for _, l := range []*launched{few, many} {
		last := 0.0
		for age := range 20 {
			w.at(l.created.Add(time.Duration(age) * 10 * minute))
			p := w.planner.At(w.m).Chance(w.tasks[l.id])
			if p < last || p > 1 || math.IsNaN(p) {
				t.Errorf("%s: after %d0 minutes the chance is %v, before it was %v", l.id, age, p, last)
			}
			last = p
		}
	}
	w.at(noon)
	s := w.planner.At(w.m)
	if s.Chance(w.tasks["few"]) <= s.Chance(w.tasks["many"]) {
		t.Errorf("2 URLs %v, 40 URLs %v", s.Chance(w.tasks["few"]), s.Chance(w.tasks["many"]))
	}
	h := &planner.Heard{Round: s, Vendor: &w.dialect, Life: task.Moment{Now: noon, Sent: noon, Left: noon}}
	q := vendorapi.Query{Kind: vendorapi.QueryWindow, From: noon.Add(-time.Hour), To: noon, Status: new(prefetch.Running)}
	h.Scouted(q, vendorapi.Answer{})
	if got := w.planner.At(w.m).Chance(w.tasks["many"]); got != 1 {
		t.Errorf("none runs any more, but the chance is %v", got)
	}
	w.tasks["many"].Redate(func(at *time.Time) {
		if !at.IsZero() {
			*at = at.Add(-100 * time.Hour)
		}
	}, noon)
	w.tasks["many"].Forget()
	if got := w.planner.At(w.m).Chance(w.tasks["many"]); got == 1 {
		t.Error("forgotten, but sure")
	}
}

// A vendor whose scouts are wrong three times in a row gets none any more.
func TestScoutsThatMislead(t *testing.T) {
	t.Parallel()
	w := newWorld(t, cdnetworks(), 5*minute)
	l := w.launch("a", 20*minute, 3, 5*time.Hour, everything)
	for n := range 3 {
		if w.dialect.NoRunFilter {
			t.Errorf("no scouts after %d that misled", n)
		}
		w.at(w.m.Now.Add(10 * minute))
		h := &planner.Heard{Round: w.planner.At(w.m), Vendor: &w.dialect, Life: task.Moment{Now: w.m.Now, Sent: w.m.Now, Left: w.m.Now}}
		q := vendorapi.Query{Kind: vendorapi.QueryWindow, From: l.created.Add(-time.Hour), To: w.m.Now, Status: new(prefetch.Running)}
		h.Scouted(q, vendorapi.Answer{}) // though all of them run
		w.at(w.m.Now.Add(time.Second))
		c := w.tasks["a"]
		w.hear(&planner.Question{Task: c, Query: vendorapi.Query{Kind: vendorapi.QueryTask, TaskID: "a", Page: 1, PageSize: 50}},
			w.answer(vendorapi.Query{TaskID: "a"}), w.m.Now)
	}
	if !w.dialect.NoRunFilter {
		t.Error("scouts are sent still")
	}
}

// Where many rows of others ran no scout is sent, which alone would tell that they are
// gone: after four hours it is tried.
func TestScoutsReturn(t *testing.T) {
	t.Parallel()
	w := newWorld(t, cdnetworks(), 5*minute)
	for i := range 24 {
		w.launch(fmt.Sprint("task-", i), time.Duration(i)*3*minute, 8, 5*time.Hour+time.Duration(7*i)*minute, everything)
	}
	w.at(noon)
	w.planner.RunningRatio, w.planner.RunningAt = 1e6, noon
	w.run(4*time.Hour - minute)
	if strings.Contains(w.asked(), "still run") {
		t.Errorf("a scout whose page others fill:\n%s", w.asked())
	}
	w.run(2 * time.Hour)
	if !strings.Contains(w.asked(), "still run") {
		t.Errorf("no scout for six hours:\n%s", w.asked())
	}
}

// Calls are as slow as the slowest of late, and no slower than is of use.
func TestLatency(t *testing.T) {
	t.Parallel()
	var l planner.Latency
	for _, c := range []struct{ took, usual time.Duration }{
		{0, time.Second * 7 / 8}, {8 * time.Second, 8 * time.Second}, {time.Second, 7 * time.Second}, {time.Hour, 30 * time.Second},
	} {
		if l.Learn(c.took); l.Usual() != c.usual {
			t.Errorf("after a call of %v the usual one takes %v, want %v", c.took, l.Usual(), c.usual)
		}
	}
	var none planner.Latency
	if none.Usual() != time.Second {
		t.Errorf("before a call one is believed to take %v", none.Usual())
	}
}

// What was worked out of a task is worked out anew when it changed, in whatever
// order tasks come and turn out to have been created; then it is as if it had been
// worked out for the first time.
func TestEstimatesAreKept(t *testing.T) {
	t.Parallel()
	w := newWorld(t, cdnetworks(), 2*minute)
	for i := range 30 {
		told := []func(*prefetch.Task, *launched){nil, creation, everything}[i%3]
		w.launch(fmt.Sprintf("task-%02d", i), time.Duration(i*37%600)*minute, 1+i%7, time.Duration(10+i)*minute, told)
	}
	for range 60 {
		w.run(2 * w.m.Slot)
		w.planner.Changed(w.tasks[fmt.Sprintf("task-%02d", w.m.Now.Minute()%30)])
		fresh := planner.Planner{Knowledge: w.planner.Knowledge}
		kept := w.planner.At(w.m)
		first, found, _ := kept.Plan()
		fresh.Set(maps.Clone(w.tasks))
		second, ok, _ := fresh.At(w.m).Plan()
		if found != ok {
			t.Fatalf("kept: %v, worked out anew: %v", first.Why, second.Why)
		}
		if found && math.Abs(first.Priority.Worth-second.Priority.Worth) > second.Priority.Worth/4+1e-3 {
			t.Errorf("kept: %q for %v, worked out anew: %q for %v", first.Why, first.Priority, second.Why, second.Priority)
		}
		w.planner.Set(w.tasks) // both number the tasks
	}
}
