package dashboards_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
)

// shown are the series of one exporter that watches two accounts, one of them with a
// task, by what comes before their own labels.
func shown() map[string]string {
	values := map[string]string{
		`prefetch_task_info{title="Premiere",`:                    "1x100",
		`prefetch_task_success_ratio{`:                            "0x20 0.2x80",
		`prefetch_task_edge_success_ratio{`:                       "0.5x100",
		`prefetch_task_progress_ratio{`:                           "0.25x100",
		`prefetch_task_failed_urls_recovered{`:                    "0x60 1x40",
		`prefetch_task_lost{`:                                     "0x100",
		`prefetch_task_age_seconds{`:                              "0+60x100",
		`prefetch_task_created_timestamp_seconds{`:                "0x100",
		`prefetch_task_finished_timestamp_seconds{`:               "_x70 3900x30",
		`prefetch_task_deadline_timestamp_seconds{`:               "3000x100",
		`prefetch_task_settled{`:                                  "0x70 1x30",
		`prefetch_task_up{`:                                       "1x100",
		`prefetch_task_last_refresh_timestamp_seconds{`:           "60x20 1260x19 2460+60x60",
		`prefetch_account_up{`:                                    "1x40 0x60",
		`prefetch_account_configuration_differs{`:                 "0x100",
		`prefetch_account_tasks_dropped{`:                         "0x50 3x50",
		`prefetch_account_backlog_seconds{`:                       "300x50 1200x50",
		`prefetch_account_window_last_refresh_timestamp_seconds{`: "0+60x100",
		`prefetch_api_limit_calls{`:                               "1x100",
		`prefetch_api_limit_period_seconds{`:                      "300x100",
		`prefetch_api_next_call_timestamp_seconds{`:               "300+60x100",
		`prefetch_exporter_discovery_up{source="files",`:          "1x50 0x50",
		`prefetch_exporter_tasks_rejected{reason="invalid",`:      "0x50 2x50",
		`prefetch_exporter_config_last_reload_successful{`:        "1x100",
	}
	for status, v := range map[string]string{
		"succeeded": "0x20 2x80", "failed": "0x20 1x80", "running": "3x40 2x60", "waiting": "7x20 5x80", "unknown": "0x100",
	} {
		values[`prefetch_task_urls{status="`+status+`",`] = v
		values[`prefetch_account_window_urls{status="`+status+`",`] = v
	}
	for _, cause := range []string{"origin", "vendor", "unknown"} {
		values[`prefetch_task_failed_urls{cause="`+cause+`",`] = "0x20 1x80"
	}
	for phase, v := range map[string]string{"pending": "1x20 0x80", "active": "0x20 1x50 0x30", "settled": "0x70 1x30", "lost": "0x100"} {
		values[`prefetch_account_tasks{phase="`+phase+`",`] = v
	}
	for _, reason := range []string{"auth", "throttled", "timeout", "unavailable"} {
		values[`prefetch_account_failing{reason="`+reason+`",`] = "0x100"
	}
	values[`prefetch_account_failing{reason="auth",`] = "0x40 1x60"
	return values
}

// counters are of the exporter that asks; of another one they are 0.
func counters() map[string]string {
	return map[string]string{
		`prefetch_api_requests_total{query="task",`:               "0+2x100",
		`prefetch_api_requests_total{query="window",`:             "0+1x100",
		`prefetch_api_request_failures_total{reason="auth",`:      "0x40 1+1x60",
		`prefetch_api_request_duration_seconds_bucket{le="1",`:    "0+2x100",
		`prefetch_api_request_duration_seconds_bucket{le="+Inf",`: "0+3x100",
		`prefetch_url_wait_seconds_bucket{le="60",`:               "0+2x100",
		`prefetch_url_wait_seconds_bucket{le="+Inf",`:             "0+3x100",
		`prefetch_url_fetch_seconds_bucket{le="60",`:              "0+2x100",
		`prefetch_url_fetch_seconds_bucket{le="+Inf",`:            "0+3x100",
		`prefetch_exporter_store_errors_total{reason="write",`:    "0x50 1x50",
	}
}

