package rows_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"prefetch_exporter/poller/task/rows"
	"prefetch_exporter/prefetch"
)

var noon = time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)

// some are so many rows of a status, which were created an hour ago, waited a minute and
// took another.
func some(status prefetch.Status, n int) []prefetch.URL {
	urls := make([]prefetch.URL, n)
	for i := range urls {
		u := &urls[i]
		*u = prefetch.URL{URL: fmt.Sprintf("https://example.com/%d", i), Status: status, Created: noon.Add(-time.Hour)}
		if status != prefetch.Waiting {
			u.Started = u.Created.Add(time.Minute)
		}
		if status.Final() {
			u.Finished = u.Started.Add(time.Minute)
		}
	}
	return urls
}

// restarted are the rows after they were stored and read.
func restarted(t *testing.T, r rows.Rows) (again rows.Rows, stored string) {
	t.Helper()
	value, err := rows.JSON(r)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(value, &again); err != nil {
		t.Fatal(err)
	}
	return again, string(value)
}

// Each row is observed once, over restarts, answers without it, and a corrected time
// zone.
func TestMerge(t *testing.T) {
	t.Parallel()
	both := some(prefetch.Running, 3)
	shifted := slices.Clone(both)
	for i := range shifted {
		shifted[i].Created = shifted[i].Created.Add(8 * time.Hour)
	}
	backwards := some(prefetch.Succeeded, 1)
	backwards[0].Started = backwards[0].Created.Add(-time.Minute)
	backwards[0].Finished = backwards[0].Started.Add(-time.Minute)
	var r rows.Rows
	for n, c := range []struct {
		urls []prefetch.URL
		want []rows.Observation
	}{
		{some(prefetch.Waiting, 3), nil},
		{both, slices.Repeat([]rows.Observation{{What: rows.ObservedWait, Took: time.Minute}}, 3)},
		{both, nil},
		{both[:1], nil},
		{nil, nil},
		{both, nil},
		{shifted, nil},
		{some(prefetch.Succeeded, 2), slices.Repeat([]rows.Observation{{What: rows.ObservedFetch, Took: time.Minute}}, 2)},
		{append(some(prefetch.Succeeded, 3), some(prefetch.Running, 1)...), []rows.Observation{
			{What: rows.ObservedFetch, Took: time.Minute}, {What: rows.ObservedWait, Took: time.Minute}, // it is there twice
		}},
	} {
		next, got := r.Merge(c.urls, nil)
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("answer %d: %s", n, diff)
		}
		r, _ = restarted(t, next)
	}
	if _, got := (rows.Rows{}).Merge(backwards, nil); got != nil {
		t.Errorf("observed %v of times that run backwards", got)
	}
}

// Rows survive a restart, to the second, in few bytes.
func TestStored(t *testing.T) {
	t.Parallel()
	urls := append(some(prefetch.Failed, 1), prefetch.URL{
		URL: "https://example.com/?a=1&b=<2>", Rate: 0.5, HasRate: true, Progress: 0.25, HasProgress: true, Cause: prefetch.CauseOrigin, Words: "502",
	})
	r := rows.Rows{}.With(urls).Recover(rows.Hashes{rows.HashOf(urls[0].URL): true})
	again, stored := restarted(t, r)
	urls[0].Recovered = true
	if diff := cmp.Diff(urls, again.URLs); diff != "" {
		t.Error(diff)
	}
	if !strings.Contains(stored, "?a=1&b=<2>") {
		t.Errorf("stored as %s", stored)
	}
	var gone rows.Rows
	if gone, _ = r.Merge(nil, nil); !gone.IsZero() || r.IsZero() || !new(rows.Rows).IsZero() {
		t.Error("there are rows, or there are none")
	}
	seen, _ := rows.Rows{}.Merge(some(prefetch.Running, 1), nil)
	if gone, _ = seen.Merge(nil, nil); gone.IsZero() {
		t.Error("nothing is known of a row that may come back")
	}
	for _, wrong := range []string{"1", `[{"u":1}]`} {
		if err := json.Unmarshal([]byte(wrong), &r); err == nil || !strings.Contains(err.Error(), "rows: ") {
			t.Errorf("%s: %v", wrong, err)
		}
	}
	if _, err := rows.JSON(func() {}); err == nil {
		t.Error("a function was stored")
	}
}

func TestParts(t *testing.T) {
	t.Parallel()
	r := rows.Rows{}.With(some(prefetch.Succeeded, 2)).With(some(prefetch.Failed, 1))
	if n := len(r.URLs); n != 3 || r.Bytes() != 3*len("https://example.com/0") {
		t.Errorf("%d rows of %d bytes", n, r.Bytes())
	}
	if got := r.Failed().URLs; len(got) != 1 || got[0].Status != prefetch.Failed || len(r.URLs) != 3 {
		t.Errorf("failed are %v", got)
	}
	if got := r.Keep(prefetch.Status.Final).URLs; len(got) != 3 {
		t.Errorf("final are %v", got)
	}
}

// A failed row is recovered by what succeeded later, and stays so in later answers;
// what was published of it does not change.
func TestRecover(t *testing.T) {
	t.Parallel()
	failed := some(prefetch.Failed, 3)
	warm := rows.Hashes{rows.HashOf(failed[1].URL): true}
	r := rows.Rows{}.With(failed)
	after := r.Recover(warm)
	again, _ := after.Merge(slices.Clone(failed), nil)
	for i, want := range []bool{false, true, false} {
		if r.URLs[i].Recovered || after.URLs[i].Recovered != want || again.URLs[i].Recovered != want {
			t.Errorf("row %d: %v, %v, %v", i, r.URLs[i].Recovered, after.URLs[i].Recovered, again.URLs[i].Recovered)
		}
	}
}
