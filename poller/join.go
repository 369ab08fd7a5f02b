package poller

import (
	"slices"
	"time"

	"prefetch_exporter/poller/dialect"
	"prefetch_exporter/poller/task"
	"prefetch_exporter/prefetch"
	vendorapi "prefetch_exporter/vendor_api"
)

// joined is a task that a window showed whole.
type joined struct {
	task *entry
	urls []prefetch.URL
}

// join finds the tasks whose rows are in the answer to a window. Rows carry no
// task: a row is a task's if its URL and creation are known to be, as a
// multiset, or if the task's URLs are all there with one creation near the
// configured one. Where two tasks claim a row, or there are more of it than the
// task has, neither gets it: they are marked and asked for by id from then on.
func (m *moment) join(q vendorapi.Query, ans vendorapi.Answer) []joined {
	urls := ans.URLs
	j := joiner{
		moment: m, query: q, rows: map[prefetch.RowKey][]int{}, undated: map[string]bool{},
		owner: make([]*entry, len(urls)), urls: urls,
	}
	near := m.board.between(q.From, q.To)
	for i := range near {
		if t := near[i].task; j.near(t) {
			j.tasks = append(j.tasks, t)
		}
	}
	for i := range urls {
		if urls[i].Created.IsZero() {
			j.undated[urls[i].URL] = true
			continue
		}
		k := urls[i].Key()
		j.rows[k] = append(j.rows[k], i)
	}
	j.see(ans.Count)
	// What is known comes before what must be found.
	for _, t := range j.tasks {
		if t.KnowsRows() && (t.State == task.Exclusive || j.sees(t.VendorCreated, t.NewestRow)) {
			j.claim(t, t.Rows.URLs)
		}
	}
	for _, t := range j.tasks {
		if t.KnowsRows() || !t.joinable() {
			continue
		}
		// Beyond what a page shows there may be another submission of the same
		// URLs: only one at just about the configured time is the task's then.
		reach := t.reach()
		if ans.Count > len(urls) {
			reach = min(reach, dialect.Pad)
		}
		if j.sees(t.CreatedAt().Add(-reach), t.CreatedAt().Add(reach)) {
			j.find(t, reach)
		}
	}
	j.glance()
	return j.settle()
}

type joiner struct {
	*moment

	// from and to are between which creations every row is in the answer.
	from, to time.Time
	query    vendorapi.Query
	tasks    []*entry // whose rows can be in the window
	urls     []prefetch.URL
	rows     map[prefetch.RowKey][]int // places in urls
	undated  map[string]bool           // URLs of rows without a creation
	owner    []*entry                  // by place in urls
	claims   []claim
	spoiled  map[*entry]bool
}

type claim struct {
	task   *entry
	places []int
}

// see works out between which creations the answer shows every row. A page that
// is cut does so up to the second where it ends if its rows are in order of their
// creation, from either end. No page of the vendor says how they are: it must be
// seen in enough of them, and no answer may have shown otherwise.
func (j *joiner) see(count int) {
	const enough = 3 // different creations
	j.from, j.to = j.query.From, j.query.To
	shown := make([]time.Time, 0, len(j.urls))
	for i := range j.urls {
		if c := j.urls[i].Created; !c.IsZero() {
			shown = append(shown, c)
		}
	}
	forwards := slices.IsSortedFunc(shown, time.Time.Compare)
	backwards := slices.IsSortedFunc(shown, func(a, b time.Time) int { return b.Compare(a) })
	j.vendor.Unordered = j.vendor.Unordered || !forwards && !backwards
	if count <= len(j.urls) {
		return
	}
	different := len(slices.CompactFunc(slices.Clone(shown), time.Time.Equal))
	switch {
	case j.vendor.Unordered || different < enough:
		j.to = time.Time{}
	case forwards:
		j.to = shown[len(shown)-1].Add(-time.Second)
	default:
		j.from = shown[len(shown)-1].Add(time.Second)
	}
}

// sees reports whether the answer has every row that was created between two
// times.
func (j *joiner) sees(from, to time.Time) bool {
	return !from.Before(j.from) && !to.After(j.to)
}

// near reports whether the task's rows can be in the window.
func (j *joiner) near(t *entry) bool {
	return t.Listed && !t.Ended && t.Phase != prefetch.Settled && t.Counted == nil && t.mayShow(j.query)
}

