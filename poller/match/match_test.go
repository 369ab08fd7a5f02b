package match_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"prefetch_exporter/poller/match"
	"prefetch_exporter/prefetch"
	vendorapi "prefetch_exporter/vendor_api"
)

var noon = time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)

// at is so many seconds after noon.
func at(seconds int) time.Time { return noon.Add(time.Duration(seconds) * time.Second) }

// rows are URLs that were created so many seconds after noon.
func rows(created int, status prefetch.Status, urls ...string) []prefetch.URL {
	all := make([]prefetch.URL, len(urls))
	for i, u := range urls {
		all[i] = prefetch.URL{URL: u, Created: at(created), Status: status}
	}
	return all
}

// given is a task of which its URLs and its creation are configured.
func given(created int, urls ...string) match.Claim {
	return match.Claim{Created: at(created), Configured: at(created), Reach: match.Drift, Expected: urls}
}

// known is a task whose rows are known: those that run, and those that are final.
func known(created int, run []string, final ...string) match.Claim {
	return match.Claim{
		Created: at(created), NewestRow: at(created), RowsKnown: true, Exclusive: true,
		Rows: append(rows(created, prefetch.Running, run...), rows(created, prefetch.Succeeded, final...)...),
	}
}

func but(c match.Claim, change func(*match.Claim)) match.Claim {
	change(&c)
	return c
}

// page is an answer to a window from an hour before noon to one after, asked then.
func page(urls ...[]prefetch.URL) match.Page {
	all := slices.Concat(urls...)
	return match.Page{
		Answer: vendorapi.Answer{URLs: all, Count: len(all)},
		Query:  vendorapi.Query{From: at(-3600), To: at(3600)}, Asked: at(3600),
	}
}

func cut(p match.Page) match.Page {
	p.Count++
	return p
}

const run, ok = prefetch.Running, prefetch.Succeeded

