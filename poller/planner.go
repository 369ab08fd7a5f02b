package poller

import (
	"cmp"
	"time"

	"prefetch_exporter/prefetch"
	vendorapi "prefetch_exporter/vendor_api"
)

const (
	// pad widens a window at both ends, since a vendor's times are whole
	// seconds and its clock is known no better.
	pad = 2 * time.Second
	// edge keeps a window's start inside the vendor's look-back while the call
	// is on its way.
	edge = 2 * time.Minute
	// lead is how long before a known time of creation a window starts: the
	// user's clock and the vendor's may differ.
	lead = time.Hour
	// proof is how long after the newest row was created an answer must be
	// asked for to prove that no more rows will appear.
	proof = time.Minute
	// readingKept is how long a half-read answer may wait for its next page
	// before its first ones are too old to be shown beside it.
	readingKept = time.Hour
)

// learned is what calls have taught of a vendor where its pages leave it open.
type learned struct {
	// NeedWindow: an itemId cannot be asked for without a window.
	NeedWindow bool `json:"need_window,omitempty"`
	// PageSize is the largest page the vendor gives; 0 while the configured
	// one was not refused.
	PageSize int `json:"page_size,omitempty"`
	// LookBack is how far back the vendor lets us ask; 0 while the configured
	// one was not refused.
	LookBack time.Duration `json:"look_back,omitempty"`
	// NoStatusFilter: a question cannot be limited to one status.
	NoStatusFilter bool `json:"no_status_filter,omitempty"`
	// Offset is the vendor's clock minus ours.
	Offset time.Duration `json:"offset,omitempty"`
}

// situation is all that decides what to ask next.
type situation struct {
	now          time.Time
	caps         vendorapi.Capabilities
	learned      learned
	pollInterval time.Duration
	tasks        map[string]*task
}

// question is what to ask, and why in a few words.
type question struct {
	task  *task
	query vendorapi.Query
	why   string
}

// Priorities of a question, the first first.
const (
	continueReading = iota // what was begun is worth nothing until it is whole
	unsettled
	hopeless // lost, or only statuses left that nobody understands
)

// vendorNow is the vendor's time.
func (s *situation) vendorNow() time.Time { return s.now.Add(s.learned.Offset) }

func (s *situation) pageSize() int {
	if s.learned.PageSize > 0 {
		return min(s.learned.PageSize, s.caps.PageSize)
	}
	return s.caps.PageSize
}

func (s *situation) lookBack() time.Duration {
	if s.learned.LookBack > 0 {
		return min(s.learned.LookBack, s.caps.LookBack)
	}
	return s.caps.LookBack
}

// oldest is the earliest creation that the vendor can be asked for.
func (s *situation) oldest() time.Time { return s.vendorNow().Add(edge - s.lookBack()) }

// plan picks the next question. Without one, wake is when there may be one;
// zero if only a change can bring one.
//
// Among tasks that may be asked now, one whose pages are half read comes first
// and a hopeless one last; otherwise the one that was asked longest ago, so
// that no task starves.
func (s *situation) plan() (best question, found bool, wake time.Time) {
	var bestTask *task
	bestClass := 0
	for _, t := range s.tasks {
		at, class, ok := s.due(t)
		if !ok {
			continue
		}
		if at.After(s.now) {
			if wake.IsZero() || at.Before(wake) {
				wake = at
			}
			continue
		}
		if bestTask == nil || cmp.Or(cmp.Compare(class, bestClass), compareTasks(t, bestTask)) < 0 {
			bestTask, bestClass = t, class
		}
	}
	if bestTask == nil {
		return question{}, false, wake
	}
	return question{task: bestTask, query: s.taskQuery(bestTask), why: why(bestTask, bestClass)}, true, wake
}

func compareTasks(a, b *task) int {
	return cmp.Or(
		a.LastAsked.Compare(b.LastAsked),
		a.created().Compare(b.created()),
		cmp.Compare(a.id, b.id),
	)
}

func why(t *task, class int) string {
	switch {
	case class == continueReading:
		return "next page of a task that is being read"
	case t.Phase == prefetch.Lost:
		return "lost task, in case the vendor knows it after all"
	case class == hopeless:
		return "only statuses left that no page documents"
	case t.LastAsked.IsZero():
		return "never asked before"
	default:
		return "unsettled task that was asked longest ago"
	}
}

