package vendorapi

import (
	"context"
	"time"
)

// Logins keeps passwords from being sent again that were refused a moment ago: a
// few tries lock a user, for everybody. It is safe for concurrent use.
type Logins interface {
	// Try calls send, which sends the user's password and reports whether it was
	// refused, unless the same password was refused too recently. Of several
	// tries for one user only one is under way at a time. The error says why
	// nobody can tell whether the password may be sent; send was not called then.
	Try(ctx context.Context, user, password string, send func() (refused bool)) (Login, error)
}

// Login is what became of one try.
type Login struct {
	// Sent: the password was sent.
	Sent bool
	// Again is when the same password may be sent again, if it was refused, now
	// or before; else zero.
	Again time.Time
	// Unheard: the answer to the last try was lost with the process that made it,
	// so that it counts as refused.
	Unheard bool
}
