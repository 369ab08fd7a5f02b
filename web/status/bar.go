package status

import (
	"strconv"
	"strings"

	"prefetch_exporter/prefetch"
	"prefetch_exporter/web/words"
)

// stacked are the statuses in the order in which they are drawn: what is done
// first. The dashboards stack them alike.
func stacked() []prefetch.Status {
	return []prefetch.Status{prefetch.Succeeded, prefetch.Failed, prefetch.Unknown, prefetch.Running, prefetch.Waiting}
}

const (
	// barWidth is that of the drawing, in its own units.
	barWidth = 100.0
	// leastWidth is that of a status with few URLs: one failed of thousands
	// must be seen.
	leastWidth = 2.0
)

// bar is the progress of a task or a window.
type bar struct {
	// Known is unset before the first answer; nothing else counts then.
	Known bool
	// Final of Total URLs have a final status.
	Final, Total int
	// Text says the same in words.
	Text     string
	Segments []segment
}

// segment is one status in a bar.
type segment struct {
	// Class colours it; Status is what it is called.
	Class, Status string
	Count         int
	// X and Width are of barWidth.
	X, Width string
}

// barOf tells failed URLs that a later task warmed apart: nobody needs to do
// anything about them.
func barOf(t *prefetch.TaskState) bar { return newBar(t.Counts, t.Recovered, t.Answered) }

func newBar(c prefetch.Counts, recovered int, known bool) bar {
	b := bar{Known: known, Final: c.Final(), Total: c.Total()}
	if !known {
		return b
	}
	var shown []segment
	add := func(class, status string, n int) {
		if n > 0 {
			shown = append(shown, segment{Class: class, Status: status, Count: n})
		}
	}
	for _, s := range stacked() {
		if s != prefetch.Failed {
			add(s.String(), s.String(), c[s])
			continue
		}
		add(s.String(), s.String(), c[s]-recovered)
		add("recovered", "failed, recovered", recovered)
	}
	spread := barWidth - leastWidth*float64(len(shown))
	var x float64
	var parts []string
	for i := range shown {
		s := &shown[i]
		width := leastWidth + spread*float64(s.Count)/float64(b.Total)
		s.X, s.Width = coordinate(x), coordinate(width)
		parts = append(parts, strconv.Itoa(s.Count)+" "+s.Status)
		x += width
	}
	b.Segments = shown
	b.Text = strconv.Itoa(b.Final) + " of " + words.Plural(b.Total, "URL") + " final"
	if len(parts) > 0 {
		b.Text += ": " + strings.Join(parts, ", ")
	}
	return b
}

func coordinate(f float64) string { return strconv.FormatFloat(f, 'f', 2, 64) }