func TestWindow(t *testing.T) {
	t.Parallel()
	ab := []string{"a", "b"}
	exact := func(c *match.Claim) { c.Reach = 0 }
	early := func(p match.Page) match.Page { p.Asked = at(100); return p }
	for name, c := range map[string]struct {
		page   match.Page
		claims []match.Claim
		want   match.Result
	}{
		"known rows": {
			page(rows(0, ok, "b"), rows(0, run, "a")), []match.Claim{known(0, ab)},
			match.Result{Found: []match.Found{{0, append(rows(0, run, "a"), rows(0, ok, "b")...)}}},
		},
		"one of them is not there": {
			page(rows(0, ok, "b")), []match.Claim{known(0, ab)}, match.Result{Missed: []int{0}},
		},
		"one more of them than the task has": {
			page(rows(0, ok, "a", "b", "b")), []match.Claim{known(0, ab)}, match.Result{Doubted: []int{0}},
		},
		"two tasks have the same row": {
			page(rows(0, ok, "a", "b")), []match.Claim{known(0, ab), known(0, []string{"b"})}, match.Result{Doubted: []int{0, 1}},
		},
		"the same URL twice": {
			page(rows(0, run, "a", "a")), []match.Claim{known(0, []string{"a", "a"})},
			match.Result{Found: []match.Found{{0, rows(0, run, "a", "a")}}},
		},
		"given URLs, half a minute off": {
			page(rows(30, run, "b", "a")), []match.Claim{given(0, ab...)},
			match.Result{Found: []match.Found{{0, rows(30, run, "a", "b")}}},
		},
		"two minutes off": {
			page(rows(120, run, "b", "a")), []match.Claim{given(0, ab...)}, match.Result{Missed: []int{0}},
		},
		"of two creations": {
			page(rows(0, run, "a"), rows(1, run, "b")), []match.Claim{given(0, ab...)},
			match.Result{Missed: []int{0}, Hints: []match.Hint{{Rows: 2, Left: 2}}},
		},
		"submitted twice within reach": {
			page(rows(0, run, "a", "b"), rows(30, ok, "a", "b")), []match.Claim{given(0, ab...)},
			match.Result{Doubted: []int{0}, Hints: []match.Hint{{Rows: 4, Left: 2}}},
		},
		"the other submission is known to be another's": {
			page(rows(0, run, "a", "b"), rows(30, ok, "a", "b")), []match.Claim{given(0, ab...), known(30, nil, ab...)},
			match.Result{Found: []match.Found{{1, rows(30, ok, "a", "b")}, {0, rows(0, run, "a", "b")}}},
		},
		"two tasks are given the same": {
			page(rows(0, run, "a", "b")), []match.Claim{given(0, ab...), given(1, ab...)}, match.Result{Doubted: []int{0, 1}},
		},
		"a row without a creation": {
			page(rows(0, run, "a", "b"), []prefetch.URL{{URL: "b"}}), []match.Claim{given(0, ab...)},
			match.Result{Doubted: []int{0}, Hints: []match.Hint{{Rows: 2, Left: 2}}},
		},
		"asked too early": {
			early(page(rows(0, run, "a", "b"))), []match.Claim{given(0, ab...)}, match.Result{Hints: []match.Hint{{Rows: 2, Left: 2}}},
		},
		"not early for known rows": {
			early(page(rows(0, run, "a", "b"))), []match.Claim{known(0, ab)}, match.Result{Found: []match.Found{{0, rows(0, run, "a", "b")}}},
		},
		"not joinable": {
			page(rows(0, run, "a"), rows(0, ok, "b")), []match.Claim{
				but(given(0), func(c *match.Claim) { c.Ambiguous = true }), but(known(0, ab), func(c *match.Claim) { c.Counted = true }),
			},
			match.Result{Hints: []match.Hint{{Rows: 2, Left: 1}}},
		},
		"out of the window": {page(), []match.Claim{known(4000, ab)}, match.Result{}},
		"at its edge":       {page(), []match.Claim{given(3600, ab...)}, match.Result{}},
		"a hint for the nearest": {
			page(rows(12, ok, "x"), rows(20, run, "y"), rows(200, run, "z")), []match.Claim{given(0), given(25)},
			match.Result{Hints: []match.Hint{{Claim: 0, Rows: 1}, {Claim: 1, Rows: 1, Left: 1}}},
		},
		// Of a page that is cut only what is surely whole tells.
		"cut, exclusive": {
			cut(page(rows(0, run, "a", "b"))), []match.Claim{known(0, ab)}, match.Result{Found: []match.Found{{0, rows(0, run, "a", "b")}}},
		},
		"cut, not exclusive": {
			cut(page(rows(0, run, "a", "b"))), []match.Claim{but(known(0, ab), func(c *match.Claim) { c.Exclusive = false })},
			match.Result{Missed: []int{0}},
		},
		"cut, in order": {
			cut(page(rows(-60, run, "x"), rows(0, run, "a", "b"), rows(60, run, "y"))),
			[]match.Claim{but(known(0, ab), func(c *match.Claim) { c.Exclusive = false })},
			match.Result{Found: []match.Found{{0, rows(0, run, "a", "b")}}},
		},
		"cut, in the other order": {
			cut(page(rows(60, run, "y"), rows(0, run, "a", "b"), rows(-60, run, "x"))),
			[]match.Claim{but(known(-60, []string{"x"}), func(c *match.Claim) { c.Exclusive = false }), but(given(0, ab...), exact)},
			match.Result{Found: []match.Found{{1, rows(0, run, "a", "b")}}, Missed: []int{0}, Hints: []match.Hint{{Claim: 1, Rows: 2, Left: 2}}},
		},
		"cut, out of order": {
			cut(page(rows(0, run, "a", "b"), rows(-60, run, "x"), rows(60, run, "y"))), []match.Claim{but(given(0, ab...), exact)},
			match.Result{Missed: []int{0}, Hints: []match.Hint{{Rows: 4, Left: 4}}, Unordered: true},
		},
		"cut, and the only one near is far": {
			cut(page(rows(-120, run, "x"), rows(30, run, "a", "b"), rows(130, run, "y"))), []match.Claim{given(0, ab...)},
			match.Result{Missed: []int{0}, Hints: []match.Hint{{Rows: 2, Left: 2}}},
		},
	} {
		got := match.Window(c.page, c.claims)
		if diff := cmp.Diff(c.want, got, cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func TestRunning(t *testing.T) {
	t.Parallel()
	doubted := func(c *match.Claim) { c.Ambiguous = true }
	for name, c := range map[string]struct {
		page   match.Page
		claims []match.Claim
		want   match.Result
	}{
		"a whole task": {
			page(rows(0, run, "a")), []match.Claim{known(0, []string{"a"}, "b")},
			match.Result{
				Found: []match.Found{{0, append(rows(0, run, "a"), rows(0, ok, "b")...)}},
				Hints: []match.Hint{{Rows: 1, Left: 1}},
			},
		},
		"one row does not run any more": {
			page(rows(0, run, "a")), []match.Claim{known(0, []string{"a", "b"})}, match.Result{Hints: []match.Hint{{Rows: 1, Left: 1}}},
		},
		"none runs any more": {page(), []match.Claim{known(0, []string{"a", "b"}), given(0, "c")}, match.Result{Hints: []match.Hint{{}, {Claim: 1}}}},
		"none is shown":      {cut(page()), []match.Claim{known(0, []string{"a", "b"})}, match.Result{}},
		"some are shown":     {cut(page(rows(0, run, "a"))), []match.Claim{known(0, []string{"a"})}, match.Result{Hints: []match.Hint{{Rows: 1, Left: 1}}}},
		"at the edge":        {page(), []match.Claim{given(3600, "a")}, match.Result{}},
		"another has its like": {
			page(rows(0, run, "a")), []match.Claim{known(0, []string{"a"}), known(0, []string{"a"})},
			match.Result{Doubted: []int{0, 1}, Hints: []match.Hint{{Claim: 0, Rows: 1, Left: 1, Others: 0.5}, {Claim: 1, Rows: 1, Left: 1, Others: 0.5}}},
		},
		"more than the task has": {
			page(rows(0, run, "a", "a")), []match.Claim{known(0, []string{"a"})},
			match.Result{Doubted: []int{0}, Hints: []match.Hint{{Rows: 2, Left: 2}}},
		},
		"the nearest": {
			page(rows(20, run, "x", "y")), []match.Claim{given(0), given(25)},
			match.Result{Hints: []match.Hint{{Claim: 0}, {Claim: 1, Rows: 2, Left: 2}}},
		},
		"of one second": {
			page(rows(0, run, "x", "y")), []match.Claim{given(0), but(given(0), doubted)},
			match.Result{Hints: []match.Hint{{Claim: 0, Rows: 2, Left: 2, Others: 0.25}, {Claim: 1, Rows: 2, Left: 2, Others: 0.25}}},
		},
		"not one of its URLs":     {page(rows(0, run, "x")), []match.Claim{given(0, "a")}, match.Result{Hints: []match.Hint{{}}}},
		"a row without creation":  {page([]prefetch.URL{{URL: "a"}}), []match.Claim{given(0, "a")}, match.Result{Hints: []match.Hint{{}}}},
		"beyond its margin":       {page(rows(63, run, "a")), []match.Claim{given(0, "a")}, match.Result{Hints: []match.Hint{{}}}},
		"within its margin":       {page(rows(62, run, "a")), []match.Claim{given(0, "a")}, match.Result{Hints: []match.Hint{{Rows: 1, Left: 1}}}},
		"created within a second": {page(rows(62, run, "a")), []match.Claim{but(given(0, "a"), func(c *match.Claim) { c.Created = at(0).Add(900 * time.Millisecond) })}, match.Result{Hints: []match.Hint{{Rows: 1, Left: 1}}}},
	} {
		got := match.Running(c.page, c.claims)
		if diff := cmp.Diff(c.want, got, cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// Whatever tasks there are: no row is given to two of them, none gets fewer rows
// than it has, and what a page that is not cut proves is what was submitted.
func TestNoRowTwice(t *testing.T) {
	t.Parallel()
	for seed := range uint64(300) {
		random := rand.New(rand.NewPCG(seed, 7))
		var claims []match.Claim
		var truth, all [][]prefetch.URL
		for range 1 + random.IntN(6) {
			created := random.IntN(90)
			urls := make([]string, 1+random.IntN(3))
			for i := range urls {
				urls[i] = fmt.Sprint(random.IntN(5))
			}
			truth = append(truth, rows(created, prefetch.Status(random.IntN(3)), urls...))
			if random.IntN(2) == 0 {
				claims = append(claims, known(created, urls))
			} else {
				claims = append(claims, given(created+random.IntN(61)-30, urls...))
			}
		}
		all = append(all, truth...)
		all = append(all, rows(random.IntN(90), run, "0", "1")) // a stranger's
		p := page(all...)
		random.Shuffle(len(p.URLs), func(i, j int) { p.URLs[i], p.URLs[j] = p.URLs[j], p.URLs[i] })
		left := map[prefetch.RowKey]int{}
		for i := range p.URLs {
			left[p.URLs[i].Key()]++
		}
		r := match.Window(p, claims)
		for _, f := range r.Found {
			if len(f.URLs) != len(truth[f.Claim]) {
				t.Errorf("seed %d: %d rows of a task that has %d", seed, len(f.URLs), len(truth[f.Claim]))
			}
			for i := range f.URLs {
				if left[f.URLs[i].Key()]--; left[f.URLs[i].Key()] < 0 {
					t.Errorf("seed %d: row %v is given twice", seed, f.URLs[i].Key())
				}
			}
			if slices.Contains(r.Doubted, f.Claim) || slices.Contains(r.Missed, f.Claim) {
				t.Errorf("seed %d: claim %d is found and doubted", seed, f.Claim)
			}
			if claims[f.Claim].RowsKnown && !prefetch.SameRows(f.URLs, truth[f.Claim]) {
				t.Errorf("seed %d: claim %d has %v, want %v", seed, f.Claim, f.URLs, truth[f.Claim])
			}
		}
	}
}
