package dashboards_test

import (
	"slices"
	"strings"
	"testing"
)

// TestEdge: what the panels of edges show of a task whose exporter runs twice, of
// which an edge had one URL, fetched one when it was first asked, still has not one,
// and answers 403 to one. Of a task that is not chosen they show nothing.
func TestEdge(t *testing.T) {
	t.Parallel()
	settled := map[string]string{`prefetch_task_settled{`: "1x140"}
	forbidden := probed("https://video.example.com/forbidden.mp4", "0x140", "0x140")
	forbidden[2].Values = "403x140"
	other := probed("https://video.example.com/other.mp4", "0x140", "1x140")
	for i := range other {
		other[i].Series = strings.Replace(other[i].Series, `task="launch"`, `task="elsewhere"`, 1)
	}
	input := slices.Concat(
		seriesOf("a:10186", settled), seriesOf("b:10186", settled),
		probed("https://video.example.com/warm.mp4", "1x140", "0x140"),
		probed("https://video.example.com/filled.mp4", "0x10 1x130", "1x10 0x130"),
		probed("https://video.example.com/cold.mp4", "0x140", "1x140"),
		forbidden, other,
	)
	url := func(name string) string {
		return `{job="prefetch_edge", provider="cdnetworks", account="edge", task="launch", instance="https://video.example.com/` + name + `.mp4"}`
	}
	const (
		file   = "prefetch-task.json"
		ofTask = `{provider="cdnetworks", account="edge", task="launch"}`
		table  = "What the edge answered"
		hit    = 0.
		filled = 1.
		failed = 2.
		miss   = 3.
	)
	checkQueries(t, input, []queryTest{
		{"30m", file, "Edge hits", "A", []sample{{ofTask, 0.25}}},
		{"30m", file, table, "A", []sample{{url("warm"), hit}, {url("filled"), filled}, {url("forbidden"), failed}, {url("cold"), miss}}},
		{"30m", file, table, "B", []sample{{url("warm"), 200}, {url("filled"), 200}, {url("forbidden"), 403}, {url("cold"), 200}}},
		// An hour later nobody need know that it was not there at first.
		{"90m", file, "Edge hits", "A", []sample{{ofTask, 0.5}}},
		{"90m", file, table, "A", []sample{{url("warm"), hit}, {url("filled"), hit}, {url("forbidden"), failed}, {url("cold"), miss}}},
	})
}
