package dialect

import (
	"time"

	"prefetch_exporter/poller/clock"
	"prefetch_exporter/prefetch"
)

const (
	// Pad widens a window at both ends, since a vendor's times are whole
	// seconds and its clock is known no better.
	Pad = 2 * time.Second
	// Edge keeps a window's start inside the vendor's look-back while the call
	// is on its way.
	Edge = 2 * time.Minute
	// Lead is how long before a known time of creation a window starts: the
	// user's clock and the vendor's may differ.
	Lead = time.Hour
	// Proof is how long after the newest row was created an answer must be
	// asked for to prove that no more rows will appear.
	Proof = time.Minute
	// Tick is the vendor's resolution of time. Both ends of a window count.
	Tick = time.Second
)

// Terms are what the vendor can be asked at a moment. They are a copy: what is
// learned later does not change them.
type Terms struct {
	Dialect

	Now time.Time // by our clock
}

// Moment is what the vendor can be asked at a moment, and how often it is.
type Moment struct {
	Terms

	// PollInterval is the least time between two questions about the same, and Slot
	// that between two calls when the whole quota is used.
	PollInterval, Slot time.Duration
	// Hasty: there is no later call to wait for. What was not asked for since Begun
	// is, whenever it was asked before.
	Hasty bool
	Begun time.Time
}

// At returns the terms at a moment of our clock.
func (d *Dialect) At(now time.Time) Terms { return Terms{Dialect: *d, Now: now} }

// VendorNow is the vendor's time.
func (t *Terms) VendorNow() time.Time { return t.Now.Add(t.Offset) }

// PageSize is the number of rows to ask for in a page.
func (t *Terms) PageSize() int {
	if t.Learned.PageSize > 0 {
		return min(t.Learned.PageSize, t.Capabilities.PageSize)
	}
	return t.Capabilities.PageSize
}

// CountPage is the size of the page to ask for where its rows are not wanted.
func (t *Terms) CountPage() int {
	if t.NoSmallPage {
		return t.PageSize()
	}
	return 1
}

// LookBack is how far back the vendor can be asked; 0 where nobody knows.
func (t *Terms) LookBack() time.Duration {
	if t.Learned.LookBack > 0 {
		return min(t.Learned.LookBack, t.Capabilities.LookBack)
	}
	return t.Capabilities.LookBack
}

// Oldest is the earliest creation that the vendor can be asked for.
func (t *Terms) Oldest() time.Time { return t.VendorNow().Add(Edge - t.LookBack()) }

// CanCount reports whether the rows of one status can be counted.
func (t *Terms) CanCount() bool {
	return t.Capabilities.Filters(prefetch.Succeeded) && t.Capabilities.Filters(prefetch.Failed) && !t.NoStatusFilter
}

// CanScout reports whether a window can be limited to rows that run.
func (t *Terms) CanScout() bool {
	return t.Capabilities.Windows && t.CanCount() && t.Capabilities.Filters(prefetch.Running) && !t.NoRunFilter
}

// CanCountWaiting reports whether the rows that wait can be counted.
func (t *Terms) CanCountWaiting() bool {
	return t.Capabilities.Filters(prefetch.Waiting) && !t.NoWaitFilter
}

// Tells reports whether one answer can tell of everything that was created in some
// time.
func (t *Terms) Tells() bool { return t.Capabilities.Windows || t.Capabilities.Lists }

// Names reports whether such an answer says of which tasks it is.
func (t *Terms) Names() bool { return t.Capabilities.Discovers() }

// Room is how much one such answer shows: rows, or tasks where the vendor lists those.
func (t *Terms) Room() int {
	if t.Capabilities.Lists {
		return t.Capabilities.ListSize
	}
	return t.PageSize()
}

// HasLookBack reports whether the vendor can be asked for everything that was
// created in some time.
func (t *Terms) HasLookBack() bool { return t.Capabilities.Windows && t.LookBack() > 0 }

// Clamp keeps a window within what the vendor can be asked for.
func (t *Terms) Clamp(from, to time.Time) (earliest, latest time.Time) {
	end := t.VendorNow().Add(Pad)
	if to.After(end) {
		to = end
	}
	from = clock.Later(from, t.Oldest())
	if !from.Before(to) {
		// Created in the future, as it seems: the newest day tells.
		from, to = clock.Later(end.Add(-t.Capabilities.MaxSpan), t.Oldest()), end
	}
	return from, to
}

// OutOfReach reports whether the vendor cannot be asked any more for a task that
// was created at a time, zero if nobody knows it: where it wants a window, the
// creation must lie within the look-back. What is out of reach is not known while
// the vendor did not tell its time: the next answer does.
func (t *Terms) OutOfReach(created time.Time) bool {
	if t.OffsetAt.Wall.IsZero() || !t.Capabilities.Windows || !t.NeedWindow || created.IsZero() {
		return false
	}
	return !created.Add(t.Capabilities.MaxSpan - Lead).After(t.Oldest().Add(Pad))
}
