package prefetch_test

import (
	"testing"
	"time"

	"prefetch_exporter/prefetch"
)

// Rows are the same by URL and creation, as often as each is there.
func TestSameRows(t *testing.T) {
	t.Parallel()
	created := time.Unix(1_000_000_000, 0)
	a, b := prefetch.URL{URL: "a", Created: created}, prefetch.URL{URL: "b"}
	final, later := a, a
	final.Status, final.Created = prefetch.Succeeded, created.Add(time.Millisecond).UTC()
	later.Created = created.Add(time.Second)
	for _, c := range []struct {
		name string
		x, y []prefetch.URL
		want bool
	}{
		{"none", nil, []prefetch.URL{}, true},
		{"in another order and state", []prefetch.URL{a, b}, []prefetch.URL{b, final}, true},
		{"of another creation", []prefetch.URL{a}, []prefetch.URL{later}, false},
		{"one more", []prefetch.URL{a}, []prefetch.URL{a, a}, false},
		{"one twice", []prefetch.URL{a, a, b}, []prefetch.URL{a, b, b}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if got := prefetch.SameRows(c.x, c.y); got != c.want {
				t.Errorf("the same: %v", got)
			}
		})
	}
	if b.Key() != (prefetch.RowKey{URL: "b"}) {
		t.Errorf("key %v", b.Key())
	}
}
