package dashboards_test

import (
	"fmt"
	"testing"
)

// life is one task's series, at one sample a minute, and what is to be said of it.
type life struct {
	name   string
	values map[string]string // by metric and own labels
}

func (l life) series() []series {
	var all []series
	for metric, values := range l.values {
		labels := `job="prefetch_exporter",instance="a:10186",provider="cdnetworks",account="edge",task="` + l.name + `"}`
		all = append(all, series{metric + labels, values})
	}
	return all
}

// TestTopRow: what somebody should look at is counted while it helps to look, and
// what is settled, mended or a wrong id does not stay red.
func TestTopRow(t *testing.T) {
	t.Parallel()
	const (
		succeeded, failed = `prefetch_task_urls{status="succeeded",`, `prefetch_task_urls{status="failed",`
		running           = `prefetch_task_urls{status="running",`
		ratio, settled    = `prefetch_task_success_ratio{`, `prefetch_task_settled{`
		recovered, lost   = `prefetch_task_failed_urls_recovered{`, `prefetch_task_lost{`
		deadline, refresh = `prefetch_task_deadline_timestamp_seconds{`, `prefetch_task_last_refresh_timestamp_seconds{`
		created, up       = `prefetch_task_created_timestamp_seconds{`, `prefetch_task_up{`
		finished          = `prefetch_task_finished_timestamp_seconds{`
	)
	at := func(minute int) string { return fmt.Sprintf("%dx400", 60*minute) }
	var input []series
	for _, l := range []life{
		// Settled at minute 10 with two failed URLs of ten; minute 60 was its deadline.
		{"broken", map[string]string{
			succeeded: "8x400", failed: "2x400", running: "0x400", ratio: "0.8x400", settled: "1x400", recovered: "0x400", lost: "0x400",
			deadline: at(60), refresh: at(10), created: "0x400", up: "1x400", finished: at(10),
		}},
		// The same, and a later task warmed both at minute 30.
		{"mended", map[string]string{
			succeeded: "8x400", failed: "2x400", running: "0x400", ratio: "0.8x400", settled: "1x400", recovered: "0x29 2x370", lost: "0x400",
			deadline: at(60), refresh: at(10), created: "0x400", up: "1x400", finished: at(10),
		}},
		// A wrong id, lost since minute 15, due at minute 60.
		{"mistyped", map[string]string{
			settled: "0x400", lost: "0x14 1x385", deadline: at(60), created: "0x400", up: "0x400",
		}},
		// Warm at minute 20, due at minute 60.
		{"warm", map[string]string{
			succeeded: "10x400", failed: "0x400", running: "0x400", ratio: "1x400", settled: "1x400", recovered: "0x400", lost: "0x400",
			deadline: at(60), refresh: at(20), created: "0x400", up: "1x400", finished: at(20),
		}},
		// Half of it runs for ever, due at minute 90, answered every minute.
		{"slow", map[string]string{
			succeeded: "5x400", failed: "0x400", running: "5x400", ratio: "0.5x400", settled: "0x400", recovered: "0x400", lost: "0x400",
			deadline: at(90), refresh: "0+60x400", created: "0x400", up: "1x400",
		}},
	} {
		input = append(input, l.series()...)
	}
	of := func(task string) string { return `{provider="cdnetworks", account="edge", task="` + task + `"}` }
	const (
		overview, task = "prefetch-overview.json", "prefetch-task.json"
		warm, mended   = 0, 1
		runs           = 2
		lostState      = 5
		failures, late = 6, 7
	)
	number := func(v float64) []sample { return []sample{{"{}", v}} }
	checkQueries(t, input, []queryTest{
		{"20m", overview, "Unfinished tasks", "A", number(1)},
		{"20m", overview, "Failed URLs", "A", number(4)},
		{"40m", overview, "Failed URLs", "A", number(2)},
		{"129m", overview, "Failed URLs", "A", number(2)},
		{"131m", overview, "Failed URLs", "A", nil}, // shown as 0
		{"20m", overview, "Lowest ratio", "A", number(0.8)},
		{"95m", overview, "Lowest ratio", "A", number(0.5)},
		{"140m", overview, "Lowest ratio", "A", number(0.5)},
		{"59m", overview, "Late tasks", "A", number(0)},
		{"70m", overview, "Late tasks", "A", number(1)},  // broken
		{"100m", overview, "Late tasks", "A", number(2)}, // and slow
		{"175m", overview, "Late tasks", "A", number(2)},
		{"185m", overview, "Late tasks", "A", number(1)}, // broken was told of for two hours
		{"10m", overview, "Lost tasks", "A", number(0)},
		{"185m", overview, "Lost tasks", "A", number(1)},
		{"50m", overview, "Next deadline", "A", number(600)},
		{"70m", overview, "Next deadline", "A", number(1200)}, // not the four that passed
		{"95m", overview, "Next deadline", "A", nil},
		{"10m", overview, "Oldest data", "A", number(600)}, // of the mistyped one, while it may be found
		{"185m", overview, "Oldest data", "A", number(0)},
		{"20m", overview, "Tasks", "B", []sample{
			{of("broken"), failures}, {of("mended"), failures}, {of("mistyped"), lostState}, {of("slow"), runs}, {of("warm"), warm},
		}},
		{"100m", overview, "Tasks", "B", []sample{
			{of("broken"), late}, {of("mended"), mended}, {of("mistyped"), lostState}, {of("slow"), late}, {of("warm"), warm},
		}},
		{"100m", overview, "Recent failures", "D", []sample{{of("broken"), 2}, {of("mended"), 0}}},
		// Not the broken one, which was finished early and yet is not on the edge.
		{"100m", task, "To spare before the deadline", "A", []sample{{of("mended"), 3000}, {of("warm"), 2400}}},
		{"96m", task, "Time to deadline", "A", []sample{{of("broken"), -36 * 60}, {of("mistyped"), -36 * 60}, {of("slow"), -6 * 60}}},
	})
}

// TestFailuresHaveTitles: the list of failures says what a task is called.
func TestFailuresHaveTitles(t *testing.T) {
	t.Parallel()
	const labels = `job="prefetch_exporter",instance="a:10186",provider="cdnetworks",account="edge",task="launch"`
	checkQueries(t, []series{
		{`prefetch_task_info{title="Premiere",` + labels + `}`, "1x10"},
		{`prefetch_task_urls{status="failed",` + labels + `}`, "1x10"},
		{`prefetch_task_last_refresh_timestamp_seconds{` + labels + `}`, "60x10"},
	}, []queryTest{{
		"5m", "prefetch-overview.json", "Recent failures", "A", []sample{{`{provider="cdnetworks", account="edge", task="launch", title="Premiere"}`, 1}},
	}})
}
