package poller

import (
	"fmt"
	"slices"
	"time"

	"prefetch_exporter/prefetch"
	vendorapi "prefetch_exporter/vendor_api"
)

const (
	// drift is how far a configured creation may be off the vendor's.
	drift = time.Minute
	// glimpse is the part of a task's worth that a window has which shows its
	// rows but cannot prove that they are all.
	glimpse = 0.1
)

// joinable reports whether a window can tell of the task: its rows are known by
// their URL and creation, or its URLs are given and when they were submitted.
func (t *task) joinable() bool {
	if t.Ambiguous || t.Counted != nil {
		return false
	}
	return t.Whole || len(t.Expected) > 0 && !t.Created.IsZero()
}

// margin is how far around the task's creation its rows are.
func (t *task) margin() time.Duration {
	if !t.VendorCreated.IsZero() {
		return pad
	}
	return pad + drift
}

// value is what a window is worth that shows the task's rows.
func (c *card) value() float64 {
	switch {
	case c.joinable:
		return c.worth
	case c.worth >= starvation:
		return 0 // only an answer helps
	default:
		return glimpse * c.worth
	}
}

// bestWindow is the window of creation time that is worth the most among those
// whose rows fit one page, as far as is known what rows there are. It must tell
// of one task at least; covered is of how many.
func (s *situation) bestWindow() (best question, covered int, ok bool) {
	if !s.caps.Windows || s.noWindows {
		return question{}, 0, false
	}
	size, oldest := s.pageSize(), s.oldest().UnixNano()
	first, rows, proving, worth := 0, 0, 0, 0.0
	var from, to *card
	for i := range s.cards {
		c := &s.cards[i]
		if c.first() < oldest || int(c.rows) > size {
			first, rows, worth, proving = i+1, 0, 0, 0
			continue
		}
		rows += int(c.rows)
		worth += c.value()
		proving += c.proves()
		for d := &s.cards[first]; first < i && !s.fits(d, c, rows, size); d = &s.cards[first] {
			rows -= int(d.rows)
			worth -= d.value()
			proving -= d.proves()
			first++
		}
		if proving > 0 && worth > best.worth && c.worth > 0 {
			from, to, best.worth, covered = &s.cards[first], c, worth, proving
		}
	}
	if covered == 0 {
		return question{}, 0, false
	}
	best.query = s.window(from, to, func(c *card) bool { return c.worth > 0 })
	best.pressing = best.worth >= overdue
	best.why = fmt.Sprintf("one window tells of %d tasks", covered)
	return best, covered, true
}

// window is the question for everything created from one task's creation to
// another's, with the margins of all tasks between them: whichever it does not
// show whole it could be asked for again and again. It leaves out the first tasks
// that are not wanted.
func (s *situation) window(from, to *card, wanted func(*card) bool) vendorapi.Query {
	for i := from.task.place; !wanted(from) && from != to; {
		i++
		from = &s.cards[i]
	}
	first, last := from.first(), to.last()
	for i := from.task.place; i <= to.task.place; i++ {
		c := &s.cards[i]
		first, last = min(first, c.first()), max(last, c.last())
	}
	q := vendorapi.Query{Kind: vendorapi.QueryWindow, Page: 1, PageSize: s.pageSize()}
	q.From, q.To = s.clamp(time.Unix(0, first), time.Unix(0, last))
	return q
}

// proves is 1 if a window tells of the task, which is to be asked, else 0.
func (c *card) proves() int {
	if c.joinable && c.worth > 0 {
		return 1
	}
	return 0
}

// fits reports whether a window from one task's creation to another's is one
// that can be asked for in one page.
func (s *situation) fits(first, last *card, rows, size int) bool {
	span := time.Duration(last.last() - first.first())
	return !s.tooLong(first, last) && float64(rows)+s.learned.Strangers*span.Seconds() <= float64(size)
}

