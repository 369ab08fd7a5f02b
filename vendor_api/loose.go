package vendorapi

import (
	"math"
	"strconv"
	"strings"
	"time"
)

// Value is the text without the space around it; empty where the vendor told
// nothing, be it null, "" or the word null.
func (t *Text) Value() string {
	v := strings.TrimSpace(t.String)
	if strings.EqualFold(v, "null") {
		return ""
	}
	return v
}

// Or is t, or what else the vendor may call it where t has no value.
func (t *Text) Or(other Text) Text {
	if t.Value() == "" {
		return other
	}
	return *t
}

// Excerpt is the value, bounded for an error or a log.
func (t *Text) Excerpt() string { return Excerpt([]byte(t.Value())) }

// Natural is the value as a whole number from 0. It reports false for
// everything else, and for numbers beyond 32 bits, which keeps arithmetic on
// pages from overflowing.
func (t *Text) Natural() (int, bool) {
	f, err := strconv.ParseFloat(t.Value(), 64)
	if err != nil || f != math.Trunc(f) || f < 0 || f > math.MaxInt32 {
		return 0, false
	}
	return int(f), true
}

// Share is the value as a share between 0 and 1, read from a percentage with or
// without its sign. It reports false for everything else.
func (t *Text) Share() (float64, bool) {
	const whole = 100
	number := strings.TrimSpace(strings.TrimSuffix(t.Value(), "%"))
	percent, err := strconv.ParseFloat(number, 64)
	if err != nil || math.IsNaN(percent) || percent < 0 || percent > whole {
		return 0, false
	}
	return percent / whole, true
}

// timeLayouts are the forms in which a time is read: those that vendors document,
// and what JSON libraries make of a time.
var timeLayouts = [...]string{time.DateTime, time.RFC3339, "2006-01-02T15:04:05"}

// Time is the value as a time, in location where it has no offset of its own.
// It reports false for what is no time, for times at or before the Unix epoch,
// which databases print where they hold none, and for those of another age, which
// stand for "never".
func (t *Text) Time(location *time.Location) (time.Time, bool) {
	v := t.Value()
	for _, layout := range timeLayouts {
		at, err := time.ParseInLocation(layout, v, location)
		if err == nil {
			return at, sensible(at)
		}
	}
	return time.Time{}, false
}

// Unix is the value as a time since 1970 that is counted in unit, a second or a
// millisecond. It reports false for what no vendor can mean, 0 among them.
func (t *Text) Unix(unit time.Duration) (time.Time, bool) {
	n, err := strconv.ParseFloat(t.Value(), 64)
	if err != nil || math.IsNaN(n) || n <= 0 || n > float64(math.MaxInt64)/float64(unit) {
		return time.Time{}, false
	}
	at := time.Unix(0, 0).Add(time.Duration(n) * unit)
	return at, sensible(at)
}

// sensible reports whether a vendor may mean that time. Nanoseconds since 1970, in
// which the planner reckons, reach to 2262.
func sensible(at time.Time) bool { return at.Unix() > 0 && at.Year() <= lastYear }
