package replicas_test

import (
	"testing"
	"time"

	"prefetch_exporter/vendor_api/simulator"
)

// TestOver pins what counts as a call too many: all that a vendor could see in one
// period, whenever between arrival and answer it counts.
func TestOver(t *testing.T) {
	t.Parallel()
	began := time.Now()
	at := func(seconds float64) time.Time { return began.Add(time.Duration(seconds * float64(time.Second))) }
	for name, c := range map[string]struct {
		limit int
		calls [][2]float64 // arrival and end, in seconds; the end 0: under way
		want  int
	}{
		"one period after the end":           {1, [][2]float64{{0, 1}, {11, 12}}, 0},
		"one period after the arrival only":  {1, [][2]float64{{0, 1}, {10.5, 12}}, 1},
		"while the other is under way":       {1, [][2]float64{{0, 0}, {20, 21}}, 1},
		"two of two":                         {2, [][2]float64{{0, 1}, {1, 2}, {11, 12}, {12, 13}}, 0},
		"three of two":                       {2, [][2]float64{{0, 1}, {1, 2}, {10.9, 12}}, 1},
		"the first to arrive ended last":     {2, [][2]float64{{0, 9}, {1, 2}, {12.1, 13}, {18, 19}}, 1},
		"a second too many after the first":  {1, [][2]float64{{0, 1}, {2, 3}, {4, 5}}, 2},
		"long after everything":              {2, [][2]float64{{0, 1}, {0, 1}, {30, 31}, {30, 31}}, 0},
		"the same moment, as many as may be": {3, [][2]float64{{0, 1}, {0, 1}, {0, 1}}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			i := &identity{limit: simulator.Quota{Calls: c.limit, Per: 10 * time.Second}}
			for _, when := range c.calls {
				made := &call{arrived: at(when[0])}
				if when[1] > 0 {
					made.ended = at(when[1])
				}
				i.calls = append(i.calls, made)
			}
			if found := i.over(); len(found) != c.want {
				t.Errorf("%d calls too many, want %d: %v", len(found), c.want, found)
			}
		})
	}
}
