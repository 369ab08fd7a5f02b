package task_test

import (
	"strings"
	"testing"
	"time"

	"prefetch_exporter/poller/task"
	taskrows "prefetch_exporter/poller/task/rows"
	"prefetch_exporter/prefetch"
	vendorapi "prefetch_exporter/vendor_api"
)

// reading is a moment of a vendor that cannot count.
func reading(after time.Duration) *task.Moment {
	m := at(after)
	m.NoStatusFilter = true
	return m
}

func page(n int, urls []prefetch.URL, count int) (vendorapi.Query, vendorapi.Answer) {
	q := ask()
	q.Page = n
	return q, vendorapi.Answer{URLs: urls, Count: count}
}

// A task of several pages is shown when all are read, as old as the first.
func TestReading(t *testing.T) {
	t.Parallel()
	all := rows(prefetch.Succeeded, 25)
	a := fresh()
	for n, part := range [][]prefetch.URL{all[:10], all[10:20], all[20:]} {
		q, ans := page(n+1, part, 25)
		got, complaint := a.Apply(q, ans, reading(time.Duration(n)*time.Minute))
		if last := n == 2; complaint != "" || (got != nil) != last || a.Answered() != last || (a.State == task.BeingRead) == last {
			t.Fatalf("page %d: %d rows, %q, state %d", n+1, len(got), complaint, a.State)
		}
		if n == 0 && (a.Reading.Pages() != 3 || a.Reading.Left() != 2) {
			t.Errorf("%d of %d pages left", a.Reading.Left(), a.Reading.Pages())
		}
	}
	if a.Phase != prefetch.Settled || a.Counts.Total() != 25 || !a.LastRefresh.Equal(now) {
		t.Errorf("%v with %v of %v", a.Phase, a.Counts, a.LastRefresh)
	}
}

// What is read must fit together.
func TestReadingInVain(t *testing.T) {
	t.Parallel()
	all := rows(prefetch.Succeeded, 20)
	type answer struct {
		page  int
		urls  []prefetch.URL
		count int
	}
	for _, c := range []struct {
		name     string
		urls     []string
		answers  []answer
		want     string // the complaint about the last one
		hopeless bool
	}{
		{
			name:    "another count on page 2",
			answers: []answer{{1, all[:10], 20}, {2, all[10:], 21}}, want: "page 2 has 10 rows of 21, where page 1 counted 20",
		},
		{
			name:    "an empty page",
			answers: []answer{{1, all[:10], 20}, {2, nil, 20}}, want: "page 2 has 0 rows of 20",
		},
		{
			name:    "a row on two pages",
			answers: []answer{{1, all[:10], 20}, {2, append(all[10:19:19], all[0]), 20}}, want: "1 rows of 20 stand on two pages",
		},
		{
			name: "a row on two pages, which was submitted twice", urls: []string{all[0].URL, all[0].URL},
			answers: []answer{{1, all[:10], 20}, {2, append(all[10:19:19], all[0]), 20}},
		},
		{
			name: "a row on two pages, twice",
			answers: []answer{
				{1, all[:10], 20}, {2, append(all[10:19:19], all[0]), 20}, {1, all[:10], 20}, {2, append(all[10:19:19], all[0]), 20},
			},
		},
		{
			name:    "a count that the pages did not bear out",
			answers: []answer{{1, all[:10], 20}, {2, nil, 20}, {1, all[:10], 20}},
			want:    "the vendor counts 20 rows again, which its pages did not bear out", hopeless: true,
		},
		{
			name:    "more rows than any task has",
			answers: []answer{{1, all[:10], taskrows.Most + 1}}, want: "more than any task can have", hopeless: true,
		},
		{
			name:    "more pages than can be read",
			answers: []answer{{1, all[:1], 361}}, want: "its 361 pages are too many", hopeless: true,
		},
		{
			name:    "longer URLs than any task has",
			answers: []answer{{1, []prefetch.URL{{URL: strings.Repeat("x", 32<<20+1)}}, 2}}, want: "have more than", hopeless: true,
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			a, last := fresh(c.urls...), ""
			for _, ans := range c.answers {
				q, ans := page(ans.page, ans.urls, ans.count)
				_, last = a.Apply(q, ans, reading(0))
			}
			if !strings.Contains(last, c.want) || (c.want == "") != (last == "") {
				t.Errorf("complaint %q, want %q", last, c.want)
			}
			if c.want != "" && (a.Answered() || a.Reading != nil || !a.RetryAt.After(now)) {
				t.Errorf("asked again at %v, state %d", a.RetryAt, a.State)
			}
			if wait := a.RetryAt.Sub(now); c.hopeless && (wait != time.Hour || a.Up) {
				t.Errorf("left alone for %v", wait)
			}
		})
	}
}

