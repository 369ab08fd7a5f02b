package poller_test

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"prefetch_exporter/poller"
	"prefetch_exporter/prefetch"
	vendorapi "prefetch_exporter/vendor_api"
	"prefetch_exporter/vendor_api/simulator"
	simcdnetworks "prefetch_exporter/vendor_api/simulator/cdnetworks"
)

const longest = 24*time.Hour - time.Second

// windowed is a vendor that refuses a task without a window. It has one task
// that was created at the given time of its clock, and dates its answers.
type windowed struct {
	*stub

	created  time.Time
	offset   time.Duration
	lookBack time.Duration
	rows     int
	// problems are windows that no vendor should be asked for.
	problems []string
}

func newWindowed(lookBack time.Duration) *windowed {
	w := &windowed{lookBack: lookBack, rows: 1}
	w.stub = &stub{answer: w.say, caps: vendorapi.Capabilities{
		Windows: true, Paged: true, Times: vendorapi.RowTimes{Created: true, Started: true, Finished: true}, Gradual: true, PageSize: 10, LookBack: lookBack, MaxSpan: longest, MaxInFlight: 1,
	}}
	return w
}

func (w *windowed) say(n int, q vendorapi.Query) (vendorapi.Answer, error) {
	now := time.Now().Add(w.offset)
	if q.From.IsZero() && q.To.IsZero() {
		return vendorapi.Answer{}, &vendorapi.Error{
			Reason: prefetch.ReasonInvalid, Refused: vendorapi.FeatureTaskAlone, HTTPStatus: 200, Date: now.Truncate(time.Second),
		}
	}
	// An offset is known to half a second, what a Date header tells.
	if oldest := now.Add(2*time.Minute - w.lookBack - 4*time.Second); q.From.Before(oldest) {
		w.problemf(n, "begins %v before what may be asked for", oldest.Sub(q.From))
	}
	if d := q.To.Sub(q.From); d <= 0 || d > longest {
		w.problemf(n, "spans %v", d)
	}
	if q.To.After(now.Add(time.Minute)) {
		w.problemf(n, "ends %v in the future", q.To.Sub(now))
	}
	ans := vendorapi.Answer{Page: q.Page, PageSize: q.PageSize, Date: now.Truncate(time.Second)}
	if !w.created.IsZero() && !w.created.Before(q.From) && !w.created.After(q.To) && !w.created.Before(now.Add(-w.lookBack)) {
		ans.Count = w.rows
		for i := (q.Page - 1) * q.PageSize; i < min(w.rows, q.Page*q.PageSize); i++ {
			ans.URLs = append(ans.URLs, prefetch.URL{URL: fmt.Sprint(i), Status: prefetch.Running, Created: w.created})
		}
	}
	return ans, nil
}

func (w *windowed) problemf(n int, format string, args ...any) {
	w.problems = append(w.problems, fmt.Sprintf("call %d ", n)+fmt.Sprintf(format, args...))
}

// TestWindows asks whether any window leaves what the vendor allows, whatever
// the task's creation, the vendor's clock and its look-back are, and whether the
// task is found where it can be.
func TestWindows(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		minutes := func(label string, low, high int) time.Duration {
			return time.Duration(rapid.IntRange(low, high).Draw(rt, label)) * time.Minute
		}
		lookBack := minutes("lookBack", 60, 7*24*60)
		offset := minutes("offset", -30, 30)
		age := minutes("age", -60, 8*24*60)
		told := rapid.Bool().Draw(rt, "created is told")
		per := minutes("per", 1, 10)
		rows := rapid.IntRange(1, 35).Draw(rt, "rows")
		synctest.Test(t, func(t *testing.T) {
			w := newWindowed(lookBack)
			w.offset, w.rows = offset, rows
			created := time.Now().Add(offset - age)
			w.created = created.Truncate(time.Second)
			a := account(edgeAccount, w, prefetch.Limit{Calls: 1, Per: per})
			spec := configured(edgeAccount, "a")
			if told {
				spec.Created = w.created.Add(-offset) // the user's clock is right
			}
			st := newMemory()
			r := start(t, st, []poller.Account{a}, spec)
			wait(time.Hour)
			r.stop()
			r = start(t, st, []poller.Account{a}, spec)
			wait(2 * time.Hour)
			for _, problem := range w.problems {
				rt.Errorf("%s", problem)
			}
			// What stays within the look-back for the time of the search.
			search := 2 * per * time.Duration(int(lookBack/longest)+6)
			if got := r.task(t, edgeAccount, "a"); age > 0 && age < lookBack-search-time.Hour && search < 2*time.Hour && !got.Answered {
				rt.Errorf("created %v ago within %v: %+v", age, lookBack, got)
			}
		})
	})
}

