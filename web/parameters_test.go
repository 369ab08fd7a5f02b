package web_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"prefetch_exporter/prefetch"
)

// labelled is a site with tasks in every phase.
func labelled() *exporter {
	e := newExporter()
	for _, task := range []struct {
		account int
		id      string
		phase   prefetch.Phase
		labels  map[string]string
	}{
		{0, "a", prefetch.Active, map[string]string{"title": "launch", "team": "video"}},
		{0, "b", prefetch.Settled, map[string]string{"title": "launch"}},
		{0, "c", prefetch.Lost, map[string]string{"title": "launch = a/b"}},
		{1, "d", prefetch.Pending, map[string]string{"title": "launch", "team": ""}},
		{1, "e", prefetch.Active, nil},
	} {
		a := &e.accounts[task.account]
		a.Tasks = append(a.Tasks, &prefetch.TaskState{Account: a.Account, ID: task.id, Phase: task.phase, Labels: task.labels, Created: fixed})
	}
	return e
}

func TestListOfTasksIsFiltered(t *testing.T) {
	t.Parallel()
	h := handler(t, labelled().options())
	for _, test := range []struct {
		query, want string
		warnings    []string
	}{
		{"", "a b c d e", nil},
		{"account=edge", "a b c", nil},
		{"account=edge&account=vod", "a b c d e", nil},
		{"account=nobody", "", []string{`there is no account "nobody"`}},
		{"account=nobody&account=vod", "d e", []string{`there is no account "nobody"`}},
		{"account=Edge", "", []string{`there is no account "Edge"`}},
		{"phase=lost", "c", nil},
		{"phase=lost&phase=pending", "c d", nil},
		{"account=edge&phase=pending", "", nil},
		{"label=title=launch", "a b d", nil},
		{"label=title%3Dlaunch", "a b d", nil},
		{"label=title=launch+%3D+a/b", "c", nil},
		{"label=title=launch&label=team=video", "a", nil},
		{"label=title=launch&label=title=other", "", nil},
		{"label=team=", "b c d e", nil},
		{"label=title=laun", "", nil},
		{"account=vod&phase=active&phase=pending&label=title=launch", "d", nil},
	} {
		w := ask(t, h, "GET /api/v1/tasks?"+test.query, "")
		answer := open(t, w)
		var tasks []taskForm
		if err := json.Unmarshal(answer.Data, &tasks); err != nil {
			t.Fatalf("%s: %v", test.query, err)
		}
		var ids []string
		for _, task := range tasks {
			ids = append(ids, task.ID)
		}
		if got := strings.Join(ids, " "); w.Code != http.StatusOK || got != test.want || !slices.Equal(answer.Warnings, test.warnings) {
			t.Errorf("%s: %d, %s, warnings %q; want %s, %q", test.query, w.Code, got, answer.Warnings, test.want, test.warnings)
		}
	}
}

// A query that is not understood is an error on every endpoint, and nothing is
// done: a script that asks for lost tasks must not be shown all, or none.
func TestUnknownParameters(t *testing.T) {
	t.Parallel()
	const none = "; there are none here"
	e := labelled()
	e.configure()
	h := handler(t, e.options())
	for request, want := range map[string]string{
		"GET /api/v1/tasks?acount=edge":             `unknown parameter "acount"; these are known here: account, label, phase`,
		"GET /api/v1/tasks?limit=1&phase=lost&b":    `unknown parameter "b", "limit"; these are known here: account, label, phase`,
		"HEAD /api/v1/tasks?Phase=lost":             "",
		"GET /api/v1/tasks?phase=done":              `phase: unknown phase "done"; a phase is one of pending, active, settled, lost`,
		"GET /api/v1/tasks?phase=Lost":              `phase: unknown phase "Lost"`,
		"GET /api/v1/tasks?phase=lost&phase=":       `phase: unknown phase ""`,
		"GET /api/v1/tasks?phase=lost,active":       `phase: unknown phase "lost,active"`,
		"GET /api/v1/tasks?account=":                "account: is empty",
		"GET /api/v1/tasks?label=launch":            `label: "launch" is not name=value`,
		"GET /api/v1/tasks?label==launch":           `label: "=launch" is not name=value`,
		"GET /api/v1/tasks?label":                   `label: "" is not name=value`,
		"GET /api/v1/tasks?title=launch":            `unknown parameter "title"`,
		"GET /api/v1/tasks?account=edge;phase=lost": "the query of the address cannot be read: ",
		"GET /api/v1/tasks?phase=%zz":               "the query of the address cannot be read: ",
		"GET /api/v1/accounts?account=edge":         `unknown parameter "account"` + none,
		"GET /api/v1/tasks/edge/x?urls=1":           `unknown parameter "urls"; these are known here: limit, offset`,
		"GET /api/v1/tasks/edge/x?limit=0":          `limit: "0" is not one whole number from 1 to 10000`,
		"GET /api/v1/tasks/edge/x?limit=10001":      `limit: "10001" is not one whole number from 1 to 10000`,
		"GET /api/v1/tasks/edge/x?limit=":           `limit: "" is not one whole number`,
		"GET /api/v1/tasks/edge/x?limit=1&limit=2":  `limit: "1, 2" is not one whole number`,
		"GET /api/v1/tasks/edge/x?offset=-1":        `offset: "-1" is not one whole number from 0 to 1000000`,
		"GET /api/v1/tasks/edge/x?offset=1e3":       `offset: "1e3" is not one whole number`,
		"GET /api/v1/sd/urls?phase=settled":         `unknown parameter "phase"; these are known here: account, per_task, status`,
		"GET /api/v1/sd/urls?account=":              "account: is empty",
		"GET /api/v1/sd/urls?status=done":           `status: unknown status "done"; a status is one of waiting, running, succeeded, failed, unknown`,
		"GET /api/v1/sd/urls?status=":               `status: unknown status ""`,
		"GET /api/v1/sd/urls?per_task=0":            `per_task: "0" is not one whole number from 1 to 10`,
		"GET /api/v1/sd/urls?per_task=11":           `per_task: "11" is not one whole number from 1 to 10`,
		"GET /api/v1/sd/urls?per_task=3&per_task=":  `per_task: "3, " is not one whole number from 1 to 10`,
		"PUT /api/v1/tasks/edge/y?limit=1":          `unknown parameter "limit"` + none,
		"PUT /api/v1/tasks/edge/y?dry_run=1":        `unknown parameter "dry_run"` + none,
		"DELETE /api/v1/tasks/edge/y?force=1":       `unknown parameter "force"` + none,
	} {
		w := ask(t, h, request, "")
		if got := open(t, w); w.Code != http.StatusBadRequest || got.ErrorType != "bad_data" || !strings.Contains(got.Error, want) {
			t.Errorf("%s: %d %s, want %q", request, w.Code, w.Body, want)
		}
	}
	if len(e.registered) > 0 {
		t.Errorf("these were put all the same: %v", e.registered)
	}
	// The body of a PUT is its own; what is known stays known.
	if w := ask(t, h, "GET /api/v1/tasks?", ""); w.Code != http.StatusOK {
		t.Errorf("an empty query: %d %s", w.Code, w.Body)
	}
}

