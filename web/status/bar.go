package status

import (
	"slices"
	"strconv"
	"strings"

	"prefetch_exporter/prefetch"
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
	Status string
	Count  int
	// X and Width are of barWidth.
	X, Width string
}

func newBar(c prefetch.Counts, known bool) bar {
	b := bar{Known: known, Final: c.Final(), Total: c.Total()}
	if !known {
		return b
	}
	shown := stacked()
	shown = slices.DeleteFunc(shown, func(s prefetch.Status) bool { return c[s] == 0 })
	spread := barWidth - leastWidth*float64(len(shown))
	var x float64
	var words []string
	for _, s := range shown {
		width := leastWidth + spread*float64(c[s])/float64(b.Total)
		b.Segments = append(b.Segments, segment{Status: s.String(), Count: c[s], X: coordinate(x), Width: coordinate(width)})
		words = append(words, strconv.Itoa(c[s])+" "+s.String())
		x += width
	}
	b.Text = strconv.Itoa(b.Final) + " of " + plural(b.Total, "URL") + " final"
	if len(words) > 0 {
		b.Text += ": " + strings.Join(words, ", ")
	}
	return b
}

func coordinate(f float64) string { return strconv.FormatFloat(f, 'f', 2, 64) }