func TestATaskIsLookedForDayByDay(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		w := newWindowed(72 * time.Hour)
		a := account(edgeAccount, w, prefetch.Limit{Calls: 1, Per: time.Minute})
		r := start(t, newMemory(), []poller.Account{a}, configured(edgeAccount, "a"))
		wait(10 * time.Minute)
		if got := r.task(t, edgeAccount, "a"); got.Phase != prefetch.Lost || len(r.recorder.failed) != 0 {
			t.Errorf("after the whole look-back: %+v", got)
		}
		asked := w.asked()
		if len(asked) != 4 { // alone, then 3 days, the last of them 2 minutes short
			t.Fatalf("%d calls: %+v", len(asked), asked)
		}
		if !asked[0].From.IsZero() || asked[1].To.Before(began) {
			t.Errorf("first calls: %+v", asked[:2])
		}
		for i := 2; i < len(asked); i++ {
			if overlap := asked[i].To.Sub(asked[i-1].From); overlap != 4*second {
				t.Errorf("window %d overlaps the one after it by %v", i, overlap)
			}
		}
		if oldest := asked[3].From.Sub(began.Add(-72 * time.Hour)); oldest < 2*time.Minute || oldest > 10*time.Minute {
			t.Errorf("the search ended %v after the beginning of the look-back", oldest)
		}
		wait(20 * time.Minute)
		if n := len(w.asked()); n != 5 {
			t.Errorf("%d calls: the look-back is searched once", n)
		}
	})
}

func TestOneWindowAroundAKnownCreation(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		o := edgeOptions()
		o.RefuseTaskAlone = true
		vendor := simcdnetworks.New(o)
		created := time.Now().Add(-30 * time.Hour)
		vendor.Submit(simulator.Task{ID: "a", Owner: user, Created: created, URLs: plans(20, time.Hour)})
		vendor.Submit(simulator.Task{ID: "b", Owner: user, Created: created, URLs: plans(20, time.Hour)})
		spec := configured(edgeAccount, "a")
		spec.Created = created
		st, a := newMemory(), edge(t, vendor)
		r := start(t, st, []poller.Account{a}, spec)
		wait(6 * time.Minute)
		if got := r.task(t, edgeAccount, "a"); !got.Settled() || vendor.Stats().Calls != 2 {
			t.Errorf("after %d calls: %+v", vendor.Stats().Calls, got)
		}
		r.stop()
		other := configured(edgeAccount, "b")
		other.Created = created
		r = start(t, st, []poller.Account{a}, spec, other)
		wait(5 * time.Minute)
		if got := r.task(t, edgeAccount, "b"); !got.Settled() || vendor.Stats().Calls != 3 {
			t.Errorf("after a restart, %d calls: %+v", vendor.Stats().Calls, got)
		}
		if n := len(r.recorder.failed); n != 0 {
			t.Errorf("%d failures", n)
		}
	})
}

