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
)

// foretold is what was said at a moment to come next, and when each task may be
// asked at the earliest.
type foretold struct {
	at    time.Time
	next  *prefetch.QueryState
	looks map[string]time.Time
}

// foretell lets time pass and takes down each second what is said to come next.
// The seconds lie beside those in which things happen.
func (r *rig) foretell(t *testing.T, name prefetch.Account, d time.Duration) []foretold {
	t.Helper()
	var said []foretold
	wait(second / 3)
	for passed := time.Duration(0); passed < d; passed += second {
		a := r.account(t, name)
		looks := map[string]time.Time{}
		for _, task := range a.Tasks {
			looks[task.ID] = a.NextLook(task)
		}
		said = append(said, foretold{time.Now(), a.NextQuery, looks})
		wait(second)
	}
	return said
}

// wrong is what was foretold and did not come, where nothing was heard between and no
// call took longer than any before: of tasks that compete for calls only when.
func wrong(v *stub, said []foretold, competing bool) error {
	calls, asked := v.calls(), v.asked()
	for _, s := range said {
		heard, slow := time.Time{}, false // the end of the first call under way
		next := -1
		for i, c := range calls {
			if !c.began.After(s.at) && c.ended.After(s.at) && (heard.IsZero() || c.ended.Before(heard)) {
				heard, slow = c.ended, c.ended.Sub(c.began) > slowest(calls, s.at)
			}
			if c.began.After(s.at) && next < 0 {
				next = i
			}
		}
		switch {
		case next < 0 || !heard.IsZero() && (!heard.After(calls[next].began) || slow):
			continue
		case s.next == nil:
			return fmt.Errorf("at %v nothing was said to come, and %+v did at %v", s.at, asked[next], calls[next].began)
		}
		// Several may leave in the same moment, in no order. And of two that are worth
		// the same but for a thirty-second part, which is as exactly as the planner
		// reckons, either may come first.
		came, second := competing, calls[next].began
		for i := next; i < len(calls) && (second.Equal(calls[next].began) || calls[i].began.Equal(second)); i++ {
			second = calls[i].began
			came = came || s.next.Task == asked[i].TaskID && s.next.Kind == string(asked[i].Kind)
		}
		if !came || s.next.Time.Sub(calls[next].began).Abs() > time.Millisecond {
			return fmt.Errorf("at %v it was said that %+v comes next, and %+v did at %v", s.at, *s.next, asked[next], calls[next].began)
		}
	}
	return nil
}

// early is a task that was asked before it was said that it could be. How long
// before its deadline it will be asked is learned meanwhile.
func early(v *stub, said []foretold, specs []prefetch.Task) error {
	calls, asked := v.calls(), v.asked()
	deadlines := map[string]time.Time{}
	for _, spec := range specs {
		deadlines[spec.ID] = spec.Deadline
	}
	next := 0
	for _, s := range said {
		for next < len(calls) && !calls[next].began.After(s.at) {
			next++
		}
		told := map[string]bool{}
		for i := next; i < len(calls) && len(told) < len(s.looks); i++ {
			id := asked[i].TaskID
			look, watched := s.looks[id]
			ahead := deadlines[id].Sub(calls[i].began)
			learned := ahead > 0 && ahead <= 30*second
			if watched && !told[id] && !learned && (look.IsZero() || look.After(calls[i].began.Add(time.Millisecond))) {
				return fmt.Errorf("at %v %s was to be asked at %v, and was at %v", s.at, id, look, calls[i].began)
			}
			told[id] = true
		}
	}
	return nil
}

// slowest is how long calls took that had ended by then, or what they are believed to
// take before one has.
func slowest(calls []span, by time.Time) time.Duration {
	most := time.Duration(0)
	for _, c := range calls {
		if !c.ended.IsZero() && !c.ended.After(by) {
			most = max(most, c.ended.Sub(c.began))
		}
	}
	if most == 0 {
		return second
	}
	return most
}

