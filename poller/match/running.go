package match

import (
	"slices"
	"time"

	"prefetch_exporter/poller/dialect"
	"prefetch_exporter/prefetch"
)

// running is a page of rows that run, while it is being matched.
type running struct {
	Page
	Result

	// whole: the page shows all rows that run.
	whole  bool
	claims []Claim
	rows   map[prefetch.RowKey][]int
	hints  []Hint // by claim
	// open is how many rows of a claim were not final yet, of those whose rows are
	// known.
	open []map[prefetch.RowKey]int
}

// Running matches a page of rows that run. Since final rows stay final, one that
// shows every other row of a claim shows the whole claim. Hints are of every claim
// that the page tells of: none of whose rows run, or which of them.
func Running(p Page, claims []Claim) Result {
	r := running{
		Page: p, claims: slices.Clone(claims), whole: p.Whole(), rows: byKey(p.URLs),
		hints: make([]Hint, len(claims)), open: make([]map[prefetch.RowKey]int, len(claims)),
	}
	r.dispute()
	r.match()
	for i := range r.claims {
		if h := r.hints[i]; r.claims[i].Within(p.Query) && (h.Left > 0 || r.whole) {
			r.Hints = append(r.Hints, Hint{Claim: i, Rows: h.Left, Left: h.Left, Others: h.Others})
		}
	}
	r.Result.Unordered = p.Unordered
	return r.Result
}

// dispute doubts the claims one of whose rows that may run cannot be told from
// another's: another claim has its like, or the page shows more of them than it has.
func (r *running) dispute() {
	owner := map[prefetch.RowKey]int{}
	for i := range r.claims {
		c := &r.claims[i]
		if !c.TellsApart() {
			continue
		}
		open := map[prefetch.RowKey]int{}
		for n := range c.Rows {
			if u := &c.Rows[n]; !u.Status.Final() {
				open[u.Key()]++
			}
		}
		for k, n := range open {
			other, twice := owner[k]
			if twice {
				r.doubt(other)
			}
			if twice || len(r.rows[k]) > n {
				r.doubt(i)
			}
			owner[k] = i
		}
		r.open[i] = open
	}
}

func (r *running) doubt(i int) {
	if !r.claims[i].Ambiguous {
		r.claims[i].Ambiguous = true
		r.Doubted = append(r.Doubted, i)
	}
}

// match gives each row to the claim that is known to own it, or else to those that
// were created nearest.
func (r *running) match() {
	owned := make([]bool, len(r.URLs))
	for i := range r.claims {
		c := &r.claims[i]
		if !c.TellsApart() {
			continue
		}
		all := true
		for k, n := range r.open[i] {
			all = all && n <= len(r.rows[k])
			for _, place := range r.rows[k][:min(n, len(r.rows[k]))] {
				owned[place] = true
				r.hints[i].Left++
			}
		}
		if all && r.whole && c.Exclusive && c.Within(r.Query) {
			r.Found = append(r.Found, Found{i, r.renew(c)})
		}
	}
	for i := range r.URLs {
		if !owned[i] && !r.URLs[i].Created.IsZero() {
			r.deal(&r.URLs[i])
		}
	}
}

// renew returns the rows of a claim with those that run as the page has them.
func (r *running) renew(c *Claim) []prefetch.URL {
	urls, used := slices.Clone(c.Rows), map[prefetch.RowKey]int{}
	for i := range urls {
		if k := urls[i].Key(); !urls[i].Status.Final() {
			urls[i] = r.URLs[r.rows[k][used[k]]]
			used[k]++
		}
	}
	return urls
}

// deal gives a row to the claims without known rows that were created nearest.
func (r *running) deal(u *prefetch.URL) {
	nearest := Drift + dialect.Pad
	first, _ := slices.BinarySearchFunc(r.claims, u.Created.Add(-nearest), func(c Claim, at time.Time) int { return c.Created.Compare(at) })
	var best []int
	for i := first; i < len(r.claims); i++ {
		c := &r.claims[i]
		ahead := c.Created.Truncate(time.Second).Sub(u.Created)
		if ahead > nearest {
			break
		}
		off := ahead.Abs()
		switch {
		case c.TellsApart(), off > c.Margin(), off > nearest, len(c.Expected) > 0 && !slices.Contains(c.Expected, u.URL):
		case off < nearest:
			nearest, best = off, []int{i}
		default:
			best = append(best, i)
		}
	}
	for _, i := range best {
		h := &r.hints[i]
		if h.Left == 0 {
			h.Others = 1
		}
		h.Left++
		h.Others *= 1 - 1/float64(len(best))
	}
}
