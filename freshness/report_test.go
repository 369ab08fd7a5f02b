package freshness_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"prefetch_exporter/freshness"
)

var update = flag.Bool("update", false, "write the golden files")

// TestEvaluate checks the figures of four items, one of which is never reported.
func TestEvaluate(t *testing.T) {
	t.Parallel()
	items := []freshness.Item{
		item(0, 10*time.Second, 1), item(0, 20*time.Second, 1), item(0, 30*time.Second, 1), item(0, 40*time.Second, 1),
	}
	for i := range items {
		items[i].ID = string(rune('a' + i))
		items[i].Deadline = 25 * time.Second
	}
	w := work(vod(), items...)
	w.Scenario.Name, w.Seed = freshness.FloodDeadlines, 9
	o := freshness.Outcome{
		Reported: []time.Duration{11 * time.Second, 26 * time.Second, 32 * time.Second, freshness.Never},
		Covered:  []time.Duration{0, 0, 31 * time.Second, 36 * time.Second},
		Calls:    12, CountError: 0.5, Samples: 8,
	}
	got := freshness.Evaluate(w, freshness.Ours, o)
	horizon := freshness.Horizon.Seconds()
	countError := 0.5
	want := freshness.Result{
		Scenario: freshness.FloodDeadlines, Strategy: freshness.Ours, Seed: 9, Items: 4, Calls: 12,
		Lag:        freshness.Spread{Mean: (1 + 6 + 2 + horizon) / 4, P50: 2, P95: horizon, Max: horizon},
		Unreported: []string{"d"}, CountError: &countError,
		Deadlines: &freshness.Deadlines{
			Items: 4, Lag: freshness.Spread{Mean: (1.0 + 6 + 11) / 4, P50: 1, P95: 11, Max: 11},
			WithinFirst: 0.5, WithinSecond: 0.75, Met: 2, KnownMet: 0.5,
		},
	}
	if diff := cmp.Diff(want, got, approximate); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	o.Samples = 0
	if got := freshness.Evaluate(w, freshness.ByPageOracle, o); got.CountError != nil || got.Deadlines != nil {
		t.Errorf("a strategy that shows nothing has %+v", got)
	}
}

var approximate = cmp.Comparer(func(a, b float64) bool { return a-b < 1e-6 && b-a < 1e-6 })

// TestEvaluateNothing has a deadline that no answer covers, and no items at all.
func TestEvaluateNothing(t *testing.T) {
	t.Parallel()
	lost := item(0, time.Second, 1)
	lost.Deadline = time.Minute
	o := freshness.Outcome{Reported: []time.Duration{freshness.Never}, Covered: make([]time.Duration, 1), Samples: 1}
	got := freshness.Evaluate(work(edge(), lost), freshness.Ours, o)
	if got.Deadlines == nil || got.Deadlines.Lag.Max != freshness.Horizon.Seconds() {
		t.Errorf("deadlines %+v, want the whole horizon", got.Deadlines)
	}
	none := freshness.Evaluate(work(edge()), freshness.Ours, freshness.Outcome{Samples: 1})
	if none.Lag != (freshness.Spread{}) || none.Deadlines != nil {
		t.Errorf("nothing is %+v", none)
	}
}

// results are two seeds of a scenario of each vendor.
func results() []freshness.Result {
	countError := 1.25
	var all []freshness.Result
	for _, name := range []string{freshness.FloodDeadlines, freshness.Trickle, freshness.TasksListed} {
		for seed := range uint64(2) {
			for i, s := range freshness.Strategies() {
				lag := float64(60 * (6 - i) * int(seed+1))
				r := freshness.Result{
					Scenario: name, Strategy: s, Seed: seed, Items: 100 + int(seed), Calls: 200,
					Lag:        freshness.Spread{Mean: lag, P50: lag / 2, P95: 2 * lag, Max: 3 * lag},
					Unreported: []string{},
				}
				if i < 4 {
					r.First = &freshness.Spread{Mean: lag / 3}
					r.CountError = &countError
				}
				if i < 4 && name == freshness.FloodDeadlines {
					r.Deadlines = &freshness.Deadlines{
						Items: 10 + 10*int(seed), Lag: freshness.Spread{Mean: 1, P50: 1, P95: 4, Max: 5 + float64(seed)},
						WithinFirst: 1 - 0.2*float64(i), WithinSecond: 1,
						Met: 4 + int(seed), KnownMet: 1 - 0.25*float64(i),
					}
				}
				all = append(all, r)
			}
		}
	}
	all[0].Unreported = []string{"item-00007"}
	return all
}

func TestWriteMarkdown(t *testing.T) {
	t.Parallel()
	golden(t, "tables.md", func(b *bytes.Buffer) error { return freshness.WriteMarkdown(b, results()) })
	one := freshness.Result{Scenario: freshness.Trickle, Strategy: freshness.Ours, Lag: freshness.Spread{Mean: 90}}
	golden(t, "one.md", func(b *bytes.Buffer) error { return freshness.WriteMarkdown(b, []freshness.Result{one}) })
}

