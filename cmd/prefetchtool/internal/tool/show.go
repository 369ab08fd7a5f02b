package tool

import (
	"fmt"
	"strings"
	"time"

	"prefetch_exporter/cmd/prefetchtool/internal/api"
	"prefetch_exporter/internal/terminal"
	"prefetch_exporter/prefetch"
	"prefetch_exporter/web/words"
)

// counts are those of an answer.
func counts(c *api.Counts) prefetch.Counts {
	return prefetch.Counts{
		prefetch.Waiting: c.Waiting, prefetch.Running: c.Running, prefetch.Succeeded: c.Succeeded,
		prefetch.Failed: c.Failed, prefetch.Unknown: c.Unknown,
	}
}

// bar shows all statuses beside each other; blank while nothing is known.
func bar(c *api.Counts, width int) string {
	if c == nil {
		return strings.Repeat(" ", width)
	}
	return terminal.StatusBar(width, counts(c))
}

// progress says how far a task is: "active: 12 of 24 URLs succeeded, 12 running".
func progress(t *api.Task) string {
	var b strings.Builder
	b.WriteString(t.Phase)
	if t.URLs == nil {
		b.WriteString(": not answered yet")
	} else {
		fmt.Fprintf(&b, ": %d of %s succeeded", t.URLs.Succeeded, words.Plural(t.URLs.Total(), "URL"))
		for _, p := range terminal.Statuses(counts(t.URLs))[1:] {
			if p.N > 0 {
				fmt.Fprintf(&b, ", %d %s", p.N, p.Status)
			}
		}
	}
	if t.LastError != nil {
		b.WriteString("; the last call failed: " + *t.LastError)
	}
	return b.String()
}

// ages says how old the numbers are and when the next call is due.
func ages(t *api.Task, now time.Time) (text string) {
	if !t.LastRefresh.IsZero() {
		text += "; as of " + words.Span(now.Sub(t.LastRefresh.Time)) + " ago"
	}
	if !t.NextLook.IsZero() {
		text += "; next call " + nextCall(t, now)
	}
	return text
}

// stamp begins a line of a log.
func stamp(now time.Time) string { return now.UTC().Format(time.RFC3339) + " " }
