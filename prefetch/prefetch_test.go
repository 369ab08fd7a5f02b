package prefetch_test

import (
	"encoding"
	"encoding/json"
	"fmt"
	"math"
	"testing"
	"time"

	"pgregory.net/rapid"

	"prefetch_exporter/prefetch"
)

func TestStatuses(t *testing.T) {
	t.Parallel()
	want := []struct {
		name  string
		final bool
	}{{"waiting", false}, {"running", false}, {"succeeded", true}, {"failed", true}, {"unknown", false}}
	for i, s := range prefetch.Statuses() {
		if s.String() != want[i].name || s.Final() != want[i].final {
			t.Errorf("status %d is %q, final %v; want %q, %v", i, s, s.Final(), want[i].name, want[i].final)
		}
	}
	if got := prefetch.Status(prefetch.NumStatuses).String(); got != "Status(5)" {
		t.Errorf("a status that does not exist is %q", got)
	}
}

func TestPhases(t *testing.T) {
	t.Parallel()
	for i, want := range []string{"pending", "active", "settled", "lost"} {
		if got := prefetch.Phases()[i].String(); got != want {
			t.Errorf("phase %d is %q, want %q", i, got, want)
		}
	}
	if got := prefetch.Phase(prefetch.NumPhases).String(); got != "Phase(4)" {
		t.Errorf("a phase that does not exist is %q", got)
	}
}

// TestTextRoundTrip: what is written in a store or an answer is read back.
func TestTextRoundTrip(t *testing.T) {
	t.Parallel()
	for _, s := range prefetch.Statuses() {
		var back prefetch.Status
		roundTrip(t, s, &back)
		if back != s {
			t.Errorf("%v came back as %v", s, back)
		}
	}
	for _, p := range prefetch.Phases() {
		var back prefetch.Phase
		roundTrip(t, p, &back)
		if back != p {
			t.Errorf("%v came back as %v", p, back)
		}
	}
	var s prefetch.Status
	if err := json.Unmarshal([]byte(`"gone"`), &s); err == nil {
		t.Error("a status that does not exist is read")
	}
	var p prefetch.Phase
	if err := json.Unmarshal([]byte(`"gone"`), &p); err == nil {
		t.Error("a phase that does not exist is read")
	}
}

func roundTrip(t *testing.T, in encoding.TextMarshaler, out encoding.TextUnmarshaler) {
	t.Helper()
	text, err := in.MarshalText()
	if err != nil {
		t.Fatal(err)
	}
	if string(text) != fmt.Sprint(in) {
		t.Errorf("%v is written as %q", in, text)
	}
	if err := out.UnmarshalText(text); err != nil {
		t.Error(err)
	}
}

func TestCounts(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		statuses := prefetch.Statuses()
		urls := rapid.SliceOf(rapid.Custom(func(t *rapid.T) prefetch.URL {
			return prefetch.URL{Status: rapid.SampledFrom(statuses).Draw(t, "status")}
		})).Draw(t, "urls")
		c := prefetch.CountURLs(urls)
		final, open, unknown := 0, 0, 0
		for _, u := range urls {
			switch {
			case u.Status.Final():
				final++
			case u.Status == prefetch.Unknown:
				unknown++
			default:
				open++
			}
		}
		if c.Total() != len(urls) || c.Final() != final {
			t.Fatalf("%v of %d URLs, %d final", c, len(urls), final)
		}
		if got, want := c.AllFinal(), len(urls) > 0 && final == len(urls); got != want {
			t.Fatalf("AllFinal of %v is %v, want %v", c, got, want)
		}
		if got, want := c.OnlyUnknownLeft(), unknown > 0 && open == 0; got != want {
			t.Fatalf("OnlyUnknownLeft of %v is %v, want %v", c, got, want)
		}
		ratio, ok := c.SuccessRatio()
		if ok != (len(urls) > 0) || ratio < 0 || ratio > 1 {
			t.Fatalf("SuccessRatio of %v is %v, %v", c, ratio, ok)
		}
		// A quotient is rounded: 25 times 7/25 is a little more than 7.
		if ok && math.Abs(ratio*float64(len(urls))-float64(c[prefetch.Succeeded])) > 1e-6 {
			t.Fatalf("SuccessRatio of %v is %v", c, ratio)
		}
	})
}

func TestReasons(t *testing.T) {
	t.Parallel()
	concernsTask := map[prefetch.Reason]bool{
		prefetch.ReasonNotFound: true, prefetch.ReasonInvalid: true, prefetch.ReasonDecode: true,
	}
	for _, r := range prefetch.Reasons() {
		if got := r.ConcernsTask(); got != concernsTask[r] {
			t.Errorf("%s concerns the task: %v", r, got)
		}
	}
}

func TestStale(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 21, 10, 0, 0, 0, time.UTC)
	for name, c := range map[string]struct {
		state prefetch.TaskState
		want  bool
	}{
		"old":         {prefetch.TaskState{Phase: prefetch.Active, Answered: true, LastRefresh: now.Add(-61 * time.Minute)}, true},
		"at the edge": {prefetch.TaskState{Phase: prefetch.Active, Answered: true, LastRefresh: now.Add(-time.Hour)}, false},
		"lost":        {prefetch.TaskState{Phase: prefetch.Lost, Answered: true, LastRefresh: now.Add(-61 * time.Minute)}, true},
		"settled":     {prefetch.TaskState{Phase: prefetch.Settled, Answered: true, LastRefresh: now.Add(-61 * time.Minute)}, false},
		"no answer":   {prefetch.TaskState{Phase: prefetch.Pending}, false},
	} {
		if got := c.state.Stale(now, time.Hour); got != c.want {
			t.Errorf("%s: stale %v, want %v", name, got, c.want)
		}
	}
}

func TestTaskSaysAs(t *testing.T) {
	t.Parallel()
	full := func() prefetch.Task {
		return prefetch.Task{
			Account: "a", ID: "i", Created: time.Unix(1, 0), Deadline: time.Unix(2, 0).UTC(),
			URLs: []string{"u", "v"}, Labels: map[string]string{"n": "v"}, Source: prefetch.SourceFile,
		}
	}
	for name, c := range map[string]struct {
		change func(*prefetch.Task)
		want   bool
	}{
		"nothing": {func(*prefetch.Task) {}, true},
		"source":  {func(t *prefetch.Task) { t.Source = prefetch.SourceHTTP }, true},
		"time zone": {func(t *prefetch.Task) {
			t.Created, t.Deadline = t.Created.UTC(), t.Deadline.In(time.FixedZone("", 3600))
		}, true},
		"account":       {func(t *prefetch.Task) { t.Account = "b" }, false},
		"id":            {func(t *prefetch.Task) { t.ID = "j" }, false},
		"created":       {func(t *prefetch.Task) { t.Created = time.Time{} }, false},
		"deadline":      {func(t *prefetch.Task) { t.Deadline = t.Deadline.Add(1) }, false},
		"order of URLs": {func(t *prefetch.Task) { t.URLs = []string{"v", "u"} }, false},
		"label":         {func(t *prefetch.Task) { t.Labels["n"] = "w" }, false},
	} {
		other := full()
		c.change(&other)
		if got := full().SaysAs(other); got != c.want {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}
