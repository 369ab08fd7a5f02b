// Package words says values as people read them: durations, moments, shares, and
// texts with whatever a page would hide made visible. It must not know what is said.
package words

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// maxShort bounds what one name takes of a list, in characters. The page of the
// task shows all of it.
const maxShort = 120

// MaxURL bounds what one URL takes of a task's page, in characters. Vendors take no
// longer ones; the API shows all that is kept.
const MaxURL = 2000

// Readable shows what a page would hide: control characters, those that turn
// the direction of the text after them, those without width, and bytes that are
// no text. Whoever compares an id or a URL must see what is there. What joins
// letters and emoji stays.
func Readable(s string) string {
	if !strings.ContainsFunc(s, hidden) && utf8.ValidString(s) {
		return s
	}
	var b strings.Builder
	for i, r := range s {
		switch {
		case r == utf8.RuneError && !strings.HasPrefix(s[i:], string(utf8.RuneError)):
			fmt.Fprintf(&b, `\x%02x`, s[i])
		case hidden(r):
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

const (
	zeroWidthNonJoiner = '\u200c'
	zeroWidthJoiner    = '\u200d'
)

func hidden(r rune) bool {
	switch r {
	case zeroWidthJoiner, zeroWidthNonJoiner:
		return false
	default:
		return unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp)
	}
}

// Shorten cuts what is too long for a list.
func Shorten(s string) string { return Cut(s, maxShort) }

// Cut returns a text of at most so many characters, with an ellipsis after them if
// there were more.
func Cut(s string, most int) string {
	n := 0
	for i := range s {
		if n == most {
			return s[:i] + "…"
		}
		n++
	}
	return s
}

// Span says how long something takes in its two largest units: "1d 4h",
// "3m 20s", "45s".
func Span(d time.Duration) string {
	const day = 24 * time.Hour
	d = max(d, 0)
	units := []struct {
		name string
		size time.Duration
	}{{"d", day}, {"h", time.Hour}, {"m", time.Minute}, {"s", time.Second}}
	for i, u := range units {
		if d < u.size {
			continue
		}
		text := strconv.FormatInt(int64(d/u.size), 10) + u.name
		if i+1 < len(units) {
			if rest := d % u.size / units[i+1].size; rest > 0 {
				text += " " + strconv.FormatInt(int64(rest), 10) + units[i+1].name
			}
		}
		return text
	}
	return "0s"
}

// Moment is a time as a page shows it; the zero value is none.
type Moment struct {
	// Relative is "3m ago", "now" or "in 3m". Absolute and Clock are in UTC, and
	// Absolute says so; Machine is RFC 3339.
	Relative, Absolute, Clock, Machine string
}

// MomentOf returns t as it is seen at now.
func MomentOf(t, now time.Time) Moment {
	if t.IsZero() {
		return Moment{}
	}
	t = t.UTC()
	clock := t.Format(time.DateTime)
	m := Moment{Absolute: clock + " UTC", Clock: clock, Machine: t.Format(time.RFC3339)}
	switch apart := t.Sub(now); {
	case apart.Abs() < time.Second:
		m.Relative = "now"
	case apart > 0:
		m.Relative = "in " + Span(apart)
	default:
		m.Relative = Span(-apart) + " ago"
	}
	return m
}

// ClockNear is the clock in UTC at a time, and the day unless it is that of another.
func ClockNear(t, other time.Time) string {
	layout := time.TimeOnly
	if t.UTC().YearDay() != other.UTC().YearDay() || t.Sub(other).Abs() > 24*time.Hour {
		layout = time.DateTime
	}
	return t.UTC().Format(layout) + " UTC"
}

// Percent rounds down, so that 100 % is said of all only, and what is above
// nothing is not called nothing.
func Percent(ratio float64) string {
	const steps = 1000 // a tenth of a percent
	// A share such as 0.57 is a little less than its digits say.
	const slack = 1e-9
	tenths := math.Floor(ratio*steps + slack)
	switch {
	case math.IsNaN(ratio) || ratio < 0 || ratio > 1:
		return "–"
	case tenths == 0 && ratio > 0:
		return "< 0.1 %"
	default:
		return strconv.FormatFloat(tenths/10, 'f', -1, 64) + " %"
	}
}

// Plural is "1 task" or "2 tasks".
func Plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return strconv.Itoa(n) + " " + noun + "s"
}
