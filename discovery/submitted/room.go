package submitted

import (
	"fmt"
	"sync"

	"prefetch_exporter/prefetch"
)

// maxPut bounds what the tasks of one account say that were put, in bytes of their
// URLs, labels and ids. A vendor that takes 20,000 URLs a day is given less in a
// month.
const maxPut = 32 << 20

// entry keeps the tasks within global.task_limit.
type entry struct {
	mu sync.Mutex
	// entering is how many tasks of an account are being put: they are not watched
	// yet.
	entering map[string]int
}

// enter takes room for a task until leave is called.
func (e *entry) enter(account string, room func(account string) (left, limit int)) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	left, limit := room(account)
	if left <= e.entering[account] {
		return fmt.Errorf("%w: account %q watches as many tasks as global.task_limit allows, %d that are not settled; "+
			"put it again when one is, delete one, or raise the limit", prefetch.ErrNoRoom, account, limit)
	}
	e.entering[account]++
	return nil
}

func (e *entry) leave(account string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.entering[account]--; e.entering[account] == 0 {
		delete(e.entering, account)
	}
}

// reserve counts a task in before it is put, and returns how many bytes the account
// has more for that, fewer if it replaces a larger one, and whether it is new.
func (t *Tasks) reserve(task prefetch.Task) (more int, fresh bool, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	more = sizeOf(task) - sizeOf(t.tasks[nameOf(task)])
	if sum := t.put[task.Account] + more; more > 0 && sum > maxPut {
		return 0, false, fmt.Errorf("%w: URLs, labels and ids of the tasks that were put for account %q would have %d bytes, more than %d; "+
			"delete some, give fewer urls, or list them in a file", prefetch.ErrNoRoom, task.Account, sum, maxPut)
	}
	t.put[task.Account] += more
	return more, !t.has(nameOf(task)), nil
}

// release counts bytes of an account out. The lock is held.
func (t *Tasks) release(account string, bytes int) {
	if t.put[account] -= bytes; t.put[account] == 0 {
		delete(t.put, account)
	}
}

// sizeOf is what a task counts against [maxPut].
func sizeOf(task prefetch.Task) int { return len(task.ID) + task.Size() }