// claim takes the rows of a task, all of them or none.
func (j *joiner) claim(t *entry, want []prefetch.URL) {
	taken := make(map[prefetch.RowKey]int, len(want))
	places := make([]int, 0, len(want))
	for i := range want {
		k := want[i].Key()
		n := taken[k]
		if n >= len(j.rows[k]) {
			return
		}
		taken[k] = n + 1
		places = append(places, j.rows[k][n])
	}
	j.claims = append(j.claims, claim{t, places})
	for k, n := range taken {
		if n < len(j.rows[k]) {
			j.spoil(t) // one of them is another's, and nobody knows which
		}
	}
	for _, i := range places {
		if other := j.owner[i]; other != nil && other != t {
			j.spoil(other)
			j.spoil(t)
		}
		j.owner[i] = t
	}
}

func (j *joiner) spoil(t *entry) {
	if j.spoiled == nil {
		j.spoiled = map[*entry]bool{}
	}
	j.spoiled[t] = true
}

// find looks for the one creation within reach at which all URLs of the task were
// submitted. If there are more, or one of the rows has none that
// can be read, what is found may be another submission of the same URLs.
func (j *joiner) find(t *entry, reach time.Duration) {
	if !within(t, j.query) || j.life.Surely().Before(t.tellable()) {
		return
	}
	var found []prefetch.URL
	for c := t.CreatedAt().Add(-reach); !c.After(t.CreatedAt().Add(reach)); c = c.Add(time.Second) {
		if len(j.rows[prefetch.RowKey{URL: t.Expected[0], Created: c.Unix()}]) == 0 {
			continue
		}
		rows := at(t.Expected, c)
		switch open := j.open(rows); {
		case open && found != nil:
			j.doubt(t)
			return
		case open:
			found = rows
		}
	}
	if found == nil {
		return
	}
	if slices.ContainsFunc(t.Expected, func(url string) bool { return j.undated[url] }) {
		j.doubt(t)
		return
	}
	j.claim(t, found)
}

// open reports whether the answer has all these rows, even without those that are
// known to be another's.
func (j *joiner) open(rows []prefetch.URL) bool {
	need := make(map[prefetch.RowKey]int, len(rows))
	for i := range rows {
		need[rows[i].Key()]++
	}
	for k, n := range need {
		for _, place := range j.rows[k] {
			if j.owner[place] == nil || !j.owner[place].KnowsRows() {
				n--
			}
		}
		if n > 0 {
			return false
		}
	}
	return true
}

// doubt marks a task whose rows cannot be told from another's.
func (s *situation) doubt(t *entry) {
	t.BecomeAmbiguous()
	s.board.changed(t)
}

func at(urls []string, created time.Time) []prefetch.URL {
	rows := make([]prefetch.URL, len(urls))
	for i, u := range urls {
		rows[i] = prefetch.URL{URL: u, Created: created}
	}
	return rows
}

// glance shows the tasks whose rows are not known what is probably theirs: the
// rows that nobody owns, created near when the task was.
func (j *joiner) glance() {
	found := map[*entry]*glance{}
	for i := range j.urls {
		u := &j.urls[i]
		if j.owner[i] != nil {
			continue
		}
		t := j.nearest(u.Created)
		if t == nil {
			continue
		}
		g := found[t]
		if g == nil {
			g = &glance{at: j.Now}
			found[t] = g
		}
		g.rows++
		if !u.Status.Final() {
			g.left++
		}
	}
	for t, g := range found {
		t.hint = g
		j.board.changed(t)
	}
}

// nearest is the task without known rows that was created nearest to a row.
func (j *joiner) nearest(created time.Time) (best *entry) {
	nearest := drift + dialect.Pad
	for _, t := range j.tasks {
		if t.KnowsRows() || t.Created.IsZero() {
			continue
		}
		if off := created.Sub(t.Created).Abs(); off < nearest {
			best, nearest = t, off
		}
	}
	return best
}

// settle returns the claims that nobody disputes.
func (j *joiner) settle() []joined {
	var found []joined
	for _, c := range j.claims {
		if j.spoiled[c.task] {
			j.doubt(c.task)
			continue
		}
		urls := make([]prefetch.URL, len(c.places))
		for n, i := range c.places {
			urls[n] = j.urls[i]
		}
		found = append(found, joined{c.task, urls})
	}
	return found
}
