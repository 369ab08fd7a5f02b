package words_test

import (
	"math"
	"strings"
	"testing"
	"time"

	"prefetch_exporter/web/words"
)

func TestReadable(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"":                        "",
		"https://example.com/ü":   "https://example.com/ü",
		"a\x00b\n":                `a\u0000b\u000a`,
		"a\u202eb\u200bc":         `a\u202eb\u200bc`,
		"a\xffb\ufffd":            `a\xffb` + "\ufffd",
		"👩\u200d👧 \u200c":         "👩\u200d👧 \u200c",
		"line\u2028and\u2029more": `line\u2028and\u2029more`,
	} {
		if got := words.Readable(text); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}

func TestShorten(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("ü", 120)
	for text, want := range map[string]string{"": "", "short": "short", long: long, long + "x": long + "…"} {
		if got := words.Shorten(text); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}

func TestSpan(t *testing.T) {
	t.Parallel()
	for d, want := range map[time.Duration]string{
		-time.Second: "0s", 0: "0s", 999 * time.Millisecond: "0s", 45 * time.Second: "45s", 60 * time.Second: "1m",
		200 * time.Second: "3m 20s", time.Hour + time.Second: "1h", 28*time.Hour + 59*time.Minute: "1d 4h", 24 * time.Hour: "1d",
	} {
		if got := words.Span(d); got != want {
			t.Errorf("%v: %q, want %q", d, got, want)
		}
	}
}

func TestMoment(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 21, 8, 0, 0, 0, time.FixedZone("", 3600))
	for d, want := range map[time.Duration]string{0: "now", -time.Minute: "1m ago", time.Hour: "in 1h", time.Millisecond: "now"} {
		m := words.MomentOf(now.Add(d), now)
		if m.Relative != want {
			t.Errorf("%v: %q, want %q", d, m.Relative, want)
		}
	}
	want := words.Moment{Relative: "now", Absolute: "2026-11-21 07:00:00 UTC", Clock: "2026-11-21 07:00:00", Machine: "2026-11-21T07:00:00Z"}
	if got := words.MomentOf(now, now); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
	if got := words.MomentOf(time.Time{}, now); got != (words.Moment{}) {
		t.Errorf("no time: %+v", got)
	}
	for d, want := range map[time.Duration]string{
		time.Hour: "08:00:00 UTC", 20 * time.Hour: "2026-11-22 03:00:00 UTC", 365 * 24 * time.Hour: "2027-11-21 07:00:00 UTC",
	} {
		if got := words.ClockNear(now.Add(d), now); got != want {
			t.Errorf("%v: %q, want %q", d, got, want)
		}
	}
}

func TestPercent(t *testing.T) {
	t.Parallel()
	for ratio, want := range map[float64]string{
		0: "0 %", 1: "100 %", 0.57: "57 %", 0.9999: "99.9 %", 0.0005: "< 0.1 %", 0.001: "0.1 %", -0.1: "–", 1.1: "–", math.Inf(1): "–",
	} {
		if got := words.Percent(ratio); got != want {
			t.Errorf("%v: %q, want %q", ratio, got, want)
		}
	}
	if got := words.Percent(math.NaN()); got != "–" {
		t.Errorf("no number: %q", got)
	}
}

func TestPlural(t *testing.T) {
	t.Parallel()
	for n, want := range map[int]string{0: "0 tasks", 1: "1 task", 2: "2 tasks"} {
		if got := words.Plural(n, "task"); got != want {
			t.Errorf("%d: %q, want %q", n, got, want)
		}
	}
}
