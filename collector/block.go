package collector

import (
	"maps"
	"slices"
	"time"

	"prefetch_exporter/collector/internal/exposition"
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
	// parts are the samples of the tasks, one for each of the collector's
	// series; those of ages are empty.
	parts []piece
	// ages are the samples of the ages without their values, and created those
	// tasks' times.
	ages    exposition.Template
	created []time.Time
	// unusable counts the configured labels that cannot be shown.
	unusable int
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

// moment is when and by which limit tasks are rendered.
type moment struct {
	now          time.Time
	maxStaleness time.Duration
}

func (m moment) of(t *prefetch.TaskState) taskAt { return newTaskAt(t, m.now, m.maxStaleness) }

// update renders what changed since the last time.
func (b *block) update(r *renderer, account sharedLabels, tasks []*prefetch.TaskState, m moment) error {
	if slices.Equal(b.tasks, tasks) && b.valid.at(m.now, m.maxStaleness) {
		// The same tasks; but the list of the last snapshot is let go.
		b.tasks = tasks
		return nil
	}
	dirty := b.changes(r, tasks, m)
	// If this fails, nothing of the block is used again.
	b.tasks = tasks
	b.stale = make([]bool, len(tasks))
	b.valid = validity{maxStaleness: m.maxStaleness}
	for i, t := range tasks {
		b.note(i, t, m)
	}
	if b.parts == nil {
		b.parts = make([]piece, len(r.series))
	}
	for k, changed := range dirty {
		if !changed {
			continue
		}
		var err error
		switch r.series[k].metric {
		case nameTaskAge:
			b.ages, err = r.ages(account, tasks)
		case nameTaskInfo:
			b.parts[k], b.unusable, err = r.info(account, tasks)
		default:
			b.parts[k], err = r.part(k, account, tasks, m)
		}
		if err != nil {
			return err
		}
	}
	b.created = b.created[:0]
	for _, t := range tasks {
		if !t.Created.IsZero() {
			b.created = append(b.created, t.Created)
		}
	}
	return nil
}

// note remembers the staleness of a task, and how long it lasts.
func (b *block) note(i int, t *prefetch.TaskState, m moment) {
	if !t.Answered || t.Settled() {
		return
	}
	b.stale[i] = t.Stale(m.now, m.maxStaleness)
	limit := t.LastRefresh.Add(m.maxStaleness)
	v := &b.valid
	switch {
	case b.stale[i] && (v.after == nil || limit.After(*v.after)):
		v.after = &limit
	case !b.stale[i] && (v.until == nil || limit.Before(*v.until)):
		v.until = &limit
	}
}

// changes tells of each series whether some task's value is another one now.
func (b *block) changes(r *renderer, tasks []*prefetch.TaskState, m moment) []bool {
	dirty := make([]bool, len(r.series))
	if b.parts == nil || !sameIDs(b.tasks, tasks) {
		for k := range dirty {
			dirty[k] = true
		}
		return dirty
	}
	for i, t := range tasks {
		before := taskAt{TaskState: b.tasks[i], now: m.now, stale: b.stale[i]}
		after := m.of(t)
		if before == after {
			continue
		}
		for k := range r.series {
			dirty[k] = dirty[k] || differs(&r.series[k], before, after)
		}
	}
	return dirty
}

func differs(s *series[taskAt], before, after taskAt) bool {
	switch s.metric {
	case nameTaskInfo:
		return !maps.Equal(before.Labels, after.Labels)
	case nameTaskAge:
		return before.Created.IsZero() != after.Created.IsZero()
	default:
		a, hasA := s.value(before)
		b, hasB := s.value(after)
		return hasA != hasB || a != b
	}
}