// curl's -f alone throws away the text that says what is wrong, and -s alone
// takes an error for success; jq alone makes null of it.
func TestManualShowsErrors(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("../docs/*.md")
	if err != nil {
		t.Fatal(err)
	}
	lines := 0
	for _, file := range append(files, "../README.md", "../alerts/runbooks.md") {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(text)) {
			if !strings.Contains(line, "curl -") || !regexp.MustCompile(`\$EXPORTER|\$PROMETHEUS|localhost:`).MatchString(line) {
				continue // of a CDN's edge or a vendor, of which any answer tells
			}
			lines++
			if !strings.Contains(line, "curl -sS --fail-with-body ") ||
				strings.Contains(line, "| jq ") && !strings.Contains(line, ".data // error(.error)") {
				t.Errorf("%s hides the error of: %s", file, line)
			}
		}
	}
	if lines < 15 {
		t.Errorf("only %d lines were found", lines)
	}
}

// The URLs of a large task come in parts, of which each says how many there are.
func TestPartsOfALargeTask(t *testing.T) {
	t.Parallel()
	e := newExporter()
	const total = 12_345
	large := &prefetch.TaskState{
		Account: e.accounts[0].Account, ID: "large", Phase: prefetch.Active, Answered: true, Created: fixed,
		URLs: make([]prefetch.URL, total), Counts: prefetch.Counts{total},
	}
	for i := range large.URLs {
		large.URLs[i].URL = fmt.Sprint(i)
	}
	e.accounts[0].Tasks = []*prefetch.TaskState{large}
	h := handler(t, e.options())
	for query, want := range map[string]struct{ first, length int }{
		"":                         {0, 1000},
		"?limit=1":                 {0, 1},
		"?offset=1000":             {1000, 1000},
		"?limit=10000":             {0, 10_000},
		"?limit=10000&offset=5000": {5000, total - 5000},
		"?offset=12345":            {0, 0},
		"?offset=1000000":          {0, 0},
	} {
		answer := open(t, ask(t, h, "GET /api/v1/tasks/edge/large"+query, ""))
		var got struct {
			URLs []struct {
				URL string `json:"url"`
			} `json:"url_list"`
			Total int `json:"url_list_total"`
		}
		if err := json.Unmarshal(answer.Data, &got); err != nil {
			t.Fatal(err)
		}
		if len(got.URLs) != want.length || got.Total != total || len(got.URLs) > 0 && got.URLs[0].URL != fmt.Sprint(want.first) {
			t.Errorf("%s: %d URLs of %d, want %d from %d on", query, len(got.URLs), got.Total, want.length, want.first)
		}
		if warned := len(answer.Warnings) == 1 && strings.Contains(answer.Warnings[0], "the first 1000 URLs of 12345"); warned != (query == "") {
			t.Errorf("%s: warnings %q", query, answer.Warnings)
		}
	}
}
