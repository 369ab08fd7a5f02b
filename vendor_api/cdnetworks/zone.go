package cdnetworks

import (
	"fmt"
	"time"

	"prefetch_exporter/prefetch"
)

const (
	// vendorOffset is the vendor's time zone where X-Time-Zone says nothing, in
	// seconds: GMT+08:00.
	vendorOffset = 8 * 60 * 60
	// windowSlack is how far outside the window a row may lie before that says
	// something: as much as windows are padded by.
	windowSlack = 2 * time.Second
	// clockSlack is how much the vendor's own clocks may differ: as much as it
	// grants its callers.
	clockSlack = 5 * time.Minute
	// The offsets in use on Earth, in hours.
	minOffsetHours, maxOffsetHours = -12, 14
)

// zoneCheck finds out whether the vendor ignored X-Time-Zone: a row whose time
// of creation lies outside the window that was asked for, or in the vendor's
// own future, was read with the wrong offset. The times are not mended: a guess
// would be a lie that nobody sees.
type zoneCheck struct {
	// from and to are zero where there was no window; date is the vendor's
	// clock, zero where it is not known.
	from, to, date time.Time
	location       *time.Location
}

// check notes an oddity in r if some row cannot have been created when it says.
func (z zoneCheck) check(r *reader, urls []prefetch.URL) {
	for i := range urls {
		created := urls[i].Created
		if z.possible(created) {
			continue
		}
		where := fmt.Sprintf("lies outside the window asked for, %s to %s", z.print(z.from), z.print(z.to))
		if z.inWindow(created) {
			where = "lies after the vendor's own time, " + z.print(z.date)
		}
		hint := ""
		if offset, ok := z.fitting(urls); ok {
			hint = fmt.Sprintf("; times of %s would fit", offset)
		}
		r.Oddf("zone", "createTime %s %s: X-Time-Zone was probably ignored%s", z.print(created), where, hint)
		return
	}
}

func (z zoneCheck) print(t time.Time) string {
	return t.In(z.location).Format(timeLayout + " GMT-07:00")
}

// possible reports whether a row can have been created at t; a time that was
// not told can.
func (z zoneCheck) possible(t time.Time) bool {
	return t.IsZero() || z.inWindow(t) && (z.date.IsZero() || !t.After(z.date.Add(clockSlack)))
}

func (z zoneCheck) inWindow(t time.Time) bool {
	return z.from.IsZero() || !t.Before(z.from.Add(-windowSlack)) && !t.After(z.to.Add(windowSlack))
}

// fitting is the offset of whole hours, such as GMT+08:00, in which every row
// has a possible time: the vendor's default if it fits, else the only one that
// does. It reports false if none does, or if several do.
func (z zoneCheck) fitting(urls []prefetch.URL) (string, bool) {
	if z.fits(urls, vendorOffset) {
		return offsetName(vendorOffset), true
	}
	found, name := 0, ""
	for hours := minOffsetHours; hours <= maxOffsetHours; hours++ {
		offset := hours * int(time.Hour/time.Second)
		if z.fits(urls, offset) {
			found++
			name = offsetName(offset)
		}
	}
	return name, found == 1
}

// fits reports whether every row has a possible time if its text is read with
// offset, in seconds, instead of the location's.
func (z zoneCheck) fits(urls []prefetch.URL, offset int) bool {
	for i := range urls {
		created := urls[i].Created
		if created.IsZero() {
			continue
		}
		_, used := created.In(z.location).Zone()
		if !z.possible(created.Add(time.Duration(used-offset) * time.Second)) {
			return false
		}
	}
	return true
}

// offsetName is the vendor's form of an offset in seconds, such as GMT+08:00.
func offsetName(offset int) string {
	return "GMT" + time.Unix(0, 0).In(time.FixedZone("", offset)).Format("-07:00")
}