// tooLong reports whether a window from one task's creation to another's, with the
// widest margins, spans more than the vendor allows.
func (s *situation) tooLong(first, last *card) bool {
	const margins = 2 * (pad + drift)
	return time.Duration(last.created-first.created)+margins > s.caps.MaxSpan
}

// glance is what a window showed of a task without proving it.
type glance struct {
	at         time.Time
	rows, left int
	// others is the chance that the rows that are left are all another's.
	others float64
	// scouted: the window was limited to rows that run.
	scouted bool
}

// joined is a task that a window showed whole.
type joined struct {
	task *task
	urls []prefetch.URL
}

// join finds the tasks whose rows are in the answer to a window. Rows carry no
// task: a row is a task's if its URL and creation are known to be, as a
// multiset, or if the task's URLs are all there with one creation near the
// configured one. Where two tasks claim a row, or there are more of it than the
// task has, neither gets it: they are marked and asked for by id from then on.
func (s *situation) join(q vendorapi.Query, urls []prefetch.URL) []joined {
	j := joiner{
		situation: s, query: q, rows: map[rowKey][]int{}, undated: map[string]bool{},
		owner: make([]*task, len(urls)), urls: urls,
	}
	near := s.cards.between(q.From, q.To)
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
		k := keyOf(&urls[i])
		j.rows[k] = append(j.rows[k], i)
	}
	// What is known comes before what must be found.
	for _, t := range j.tasks {
		if t.Whole {
			j.claim(t, t.Rows.urls)
		}
	}
	for _, t := range j.tasks {
		if !t.Whole && t.joinable() {
			j.find(t)
		}
	}
	j.glance()
	return j.settle()
}

type joiner struct {
	*situation
	query   vendorapi.Query
	tasks   []*task // whose rows can be in the window
	urls    []prefetch.URL
	rows    map[rowKey][]int // places in urls
	undated map[string]bool  // URLs of rows without a creation
	owner   []*task          // by place in urls
	claims  []claim
	spoiled map[*task]bool
}

type claim struct {
	task   *task
	places []int
}

// near reports whether the task's rows can be in the window.
func (j *joiner) near(t *task) bool {
	return t.listed && !t.Gone && t.Phase != prefetch.Settled && t.Counted == nil && t.mayShow(j.query)
}

// claim takes the rows of a task, all of them or none.
func (j *joiner) claim(t *task, want []prefetch.URL) {
	taken := make(map[rowKey]int, len(want))
	places := make([]int, 0, len(want))
	for i := range want {
		k := keyOf(&want[i])
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

func (j *joiner) spoil(t *task) {
	if j.spoiled == nil {
		j.spoiled = map[*task]bool{}
	}
	j.spoiled[t] = true
}

// find looks for the one creation near the configured one at which all URLs of
// the task were submitted. If there are more, or one of the rows has none that
// can be read, what is found may be another submission of the same URLs.
func (j *joiner) find(t *task) {
	if !within(t, j.query) {
		return
	}
	var found []prefetch.URL
	for c := t.Created.Add(-drift); !c.After(t.Created.Add(drift)); c = c.Add(time.Second) {
		if len(j.rows[rowKey{t.Expected[0], c.Unix()}]) == 0 {
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
	need := make(map[rowKey]int, len(rows))
	for i := range rows {
		need[keyOf(&rows[i])]++
	}
	for k, n := range need {
		for _, place := range j.rows[k] {
			if j.owner[place] == nil || !j.owner[place].Whole {
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
func (j *joiner) doubt(t *task) {
	t.Ambiguous = true
	j.cards.changed(t)
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
	found := map[*task]*glance{}
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
			g = &glance{at: j.now}
			found[t] = g
		}
		g.rows++
		if !u.Status.Final() {
			g.left++
		}
	}
	for t, g := range found {
		t.hint = g
		j.cards.changed(t)
	}
}

// nearest is the task without known rows that was created nearest to a row.
func (j *joiner) nearest(created time.Time) (best *task) {
	nearest := drift + pad
	for _, t := range j.tasks {
		if t.Whole || t.Created.IsZero() {
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
