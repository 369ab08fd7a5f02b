package terminal

import (
	"github.com/jedib0t/go-pretty/v6/text"

	"prefetch_exporter/prefetch"
)

// StatusPart is the URLs of one status in a bar.
type StatusPart struct {
	Part

	Status prefetch.Status
}

// Statuses are the parts of a bar that counts URLs, in the order in which they are
// drawn: what is done first. Each looks different without colours too.
func Statuses(c prefetch.Counts) []StatusPart {
	part := func(s prefetch.Status, fill string, color text.Color) StatusPart {
		return StatusPart{Part{N: c[s], Fill: fill, Color: color}, s}
	}
	return []StatusPart{
		part(prefetch.Succeeded, "█", text.FgGreen),
		part(prefetch.Failed, "▓", text.FgRed),
		part(prefetch.Unknown, "?", text.FgMagenta),
		part(prefetch.Running, "▒", text.FgCyan),
		part(prefetch.Waiting, "░", text.Reset),
	}
}

// StatusBar draws all statuses beside each other.
func StatusBar(width int, c prefetch.Counts) string {
	var parts []Part
	for _, p := range Statuses(c) {
		parts = append(parts, p.Part)
	}
	return Bar(width, parts...)
}
