package match

import (
	"slices"
	"time"

	"prefetch_exporter/poller/dialect"
	"prefetch_exporter/prefetch"
)

// nobody owns a row.
const nobody = -1

// window is a page of all rows of some time of creation, while it is being matched.
type window struct {
	Page
	Result

	// from and to are between which creations the page shows every row.
	from, to time.Time
	claims   []Claim
	near     []int // the claims whose rows can be in the page
	rows     map[prefetch.RowKey][]int
	undated  map[string]bool // URLs of rows without a creation
	owner    []int           // by row: a claim, or nobody
	taken    []taken
	disputed map[int]bool
}

// taken are the rows that a claim takes.
type taken struct {
	claim int
	rows  []int
}

// Window matches a page of all rows. Where two claims take a row, or there are more
// of it than a claim has, neither gets it: both are doubted.
func Window(p Page, claims []Claim) Result {
	w := window{
		Page: p, claims: claims, rows: byKey(p.URLs), undated: map[string]bool{},
		owner: slices.Repeat([]int{nobody}, len(p.URLs)), disputed: map[int]bool{},
	}
	for i := range p.URLs {
		if u := &p.URLs[i]; u.Created.IsZero() {
			w.undated[u.URL] = true
		}
	}
	for i := range claims {
		if !claims[i].Counted && claims[i].MayShow(p.Query) {
			w.near = append(w.near, i)
		}
	}
	w.from, w.to, w.Result.Unordered = p.see()
	// What is known comes before what must be found.
	for _, i := range w.near {
		if c := &claims[i]; c.RowsKnown && (c.Exclusive || w.sees(c.Created, c.NewestRow)) {
			w.take(i, c.Rows)
		}
	}
	for _, i := range w.near {
		if c := &claims[i]; !c.RowsKnown && c.Joinable() {
			w.search(i, c)
		}
	}
	w.hint()
	w.settle()
	w.miss()
	return w.Result
}

// see works out between which creations the page shows every row. A page that is cut
// (100 of 300 rows) shows every row up to the second of its last one, if rows come in
// order of their creation, oldest or newest first. No vendor says whether they do:
// the page itself must show it by three different creations, and no page before may
// have shown otherwise. A page after the first shows what begins after its first row.
// to is zero if it shows none for sure.
func (p *Page) see() (from, to time.Time, unordered bool) {
	// Different creations. Range: at two the figures are the same, at six crowded with
	// urls is 26 % later.
	const enough = 3
	from, to = p.Query.From, p.Query.To
	shown := make([]time.Time, 0, len(p.URLs))
	for i := range p.URLs {
		if c := p.URLs[i].Created; !c.IsZero() {
			shown = append(shown, c)
		}
	}
	forwards := slices.IsSortedFunc(shown, time.Time.Compare)
	backwards := slices.IsSortedFunc(shown, func(a, b time.Time) int { return b.Compare(a) })
	unordered = p.Unordered || !forwards && !backwards
	first := p.Query.Page <= 1 && p.Query.Cursor == ""
	if first && p.Whole() {
		return from, to, unordered
	}
	shown = slices.CompactFunc(shown, time.Time.Equal)
	if unordered || len(shown) < enough {
		return from, time.Time{}, unordered
	}
	begins, ends := first, p.last() // where the question does
	if !forwards {
		slices.Reverse(shown)
		begins, ends = ends, begins
	}
	if !begins {
		from = shown[0].Add(time.Second)
	}
	if !ends {
		to = shown[len(shown)-1].Add(-time.Second)
	}
	return from, to, unordered
}

// last reports whether no page follows.
func (p *Page) last() bool {
	before := max(0, p.Query.Page-1) * p.Query.PageSize
	return p.Next == "" && before+len(p.URLs) >= p.Count
}

// sees reports whether the page has every row that was created between two times.
func (w *window) sees(from, to time.Time) bool { return !from.Before(w.from) && !to.After(w.to) }

// take takes rows for a claim, all of them or none.
func (w *window) take(claim int, want []prefetch.URL) {
	used := make(map[prefetch.RowKey]int, len(want))
	places := make([]int, 0, len(want))
	for i := range want {
		k := want[i].Key()
		n := used[k]
		if n >= len(w.rows[k]) {
			return
		}
		used[k] = n + 1
		places = append(places, w.rows[k][n])
	}
	w.taken = append(w.taken, taken{claim, places})
	for k, n := range used {
		if n < len(w.rows[k]) {
			w.disputed[claim] = true // one of them is another's, and nobody knows which
		}
	}
	for _, i := range places {
		if other := w.owner[i]; other != nobody && other != claim {
			w.disputed[other], w.disputed[claim] = true, true
		}
		w.owner[i] = claim
	}
}

