// Package ask says when a task may be asked about alone, its deadline aside, and with
// which query. It is pure: the task and what the vendor can be asked in, a time and a
// query out.
package ask

import (
	"time"

	"prefetch_exporter/poller/clock"
	"prefetch_exporter/poller/dialect"
	"prefetch_exporter/poller/task"
	"prefetch_exporter/prefetch"
	vendorapi "prefetch_exporter/vendor_api"
)

// Terms are what asking about a task depends on besides the task.
type Terms struct {
	task.Means

	// LongestRowless bounds the gaps between questions about a task that waits for
	// rows that were never shown.
	LongestRowless time.Duration
}

// Kind is what kind of question is to be asked about a task.
type Kind uint8

// The kinds of questions.
const (
	NextPage Kind = iota // of what was begun
	Regular
	Vain // the task is hopeless
)

// Timing is when a task may be asked, its deadline aside.
type Timing struct {
	Kind Kind
	// At is by the poll interval. No deadline has the task asked before Floor: until
	// then it backs off, or an answer could prove nothing.
	At, Floor time.Time
}

// Due says when a task that is not settled may be asked, and for what.
func (m *Terms) Due(t *task.Task) (d Timing) {
	d.Kind = m.kind(t)
	switch {
	case t.LastAsked.After(m.Now):
		d.At = m.Now // the clock was set back: what was reckoned by it is void
		return d
	case m.Hasty && clock.Later(t.LastAsked, t.LastRefresh).Before(m.Begun):
	case d.Kind == NextPage || !t.RetryAt.IsZero():
		d.Floor = t.RetryAt
	case !t.LastAsked.IsZero() || t.Answered():
		d.At = clock.Later(t.LastAsked, t.LastRefresh).Add(max(m.PollInterval, t.RowlessGap(m.Slot, m.LongestRowless)))
	}
	if m.Capabilities.Gradual && d.Kind != NextPage {
		// A row from the vendor's future must not keep the task from being asked.
		proven, latest := m.provable(t), clock.Later(t.LastAsked, t.FirstSeen).Add(max(m.PollInterval, clock.LongestRetry))
		if proven.After(latest) {
			proven = latest
		}
		d.Floor = clock.Later(d.Floor, proven)
	}
	d.At = clock.Later(d.At, d.Floor)
	return d
}

// kind is that of the task's next question. A reading whose last page failed takes
// no turns with other tasks: it would starve them if it fails for ever.
func (m *Terms) kind(t *task.Task) Kind {
	switch {
	case t.Up && m.Continues(t):
		return NextPage
	case m.ByCount(t):
		return Regular
	case t.Phase == prefetch.Lost || t.Answered() && t.Counts.OnlyUnknownLeft():
		return Vain
	default:
		return Regular
	}
}

// provable is when an answer can prove at the earliest that it shows every row
// of the task. Asked before that, a scarce call would be wasted; where calls are
// not scarce, or there will be no later one, only an answer that shows everything
// final must wait, or one that would prove it before the next call leaves. A task
// whose creation nobody told may be old: it is asked at once.
func (m *Terms) provable(t *task.Task) time.Time {
	newest := t.NewestRow
	switch {
	case !newest.IsZero():
	case t.Created.IsZero() && !t.Answered():
		return time.Time{}
	case !t.Created.IsZero() && t.Created.Before(t.FirstSeen):
		newest = t.Created
	default:
		newest = t.FirstSeen.Add(m.Offset)
	}
	at := newest.Add(dialect.Proof + dialect.Pad - m.Offset)
	soon := t.Answered() && at.Sub(m.Now) < m.Slot
	if (m.Hasty || m.Slot < dialect.Proof && !soon) && !t.Counts.AllFinal() {
		return time.Time{}
	}
	return at
}

// Continues reports whether the next question is for the next page of what was
// begun.
func (m *Terms) Continues(t *task.Task) bool {
	return t.Reading != nil && m.Now.Before(t.Reading.Until(t.LastAsked, m.Slot))
}

// ByCount reports whether the next question about a task that is counted, or was,
// is for a count.
func (m *Terms) ByCount(t *task.Task) bool {
	return t.Counted != nil && t.CountsRather(t.Counted.Total, m.PageSize(), &m.Means)
}

// Query completes the question about one task: by id alone where the vendor
// takes that, else with a window around its creation, else day by day from the
// newest.
func (m *Terms) Query(t *task.Task, q vendorapi.Query) vendorapi.Query {
	q.TaskID, q.Created = t.ID, t.KnownCreation()
	if !m.Capabilities.Paged && !m.Continues(t) {
		return q
	}
	if m.Continues(t) {
		r := t.Reading
		q.From, q.To, q.Page, q.PageSize = r.From, r.To, r.Page+1, r.PageSize
		if oldest := m.Oldest(); !q.From.IsZero() && q.From.Before(oldest) {
			q.From = oldest
		}
		if q.From.Before(q.To) || q.To.IsZero() {
			return q
		}
		// All of the window has left the look-back.
		q.From, q.To = time.Time{}, time.Time{}
	}
	q.Page, q.PageSize = 1, m.PageSize()
	if q.Status != nil && *q.Status != prefetch.Failed {
		q.PageSize = m.CountPage() // the count tells; of those that failed the rows are wanted
	}
	if m.NeedWindow {
		q.From, q.To = m.taskWindow(t)
	}
	return q
}

// taskWindow is the span of creation to ask for a task in. It lies within what
// the vendor can be asked for.
func (m *Terms) taskWindow(t *task.Task) (from, to time.Time) {
	end := m.VendorNow().Add(dialect.Pad)
	switch created := t.KnownCreation(); {
	case !created.IsZero():
		from = created.Add(-dialect.Lead)
		to = from.Add(m.Capabilities.MaxSpan)
	case !t.Search.IsZero():
		from, to = t.Search.Add(-m.Capabilities.MaxSpan), t.Search
	default:
		from, to = end.Add(-m.Capabilities.MaxSpan), end
	}
	return m.Clamp(from, to)
}
