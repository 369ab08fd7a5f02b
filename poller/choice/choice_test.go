package choice_test

import (
	"testing"
	"time"

	"prefetch_exporter/poller/choice"
	"prefetch_exporter/poller/clock"
	"prefetch_exporter/poller/dialect"
	"prefetch_exporter/poller/discover"
	"prefetch_exporter/poller/lookback"
	"prefetch_exporter/poller/planner"
	"prefetch_exporter/prefetch"
	vendorapi "prefetch_exporter/vendor_api"
)

var noon = time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)

// world is an account of which a question is to be chosen, at noon at first.
type world struct {
	choice.Rules

	now     time.Time
	dialect dialect.Dialect
	planner planner.Planner
	watch   lookback.LookBack
	listing discover.Listing
	hasty   bool
}

// newWorld is an account with as many tasks as there are ages, at a vendor that can
// be asked for windows.
func newWorld(ages ...time.Duration) *world {
	w := &world{now: noon, Rules: choice.Rules{Wanted: func() bool { return false }}}
	w.dialect.Capabilities = vendorapi.Capabilities{
		Windows: true, Paged: true, NeverWaits: true, Times: vendorapi.RowTimes{Created: true},
		FilterWords: vendorapi.OneWord(prefetch.Waiting, prefetch.Running, prefetch.Succeeded, prefetch.Failed),
		MaxInFlight: 1, PageSize: 100, LookBack: 72 * time.Hour, MaxSpan: 24 * time.Hour,
	}
	tasks := map[string]*planner.Candidate{}
	for i, age := range ages {
		id := string(rune('a' + i))
		tasks[id] = planner.New(prefetch.Task{ID: id, Created: noon.Add(-age), URLs: []string{"https://example.com/" + id}}, noon)
	}
	w.planner.Set(tasks)
	return w
}

// discovers makes it an account whose vendor tells which tasks there are.
func (w *world) discovers(lists bool) *world {
	c := &w.dialect.Capabilities
	c.RowTask, w.Discover = true, time.Hour
	if lists {
		c.Windows, c.RowTask, c.Lists, c.ListSize = false, false, true, 1000
	}
	return w
}

func (w *world) moment(at clock.Stamp) planner.Moment {
	return planner.Moment{
		Terms: w.dialect.At(at.Wall), PollInterval: time.Minute, Slot: 10 * time.Second, Taken: 10 * time.Second, Latency: time.Second,
		Calls: 1, Hasty: w.hasty, Begun: noon,
	}
}

// chosen is the kind of what is asked next: "look-back" and "discover" for those, and
// "" for nothing; and how long until there may be something.
func (w *world) chosen() (kind string, wait time.Duration) {
	q, found, wake := w.Next(w.planner.At(w.moment(clock.Stamp{Wall: w.now})), &w.watch, &w.listing)
	if !wake.IsZero() {
		wait = wake.Sub(w.now)
	}
	switch {
	case !found:
		return "", wait
	case q.Watch != nil:
		return "look-back", wait
	case q.Discover:
		return "discover", wait
	default:
		return string(q.Query.Kind), wait
	}
}

// The look-back has its turn where tasks want nothing, or else once in a while.
func TestLookBack(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		ages   []time.Duration
		change func(w *world)
		want   string
	}{
		"nothing is watched":         {nil, func(w *world) { w.WatchWindow = false }, ""},
		"no task":                    {nil, func(*world) {}, "look-back"},
		"a task":                     {[]time.Duration{time.Hour}, func(*world) {}, "task"},
		"a task had its turns":       {[]time.Duration{time.Hour}, func(w *world) { w.watch.Since = 100 }, "look-back"},
		"it is under way":            {nil, func(w *world) { w.watch.Leaves(true) }, ""},
		"it was refused":             {nil, func(w *world) { w.watch.Refused(noon.Add(time.Minute)) }, ""},
		"windows are not asked for":  {nil, func(w *world) { w.NoWindow = noon.Add(time.Minute) }, ""},
		"another account wants it":   {nil, func(w *world) { w.Wanted = func() bool { return true } }, ""},
		"it waited for that as long": {nil, func(w *world) { w.Wanted, w.watch.Since = func() bool { return true }, 100 }, "look-back"},
		"the vendor has no windows":  {nil, func(w *world) { w.dialect.Capabilities.Windows = false }, ""},
	} {
		w := newWorld(c.ages...)
		w.WatchWindow = true
		c.change(w)
		if got, wait := w.chosen(); got != c.want || got == "" && wait > time.Minute {
			t.Errorf("%s: %q, or after %v, not %q", name, got, wait, c.want)
		}
	}
}

