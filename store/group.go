package store

import "errors"

// Follower is told what happens in a store that several replicas share, by whomever,
// always from one goroutine. The store has it already, and may have what is told next,
// too. It must return soon.
type Follower interface {
	// Loaded: everything was read, also anew after the watch was lost.
	Loaded()
	// Heard brings the records that changed, as they are now; Value is nil for one
	// that was deleted. A record that changed twice may be told once.
	Heard(changes []Op)
	// Rewound: the store has forgotten (a backup was restored, or it was emptied).
	// Loaded follows.
	Rewound()
	// Moved: who is there, who owns what, or whether this replica's lease holds may
	// have changed.
	Moved()
}

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
