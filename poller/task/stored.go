package task

import (
	"encoding/json"
	"fmt"

	"prefetch_exporter/poller/task/rows"
)

// stored is a task in the store, where its state is told by the flags that the
// state took the place of: so every version of the exporter reads the same.
type stored struct {
	*Record

	Answered   bool `json:"answered,omitempty"`
	SeenActive bool `json:"seen_active,omitempty"`
	Searched   bool `json:"searched,omitempty"`
	Whole      bool `json:"whole,omitempty"`
	Sole       bool `json:"sole,omitempty"`
}

// Encode returns the task for the store.
func (t *Task) Encode() ([]byte, error) {
	value, err := rows.JSON(stored{
		Record: &t.Record, Answered: t.Answered(), SeenActive: !t.LastUnfinished.IsZero(),
		Searched: t.State == Missing, Whole: t.KnowsRows(), Sole: t.State == Exclusive,
	})
	if err != nil {
		return nil, fmt.Errorf("task %q: %w", t.ID, err)
	}
	return value, nil
}

// Decode reads what Encode wrote.
func Decode(id string, value []byte) (*Task, error) {
	t := &Task{ID: id}
	s := stored{Record: &t.Record}
	if err := json.Unmarshal(value, &s); err != nil {
		return nil, fmt.Errorf("task %q: %w", id, err)
	}
	if s.SeenActive && t.LastUnfinished.IsZero() {
		t.LastUnfinished = t.LastRefresh // an earlier version did not note when
	}
	t.fallBack()
	switch {
	case t.State == BeingRead || t.State == BeingCounted:
	case s.Whole && s.Sole && !t.Ambiguous:
		t.State = Exclusive
	case s.Whole:
		t.State = RowsKnown
	case s.Searched && t.State == Unknown:
		t.State = Missing
	}
	return t, nil
}
