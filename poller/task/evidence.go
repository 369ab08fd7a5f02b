package task

import "time"

// State is what is known of a task's rows. Every change of it is in this file.
//
//	Unknown ──► Searching ──► Missing         where the vendor wants a window
//	   │            │            │
//	   ├────────────┴────────────┴──► BeingRead ─────┐   several pages
//	   ├────────────────────────────► BeingCounted ──┤   too large to be read
//	   └─────────────────────────────────────────────┴─► Shown ► RowsKnown ► Exclusive
type State uint8

// The states of a task's evidence.
const (
	// Unknown: nothing was told of its rows.
	Unknown State = iota
	// Searching: it is looked for day by day, back from Search.
	Searching
	// Missing: the vendor has no row of it in all of its look-back.
	Missing
	// BeingRead: its rows come page by page, in Reading. What is shown of it
	// meanwhile is older, and so is Counted, if it was counted before.
	BeingRead
	// BeingCounted: it is too large for one page, and its URLs are counted instead
	// of read, in Counted.
	BeingCounted
	// Shown: an answer showed all of it, but there may be rows that appeared since,
	// or one has no creation.
	Shown
	// RowsKnown: Rows are all of its rows, each with its creation, so that a window
	// can tell of it.
	RowsKnown
	// Exclusive: and every row that was created when these were has been seen, and
	// none of another task is like one of them.
	Exclusive
)

// Evidence is what is known of a task's rows.
type Evidence struct {
	State State `json:"-"` // see stored
	// Search is the end of the window that is asked for next while the task is
	// looked for day by day.
	Search time.Time `json:"search,omitzero"`
	// Counted is what was counted; nil if nothing of it is believed.
	Counted *Counted `json:"counted,omitempty"`
	// Reading is what was read; nil unless it is being read.
	Reading *Reading `json:"reading,omitempty"`
	// Ambiguous: the task's rows cannot be told from another's. It never ends, and
	// never goes with Exclusive.
	Ambiguous bool `json:"ambiguous,omitempty"`
}

// KnowsRows reports whether a window can tell of the task by its rows.
func (e *Evidence) KnowsRows() bool { return e.State >= RowsKnown }

// become puts other evidence in the place of what there was.
func (r *Record) become(e Evidence) {
	e.Ambiguous = r.Ambiguous
	r.Evidence = e
}

// BecomeSearching has the task looked for in the window that ends at a time.
func (r *Record) BecomeSearching(end time.Time) { r.become(Evidence{State: Searching, Search: end}) }

// BecomeMissing notes that the whole look-back was searched.
func (r *Record) BecomeMissing() { r.become(Evidence{State: Missing}) }

// BecomeRead notes that pages were read, and more follow. Where it was found, and
// what was counted, is true still.
func (r *Record) BecomeRead(reading *Reading) {
	r.become(Evidence{State: BeingRead, Reading: reading, Search: r.Search, Counted: r.Counted})
}

// BecomeCounted has the task's URLs counted from now on.
func (r *Record) BecomeCounted(c *Counted) { r.become(Evidence{State: BeingCounted, Counted: c}) }

// BecomeShown notes that an answer showed the task. known: its rows are all, and
// have their creation. same: they are the rows that were known before.
func (r *Record) BecomeShown(known, same bool) {
	switch {
	case !known:
		r.become(Evidence{State: Shown})
	case same && r.State == Exclusive:
	default:
		r.become(Evidence{State: RowsKnown})
	}
}

// StopReading throws away what was read.
func (r *Record) StopReading() {
	r.Reading = nil
	if r.State == BeingRead {
		r.fallBack()
	}
}

// StopCounting throws away what was counted, and what was known of the rows: there
// are others.
func (r *Record) StopCounting() {
	r.Counted = nil
	if r.State != BeingRead {
		r.fallBack()
	}
}

// BecomeExclusive notes that a window showed the rows of the task, and nobody
// else's among them.
func (r *Record) BecomeExclusive() {
	if r.KnowsRows() && !r.Ambiguous {
		r.State = Exclusive
	}
}

// BecomeAmbiguous notes that the task's rows cannot be told from another's.
func (r *Record) BecomeAmbiguous() {
	r.Ambiguous = true
	if r.State == Exclusive {
		r.State = RowsKnown
	}
}

// fallBack returns to what is left when evidence was thrown away.
func (r *Record) fallBack() {
	switch {
	case r.Reading != nil:
		r.State = BeingRead
	case r.Counted != nil:
		r.State = BeingCounted
	case !r.LastRefresh.IsZero():
		r.State = Shown
	case !r.Search.IsZero():
		r.State = Searching
	default:
		r.State = Unknown
	}
}