// A task that is misread again and again is shown as failing.
func TestMisreadAgainAndAgain(t *testing.T) {
	t.Parallel()
	all, a := rows(prefetch.Succeeded, 30), fresh()
	for n := range 3 {
		q, ans := page(1, all[:10], 20+n)
		a.Apply(q, ans, reading(0))
		q, ans = page(2, nil, 20+n)
		a.Apply(q, ans, reading(0))
		if down := !a.Up && a.LastError != nil && a.LastError.Reason == prefetch.ReasonDecode; down != (n == 2) {
			t.Errorf("time %d: up %v, %v", n+1, a.Up, a.LastError)
		}
	}
}

// The next page must follow within an hour, or as many calls as others may want.
func TestReadingEnds(t *testing.T) {
	t.Parallel()
	few, many := &task.Reading{Begun: now, Count: 30, PageSize: 10, Page: 1}, &task.Reading{Begun: now, Count: 1000, PageSize: 10, Page: 1}
	for _, c := range []struct {
		name  string
		r     *task.Reading
		asked time.Duration
		want  time.Duration
	}{
		{"few pages", few, 0, time.Hour},
		{"few pages, the last of late", few, 50 * time.Minute, time.Hour},
		{"many pages", many, 0, time.Hour},
		{"many pages, the last of late", many, 190 * time.Minute, 200 * time.Minute},
		{"begun by an earlier version", &task.Reading{Count: 30, PageSize: 10}, time.Minute, 61 * time.Minute},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if got := c.r.Until(now.Add(c.asked), time.Minute).Sub(now); got != c.want {
				t.Errorf("until %v, want %v", got, c.want)
			}
		})
	}
	// One that was given up says so while it is read anew.
	a := fresh()
	q, ans := page(1, rows(prefetch.Running, 10), 30)
	a.Apply(q, ans, reading(0))
	a.Apply(q, ans, reading(2*time.Hour))
	if a.LastError == nil || !strings.Contains(a.LastError.Message, "only 1 of its 3 pages") || !a.Up {
		t.Errorf("%+v", a.LastError)
	}
}

// A page that comes when what was read before it was thrown away tells nothing.
func TestPageOfNothing(t *testing.T) {
	t.Parallel()
	got, m := fresh(), at(0)
	m.NoStatusFilter = true
	apply(t, got, vendorapi.Answer{URLs: rows(prefetch.Succeeded, 2), Count: 5}, m)
	got.Summarize(vendorapi.TaskSummary{Counts: prefetch.Counts{0, 1, 4, 0}}, at(time.Second)) // while the second page is under way
	q := ask()
	q.Page = 2
	for range 2 {
		rows, complaint := got.Apply(q, vendorapi.Answer{URLs: rows(prefetch.Succeeded, 3), Count: 5}, m)
		if len(rows) > 0 || complaint != "" || got.Reading != nil || got.Counts[prefetch.Running] != 1 || !got.Up {
			t.Errorf("%d rows, %q, %+v", len(rows), complaint, got)
		}
	}
}