// probed are the series of a URL of the task that an edge is asked for.
func probed(url, success, missed string) []series {
	labels := `{job="prefetch_edge",instance="` + url + `",provider="cdnetworks",account="edge",task="launch",status="succeeded"}`
	return []series{
		{"probe_success" + labels, success},
		{"probe_failed_due_to_regex" + labels, missed},
		{"probe_http_status_code" + labels, "200x140"},
	}
}

// ofProcesses are panels that show each exporter by itself, or how many there are.
func ofProcesses() []string {
	return []string{"Memory", "Goroutines", "Replicas", "Who asks", "Store reached", "Calls by exporter", "Accounts with two owners"}
}

// TestReplicas: every query of every panel finds in three replicas what it finds in
// one exporter. One of the two that follow was cut off, and still shows what it heard
// first.
func TestReplicas(t *testing.T) {
	t.Parallel()
	behind, zero := shown(), counters()
	for name, values := range behind {
		if !strings.HasPrefix(name, "prefetch_exporter_") { // those it finds itself
			behind[name] = firstOf(values)
		}
	}
	for name := range zero {
		zero[name] = "0x100"
	}
	asks, follows := map[string]string{`prefetch_account_owner{`: "1x100"}, map[string]string{`prefetch_account_owner{`: "0x100"}
	input := slices.Concat(
		ofJob("one", seriesOf("a:10186", shown()), seriesOf("a:10186", counters()), seriesOf("a:10186", asks)),
		ofJob("three", seriesOf("a:10186", shown()), seriesOf("a:10186", counters()), seriesOf("a:10186", asks)),
		ofJob("three", seriesOf("b:10186", shown()), seriesOf("b:10186", zero), seriesOf("b:10186", follows)),
		ofJob("three", seriesOf("c:10186", behind), seriesOf("c:10186", zero), seriesOf("c:10186", follows)),
		probed("https://video.example.com/a.mp4", "0x100", "1x100"),
	)
	var exprs []exprTest
	files := read(t)
	for _, file := range slices.Sorted(maps.Keys(files)) {
		d := files[file]
		for _, p := range d.Panels {
			for _, q := range p.Targets {
				if slices.Contains(ofProcesses(), p.Title) {
					continue
				}
				one, three := queryOfJob(t, d, p.Title, q.RefID, "one"), queryOfJob(t, d, p.Title, q.RefID, "three")
				same := fmt.Sprintf("((%s) == (%s))", one, three)
				differ := fmt.Sprintf("((%s) unless %s) or ((%s) unless %s)", one, same, three, same)
				for _, at := range []string{"15m", "45m", "65m", "90m"} {
					exprs = append(exprs, exprTest{at, differ, nil})
				}
				// What finds nothing proves nothing.
				exprs = append(exprs, exprTest{"99m", fmt.Sprintf("absent_over_time((%s)[99m:3m])", one), nil})
			}
		}
	}
	runPromtool(t, input, exprs)
}

// ofJob gives series of seriesOf a job of their own.
func ofJob(job string, all ...[]series) []series {
	joined := slices.Concat(all...)
	for i := range joined {
		joined[i].Series = strings.Replace(joined[i].Series, `job="prefetch_exporter"`, `job="`+job+`"`, 1)
		if strings.HasPrefix(joined[i].Series, "prefetch_exporter_") {
			joined[i].Series = strings.Replace(joined[i].Series, `,provider="cdnetworks",account="edge"`, "", 1)
		}
	}
	return joined
}

// queryOfJob is a panel's query where one job and all of it is selected.
func queryOfJob(t *testing.T, d dashboard, title, ref, job string) string {
	t.Helper()
	return strings.NewReplacer(`job=~".+"`, `job=~"`+job+`"`, "$__rate_interval", "5m").Replace(queryOf(t, d, title, ref))
}

// firstOf makes all samples what the first one was; where there is none it leaves it.
func firstOf(values string) string {
	var out []string
	value := ""
	for token := range strings.FieldsSeq(values) {
		from, count, _ := strings.Cut(token, "x")
		if from == "_" {
			out = append(out, token)
			continue
		}
		if value == "" {
			value, _, _ = strings.Cut(from, "+")
		}
		out = append(out, value+"x"+count)
	}
	return strings.Join(out, " ")
}