// While tasks are unfinished it is known what comes next and when, also while calls
// are under way and where nothing is due: it comes just so if nothing is heard
// before.
func TestWhatComesNext(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		tasks := rapid.IntRange(1, 10).Draw(rt, "tasks")
		limit := prefetch.Limit{Calls: rapid.SampledFrom([]int{1, 2, 5, 50}).Draw(rt, "calls"), Per: rapid.SampledFrom([]time.Duration{time.Minute, 5 * time.Minute}).Draw(rt, "per")}
		interval := time.Duration(rapid.IntRange(10, 120).Draw(rt, "interval")) * second
		latency := time.Duration(rapid.IntRange(1, 5000).Draw(rt, "latency")) * time.Millisecond
		inFlight := rapid.IntRange(1, 4).Draw(rt, "in flight")
		windows, watched := rapid.Bool().Draw(rt, "windows"), rapid.Bool().Draw(rt, "watch_window")
		failing := rapid.SampledFrom([]prefetch.Reason{"", prefetch.ReasonNotFound, prefetch.ReasonTimeout}).Draw(rt, "fails")
		deadlines := rapid.SliceOfN(rapid.IntRange(-600, 900), tasks, tasks).Draw(rt, "deadlines")
		synctest.Test(t, func(t *testing.T) {
			v := &stub{caps: vendorapi.Capabilities{}, answer: running}
			name := huaweiAccount
			if windows {
				name, v = edgeAccount, windowsOf(&joins{})
				v.answer = running
			}
			v.caps.MaxInFlight = inFlight
			v.takes = func(int) time.Duration { return latency }
			if failing != "" {
				v.answer = func(n int, q vendorapi.Query) (vendorapi.Answer, error) {
					if n%3 == 1 {
						return vendorapi.Answer{}, &vendorapi.Error{Reason: failing}
					}
					return running(n, q)
				}
			}
			specs := many(name, tasks)
			for i := range specs {
				specs[i].Created = time.Now().Add(-time.Duration(i) * time.Minute)
				if deadlines[i] > 0 {
					specs[i].Deadline = time.Now().Add(time.Duration(deadlines[i]) * second)
				}
			}
			a := account(name, v, limit)
			a.PollInterval, a.WatchWindow = interval, watched && windows
			r := start(t, newMemory(), []poller.Account{a}, specs...)
			said := r.foretell(t, name, 20*time.Minute)
			r.stop()
			// Where more calls are wanted than there are, which task is worth the most is
			// reckoned anew at other times too. The look-back takes calls that nobody
			// wants whenever somebody looks.
			competing := time.Duration(tasks)*limit.Per > time.Duration(limit.Calls)*interval
			exact := !a.WatchWindow && (!competing || limit.Calls == 1)
			if err := wrong(v, said, competing); err != nil && exact {
				rt.Error(err)
			}
			// A call that answers ends the backoff of those that failed beside it.
			if err := early(v, said, specs); err != nil && failing != prefetch.ReasonTimeout {
				rt.Error(err)
			}
			for _, s := range said {
				if s.next == nil || s.next.Why == "" {
					rt.Fatalf("at %v: %+v, with unfinished tasks", s.at, s.next)
				}
			}
		})
	})
}

// A task's next look is the earliest moment in which it may be asked, whatever
// stands in its way; it has none when nothing is left to ask.
func TestNextLook(t *testing.T) {
	t.Parallel()
	const minute = time.Minute
	for name, c := range map[string]struct {
		answer   func() (vendorapi.Answer, error)
		limit    prefetch.Limit
		deadline time.Duration
		want     time.Duration // 0 for none
	}{
		"by the poll interval":   {answer: urls(prefetch.Running), want: minute},
		"the quota is spent":     {answer: urls(prefetch.Running), limit: prefetch.Limit{Calls: 1, Per: 5 * minute}, want: 303 * second},
		"the deadline is sooner": {answer: urls(prefetch.Running), deadline: 40 * second, want: 38 * second},
		"it settled":             {answer: urls(prefetch.Succeeded)},
		"it is not known":        {answer: fails(prefetch.ReasonNotFound), want: minute},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				v, m := moody()
				m.set("a", c.answer)
				spec := configured(huaweiAccount, "a")
				began := time.Now()
				if c.deadline > 0 {
					spec.Deadline = began.Add(c.deadline)
				}
				if c.limit.Calls == 0 {
					c.limit = prefetch.Limit{Calls: 50, Per: minute}
				}
				r := start(t, newMemory(), []poller.Account{account(huaweiAccount, v, c.limit)}, spec)
				wait(second)
				a := r.account(t, huaweiAccount)
				var want time.Time
				if c.want > 0 {
					want = began.Add(c.want)
				}
				if got := a.NextLook(a.Tasks[0]); !got.Equal(want) {
					t.Errorf("%v, want %v", got, want)
				}
				if (a.NextQuery == nil) != want.IsZero() || a.NextQuery != nil && !a.NextQuery.Time.Equal(want) {
					t.Errorf("next query %+v, want it at %v", a.NextQuery, want)
				}
			})
		})
	}
}

// An account whose calls fail is asked again after its backoff, and so are its
// tasks.
func TestNextLookOfAnAccountThatFails(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		v, m := moody()
		m.set("a", fails(prefetch.ReasonAuth))
		a := account(huaweiAccount, v, prefetch.Limit{Calls: 50, Per: time.Minute})
		a.PollInterval = 10 * second
		r := start(t, newMemory(), []poller.Account{a}, configured(huaweiAccount, "a"))
		wait(10 * time.Minute)
		state := r.account(t, huaweiAccount)
		look, next := state.NextLook(state.Tasks[0]), state.NextQuery
		if next == nil || !next.Time.Equal(look) || !look.Equal(state.BackoffUntil) || time.Until(look) < time.Minute {
			t.Errorf("next look %v, next query %+v, the account resumes at %v", look, next, state.BackoffUntil)
		}
		before := len(v.calls())
		wait(time.Until(look) + time.Millisecond)
		if n := len(v.calls()); n != before+1 {
			t.Errorf("%d calls at the next look", n-before)
		}
	})
}
