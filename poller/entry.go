package poller

import (
	"time"

	"prefetch_exporter/poller/task"
)

// entry is a task of an account, with what the planner knows of it.
type entry struct {
	task.Task

	// inFlight: a call about the task is under way.
	inFlight bool
	// place is where the task's card is on the board.
	place int
	// windowed and scouted are when the last window left that could show the task:
	// of all rows, and of those that run.
	windowed, scouted time.Time
	// overlooked: the last window that should have told of the task had no rows.
	overlooked bool
	// crowded: rows of others may wait that were created with its own.
	crowded bool
	// hint is what a window showed of the task without proving it.
	hint *hint
}
