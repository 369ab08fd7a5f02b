package task_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"prefetch_exporter/poller/task"
	taskrows "prefetch_exporter/poller/task/rows"
)

// evidences is one task for each state that its evidence can be in, and for some
// how it got there.
func evidences() map[string]task.Record {
	counted, reading, day := &task.Counted{Total: 150}, &task.Reading{Page: 1, PageSize: 100, Count: 150}, now.Add(-24*time.Hour)
	answered := func(e task.Evidence) task.Record {
		return task.Record{LastRefresh: now.Add(-time.Minute), Evidence: e}
	}
	return map[string]task.Record{
		"unknown":               {},
		"searching":             {Evidence: task.Evidence{State: task.Searching, Search: day}},
		"missing":               {Evidence: task.Evidence{State: task.Missing}},
		"being read":            {Evidence: task.Evidence{State: task.BeingRead, Reading: reading}},
		"being read, found":     {Evidence: task.Evidence{State: task.BeingRead, Reading: reading, Search: day}},
		"being read, counted":   {Evidence: task.Evidence{State: task.BeingRead, Reading: reading, Counted: counted}},
		"being read anew":       answered(task.Evidence{State: task.BeingRead, Reading: reading}),
		"being counted":         {Evidence: task.Evidence{State: task.BeingCounted, Counted: counted}},
		"shown":                 answered(task.Evidence{State: task.Shown}),
		"rows known":            answered(task.Evidence{State: task.RowsKnown}),
		"rows known, ambiguous": answered(task.Evidence{State: task.RowsKnown, Ambiguous: true}),
		"exclusive":             answered(task.Evidence{State: task.Exclusive}),
	}
}

// valid says what is wrong with evidence: each state has what it needs, and nothing
// that it must not have.
func valid(r *task.Record) error {
	e := r.Evidence
	for what, wrong := range map[string]bool{
		"a reading":         (e.Reading != nil) != (e.State == task.BeingRead),
		"counts":            e.Counted != nil && e.State != task.BeingCounted && e.State != task.BeingRead || e.Counted == nil && e.State == task.BeingCounted,
		"a search":          !e.Search.IsZero() && e.State != task.Searching && e.State != task.BeingRead || e.Search.IsZero() && e.State == task.Searching,
		"another's rows":    e.Ambiguous && e.State == task.Exclusive,
		"rows of no answer": r.LastRefresh.IsZero() && e.State >= task.Shown,
	} {
		if wrong {
			return fmt.Errorf("state %d has, or has not, %s", e.State, what)
		}
	}
	return nil
}

