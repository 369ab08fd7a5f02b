// Package priority compares questions: how pressing they are first, then what they
// are worth. Of all windows of creation time it finds the one that goes first. It is
// pure: plain numbers in, the best of them out.
package priority

import (
	"cmp"
	"time"
)

// Class is how pressing a question is. One of a higher class goes first, whatever
// the other is worth.
type Class uint8

// The classes, from the least pressing on.
const (
	Idle     Class = iota // not to be asked now
	Hopeless              // lost, or only statuses left that nobody understands
	Ordinary
	Starved  // it waited for so long that nothing but a deadline goes before it
	Imminent // it must be asked now for the answer to be there at its deadline
	Overdue  // its deadline passed since it was last asked for
	classes
)

// Priority is what a question goes by: its class first, then how much there is of
// what makes it so pressing, then what it is worth.
type Priority struct {
	Class Class
	// Weight is how many tasks are imminent, or overdue; of starved ones, the
	// minutes that they waited; else 0.
	Weight float64
	// Worth is in minutes of lag; of hopeless ones, the minutes that they waited.
	Worth float64
}

// Compare is more than 0 if p goes before o.
func (p Priority) Compare(o Priority) int {
	switch {
	case p.Class != o.Class:
		return cmp.Compare(p.Class, o.Class)
	case p.Weight != o.Weight:
		return cmp.Compare(p.Weight, o.Weight)
	default:
		return cmp.Compare(p.Worth, o.Worth)
	}
}

// Plus is that of a question which answers two, of which p is the more pressing.
func (p Priority) Plus(o Priority) Priority {
	if o.Class == p.Class {
		p.Weight += o.Weight
	}
	if o.Class != Hopeless || p.Class == Hopeless {
		p.Worth += o.Worth
	}
	return p
}

// Presses reports whether a deadline wants the answer.
func (p Priority) Presses() bool { return p.Class >= Imminent }

// Share is what a task adds to a window: rows, and its priority, if it is shown in
// it.
type Share struct {
	Priority

	// Created is when the task was created, and Margin how far around that its rows may
	// be, in nanoseconds.
	Created, Margin int64
	Rows            float64
	Told            int // 1 if the window tells of the task, else 0
	// Open is 1 if no window is asked for the task's sake now, and yet it tells of the
	// task; else 0.
	Open int
}

// sum is what the tasks of a window add up to.
type sum struct {
	rows   float64
	told   int
	tasks  [classes]int
	weight [classes]float64
	// worth is of all tasks but the hopeless ones, which add nothing to it.
	worth, hopeless float64
}

// add adds a share, or takes it away if times is -1.
func (s *sum) add(x *Share, times int) {
	n := float64(times)
	s.rows += n * x.Rows
	if x.Class == Idle {
		return // nothing is wanted of it
	}
	s.told += times * x.Told
	s.tasks[x.Class] += times
	s.weight[x.Class] += n * x.Weight
	if x.Class == Hopeless {
		s.hopeless += n * x.Worth
	} else {
		s.worth += n * x.Worth
	}
}

// priority is that of a question for the window.
func (s *sum) priority() Priority {
	for c := Overdue; c >= Ordinary; c-- {
		if s.tasks[c] > 0 {
			return Priority{c, s.weight[c], s.worth}
		}
	}
	if s.tasks[Hopeless] > 0 {
		return Priority{Class: Hopeless, Worth: s.hopeless}
	}
	return Priority{}
}

// Bounds are what a window may be.
type Bounds struct {
	Oldest, Newest time.Time
	// Most is the longest span from the first creation to the last, and Around how
	// much longer than that a window is.
	Most, Around time.Duration
	// Room is for so many rows: those of the tasks, and Others a second.
	Room, Others float64
}

// Window is the tasks from First to Last, and what a question for them goes by.
type Window struct {
	Priority

	First, Last int
	Told        int // of how many tasks it tells; none if there is no such window
}

// Best is the window that goes first of those that tell of a task and can be asked
// for, with no more rows than there is room for. The shares are in order of creation.
func Best(shares []Share, b Bounds) (best Window) {
	oldest, newest := b.Oldest.UnixNano(), b.Newest.UnixNano()
	first, total := 0, sum{}
	for i := range shares {
		x := &shares[i]
		if x.Created-x.Margin < oldest || x.Created+x.Margin > newest || x.Rows > b.Room {
			first, total = i+1, sum{}
			continue
		}
		total.add(x, 1)
		for ; first < i && !b.hold(total.rows, time.Duration(x.Created-shares[first].Created)+b.Around); first++ {
			total.add(&shares[first], -1)
		}
		if total.told == 0 || x.Class == Idle {
			continue
		}
		if p := total.priority(); p.Compare(best.Priority) > 0 {
			best = Window{p, first, i, total.told}
		}
	}
	return best
}

// Widen adds to a window the open tasks around it that there is room for, newer ones
// first, and counts all of which it tells now. It reports false if there is no room
// for the window itself, with what is in the margins around its tasks.
func (w *Window) Widen(shares []Share, b Bounds) bool {
	shown, ok := w.fit(shares, b)
	if !ok {
		return false
	}
	for i := w.First; i <= w.Last; i++ {
		w.Told += shares[i].Open
	}
	oldest, newest := b.Oldest.UnixNano(), b.Newest.UnixNano()
	widen := func(next, step int) {
		for wider := shown; next >= 0 && next < len(shares); next += step {
			x, first, last := &shares[next], min(w.First, next), max(w.Last, next)
			wider.reach(first, last)
			length := time.Duration(shares[last].Created-shares[first].Created) + b.Around
			if x.Created-x.Margin < oldest || x.Created+x.Margin > newest || !b.hold(wider.rows, length) {
				return
			}
			if more := x.Told + x.Open; more > 0 {
				w.First, w.Last, shown = first, last, wider
				w.Told += more
			}
		}
	}
	widen(w.Last+1, 1)
	widen(w.First-1, -1)
	return true
}

// fit leaves out the first tasks as long as there is no room for what the window shows,
// or nothing is wanted of them: what was there may leave room for more elsewhere.
func (w *Window) fit(shares []Share, b Bounds) (shown extent, ok bool) {
	for ; w.First <= w.Last; w.First++ {
		if shares[w.First].Class == Idle && w.First < w.Last {
			continue
		}
		shown = extent{shares: shares, first: w.First, last: w.First - 1}
		if shown.reach(w.First, w.Last); shown.rows <= b.Room {
			break
		}
	}
	var total sum
	for i := w.First; i <= w.Last; i++ {
		total.add(&shares[i], 1)
	}
	w.Priority, w.Told = total.priority(), total.told
	return shown, total.told > 0
}

// extent is the tasks whose rows a window shows, and how many rows those are: the
// margins around its first task and its last have rows of others.
type extent struct {
	shares      []Share
	first, last int
	rows        float64
}

// reach has the window tell of the tasks from first to last.
func (e *extent) reach(first, last int) {
	from, to := e.shares[first].Created-e.shares[first].Margin, e.shares[last].Created+e.shares[last].Margin
	for ; e.last+1 < len(e.shares) && e.shares[e.last+1].Created <= to; e.last++ {
		e.rows += e.shares[e.last+1].Rows
	}
	for ; e.first > 0 && e.shares[e.first-1].Created >= from; e.first-- {
		e.rows += e.shares[e.first-1].Rows
	}
}

// hold reports whether a window of that length with so many rows of its tasks may be
// asked for.
func (b *Bounds) hold(rows float64, length time.Duration) bool {
	if b.Others > 0 {
		rows += b.Others * length.Seconds()
	}
	return length <= b.Most && rows <= b.Room
}
