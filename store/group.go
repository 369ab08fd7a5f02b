package store

import "errors"

// Errors of a store that several replicas share.
var (
	// ErrNotLoaded: the store was not read yet, so nobody knows what a write would
	// replace.
	ErrNotLoaded = errors.New("store is not loaded yet")
	// ErrNotOwner: another replica owns the identity, or nobody does.
	ErrNotOwner = errors.New("this replica is not the owner")
	// ErrMoved: somebody else has changed what the write would have changed.
	ErrMoved = errors.New("store has changed meanwhile")
	// ErrUnknown: nobody knows whether the write was applied, or will be.
	ErrUnknown = errors.New("outcome of the write is unknown")
)
