package planner

import "cmp"

// class is how pressing a question is. One of a higher class goes first, whatever
// the other is worth.
type class uint8

const (
	idleClass class = iota // not to be asked now
	hopeless               // lost, or only statuses left that nobody understands
	ordinary
	starved  // it waited for so long that nothing but a deadline goes before it
	imminent // it must be asked now for the answer to be there at its deadline
	overdue  // its deadline passed since it was last asked for
	classes
)

// Priority is what a question goes by: its class first, then how much there is of
// what makes it so pressing, then what it is worth.
type Priority struct {
	class class
	// weight is how many tasks are imminent, or overdue; of starved ones, the
	// minutes that they waited; else 0.
	weight float64
	// Worth is in minutes of lag; of hopeless ones, the minutes that they waited.
	Worth float64
}

func (p Priority) compare(o Priority) int {
	return cmp.Or(cmp.Compare(p.class, o.class), cmp.Compare(p.weight, o.weight), cmp.Compare(p.Worth, o.Worth))
}

// presses reports whether a deadline wants the answer.
func (p Priority) presses() bool { return p.class >= imminent }

// priority is that of a question about the task of the card alone.
func (c *card) priority() Priority { return Priority{c.class, float64(c.weight), c.worth} }

// share is what a task adds to a window: rows, and its priority, if it is shown in
// it. told is 1 if the window tells of the task, else 0.
type share struct {
	Priority

	rows float64
	told int
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
func (s *sum) add(x share, times int) {
	s.rows += float64(times) * x.rows
	s.told += times * x.told
	s.tasks[x.class] += times
	s.weight[x.class] += float64(times) * x.weight
	if x.class == hopeless {
		s.hopeless += float64(times) * x.Worth
	} else {
		s.worth += float64(times) * x.Worth
	}
}

// priority is that of a question for the window.
func (s *sum) priority() Priority {
	for c := overdue; c >= ordinary; c-- {
		if s.tasks[c] > 0 {
			return Priority{c, s.weight[c], s.worth}
		}
	}
	if s.tasks[hopeless] > 0 {
		return Priority{class: hopeless, Worth: s.hopeless}
	}
	return Priority{}
}
