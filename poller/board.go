package poller

import (
	"cmp"
	"math"
	"slices"
	"strings"
	"time"

	"prefetch_exporter/prefetch"
)

// mostRefills bounds how many cards one step makes anew only because time has
// passed. With more tasks than that each of them waits so long for its turn that
// its worth changes slowly.
const mostRefills = 256

// card is what the planner has worked out of a task. It is kept from question
// to question: of many tasks few change, and a task that has waited for long is
// worth much the same a little later. Times are nanoseconds since 1970, so that
// a walk over all cards touches little memory.
type card struct {
	task    *task
	created int64 // what the cards are in order of
	made    int64 // when the card was made
	until   int64 // when it must be made anew; 0 at once
	fading  int64 // from when on it should be, as far as there is time
	// at is when the task may be asked, deadline when it must be warm; 0 where
	// there is none.
	at, deadline int64

	// worth is what a question about the task alone is worth, in minutes of lag;
	// 0 if it is not to be asked now. chance is the chance that the task is
	// settled, lag what it is expected to have gathered since the last look, and
	// hurry the root of how many times a minute it would settle from now on.
	worth              float64
	chance, lag, hurry float32
	// rows is how many rows the task has, running how many of them run.
	rows    int32
	running float32
	// calls is how many calls it takes to answer for the task, if it is unsettled.
	calls float64

	class     uint8
	askable   bool // at some time
	unsettled bool // watched, and not settled
	joinable  bool // a window can tell of it
	loose     bool // its rows may be off its creation
	hidden    bool // it may have rows that neither run nor are final
}

// margin is how far around the task's creation its rows are.
func (c *card) margin() int64 {
	if c.loose {
		return int64(pad + drift)
	}
	return int64(pad)
}

func (c *card) first() int64 { return c.created - c.margin() }
func (c *card) last() int64  { return c.created + c.margin() }

// board is the cards of all tasks in order of their creation.
type board []card

func newBoard(tasks map[string]*task) board {
	b := make(board, 0, len(tasks))
	for _, t := range tasks {
		b = append(b, card{task: t, created: t.created().UnixNano()})
	}
	slices.SortFunc(b, func(x, y card) int { return x.compare(&y) })
	for i := range b {
		b[i].task.place = i
	}
	return b
}

func (c *card) compare(d *card) int {
	return cmp.Or(cmp.Compare(c.created, d.created), strings.Compare(c.task.id, d.task.id))
}

// changed has the task's card made anew, and puts it where it belongs now.
func (b board) changed(t *task) {
	i := t.place
	if i >= len(b) || b[i].task != t {
		return // it is not watched any more
	}
	b[i].until, b[i].created = 0, t.created().UnixNano()
	for ; i > 0 && b[i].compare(&b[i-1]) < 0; i-- {
		b.swap(i, i-1)
	}
	for ; i+1 < len(b) && b[i+1].compare(&b[i]) < 0; i++ {
		b.swap(i, i+1)
	}
}

func (b board) swap(i, j int) {
	b[i], b[j] = b[j], b[i]
	b[i].task.place, b[j].task.place = i, j
}

// stale has every card made anew.
func (b board) stale() {
	for i := range b {
		b[i].until = 0
	}
}

// between returns the cards of the tasks whose rows may be created between two
// times.
func (b board) between(from, to time.Time) board {
	const widest = pad + drift
	byTime := func(c card, at int64) int { return cmp.Compare(c.created, at) }
	first, _ := slices.BinarySearchFunc(b, from.Add(-widest).UnixNano(), byTime)
	last, _ := slices.BinarySearchFunc(b, to.Add(widest).UnixNano()+1, byTime)
	return b[first:last]
}

// unsettled reports whether the task is watched and not settled.
func (t *task) unsettled() bool { return t.listed && !t.Gone && t.Phase != prefetch.Settled }

// fill makes the card anew.
func (s *situation) fill(c *card) {
	t, now := c.task, s.now.UnixNano()
	*c = card{
		task: t, created: c.created, made: now, until: math.MaxInt64, fading: math.MaxInt64,
		unsettled: t.unsettled(),
		joinable:  t.joinable(), loose: t.VendorCreated.IsZero(), rows: int32(min(s.sizeOf(t), math.MaxInt32)), //nolint:gosec // bounded
	}
	if c.unsettled {
		c.calls = s.callsFor(t)
	}
	if t.Gone || t.Phase == prefetch.Settled {
		return
	}
	left, looked := s.looked(t)
	waited := s.now.Sub(looked)
	c.fading = now + int64(fresh*float64(max(waited, 0)))
	c.running = float32(float64(left) * s.curve.survive(s.age(t, looked), s.age(t, s.now)))
	at, class, ok := s.due(t)
	if !ok {
		return
	}
	c.askable, c.at, c.class = true, at.UnixNano(), uint8(class)
	if !t.Deadline.IsZero() {
		c.deadline = t.Deadline.UnixNano()
		if c.deadline > now {
			c.until = min(c.until, c.deadline)
		}
	}
	if c.at > now {
		c.until = min(c.until, c.at)
		return
	}
	c.hidden = s.waits(t)
	s.weigh(c, left, looked)
}
