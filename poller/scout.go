package poller

import (
	"fmt"
	"math"
	"slices"
	"time"

	"prefetch_exporter/poller/dialect"
	"prefetch_exporter/poller/task"
	"prefetch_exporter/prefetch"
	vendorapi "prefetch_exporter/vendor_api"
)

const (
	// roomy is the part of a page that rows which run are expected to fill at
	// most: how many they are is known less well than how many there are at all.
	roomy = 0.7
	// horizon is over how many slots a task's chance to settle is averaged to
	// tell how soon it would be looked at again.
	horizon = 6
	// scouting is the part of what a scout is worth that must be more than what
	// another question is worth for it to be asked. The measure was found by
	// trying: from a third to the whole little changes (see docs/freshness.md).
	scouting = 0.5
	// certain is the worth, in minutes, of questions that no scout precedes:
	// what they prove is known already.
	certain = 50.0
	// newborn is how old a task must be for rows that do not run to mean much:
	// before they wait.
	newborn = 2 * time.Minute
)

// bestScout is the window, limited to rows that run, that it is worth the most
// to know about, if that is more than what the rival question may prove. It
// proves nothing, but a task none of whose rows run has probably settled: then
// it is asked next, instead of one that was guessed. One page of such rows tells
// of many more tasks than one page of all rows does. covered is of how many tasks
// one window of all rows tells.
func (s *situation) bestScout(rival float64, covered int) (best question, ok bool) {
	if !s.CanScout() || s.noWindows || rival >= certain {
		return question{}, false
	}
	crowd, m := s.learned.crowd(), s.market(covered)
	shareOf := func(c *card) share {
		if gain := m.gain(c); gain > 0 {
			return share{crowd * float64(c.running), gain, 1}
		}
		return share{rows: crowd * float64(c.running)}
	}
	w := s.slide(roomy*float64(s.PageSize()), 0, shareOf)
	if scouting*w.worth <= max(rival, m.price) {
		return question{}, false
	}
	best = question{
		query: s.window(w, shareOf), worth: w.worth,
		why: fmt.Sprintf("to see which of %s still run", tasks(w.told)),
	}
	best.query.Status = new(prefetch.Running)
	return best, true
}

// market is what calls are worth if every unsettled task is asked for as often
// as pays best: the interval between two questions about a task that settles h
// times a minute is in proportion to 1/√h then. It is in minutes.
type market struct{ slot, hurry, price float64 }

func (s *situation) market(covered int) market {
	m := market{slot: s.slot.Minutes(), hurry: s.alone + s.shared/float64(max(1, covered))}
	const half = 2
	m.price = m.slot * m.slot * m.hurry * m.hurry / half
	return m
}

// gain is what it is worth, in minutes of lag, to know whether the task has
// settled without having it proven: with that chance it is asked one slot from
// now instead of when its turn comes.
func (m market) gain(c *card) float64 {
	if c.worth <= 0 || c.hurry <= 0 || c.hidden {
		return 0
	}
	turn, chance := m.slot*max(1, m.hurry/float64(c.hurry)), float64(c.chance)
	// To look at it now is worth no more than the call that it costs.
	worth := min(m.price, chance*(m.price+turn)-float64(c.lag))
	return max(0, worth-chance*(m.price+m.slot))
}

// hurryOf is the root of how many times a minute the task would settle from now
// on.
func (s *situation) hurryOf(v view, chance float64) float64 {
	ahead := horizon * s.slot
	then := math.Pow(1-s.curve.survive(v.from, v.to+ahead), float64(v.left))
	rate := -math.Log(max(residue, 1-then)/max(residue, 1-chance)) / ahead.Minutes()
	return math.Sqrt(max(0, rate))
}

// waits reports whether the task may have rows that neither run nor are final.
func (s *situation) waits(t *entry) bool {
	if t.Answered() {
		return t.Counts[prefetch.Waiting] > 0
	}
	return s.age(&t.Task, s.Now) < newborn
}

// crowd is how many rows run for each that is expected to.
func (l *knowledge) crowd() float64 {
	if l.Crowd <= 0 {
		return 1
	}
	return l.Crowd
}

// crowded learns from how many rows run where so many were expected to.
func (l *knowledge) crowded(expected float64, running int) {
	const (
		doubt         = 5 // few rows tell little
		memory        = 0.5
		least, utmost = 0.1, 30.0
	)
	ratio := (float64(running) + doubt) / (expected + doubt)
	l.Crowd = min(utmost, max(least, memory*l.crowd()+(1-memory)*ratio))
}

// scout reads the answer to a window of rows that run.
type scout struct {
	*situation

	query vendorapi.Query
	urls  []prefetch.URL
	// whole: the answer shows all rows that run.
	whole bool
	tasks []*entry // whose rows may be in the window
	shown map[*entry]*tally
	// open is the rows that were not final yet of the tasks that can be told
	// apart by them.
	open map[*entry]map[prefetch.RowKey]int
}

// tally is how many rows of a task the answer shows. Where they may be another's
// as well, others is the chance that all of them are.
type tally struct {
	rows   int
	others float64
}

