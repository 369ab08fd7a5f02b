package web

import (
	"errors"
	"fmt"
	"time"
)

const (
	// durableWithin is how long a change of a task may take to become durable.
	durableWithin = 10 * time.Second
	// mostChanges is how many changes are waited for at once.
	mostChanges = 100
)

// errManyChanges is the error of a change that was not begun.
var errManyChanges = errors.New("too many changes wait for the store already; nothing was done")

// changes bounds how many changes of tasks wait for the store, and for how long.
type changes chan struct{}

func newChanges() changes { return make(changes, mostChanges) }

// do calls f, which changes something and tells whether it was there. If that takes
// too long it goes on, and nobody knows what becomes of it.
func (c changes) do(f func() (bool, error)) (bool, error) {
	select {
	case c <- struct{}{}:
	default:
		return false, errManyChanges
	}
	type result struct {
		was bool
		err error
	}
	done := make(chan result, 1)
	go func() {
		defer func() { <-c }()
		was, err := f()
		done <- result{was, err}
	}()
	timer := time.NewTimer(durableWithin)
	defer timer.Stop()
	select {
	case r := <-done:
		return r.was, r.err
	case <-timer.C:
		return false, fmt.Errorf("not done within %v; the store may hang, or be away", durableWithin)
	}
}