// search looks for the one creation within reach at which all URLs of the claim
// were submitted. If there are more, or one of the rows has none that can be read,
// what is found may be another submission of the same URLs.
func (w *window) search(claim int, c *Claim) {
	// Beyond what a page shows there may be another submission of the same URLs:
	// only one at just about the configured time is the task's then.
	reach := c.Reach
	if !w.Whole() {
		reach = min(reach, dialect.Pad)
	}
	first, last := c.Created.Add(-reach), c.Created.Add(reach)
	if !w.sees(first, last) || !c.Within(w.Query) || w.Asked.Before(c.Tellable()) {
		return
	}
	var found []prefetch.URL
	for at := first; !at.After(last); at = at.Add(time.Second) {
		if len(w.rows[prefetch.RowKey{URL: c.Expected[0], Created: at.Unix()}]) == 0 {
			continue
		}
		rows := submitted(c.Expected, at)
		switch free := w.free(rows); {
		case free && found != nil:
			w.Doubted = append(w.Doubted, claim)
			return
		case free:
			found = rows
		}
	}
	switch {
	case found == nil:
	case slices.ContainsFunc(c.Expected, func(url string) bool { return w.undated[url] }):
		w.Doubted = append(w.Doubted, claim)
	default:
		w.take(claim, found)
	}
}

// free reports whether the page has all these rows, even without those that are
// known to be another's.
func (w *window) free(rows []prefetch.URL) bool {
	need := make(map[prefetch.RowKey]int, len(rows))
	for i := range rows {
		need[rows[i].Key()]++
	}
	for k, n := range need {
		for _, place := range w.rows[k] {
			if owner := w.owner[place]; owner == nobody || !w.claims[owner].RowsKnown {
				n--
			}
		}
		if n > 0 {
			return false
		}
	}
	return true
}

// submitted are the rows of URLs that were submitted at a time.
func submitted(urls []string, at time.Time) []prefetch.URL {
	rows := make([]prefetch.URL, len(urls))
	for i, u := range urls {
		rows[i] = prefetch.URL{URL: u, Created: at}
	}
	return rows
}

// hint tells of the claims whose rows are not known what is probably theirs: the
// rows that nobody owns, created near when the task was.
func (w *window) hint() {
	hints := make([]Hint, len(w.claims))
	for i := range w.URLs {
		if w.owner[i] != nobody {
			continue
		}
		if claim := w.nearest(w.URLs[i].Created); claim != nobody {
			hints[claim].Rows++
			if !w.URLs[i].Status.Final() {
				hints[claim].Left++
			}
		}
	}
	for _, i := range w.near {
		if h := hints[i]; h.Rows > 0 {
			h.Claim = i
			w.Hints = append(w.Hints, h)
		}
	}
}

// nearest is the claim without known rows whose configured creation is nearest to
// that of a row.
func (w *window) nearest(created time.Time) int {
	best, nearest := nobody, Drift+dialect.Pad
	for _, i := range w.near {
		c := &w.claims[i]
		if c.RowsKnown || c.Configured.IsZero() {
			continue
		}
		if off := created.Sub(c.Configured).Abs(); off < nearest {
			best, nearest = i, off
		}
	}
	return best
}

// settle finds the claims that nobody disputes, and doubts the others.
func (w *window) settle() {
	for _, t := range w.taken {
		if w.disputed[t.claim] {
			w.Doubted = append(w.Doubted, t.claim)
			continue
		}
		urls := make([]prefetch.URL, len(t.rows))
		for n, i := range t.rows {
			urls[n] = w.URLs[i]
		}
		w.Found = append(w.Found, Found{t.claim, urls})
	}
}

// miss finds the claims that a window asked for then should have told of.
func (w *window) miss() {
	told := make([]bool, len(w.claims))
	for _, f := range w.Found {
		told[f.Claim] = true
	}
	for _, i := range w.Doubted {
		told[i] = true
	}
	for _, i := range w.near {
		if c := &w.claims[i]; !told[i] && c.Joinable() && c.Within(w.Query) && w.Asked.After(c.Tellable()) {
			w.Missed = append(w.Missed, i)
		}
	}
}
