package planner

import (
	"time"

	"prefetch_exporter/poller/task"
	"prefetch_exporter/prefetch"
)

// Candidate is a task that may be asked about, with what the planner knows of it.
type Candidate struct {
	task.Task

	// InFlight: a call about the task is under way.
	InFlight bool
	// place is where the task's appraisal is on the appraisals.
	place int
	// windowed and scouted are when the last window left that could show the task:
	// of all rows, and of those that run.
	windowed, scouted time.Time
	// shown: the last window that should have told of it, and names tasks, was answered.
	shown bool
	// Overlooked: the last window that should have told of the task had no rows.
	Overlooked bool
	// OthersWait: rows of others may wait that were created with its own.
	OthersWait bool
	// AloneUntil is until when it is asked for by a question of its own, since one for
	// several failed.
	AloneUntil time.Time
	// hint is what a window showed of the task without proving it.
	hint *hint
}

// New returns a candidate that is seen for the first time.
func New(spec prefetch.Task, now time.Time) *Candidate {
	return &Candidate{Task: task.New(spec, now)}
}

// AskAlone has the task asked for at once, and by a question of its own for a while:
// what made one for several fail may be over then.
func (t *Candidate) AskAlone(now time.Time) {
	const long = time.Hour
	t.AskAgain(now)
	t.AloneUntil = now.Add(long)
}

// Forget forgets what windows showed of the task without proving it.
func (t *Candidate) Forget() { t.hint = nil }

// Redate moves every time that was told by the exporter's clock, which was set.
func (t *Candidate) Redate(move func(at *time.Time), now time.Time) {
	move(&t.windowed)
	move(&t.scouted)
	move(&t.AloneUntil)
	if t.hint != nil {
		move(&t.hint.at)
	}
	t.Task.Redate(move, now)
}