// Every transition from every state leads to a state that can be.
func TestTransitions(t *testing.T) {
	t.Parallel()
	counted, reading, day := &task.Counted{Total: 200}, &task.Reading{Page: 2}, now.Add(-48*time.Hour)
	always := func(s task.State) func(string) task.State { return func(string) task.State { return s } }
	// What evidence falls back to when it is thrown away, by what there was.
	without := func(thrown, left map[string]task.State) func(string) task.State {
		return func(from string) task.State {
			if s, ok := thrown[from]; ok {
				return s
			}
			return left[from]
		}
	}
	states := map[string]task.State{}
	for name, r := range evidences() {
		states[name] = r.State
	}
	for name, c := range map[string]struct {
		apply func(*task.Record)
		want  func(from string) task.State
	}{
		"search":      {func(r *task.Record) { r.BecomeSearching(day) }, always(task.Searching)},
		"miss":        {(*task.Record).BecomeMissing, always(task.Missing)},
		"read a page": {func(r *task.Record) { r.BecomeRead(reading) }, always(task.BeingRead)},
		"count":       {func(r *task.Record) { r.BecomeCounted(counted) }, always(task.BeingCounted)},
		"show in part": {func(r *task.Record) {
			r.LastRefresh = now
			r.BecomeShown(false, true)
		}, always(task.Shown)},
		"show other rows": {func(r *task.Record) {
			r.LastRefresh = now
			r.BecomeShown(true, false)
		}, always(task.RowsKnown)},
		"show the same rows": {func(r *task.Record) {
			r.LastRefresh = now
			r.BecomeShown(true, true)
		}, func(from string) task.State {
			if from == "exclusive" {
				return task.Exclusive
			}
			return task.RowsKnown
		}},
		"see in a window": {(*task.Record).BecomeExclusive, without(map[string]task.State{
			"rows known": task.Exclusive,
		}, states)},
		"doubt": {(*task.Record).BecomeAmbiguous, without(map[string]task.State{"exclusive": task.RowsKnown}, states)},
		"stop reading": {(*task.Record).StopReading, without(map[string]task.State{
			"being read": task.Unknown, "being read, found": task.Searching,
			"being read, counted": task.BeingCounted, "being read anew": task.Shown,
		}, states)},
		"stop counting": {(*task.Record).StopCounting, without(map[string]task.State{
			"being counted": task.Unknown, "missing": task.Unknown,
			"rows known": task.Shown, "rows known, ambiguous": task.Shown, "exclusive": task.Shown,
		}, states)},
	} {
		for from, r := range evidences() {
			t.Run(name+" from "+from, func(t *testing.T) {
				t.Parallel()
				if err := valid(&r); err != nil {
					t.Fatalf("before: %v", err)
				}
				ambiguous := r.Ambiguous || name == "doubt"
				c.apply(&r)
				if err := valid(&r); err != nil {
					t.Error(err)
				}
				if r.State != c.want(from) || r.Ambiguous != ambiguous {
					t.Errorf("state %d, ambiguous %v; want %d, %v", r.State, r.Ambiguous, c.want(from), ambiguous)
				}
			})
		}
	}
}

// A state outlives a restart.
func TestStatesAreStored(t *testing.T) {
	t.Parallel()
	for name, r := range evidences() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			want := task.Task{ID: "a", Record: r}
			value, err := want.Encode()
			if err != nil {
				t.Fatal(err)
			}
			got, err := task.Decode("a", value)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want.Evidence, got.Evidence, cmp.AllowUnexported(taskrows.Rows{}), cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("%s\n%s", value, diff)
			}
		})
	}
}

// What earlier versions stored as flags is one of the states, and so is what they
// could store and this one would not.
func TestEarlierRecords(t *testing.T) {
	t.Parallel()
	const refreshed = `"answered":true,"last_refresh":"2026-11-20T11:00:00Z"`
	for record, want := range map[string]task.State{
		`{}`:                  task.Unknown,
		`{"searched":true}`:   task.Missing,
		`{` + refreshed + `}`: task.Shown,
		`{"whole":true,"sole":true,` + refreshed + `}`:                        task.Exclusive,
		`{"whole":true,"sole":true,"ambiguous":true,` + refreshed + `}`:       task.RowsKnown,
		`{"whole":true,"counted":{"total":150},` + refreshed + `}`:            task.BeingCounted,
		`{"whole":true,"reading":{"page":1},` + refreshed + `}`:               task.BeingRead,
		`{"searched":true,"reading":{"page":1},"counted":{"total":150}}`:      task.BeingRead,
		`{"seen_active":true,"whole":true,"searched":true,` + refreshed + `}`: task.RowsKnown,
	} {
		t.Run(record, func(t *testing.T) {
			t.Parallel()
			got, err := task.Decode("a", []byte(record))
			if err != nil {
				t.Fatal(err)
			}
			if got.State != want {
				t.Errorf("state %d, want %d", got.State, want)
			}
			if err := valid(&got.Record); err != nil {
				t.Error(err)
			}
		})
	}
	old, err := task.Decode("a", []byte(`{"seen_active":true,`+refreshed+`}`))
	if err != nil || !old.LastUnfinished.Equal(old.LastRefresh) {
		t.Errorf("unfinished at %v, %v", old.LastUnfinished, err)
	}
	if _, err := task.Decode("a", []byte(`{"rows":[1]}`)); err == nil {
		t.Error("a damaged record was read")
	}
}
