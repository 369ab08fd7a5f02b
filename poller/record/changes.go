package record

import (
	"prefetch_exporter/poller/task"
	"prefetch_exporter/prefetch"
	"prefetch_exporter/store"
)

// fewTasks is how many changed tasks the set of them is kept for.
const fewTasks = 64

// Changes are what changed of an account and is not in the store yet.
type Changes struct {
	// Account: the account's own record changed.
	Account bool

	tasks map[string]*task.Task // nil for one that is to be deleted
}

// Touch marks a task as changed.
func (c *Changes) Touch(t *task.Task) { c.set(t.ID, t) }

// Forget marks a task as one to delete.
func (c *Changes) Forget(id string) { c.set(id, nil) }

func (c *Changes) set(id string, t *task.Task) {
	if c.tasks == nil {
		c.tasks = map[string]*task.Task{}
	}
	c.tasks[id] = t
}

// None reports whether the store has everything.
func (c *Changes) None() bool { return len(c.tasks) == 0 && !c.Account }

// Save makes all changes durable, all or none, and returns the tasks that are. If
// the store fails they stay marked for the next time. What no store can hold is left
// out, so that nobody else's change is lost with it, and is not tried again until it
// changes: unstorable is told of it, by the id of a task, or none for the account's
// own record.
func (c *Changes) Save(
	st store.Keeper, a prefetch.Account, r *Account, unstorable func(id string, err error),
) (saved []*task.Task, err error) {
	ops := make([]store.Op, 0, len(c.tasks)+1)
	for id, t := range c.tasks {
		op, err := taskOp(a, id, t)
		if err == nil && len(op.Value) > store.MaxValue {
			err = st.Write(op) // refused, and counted, by itself
		}
		switch {
		case err != nil:
			unstorable(id, err)
			delete(c.tasks, id)
			continue
		case t != nil:
			saved = append(saved, t)
		}
		ops = append(ops, op)
	}
	if c.Account {
		if op, err := r.op(Scope(a), accountKey); err != nil {
			unstorable("", err)
		} else {
			ops = append(ops, op)
		}
	}
	if err := st.Write(ops...); err != nil {
		return nil, err
	}
	if len(c.tasks) > fewTasks {
		c.tasks = nil // a map stays as large as it ever was, and as slow to walk
	}
	clear(c.tasks)
	c.Account = false
	return saved, nil
}

// taskOp is the change that stores a task of an account, or deletes the one of that
// id if it is nil.
func taskOp(a prefetch.Account, id string, t *task.Task) (store.Op, error) {
	op := store.Op{Table: store.Tasks, Scope: Scope(a), Key: id}
	if t == nil {
		return op, nil
	}
	var err error
	op.Value, err = t.Encode()
	return op, err
}
