// Package zone knows the offsets in which vendors tell times, and finds out whether
// times without an offset were read with the wrong one. It must not know whose they
// are.
package zone

import (
	"fmt"
	"slices"
	"time"

	"prefetch_exporter/prefetch"
	vendorapi "prefetch_exporter/vendor_api"
)

const (
	// china is the offset of the vendors at home there, in seconds.
	china = 8 * 60 * 60
	// windowSlack is how far outside the window a row may lie before that says
	// something: as much as windows are padded by.
	windowSlack = 2 * time.Second
	// clockSlack is how much the vendor's own clocks may differ: as much as it
	// grants its callers.
	clockSlack = 5 * time.Minute
	// The offsets in use on Earth, in hours.
	minOffsetHours, maxOffsetHours = -12, 14
)

// China is GMT+08:00.
func China() *time.Location { return time.FixedZone(Name(china), china) }

// Name is how vendors write an offset in seconds, such as GMT+08:00.
func Name(offset int) string {
	return "GMT" + time.Unix(0, 0).In(time.FixedZone("", offset)).Format("-07:00")
}

// Note notes an oddity of x if some row, whose times were read in location, cannot have
// been created when it says: outside of the window that was asked for, or in the vendor's
// own future. suspicion is what that suggests, such as "X-Time-Zone was probably
// ignored". The times are not mended: a guess would be a lie that nobody sees.
func Note(x *vendorapi.Exchange, urls []prefetch.URL, location *time.Location, suspicion string) {
	c := check{x, urls, location}
	for i := range urls {
		created := urls[i].Created
		if c.possible(created) {
			continue
		}
		where := fmt.Sprintf("lies outside the window asked for, %s to %s", c.print(x.Query.From), c.print(x.Query.To))
		if c.inWindow(created) {
			where = "lies after the vendor's own time, " + c.print(x.Response.Date)
		}
		x.Oddf("zone", "createTime %s %s: %s%s", c.print(created), where, suspicion, c.hint())
		return
	}
}

// check looks at the times of an answer's rows.
type check struct {
	*vendorapi.Exchange

	urls     []prefetch.URL
	location *time.Location
}

func (c *check) print(t time.Time) string {
	return t.In(c.location).Format(time.DateTime + " GMT-07:00")
}

// possible reports whether a row can have been created at t; a time that was
// not told can.
func (c *check) possible(t time.Time) bool {
	date := c.Response.Date
	return t.IsZero() || c.inWindow(t) && (date.IsZero() || !t.After(date.Add(clockSlack)))
}

func (c *check) inWindow(t time.Time) bool {
	q := &c.Query
	return !q.HasWindow() || !t.Before(q.From.Add(-windowSlack)) && !t.After(q.To.Add(windowSlack))
}

// hint names the offset of whole hours, such as GMT+08:00, in which every row has a
// possible time: that of China if it fits, else the only one that does. It is empty if
// none does, or if several do.
func (c *check) hint() string {
	var fitting []int
	for hours := minOffsetHours; hours <= maxOffsetHours; hours++ {
		if offset := hours * int(time.Hour/time.Second); c.fits(offset) {
			fitting = append(fitting, offset)
		}
	}
	switch {
	case slices.Contains(fitting, china):
		fitting = []int{china}
	case len(fitting) != 1:
		return ""
	}
	return fmt.Sprintf("; times of %s would fit", Name(fitting[0]))
}

// fits reports whether every row has a possible time if its text is read with
// offset, in seconds, instead of the location's.
func (c *check) fits(offset int) bool {
	return !slices.ContainsFunc(c.urls, func(u prefetch.URL) bool {
		_, used := u.Created.In(c.location).Zone()
		return !u.Created.IsZero() && !c.possible(u.Created.Add(time.Duration(used-offset)*time.Second))
	})
}
