package task_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"prefetch_exporter/prefetch"
)

// The gap grows while nothing is missing but rows, and begins anew with each of them.
func TestRowlessGap(t *testing.T) {
	t.Parallel()
	const least, most = 5 * time.Minute, 30 * time.Minute
	a := fresh("https://example.com/0", "https://example.com/1", "https://example.com/2", "https://example.com/3")
	two := rows(prefetch.Succeeded, 2)
	running := rows(prefetch.Succeeded, 2)
	running[1].Status = prefetch.Running
	for _, step := range []struct {
		at    time.Duration
		rows  []prefetch.URL
		want  time.Duration
		noRow int
	}{
		{0, running, 0, 2},
		{10 * time.Minute, two, least, 2},
		{22 * time.Minute, two, 12 * time.Minute, 2},
		{70 * time.Minute, two, most, 2},
		{80 * time.Minute, rows(prefetch.Succeeded, 3), least, 1},
		{90 * time.Minute, rows(prefetch.Succeeded, 4), 0, 0},
	} {
		apply(t, a, whole(step.rows), at(step.at))
		if got := a.RowlessGap(least, most); got != step.want {
			t.Errorf("after %v: a gap of %v, want %v", step.at, got, step.want)
		}
		if got := a.Published(prefetch.Account{}).NoRow; len(got) != step.noRow {
			t.Errorf("after %v: %q have no row, want %d", step.at, got, step.noRow)
		}
	}
	if a.Phase != prefetch.Settled {
		t.Errorf("%v in the end", a.Phase)
	}
}

// A URL that was submitted twice has no row for the second until there are two.
func TestNoRow(t *testing.T) {
	t.Parallel()
	a := fresh("https://example.com/0", "https://example.com/0", "elsewhere")
	apply(t, a, whole(rows(prefetch.Running, 1)), at(0))
	if diff := cmp.Diff([]string{"https://example.com/0", "elsewhere"}, a.Published(prefetch.Account{}).NoRow); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
