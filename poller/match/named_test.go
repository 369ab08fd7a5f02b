package match_test

import (
	"fmt"
	"testing"
	"time"

	"prefetch_exporter/poller/dialect"
	"prefetch_exporter/poller/match"
	"prefetch_exporter/prefetch"
	vendorapi "prefetch_exporter/vendor_api"
)

// tagged is an answer whose rows name their task: each of them "task age status", the
// age in seconds before ten o'clock.
func tagged(count int, rows ...string) vendorapi.Answer {
	ans := vendorapi.Answer{Count: max(count, len(rows))}
	ten := time.Date(2026, 11, 26, 10, 0, 0, 0, time.UTC)
	for _, r := range rows {
		var (
			id   string
			age  int
			word string
		)
		if _, err := fmt.Sscan(r, &id, &age, &word); err != nil {
			id = ""
			_, _ = fmt.Sscan(r, &age, &word)
		}
		u := prefetch.URL{URL: r, Created: ten.Add(-time.Duration(age) * time.Second)}
		_ = u.Status.UnmarshalText([]byte(word))
		ans.URLs, ans.RowTasks = append(ans.URLs, u), append(ans.RowTasks, id)
	}
	return ans
}

func TestNamed(t *testing.T) {
	t.Parallel()
	ten := time.Date(2026, 11, 26, 10, 0, 0, 0, time.UTC)
	ago := func(seconds int) time.Time { return ten.Add(-time.Duration(seconds) * time.Second) }
	claim := func(id string, seconds, total int) match.Claim {
		return match.Claim{ID: id, Created: ago(seconds), Total: total, Dated: true}
	}
	told := func(c match.Claim) match.Claim {
		c.Reach = 2 * time.Second
		return c
	}
	few := []string{"a 300 running", "a 300 running", "b 200 failed", "x 100 running"}
	for name, c := range map[string]struct {
		ans    vendorapi.Answer
		claims []match.Claim
		asked  int // seconds ago
		page   int // of four rows
		to     int // the window ends so many seconds ago; 0 if it does not yet
		want   string
	}{
		"all of a page":             {ans: tagged(0, few...), claims: []match.Claim{claim("a", 300, 0), claim("b", 200, 1)}, want: "found a2 b1"},
		"fewer rows than before":    {ans: tagged(0, few...), claims: []match.Claim{claim("a", 300, 3)}, want: "missed a"},
		"none of its rows":          {ans: tagged(0, few...), claims: []match.Claim{claim("c", 250, 0)}, want: "missed c"},
		"too young to be missed":    {ans: tagged(0, few...), claims: []match.Claim{claim("c", 30, 0)}},
		"not all of it in the span": {ans: tagged(0, few...), claims: []match.Claim{claim("c", 599, 0)}},
		"a page that is cut shows what comes before its end": {
			ans: tagged(9, few...), claims: []match.Claim{claim("a", 300, 0), claim("b", 200, 0), claim("x", 100, 0)}, want: "found a2 b1",
		},
		"and those of whom it has as many as before": {ans: tagged(9, few...), claims: []match.Claim{claim("x", 100, 1)}, want: "found x1"},
		"without order only these": {
			ans:    tagged(9, "b 200 failed", "a 300 running", "x 100 running"),
			claims: []match.Claim{claim("a", 300, 0), claim("b", 200, 1)}, want: "found b1",
		},
		"a page between shows what is not at its edges": {
			ans: tagged(12, few...), claims: []match.Claim{claim("a", 300, 0), claim("b", 200, 0), claim("x", 100, 0)}, page: 2, want: "found b1",
		},
		"the last page shows what is not at its beginning": {
			ans: tagged(8, few...), claims: []match.Claim{claim("a", 300, 0), claim("b", 200, 0), claim("x", 100, 0), claim("c", 250, 0)}, page: 2,
			want: "found b1 x1missed c",
		},
		"a part of a task that was created at another time": {
			ans: tagged(12, "a 300 running", "b 200 failed", "x 100 running"), claims: []match.Claim{claim("a", 150, 0), claim("b", 200, 0)}, page: 2, want: "found b1",
		},
		"the newest first": {
			ans:    tagged(8, "x 100 running", "b 200 failed", "a 300 running", "a 300 running"),
			claims: []match.Claim{claim("a", 300, 0), claim("b", 200, 0), claim("x", 100, 0)}, page: 2, want: "found a2 b1",
		},
		"counted ones are not read": {ans: tagged(0, few...), claims: []match.Claim{{ID: "a", Created: ago(300), Dated: true, Counted: true}}},
		"a row that does not name its task": {
			ans: tagged(0, append(few, " 150 running")...), claims: []match.Claim{claim("a", 300, 0), claim("b", 200, 0), claim("c", 250, 0)},
		},
		"rows may have been created after the window": {
			ans: tagged(0, few...), to: 99, claims: []match.Claim{claim("b", 200, 1), claim("x", 103, 1), claim("c", 150, 0)}, want: "found b1missed c",
		},
		"or before it": {
			ans:    tagged(0, "a 590 running", "b 500 running"),
			claims: []match.Claim{told(claim("a", 595, 0)), told(claim("b", 500, 0))}, want: "found b1",
		},
		"of unknown creation": {
			ans: tagged(0, few...), claims: []match.Claim{{ID: "c", Created: ago(300)}, {ID: "a", Created: ago(0), Earliest: ago(550)}}, want: "found a2",
		},
	} {
		q := vendorapi.Query{Kind: vendorapi.QueryWindow, From: ago(600), To: ten.Add(10 * time.Second), Page: c.page, PageSize: 4}
		if c.to > 0 {
			q.To = ago(c.to)
		}
		r := match.Named(match.Page{Answer: c.ans, Query: q, Asked: ago(c.asked), Gradual: c.to > 0 || name == "or before it"}, c.claims)
		if got := shown(r, c.claims); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

func shown(r match.Result, claims []match.Claim) (text string) {
	if len(r.Found) > 0 {
		text = "found"
	}
	for _, f := range r.Found {
		text += fmt.Sprintf(" %s%d", claims[f.Claim].ID, len(f.URLs))
	}
	for _, i := range r.Missed {
		text += "missed " + claims[i].ID
	}
	for _, h := range r.Hints {
		text += fmt.Sprintf("%s has %d left ", claims[h.Claim].ID, h.Left)
	}
	return text
}

func TestNamedRunning(t *testing.T) {
	t.Parallel()
	ten := time.Date(2026, 11, 26, 10, 0, 0, 0, time.UTC)
	claims := []match.Claim{{ID: "a", Created: ten.Add(-time.Minute)}, {ID: "b", Created: ten.Add(-time.Minute)}, {ID: "c", Created: ten.Add(-time.Hour)}}
	q := vendorapi.Query{From: ten.Add(-10 * time.Minute), To: ten}
	for name, c := range map[string]struct {
		count int
		want  string
	}{"whole": {want: "a has 2 left b has 0 left "}, "cut": {count: 5, want: "a has 2 left "}} {
		page := match.Page{Answer: tagged(c.count, "a 60 running", "a 60 running"), Query: q, Asked: ten, Unordered: true}
		r := match.NamedRunning(page, claims)
		if got := shown(r, claims); got != c.want || !r.Unordered {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

func TestListed(t *testing.T) {
	t.Parallel()
	ten := time.Date(2026, 11, 26, 10, 0, 0, 0, time.UTC)
	claims := []match.Claim{
		{ID: "a", Created: ten.Add(-time.Minute), Dated: true}, {ID: "b", Created: ten.Add(-5 * time.Minute), Dated: true},
		{ID: "c", Created: ten.Add(-2 * time.Second), Dated: true}, {ID: "d", Created: ten.Add(-time.Hour), Dated: true},
	}
	page := match.Page{
		Answer: vendorapi.Answer{Tasks: []vendorapi.TaskSummary{{ID: "a"}}, Count: 1}, Asked: ten,
		Query: vendorapi.Query{Kind: vendorapi.QueryList, From: ten.Add(-10 * time.Minute), To: ten.Add(time.Minute)},
	}
	if got := match.Listed(page, claims); fmt.Sprint(got) != "[1]" {
		t.Errorf("missed %v", got)
	}
	page.Count = 2
	if got := match.Listed(page, claims); len(got) > 0 {
		t.Errorf("a list that is cut missed %v", got)
	}
}

// A window that ends when it is asked for, but for the padding, has all of a task
// within from when on it can tell of the task.
func TestTellableWhereRowsNameTheirTask(t *testing.T) {
	t.Parallel()
	ten := time.Date(2026, 11, 26, 10, 0, 0, 0, time.UTC)
	for _, reach := range []time.Duration{0, 2 * time.Second} {
		c := match.Claim{ID: "a", Created: ten, Reach: reach, Dated: true}
		window := func(now time.Time) vendorapi.Query {
			return vendorapi.Query{From: ten.Add(-time.Hour), To: now.Add(dialect.Pad)}
		}
		if at := c.Tellable(); !c.Within(window(at)) || c.Within(window(at.Add(-time.Second))) {
			t.Errorf("with a reach of %v it can be told of from %v on", reach, at)
		}
	}
}
