package pages_test

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"prefetch_exporter/collector"
	"prefetch_exporter/collector/pages"
	"prefetch_exporter/prefetch"
)

// changing is a state that changes between scrapes in any way that it can.
// What it published is never changed again.
type changing struct {
	source
	now time.Time
}

func (c *changing) accounts() []prefetch.AccountState { return slices.Clone(c.snapshot.Accounts) }

// account draws an account to change, and nothing if there is none.
func (c *changing) account(t *rapid.T, change func(*prefetch.AccountState)) {
	accounts := c.accounts()
	if len(accounts) == 0 {
		return
	}
	a := &accounts[rapid.IntRange(0, len(accounts)-1).Draw(t, "account")]
	a.Tasks = slices.Clone(a.Tasks)
	change(a)
	c.snapshot = snapshotOf(accounts...)
}

// task draws a task and replaces it by a changed copy.
func (c *changing) task(t *rapid.T, change func(*prefetch.TaskState)) {
	c.account(t, func(a *prefetch.AccountState) {
		if len(a.Tasks) == 0 {
			return
		}
		i := rapid.IntRange(0, len(a.Tasks)-1).Draw(t, "task")
		task := *a.Tasks[i]
		change(&task)
		a.Tasks[i] = &task
	})
}

// changes are what can happen between two scrapes.
func (c *changing) changes() map[string]func(*rapid.T) {
	return map[string]func(*rapid.T){
		"an answer": func(t *rapid.T) {
			c.task(t, func(task *prefetch.TaskState) {
				task.Counts = anyCounts().Draw(t, "counts")
				task.Answered, task.LastRefresh = true, c.now
				task.HasCauses = rapid.Bool().Draw(t, "causes")
				task.Causes[prefetch.CauseVendor] = rapid.IntRange(0, 3).Draw(t, "vendor")
				task.Progress, task.HasProgress = rapid.Float64Range(0, 1).Draw(t, "progress"), rapid.Bool().Draw(t, "has progress")
				task.Phase = rapid.SampledFrom([]prefetch.Phase{prefetch.Active, prefetch.Settled}).Draw(t, "phase")
			})
		},
		"a failed call": func(t *rapid.T) { c.task(t, func(task *prefetch.TaskState) { task.Up = !task.Up }) },
		"other times": func(t *rapid.T) {
			c.task(t, func(task *prefetch.TaskState) {
				task.Created = anyTime().Draw(t, "created")
				task.Deadline = anyTime().Draw(t, "deadline")
				task.LastRefresh = anyTime().Draw(t, "last refresh")
			})
		},
		"other labels": func(t *rapid.T) {
			c.task(t, func(task *prefetch.TaskState) {
				task.Labels = rapid.MapOfN(anyText(), anyText(), 0, 3).Draw(t, "labels")
			})
		},
		"another task": func(t *rapid.T) {
			c.task(t, func(task *prefetch.TaskState) {
				id := task.ID
				*task = *anyTask().Draw(t, "other")
				task.ID = id
			})
		},
		"a task that comes": func(t *rapid.T) {
			c.account(t, func(a *prefetch.AccountState) {
				a.Tasks = inOrder(append(a.Tasks, anyTask().Draw(t, "new")))
			})
		},
		"tasks that go": func(t *rapid.T) {
			c.account(t, func(a *prefetch.AccountState) {
				from := rapid.IntRange(0, len(a.Tasks)).Draw(t, "from")
				a.Tasks = slices.Delete(a.Tasks, from, rapid.IntRange(from, min(from+5, len(a.Tasks))).Draw(t, "to"))
			})
		},
		"another limit": func(t *rapid.T) {
			c.account(t, func(a *prefetch.AccountState) {
				a.MaxStaleness = time.Duration(rapid.IntRange(0, 100).Draw(t, "hours")) * time.Hour
			})
		},
		"other accounts": func(t *rapid.T) {
			c.snapshot = snapshotOf(eachOnce(append(anySnapshot().Draw(t, "others").Accounts, c.accounts()...))...)
		},
		"an account that goes": func(*rapid.T) { c.snapshot = snapshotOf(c.accounts()[min(1, len(c.snapshot.Accounts)):]...) },
		// Backwards as well: clocks are set.
		"time": func(t *rapid.T) { c.now = anyTime().Draw(t, "now") },
	}
}

// checkChanges asserts that a page is what promhttp would serve, whatever was
// served before.
func checkChanges(t *rapid.T) {
	state := &changing{now: now}
	// More than one block, which costs most of the time of this test.
	if rapid.SampledFrom([]bool{false, false, false, true}).Draw(t, "many") {
		state.snapshot = snapshotOf(vodAccount(launches(90)...), windowAccount())
	} else {
		state.snapshot = anySnapshot().Draw(t, "snapshot")
	}
	o := handlerOptions(nil)
	o.Collector = collector.New(collector.Options{Source: state, Now: func() time.Time { return state.now }})
	h := pages.NewHandler(o)
	want := ordinary(o)
	// Few, so that what is kept for one is used again.
	scrapers := rapid.SliceOfN(anyRequest(), 1, 3).Draw(t, "scrapers")
	actions := state.changes()
	actions["a refresh"] = func(*rapid.T) { pages.RefreshNow(h) }
	actions[""] = func(t *rapid.T) {
		if rapid.SampledFrom([]bool{false, false, false, false, false, false, true}).Draw(t, "scrape") {
			samePage(t, rapid.SampledFrom(scrapers).Draw(t, "scraper"), want, h)
		}
	}
	for _, r := range scrapers {
		samePage(t, r, want, h)
	}
	t.Repeat(actions)
	for _, r := range scrapers {
		samePage(t, r, want, h)
	}
}

// anyRequest yields requests in every format, for all families or some.
func anyRequest() *rapid.Generator[request] {
	return rapid.Custom(func(t *rapid.T) request {
		r := rapid.SampledFrom(requests()).Draw(t, "request")
		if rapid.Bool().Draw(t, "filtered") {
			r.names = rapid.SliceOfN(rapid.SampledFrom(append(stateMetrics(), "no_such_metric")), 1, 4).Draw(t, "names")
		}
		return r
	})
}

func TestFastEqualsOrdinary(t *testing.T) {
	t.Parallel()
	rapid.Check(t, checkChanges)
}

// FuzzFastEqualsOrdinary asserts the same, and looks for more.
func FuzzFastEqualsOrdinary(f *testing.F) {
	f.Fuzz(rapid.MakeFuzz(checkChanges))
}
