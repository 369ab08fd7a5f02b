package main

import (
	"errors"
	"fmt"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"prefetch_exporter/exporter"
	"prefetch_exporter/vendor_api/simulator"
	simcdnetworks "prefetch_exporter/vendor_api/simulator/cdnetworks"
	simhuaweicloud "prefetch_exporter/vendor_api/simulator/huaweicloud"
)

// TestOnceAsksNow: who calls --once wants to know now. Whenever a task was asked
// for before, and whatever failed then, it is asked for as far as the budget
// allows, and stderr says what was asked, or why nothing.
func TestOnceAsksNow(t *testing.T) {
	t.Parallel()
	const (
		right  = testSecret
		wrong  = "a-wrong-secret"
		budget = `the budget allows the next call at \d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ`
		up     = `prefetch_account_up{account="vod",provider="huaweicloud_vod"}`
		// How many calls are under way when the second failure is known is a race.
		some     = -1
		askedOne = `msg="asked once" provider=huaweicloud_vod account=vod calls=1`
	)
	type run struct {
		secret string
		calls  int // of this run
		fails  bool
		up     string
		says   string // on stderr
	}
	for name, c := range map[string]struct {
		limit string
		tasks []string // by what becomes of them
		runs  []run
	}{
		"again at once": {"{calls: 50, per: 1m}", []string{"stuck"}, []run{
			{right, 1, false, "1", askedOne + " failed=0 tasks_answered=1 why_no_more=\"everything was asked for\""},
			{right, 1, false, "1", askedOne},
			{right, 1, false, "1", askedOne},
		}},
		"a wrong secret was just written": {"{calls: 50, per: 1m}", []string{"stuck"}, []run{
			{right, 1, false, "1", askedOne}, {wrong, 1, true, "0", askedOne + " failed=1"}, {right, 1, false, "1", askedOne},
		}},
		"after a backoff": {"{calls: 50, per: 1m}", slices.Repeat([]string{"stuck"}, 9), []run{
			{wrong, some, true, "0", "tasks_answered=0 why_no_more=\"calls fail, and it backs off\""},
			{wrong, some, true, "0", "why_no_more=\"calls fail, and it backs off\""},
			{right, 9, false, "1", "calls=9 failed=0 tasks_answered=9"},
		}},
		"an id that nobody knows": {"{calls: 50, per: 1m}", []string{"unknown"}, []run{
			{right, 1, true, "1", askedOne}, {right, 1, true, "1", askedOne},
		}},
		"no budget": {"{calls: 1, per: 1h}", []string{"stuck", "stuck"}, []run{
			{right, 1, false, "1", askedOne + ` failed=0 tasks_answered=1 why_no_more="` + budget},
			{right, 0, false, "1", `msg="asked nothing" provider=huaweicloud_vod account=vod why="` + budget},
		}},
		"settled": {"{calls: 50, per: 1m}", []string{"done"}, []run{
			{right, 1, false, "1", "why_no_more=\"every task is settled\""},
			{right, 0, false, "1", "why=\"every task is settled\""},
		}},
		"no task": {"{calls: 50, per: 1m}", nil, []run{{right, 0, false, "0", `msg="asked nothing" provider=huaweicloud_vod account=vod why="no task"`}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			vendor := simhuaweicloud.New(simhuaweicloud.Options{AccessKeys: map[string]string{"AKTEST": right}})
			server := httptest.NewServer(vendor)
			t.Cleanup(server.Close)
			var list strings.Builder
			for i, kind := range c.tasks {
				id := fmt.Sprintf("task-%d", i)
				fmt.Fprintf(&list, "      - id: %s\n", id)
				if kind == "unknown" {
					continue
				}
				vendor.Submit(simulator.Task{ID: id, Owner: testProject, Created: time.Now().Add(-time.Hour), URLs: []simulator.URLPlan{
					{URL: "https://example.com/a", Stuck: kind == "stuck"},
				}})
			}
			data := t.TempDir()
			for i, r := range c.runs {
				config := fmt.Sprintf("accounts:\n  - name: vod\n    rate_limit: %s\n    huaweicloud_vod: "+
					"{endpoint: %q, project_id: %s, access_key: AKTEST, secret_key: %s}\n", c.limit, server.URL, testProject, r.secret)
				if list.Len() > 0 {
					config += "    tasks:\n" + list.String()
				}
				before := vendor.Stats().Calls
				stdout, stderr, err := command(t, "--once", "--config.file="+writeFile(t, "config.yml", config), "--storage.path="+data)
				if n := vendor.Stats().Calls - before; n != r.calls && (r.calls != some || n == 0 || n == len(c.tasks)) {
					t.Errorf("run %d: %d calls, want %d\n%s", i, n, r.calls, stderr)
				}
				if errors.Is(err, exporter.ErrCallFailed) != r.fails || err != nil && !r.fails {
					t.Errorf("run %d: error %v", i, err)
				}
				if got := metric(stdout, up); got != r.up {
					t.Errorf("run %d: %s is %q, want %s", i, up, got, r.up)
				}
				if !regexp.MustCompile(r.says).MatchString(stderr) {
					t.Errorf("run %d does not say %s:\n%s", i, r.says, stderr)
				}
			}
		})
	}
}

// TestOnceAsksForWindowsNow is the same where one question tells of several tasks,
// and of what nobody configured.
func TestOnceAsksForWindowsNow(t *testing.T) {
	t.Parallel()
	vendor := simcdnetworks.New(simcdnetworks.Options{APIKeys: map[string]string{"ops": testSecret}})
	server := httptest.NewServer(vendor)
	t.Cleanup(server.Close)
	created := time.Now().Add(-time.Hour).UTC().Truncate(time.Second)
	var tasks strings.Builder
	for i := range 3 {
		id, url := fmt.Sprint("item-", i), fmt.Sprintf("https://example.com/%d", i)
		vendor.Submit(simulator.Task{ID: id, Owner: "ops", Created: created, URLs: []simulator.URLPlan{{URL: url, Stuck: true}}})
		fmt.Fprintf(&tasks, "      - {id: %s, created: %s, urls: [%q]}\n", id, created.Format(time.RFC3339), url)
	}
	file := writeFile(t, "config.yml", fmt.Sprintf(`
global: {poll_interval: 1h, max_staleness: 2h}
accounts:
  - name: edge
    rate_limit: {calls: 50, per: 1h}
    cdnetworks: {endpoint: %q, username: ops, api_key: %s, watch_window: true}
    tasks:
%s`, server.URL, testSecret, &tasks))
	data := t.TempDir()
	for i := range 3 {
		before := vendor.Stats().Calls
		_, stderr, err := command(t, "--once", "--config.file="+file, "--storage.path="+data)
		if err != nil || !strings.Contains(stderr, "tasks_answered=3") {
			t.Fatalf("run %d: %v\n%s", i, err, stderr)
		}
		// All three in one window, and the part of the look-back that changes still.
		want := 2
		if part := 12 * time.Hour; !time.Now().Add(-time.Minute).Truncate(part).Equal(created.Truncate(part)) {
			want = 3 // the part of the tasks, and the one that began since
		}
		if n := vendor.Stats().Calls - before; i > 0 && n != want {
			t.Errorf("run %d made %d calls, want %d\n%s", i, n, want, stderr)
		}
	}
}
