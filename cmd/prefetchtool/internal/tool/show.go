package tool

import (
	"fmt"
	"strings"
	"time"

	"github.com/jedib0t/go-pretty/v6/text"

	"prefetch_exporter/cmd/prefetchtool/internal/api"
	"prefetch_exporter/internal/terminal"
	"prefetch_exporter/web/words"
)

// part is the URLs of one status in a bar.
type part struct {
	status string
	n      int
	fill   string
	color  text.Color
}

// parts are the statuses in the order in which they are shown: what is done first.
func parts(c *api.Counts) []part {
	return []part{
		{"succeeded", c.Succeeded, "█", text.FgGreen},
		{"failed", c.Failed, "▓", text.FgRed},
		{"unknown", c.Unknown, "?", text.FgMagenta},
		{"running", c.Running, "▒", text.FgCyan},
		{"waiting", c.Waiting, "░", text.Reset},
	}
}

// bar shows all statuses beside each other; blank while nothing is known.
func bar(c *api.Counts, width int) string {
	if c == nil {
		return strings.Repeat(" ", width)
	}
	var all []terminal.Part
	for _, p := range parts(c) {
		all = append(all, terminal.Part{N: p.n, Fill: p.fill, Color: p.color})
	}
	return terminal.Bar(width, all...)
}

// progress says how far a task is: "active: 12 of 24 URLs succeeded, 12 running".
func progress(t *api.Task) string {
	var b strings.Builder
	b.WriteString(t.Phase)
	if t.URLs == nil {
		b.WriteString(": not answered yet")
	} else {
		fmt.Fprintf(&b, ": %d of %s succeeded", t.URLs.Succeeded, words.Plural(t.URLs.Total(), "URL"))
		for _, p := range parts(t.URLs)[1:] {
			if p.n > 0 {
				fmt.Fprintf(&b, ", %d %s", p.n, p.status)
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
