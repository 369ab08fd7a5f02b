package vendorapi

import (
	"fmt"
	"time"

	"prefetch_exporter/prefetch"
)

const (
	// China is the offset of the vendors at home there, in seconds: GMT+08:00.
	China = 8 * 60 * 60
	// windowSlack is how far outside the window a row may lie before that says
	// something: as much as windows are padded by.
	windowSlack = 2 * time.Second
	// clockSlack is how much the vendor's own clocks may differ: as much as it
	// grants its callers.
	clockSlack = 5 * time.Minute
	// The offsets in use on Earth, in hours.
	minOffsetHours, maxOffsetHours = -12, 14
)

// ZoneCheck finds out whether times without an offset were read with the wrong one:
// a row's creation then lies outside the window that was asked for, or in the
// vendor's own future. The times are not mended: a guess would be a lie that nobody
// sees.
type ZoneCheck struct {
	// From and To are zero where there was no window; Date is the vendor's
	// clock, zero where it is not known.
	From, To, Date time.Time
	// Location is what the times were read in.
	Location *time.Location
	// Suspicion is what a row that cannot be true suggests, such as "X-Time-Zone was
	// probably ignored".
	Suspicion string
}

// Note notes an oddity in n if some row cannot have been created when it says.
func (z *ZoneCheck) Note(n *Notes, urls []prefetch.URL) {
	for i := range urls {
		created := urls[i].Created
		if z.possible(created) {
			continue
		}
		where := fmt.Sprintf("lies outside the window asked for, %s to %s", z.print(z.From), z.print(z.To))
		if z.inWindow(created) {
			where = "lies after the vendor's own time, " + z.print(z.Date)
		}
		hint := ""
		if offset, ok := z.fitting(urls); ok {
			hint = fmt.Sprintf("; times of %s would fit", offset)
		}
		n.Oddf("zone", "createTime %s %s: %s%s", z.print(created), where, z.Suspicion, hint)
		return
	}
}

func (z *ZoneCheck) print(t time.Time) string {
	return t.In(z.Location).Format(time.DateTime + " GMT-07:00")
}

// possible reports whether a row can have been created at t; a time that was
// not told can.
func (z *ZoneCheck) possible(t time.Time) bool {
	return t.IsZero() || z.inWindow(t) && (z.Date.IsZero() || !t.After(z.Date.Add(clockSlack)))
}

func (z *ZoneCheck) inWindow(t time.Time) bool {
	return z.From.IsZero() || !t.Before(z.From.Add(-windowSlack)) && !t.After(z.To.Add(windowSlack))
}

// fitting is the offset of whole hours, such as GMT+08:00, in which every row
// has a possible time: that of China if it fits, else the only one that
// does. It reports false if none does, or if several do.
func (z *ZoneCheck) fitting(urls []prefetch.URL) (string, bool) {
	if z.fits(urls, China) {
		return OffsetName(China), true
	}
	found, name := 0, ""
	for hours := minOffsetHours; hours <= maxOffsetHours; hours++ {
		offset := hours * int(time.Hour/time.Second)
		if z.fits(urls, offset) {
			found++
			name = OffsetName(offset)
		}
	}
	return name, found == 1
}

// fits reports whether every row has a possible time if its text is read with
// offset, in seconds, instead of the location's.
func (z *ZoneCheck) fits(urls []prefetch.URL, offset int) bool {
	for i := range urls {
		created := urls[i].Created
		if created.IsZero() {
			continue
		}
		_, used := created.In(z.Location).Zone()
		if !z.possible(created.Add(time.Duration(used-offset) * time.Second)) {
			return false
		}
	}
	return true
}

// OffsetName is how vendors write an offset in seconds, such as GMT+08:00.
func OffsetName(offset int) string {
	return "GMT" + time.Unix(0, 0).In(time.FixedZone("", offset)).Format("-07:00")
}