// Which tasks there are is asked for when it is due, in turn with what is known.
func TestDiscover(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		ages   []time.Duration
		lists  bool
		change func(w *world)
		want   string
		wait   time.Duration
	}{
		"nothing is known":          {want: "discover", change: func(*world) {}},
		"a task":                    {ages: []time.Duration{time.Hour}, want: "discover", change: func(*world) {}},
		"others have their turn":    {ages: []time.Duration{time.Hour}, want: "window", change: func(w *world) { w.listing.Leaves(true, noon); w.listing.Ended() }},
		"it is under way":           {want: "", change: func(w *world) { w.listing.Leaves(true, noon) }},
		"windows are not asked for": {want: "", wait: time.Minute, change: func(w *world) { w.NoWindow = noon.Add(time.Minute) }},
		"a list tells of both":      {ages: []time.Duration{2 * time.Minute}, lists: true, want: "list", change: func(*world) {}},
		"a list":                    {lists: true, want: "discover", change: func(*world) {}},
		"nobody wants to know":      {lists: true, want: "", change: func(w *world) { w.Discover = 0 }},
	} {
		w := newWorld(c.ages...).discovers(c.lists)
		c.change(w)
		if got, wait := w.chosen(); got != c.want || wait != c.wait {
			t.Errorf("%s: %q, or after %v, not %q after %v", name, got, wait, c.want, c.wait)
		}
	}
}

// A list that is asked for the sake of a task reaches back to what is not known yet.
func TestAListIsWidened(t *testing.T) {
	t.Parallel()
	w := newWorld(2 * time.Minute).discovers(true)
	q, _, _ := w.Next(w.planner.At(w.moment(clock.Stamp{Wall: noon})), &w.watch, &w.listing)
	if want := noon.Add(-time.Hour); q.Query.From.After(want) {
		t.Errorf("asked from %v, not %v", q.Query.From, want)
	}
}

// What is told ahead is the question, when it leaves as far as the backoff and the
// budget let it; and nothing is changed by that.
func TestForecast(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		ages     []time.Duration
		watch    bool
		under    bool
		backoff  time.Duration
		nextCall time.Duration
		want     time.Duration
		kind     vendorapi.QueryKind // none if empty
	}{
		"nothing":            {},
		"at once":            {ages: []time.Duration{time.Hour}, kind: vendorapi.QueryTask},
		"when it may call":   {ages: []time.Duration{time.Hour}, nextCall: 40 * time.Second, want: 40 * time.Second, kind: vendorapi.QueryTask},
		"when it tries anew": {ages: []time.Duration{time.Hour}, nextCall: 40 * time.Second, backoff: time.Hour, want: time.Hour, kind: vendorapi.QueryTask},
		"after the look-back is heard": {
			watch: true, under: true, want: 5 * time.Second, kind: vendorapi.QueryWindow,
		},
	} {
		w := newWorld(c.ages...)
		w.WatchWindow = c.watch
		if c.under {
			w.watch.Leaves(true)
		}
		f := choice.Forecast{
			Rules: w.Rules, Planner: w.planner.Ahead(), Watch: w.watch.Clone(), Listing: w.listing,
			UnderWay: c.under, Over: noon.Add(5 * time.Second), Planning: w.moment,
			Backoff:  func(at time.Time) time.Duration { return max(0, noon.Add(c.backoff).Sub(at)) },
			NextCall: func(clock.Stamp) time.Time { return noon.Add(c.nextCall) },
		}
		next := f.From(clock.Stamp{Wall: noon})
		if (next == nil) != (c.kind == "") || next != nil && (next.Kind != string(c.kind) || !next.Time.Equal(noon.Add(c.want))) {
			t.Errorf("%s: %+v, not %v after %v", name, next, c.kind, c.want)
		}
		if w.watch.UnderWay() != c.under {
			t.Errorf("%s: the look-back itself has ended", name)
		}
	}
}