// TestWriteJSON reads back what was written.
func TestWriteJSON(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	if err := freshness.WriteJSON(&b, results()); err != nil {
		t.Fatal(err)
	}
	var read []freshness.Result
	if err := json.Unmarshal(b.Bytes(), &read); err != nil {
		t.Fatal(err)
	}
	if len(read) != len(results()) || read[0].Scenario != freshness.Trickle || read[1].Seed != 1 {
		t.Errorf("%d results, the first %+v", len(read), read[0])
	}
	// Written once more, the order is the same.
	var again bytes.Buffer
	if err := freshness.WriteJSON(&again, read); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(b.String(), again.String()); diff != "" {
		t.Errorf("(-first +second):\n%s", diff)
	}
}

// noRoom is a writer that is full.
type noRoom struct{}

var errNoRoom = errors.New("no room")

func (noRoom) Write([]byte) (int, error) { return 0, errNoRoom }

func TestWriteFails(t *testing.T) {
	t.Parallel()
	if err := freshness.WriteMarkdown(noRoom{}, results()); !errors.Is(err, errNoRoom) {
		t.Errorf("tables: %v", err)
	}
	if err := freshness.WriteJSON(noRoom{}, results()); !errors.Is(err, errNoRoom) {
		t.Errorf("results: %v", err)
	}
}

// TestTargets compares means over seeds. The results are given out for those of another
// scenario.
func TestTargets(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		results string // of which scenario
		want    freshness.Target
	}{
		"mean": {freshness.Trickle, freshness.Target{
			Scenario: freshness.Trickle, Text: "trickle: mean of ours, with urls at most 1.50 × page oracle", Is: "2.50 ×",
		}},
		"held, though not reached": {freshness.Trickle, freshness.Target{
			Scenario: freshness.Stragglers, Text: "stragglers: mean of ours at most 2.20 × page oracle", Is: "3.00 ×", Holds: true,
		}},
		"95th percentile": {freshness.Trickle, freshness.Target{
			Scenario: freshness.VODFlood, Text: "VOD flood: p95 of ours at most 0.75 × round-robin", Is: "1.50 ×",
		}},
		"first answer": {freshness.Trickle, freshness.Target{
			Scenario: freshness.ColdStart12, Text: "cold start, 12 items: first answer of ours at most 1.15 × round-robin", Is: "1.50 ×",
		}},
		"lag and calls": {freshness.Trickle, freshness.Target{
			Scenario: freshness.TasksListed, Text: "tasks listed: mean of ours at most 30s, for at most 1 calls an item",
			Is: "540.0 s, 1.99 calls", Partial: true,
		}},
		"deadlines": {freshness.FloodDeadlines, freshness.Target{
			Scenario: freshness.FloodDeadlines, Is: "100.0 %, 100.0 %", Reached: true, Holds: true,
			Text: "deadlines, VOD flood: ours within the first limit for 95 %, within the second for 100 %",
		}},
		"deadlines that are met": {freshness.FloodDeadlines, freshness.Target{
			Scenario: freshness.FreeDeadlines, Is: "80.0 %, 100.0 %, 75.0 %",
			Text: "deadlines, free calls: ours, with urls within the first limit for 100 %, within the second for 100 %, known as met for 100 %",
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			of := slices.DeleteFunc(results(), func(r freshness.Result) bool { return r.Scenario != c.results })
			for i := range of {
				of[i].Scenario = c.want.Scenario
			}
			if got := freshness.Targets(of); !slices.Contains(got, c.want) {
				t.Errorf("%+v is not among %+v", c.want, got)
			}
		})
	}
}

// TestNoTargets has results that nothing is asked of, and of which a side is missing.
func TestNoTargets(t *testing.T) {
	t.Parallel()
	ours := freshness.Result{Scenario: freshness.Trickle, Strategy: freshness.Ours, Lag: freshness.Spread{Mean: 90}}
	never := freshness.Result{Scenario: freshness.ColdStart12, Strategy: freshness.ByRoundRobin}
	late := freshness.Result{Scenario: freshness.ColdStart12, Strategy: freshness.Ours, Lag: freshness.Spread{Mean: 90}}
	untold := freshness.Result{Scenario: freshness.FloodDeadlines, Strategy: freshness.Ours}
	if got := freshness.Targets([]freshness.Result{ours, never, late, untold}); len(got) > 0 {
		t.Errorf("%+v", got)
	}
}

// golden compares what write writes with a file in testdata.
func golden(t *testing.T, name string, write func(*bytes.Buffer) error) {
	t.Helper()
	var b bytes.Buffer
	if err := write(&b); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, b.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), b.String()); diff != "" {
		t.Errorf("%s (-want +got), -update writes it:\n%s", name, diff)
	}
}