// due says when the task may be asked, and with what priority; false if it is
// not to be asked at all.
func (s *situation) due(t *task) (at time.Time, class int, ok bool) {
	if !t.listed || t.Gone || t.inFlight || t.Phase == prefetch.Settled || !s.reachable(t) {
		return time.Time{}, 0, false
	}
	class = s.class(t)
	switch {
	case t.LastAsked.After(s.now):
		return s.now, class, true // the clock was set back: what was reckoned by it is void
	case class == continueReading || !t.RetryAt.IsZero():
		return t.RetryAt, class, true
	case t.LastAsked.IsZero():
		return time.Time{}, class, true
	}
	at = t.LastAsked.Add(s.pollInterval)
	if s.caps.RowTimes && t.Counts.AllFinal() {
		// Asked earlier, the answer could not prove that it is whole. But a row
		// from the vendor's future must not keep the task from being asked.
		proven := t.NewestRow.Add(proof + pad - s.learned.Offset)
		if latest := t.LastAsked.Add(max(s.pollInterval, longestBackoff)); proven.After(latest) {
			proven = latest
		}
		if proven.After(at) {
			at = proven
		}
	}
	return at, class, true
}

// class is the priority of the task's next question. A reading whose last page
// failed has none over other tasks: it would starve them if it fails for ever.
func (s *situation) class(t *task) int {
	switch {
	case t.Up && s.continues(t):
		return continueReading
	case t.Phase == prefetch.Lost || t.Answered && t.Counts.OnlyUnknownLeft():
		return hopeless
	default:
		return unsettled
	}
}

// continues reports whether the next question is for the next page of what was
// begun.
func (s *situation) continues(t *task) bool {
	return t.Reading != nil && s.now.Sub(t.LastAsked) < readingKept
}

// reachable reports whether the vendor can be asked for the task at all: where
// it wants a window, the task's creation must lie within the look-back.
func (s *situation) reachable(t *task) bool {
	if !s.caps.Windows || !s.learned.NeedWindow {
		return true
	}
	c := t.knownCreated()
	return c.IsZero() || c.Add(s.caps.MaxSpan-lead).After(s.oldest().Add(pad))
}

// taskQuery is the question about one task: by id alone where the vendor takes
// that, else with a window around its creation, else day by day from the
// newest.
func (s *situation) taskQuery(t *task) vendorapi.Query {
	q := vendorapi.Query{Kind: vendorapi.QueryTask, TaskID: t.id}
	if !s.caps.Paged {
		return q
	}
	if s.continues(t) {
		r := t.Reading
		q.From, q.To, q.Page, q.PageSize = r.From, r.To, r.Page+1, r.PageSize
		if oldest := s.oldest(); !q.From.IsZero() && q.From.Before(oldest) {
			q.From = oldest
		}
		if q.From.Before(q.To) || q.To.IsZero() {
			return q
		}
		// All of the window has left the look-back.
		q.From, q.To = time.Time{}, time.Time{}
	}
	q.Page, q.PageSize = 1, s.pageSize()
	if s.learned.NeedWindow {
		q.From, q.To = s.taskWindow(t)
	}
	return q
}

// taskWindow is the span of creation to ask for a task in. It lies within what
// the vendor can be asked for.
func (s *situation) taskWindow(t *task) (from, to time.Time) {
	end, oldest := s.vendorNow().Add(pad), s.oldest()
	switch created := t.knownCreated(); {
	case !created.IsZero():
		from = created.Add(-lead)
		to = from.Add(s.caps.MaxSpan)
	case !t.Search.IsZero():
		from, to = t.Search.Add(-s.caps.MaxSpan), t.Search
	}
	if to.After(end) {
		to = end
	}
	if from.Before(oldest) {
		from = oldest
	}
	if from.Before(to) {
		return from, to
	}
	// Nothing is known of the creation, or it lies in the future, as it seems:
	// the newest day tells.
	if from = end.Add(-s.caps.MaxSpan); from.Before(oldest) {
		from = oldest
	}
	return from, end
}