// scouted applies the answer to a window of rows that run to what is known of
// its tasks. It returns those that it tells of: since final rows stay final, an
// answer that shows every other row of a task shows the whole task.
func (s *situation) scouted(q vendorapi.Query, ans vendorapi.Answer) []joined {
	sc := scout{
		situation: s, query: q, urls: ans.URLs, whole: ans.Count <= len(ans.URLs),
		shown: map[*entry]*tally{},
	}
	expected := 0.0
	near := s.board.between(q.From, q.To)
	for i := range near {
		c := &near[i]
		if t := c.task; t.Phase != prefetch.Settled && !t.Ended && t.mayShow(q) {
			expected += float64(c.running)
			sc.tasks = append(sc.tasks, t)
			sc.shown[t] = &tally{}
		}
	}
	s.learned.crowded(expected, ans.Count)
	found := sc.match()
	for _, t := range sc.tasks {
		sc.note(t)
	}
	return found
}

// match gives each row to the task that is known to own it, or else to those
// that were created nearest.
func (sc *scout) match() []joined {
	rows := map[prefetch.RowKey][]int{}
	for i := range sc.urls {
		if u := &sc.urls[i]; !u.Created.IsZero() {
			rows[u.Key()] = append(rows[u.Key()], i)
		}
	}
	sc.dispute(rows)
	owned := make([]bool, len(sc.urls))
	var found []joined
	for _, t := range sc.tasks {
		if !t.tellsApart() {
			continue
		}
		all := true
		for k, n := range sc.open[t] {
			all = all && n <= len(rows[k])
			for _, place := range rows[k][:min(n, len(rows[k]))] {
				owned[place] = true
				sc.shown[t].rows++
			}
		}
		if all && sc.whole && t.State == task.Exclusive && within(t, sc.query) {
			found = append(found, joined{t, sc.renew(t, rows)})
		}
	}
	for i := range sc.urls {
		if !owned[i] && !sc.urls[i].Created.IsZero() {
			sc.deal(&sc.urls[i])
		}
	}
	return found
}

// renew returns the rows of a task with those that run as the answer has them.
func (sc *scout) renew(t *entry, rows map[prefetch.RowKey][]int) []prefetch.URL {
	urls, used := slices.Clone(t.Rows.URLs), map[prefetch.RowKey]int{}
	for i := range urls {
		if k := urls[i].Key(); !urls[i].Status.Final() {
			urls[i] = sc.urls[rows[k][used[k]]]
			used[k]++
		}
	}
	return urls
}

// dispute marks the tasks one of whose rows that may run cannot be told from
// another's: another task has its like, or the answer shows more of them than it
// has.
func (sc *scout) dispute(rows map[prefetch.RowKey][]int) {
	sc.open = map[*entry]map[prefetch.RowKey]int{}
	claims := map[prefetch.RowKey]*entry{}
	for _, t := range sc.tasks {
		if !t.tellsApart() {
			continue
		}
		open := map[prefetch.RowKey]int{}
		for i := range t.Rows.URLs {
			if u := &t.Rows.URLs[i]; !u.Status.Final() {
				open[u.Key()]++
			}
		}
		for k, n := range open {
			other := claims[k]
			if other != nil {
				sc.doubt(other)
			}
			if other != nil || len(rows[k]) > n {
				sc.doubt(t)
			}
			claims[k] = t
		}
		sc.open[t] = open
	}
}

// tellsApart reports whether the task's rows are known, and no other's.
func (t *entry) tellsApart() bool { return t.KnowsRows() && t.Counted == nil && !t.Ambiguous }

// deal gives a row to the tasks without known rows that were created nearest.
func (sc *scout) deal(u *prefetch.URL) {
	nearest := drift + dialect.Pad
	var best []*entry
	near := sc.board.between(u.Created, u.Created)
	for i := range near {
		t := near[i].task
		off := u.Created.Sub(t.CreatedAt().Truncate(time.Second)).Abs()
		switch {
		case sc.shown[t] == nil, t.tellsApart(), off > t.margin(), off > nearest,
			len(t.Expected) > 0 && !slices.Contains(t.Expected, u.URL):
		case off < nearest:
			nearest, best = off, []*entry{t}
		default:
			best = append(best, t)
		}
	}
	for _, t := range best {
		n := sc.shown[t]
		if n.rows == 0 {
			n.others = 1
		}
		n.rows++
		n.others *= 1 - 1/float64(len(best))
	}
}

// note keeps what the answer hints at of a task.
func (sc *scout) note(t *entry) {
	n := sc.shown[t]
	if !within(t, sc.query) || n.rows == 0 && (!sc.whole || sc.waits(t)) {
		return
	}
	if h := t.hint; h != nil && h.scouted && t.Counted != nil {
		// Of no other rows it is told when they end.
		from, to := sc.age(&t.Task, h.at), sc.age(&t.Task, sc.Now)
		sc.learned.Durations.watched(n.rows, from, to)
		sc.learned.Durations.endedBetween(h.left-n.rows, from, to, sc.curve)
	}
	t.hint = &glance{at: sc.Now, rows: max(n.rows, sc.sizeOf(t)), left: n.rows, others: n.others, scouted: true}
	sc.board.changed(t)
}

// checkScout compares what a scout said of a task with an answer that shows all of
// it. A vendor that does not know the filter may as well show nothing.
func (m *moment) checkScout(h *glance, urls []prefetch.URL) {
	if h == nil || !h.scouted || h.left > 0 {
		return
	}
	at := h.at.Add(m.Offset - drift)
	ran := func(u prefetch.URL) bool {
		return u.Status == prefetch.Running && !u.Started.IsZero() && u.Started.Before(at)
	}
	m.vendor.Scouted(!slices.ContainsFunc(urls, ran), m.Now)
}
