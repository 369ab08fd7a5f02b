package terminal

import (
	"strings"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"
)

// Part is one of the parts of a bar.
type Part struct {
	// N is how many of the whole it is.
	N int
	// Fill is drawn in each cell, in the colour, which may be text.Reset for none.
	Fill  string
	Color text.Color
}

// Bar draws parts beside each other, so many cells wide together. A part that is
// not empty has at least one cell: one of thousands must be seen. Where there is
// nothing to show it is blank.
func Bar(width int, parts ...Part) string {
	total, largest, cells := 0, 0, make([]int, len(parts))
	for i, p := range parts {
		total += p.N
		if p.N > parts[largest].N {
			largest = i
		}
	}
	if total == 0 {
		return strings.Repeat(" ", width)
	}
	left := width
	for i, p := range parts {
		if p.N > 0 {
			cells[i] = max(1, width*p.N/total)
		}
		left -= cells[i]
	}
	cells[largest] += left
	var b strings.Builder
	for i, p := range parts {
		if run := strings.Repeat(p.Fill, max(cells[i], 0)); p.Color == text.Reset {
			b.WriteString(run)
		} else if run != "" {
			b.WriteString(p.Color.Sprint(run))
		}
	}
	return b.String()
}

// Table lays rows out in columns under a header, as lines without blanks at their
// ends.
func Table(header []string, rows [][]string) []string {
	t := table.NewWriter()
	style := table.StyleDefault
	style.Options = table.OptionsNoBordersAndSeparators
	style.Box.PaddingLeft, style.Box.PaddingRight = "", "  "
	t.SetStyle(style)
	t.AppendHeader(row(header))
	for _, r := range rows {
		t.AppendRow(row(r))
	}
	lines := strings.Split(t.Render(), "\n")
	for i, line := range lines {
		lines[i] = strings.TrimRight(line, " ")
	}
	return lines
}

func row(cells []string) (r table.Row) {
	for _, c := range cells {
		r = append(r, c)
	}
	return r
}
