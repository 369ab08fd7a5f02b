package pages

import (
	"hash/maphash"
	"maps"
	"slices"
	"time"

	"prefetch_exporter/collector"
	"prefetch_exporter/collector/pages/internal/exposition"
	"prefetch_exporter/prefetch"
)

// piece is a part of a page, as it is sent.
type piece struct {
	data []byte
	// size is how long the piece is before it is compressed.
	size int
}

// block is some neighbouring tasks of one account as they stand on a page. It
// is rendered again where a task changed, and only there.
type block struct {
	// size is how many tasks the block has room for: as many as tasks has,
	// once it was rendered.
	size  int
	tasks []*prefetch.TaskState
	// stale tells of each task whether it was rendered as stale, which changes
	// with time, without a change of the task.
	stale []bool
	valid validity
	// parts are the samples of the tasks, one for each column; those of ages are
	// empty.
	parts []piece
	// ages are the samples of the ages without their values, and since the moments
	// from which those are reckoned.
	ages  exposition.Template
	since []time.Time
}

// validity is for how long the staleness of a block's tasks is as it was
// rendered.
type validity struct {
	maxStaleness time.Duration
	// after and until bound the moments at which it is; nil is no bound.
	after, until *time.Time
}

func (v validity) at(now time.Time, maxStaleness time.Duration) bool {
	return v.maxStaleness == maxStaleness &&
		(v.after == nil || now.After(*v.after)) && (v.until == nil || !now.After(*v.until))
}

// update renders what changed since the last time.
func (b *block) update(r *renderer, account *collector.Account, tasks []*prefetch.TaskState) error {
	if slices.Equal(b.tasks, tasks) && b.valid.at(account.Now, account.State.MaxStaleness) {
		// The same tasks; but the list of the last snapshot is let go.
		b.tasks = tasks
		return nil
	}
	dirty := b.changes(r, account, tasks)
	// If this fails, nothing of the block is used again.
	b.tasks = tasks
	b.stale = make([]bool, len(tasks))
	b.valid = validity{maxStaleness: account.State.MaxStaleness}
	for i, t := range tasks {
		b.judge(i, t, account.Now)
	}
	if b.parts == nil {
		b.parts = make([]piece, len(r.columns))
	}
	for k, changed := range dirty {
		if !changed {
			continue
		}
		if err := b.render(r, k, account); err != nil {
			return err
		}
	}
	return nil
}

// render renders one column.
func (b *block) render(r *renderer, k int, account *collector.Account) (err error) {
	c := &r.columns[k]
	samples := r.samples.Of(account, c.metric, c.Series, b.tasks)
	if c.metric.Since == nil {
		b.parts[k], err = r.piece(c.family, samples)
		return err
	}
	b.since = make([]time.Time, 0, len(samples))
	for _, t := range b.tasks {
		if since := c.metric.Since(t); !since.IsZero() {
			b.since = append(b.since, since)
		}
	}
	b.ages, err = c.NewTemplate(samples)
	return err
}

// judge decides whether the numbers of a task are too old to be shown, and until
// when, or since when, that holds: what is rendered of the block is right between
// the two moments that bound it for all of its tasks. A task that was never
// answered, or that has settled, is never too old.
func (b *block) judge(i int, t *prefetch.TaskState, now time.Time) {
	if !t.Answered || t.Settled() {
		return
	}
	b.stale[i] = t.Stale(now, b.valid.maxStaleness)
	limit := t.LastRefresh.Add(b.valid.maxStaleness)
	v := &b.valid
	switch {
	case b.stale[i] && (v.after == nil || limit.After(*v.after)):
		v.after = &limit
	case !b.stale[i] && (v.until == nil || limit.Before(*v.until)):
		v.until = &limit
	}
}

// changes tells of each series whether some task's value is another one now.
func (b *block) changes(r *renderer, account *collector.Account, tasks []*prefetch.TaskState) []bool {
	dirty := make([]bool, len(r.columns))
	if b.parts == nil || !collector.SameTasks(b.tasks, tasks) {
		for k := range dirty {
			dirty[k] = true
		}
		return dirty
	}
	for i, t := range tasks {
		before := collector.Task{TaskState: b.tasks[i], Withdrawn: b.stale[i]}
		after := account.Task(t)
		if before == after {
			continue
		}
		for k := range r.columns {
			dirty[k] = dirty[k] || differs(&r.columns[k], before, after)
		}
	}
	return dirty
}

// differs reports whether a series has to be rendered again. That of ages has to
// only where an age comes or goes, or is reckoned from another moment.
func differs(c *column, before, after collector.Task) bool {
	if c.metric.Since != nil {
		return !c.metric.Since(before.TaskState).Equal(c.metric.Since(after.TaskState))
	}
	if c.metric.Configured && !maps.Equal(before.Labels, after.Labels) {
		return true
	}
	a, hasA := c.Value(before)
	b, hasB := c.Value(after)
	return hasA != hasB || a != b
}

const (
	// meanBlock is how many tasks are rendered and compressed together. More
	// would compress a little better, and make a change of one of them dearer.
	meanBlock = 64
	maxBlock  = 2 * meanBlock
)

// blocks divides tasks. A block ends where the id of a task says so, or when it
// is full: a task that comes or goes changes the block that it is in, and
// seldom another one.
func blocks(seed maphash.Seed, tasks []*prefetch.TaskState) [][]*prefetch.TaskState {
	var all [][]*prefetch.TaskState
	start := 0
	for i, t := range tasks {
		n := i + 1 - start
		if n == maxBlock || maphash.String(seed, t.ID)%meanBlock == 0 || i == len(tasks)-1 {
			all = append(all, tasks[start:i+1])
			start = i + 1
		}
	}
	return all
}
