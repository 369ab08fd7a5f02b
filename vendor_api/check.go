package vendorapi

import (
	"errors"
	"fmt"

	"prefetch_exporter/prefetch"
)

// Complete fills in the page that q asks for, and its size. The error says why a vendor
// that can be asked c cannot be asked q.
func (q *Query) Complete(c Capabilities) error {
	if err := c.Check(q); err != nil {
		return err
	}
	q.Page = max(q.Page, 1)
	switch {
	case q.PageSize > 0:
	case q.Kind == QueryCount:
		q.PageSize = 1
	case q.Kind == QueryList:
		q.PageSize = c.ListSize
	default:
		q.PageSize = c.PageSize
	}
	return nil
}

// Check says why a vendor that can be asked c cannot be asked q; nil if it can.
func (c *Capabilities) Check(q *Query) error {
	switch {
	case !c.asks(q):
		return fmt.Errorf("the vendor cannot be asked for a %q", string(q.Kind))
	case len(q.Tasks()) > max(c.TasksPerQuery, 1):
		return fmt.Errorf("the vendor cannot be asked for %d tasks at once", len(q.Tasks()))
	case q.HasWindow() == q.To.IsZero():
		return errors.New("the window has only one end")
	case q.TaskID == "" && (q.Kind == QueryTask || !q.HasWindow() && q.Kind != QueryList):
		return errors.New("neither a task nor a window to ask for")
	case q.HasWindow() && !c.Windows && !c.Lists:
		return errors.New("the vendor cannot filter by time")
	case q.Status != nil && !c.Filters(*q.Status):
		return fmt.Errorf("the vendor cannot filter by the status %v", *q.Status)
	}
	return c.checkBounds(q)
}

// asks reports whether the form of a question exists.
func (c *Capabilities) asks(q *Query) bool {
	switch q.Kind {
	case QueryTask:
		return true
	case QueryWindow:
		return c.Windows
	case QueryCount:
		return c.Paged || c.FilterWords != [prefetch.NumStatuses]int{}
	case QueryList:
		return c.Lists
	default:
		return false
	}
}

func (c *Capabilities) checkBounds(q *Query) error {
	if span := q.To.Sub(q.From); span < 0 || c.MaxSpan > 0 && span > c.MaxSpan {
		return fmt.Errorf("the window spans %v, not between 0 and %v", span, c.MaxSpan)
	}
	if q.Page < 0 || q.PageSize < 0 {
		return fmt.Errorf("page %d of %d rows is negative", q.Page, q.PageSize)
	}
	return nil
}