// A task that is older than the look-back cannot be asked for: it is lost at
// once and costs no call.
func TestATaskBeyondTheLookBack(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWindowed(72 * time.Hour)
		a := account(edgeAccount, w, prefetch.Limit{Calls: 1, Per: time.Minute})
		fresh, old := configured(edgeAccount, "fresh"), configured(edgeAccount, "old")
		fresh.Created, old.Created = time.Now().Add(-time.Hour), time.Now().Add(-100*time.Hour)
		r := start(t, newMemory(), []poller.Account{a}, fresh, old)
		wait(time.Hour)
		if got := r.task(t, edgeAccount, "old"); got.Phase != prefetch.Lost {
			t.Errorf("%+v", got)
		}
		calls := 0
		for _, q := range w.asked() {
			if q.TaskID == "old" && !q.From.IsZero() {
				calls++
			}
		}
		if calls != 0 {
			t.Errorf("%d calls for a task that cannot be asked for", calls)
		}
	})
}

func TestARefusedLookBackIsLearned(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		o := edgeOptions()
		o.RefuseTaskAlone, o.LookBack = true, 72*time.Hour
		vendor := simcdnetworks.New(o)
		a := edge(t, vendor)
		a.Provider = believing{a.Provider, 7 * 24 * time.Hour}
		a.Limit = prefetch.Limit{Calls: 1, Per: 5 * time.Minute}
		st := newMemory()
		r := start(t, st, []poller.Account{a}, configured(edgeAccount, "a"))
		wait(time.Hour)
		if got := r.task(t, edgeAccount, "a"); got.Phase != prefetch.Lost || len(r.recorder.failed) != 0 {
			t.Errorf("%+v, failures %v", got, r.recorder.failed)
		}
		refused := "query create time should not before 3 days"
		n := vendor.Stats().Refused[refused]
		if n == 0 {
			t.Fatalf("nothing was refused: %v", vendor.Stats().Refused)
		}
		r.stop()
		r = start(t, st, []poller.Account{a}, configured(edgeAccount, "a"), configured(edgeAccount, "b"))
		wait(time.Hour)
		if got := r.task(t, edgeAccount, "b"); got.Phase != prefetch.Lost || vendor.Stats().Refused[refused] != n {
			t.Errorf("after a restart: %+v, refused %v", got, vendor.Stats().Refused)
		}
	})
}

// believing is a provider that is configured with a longer look-back than the
// vendor has.
type believing struct {
	vendorapi.Provider

	lookBack time.Duration
}

func (b believing) Capabilities() vendorapi.Capabilities {
	c := b.Provider.Capabilities()
	c.LookBack = b.lookBack
	return c
}

// A feature that is refused although it was learned already, or that cannot be
// done without, is a failure like any other.
func TestARefusalThatTeachesNothing(t *testing.T) {
	t.Parallel()
	for _, feature := range []vendorapi.Feature{
		vendorapi.FeaturePageSize, vendorapi.FeatureStatusFilter, vendorapi.FeatureTaskAlone, vendorapi.FeatureLookBack, "telepathy",
	} {
		t.Run(string(feature), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				v := &stub{caps: vendorapi.Capabilities{
					Windows: true, Paged: true, PageSize: 50, LookBack: 96 * time.Hour, MaxSpan: longest, MaxInFlight: 1,
				}}
				v.answer = func(int, vendorapi.Query) (vendorapi.Answer, error) {
					return vendorapi.Answer{}, &vendorapi.Error{Reason: prefetch.ReasonInvalid, Refused: feature}
				}
				a := account(edgeAccount, v, prefetch.Limit{Calls: 1, Per: second})
				r := start(t, newMemory(), []poller.Account{a}, configured(edgeAccount, "a"))
				wait(time.Hour)
				got := r.task(t, edgeAccount, "a")
				if got.Up || r.recorder.failed[prefetch.ReasonInvalid] == 0 || !r.account(t, edgeAccount).Up {
					t.Errorf("failures %v, %+v", r.recorder.failed, got)
				}
				if n := len(v.calls()); n > 100 {
					t.Errorf("%d calls in an hour", n)
				}
			})
		})
	}
}
