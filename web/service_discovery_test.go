package web_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"prefetch_exporter/prefetch"
)

// groupForm is a target group as Prometheus reads it.
type groupForm struct {
	Targets []string          `json:"targets"`
	Labels  map[string]string `json:"labels"`
}

// sampled asks for a sample of URLs and returns it as "task/status url url".
func sampled(t *testing.T, h http.Handler, query string) []string {
	t.Helper()
	w := ask(t, h, "GET /api/v1/sd/urls"+query, "")
	if got := w.Header().Get("Content-Type"); got != "application/json" || w.Code != http.StatusOK {
		t.Fatalf("%q: %d, %s: %s", query, w.Code, got, w.Body)
	}
	var groups []groupForm
	if err := json.Unmarshal(w.Body.Bytes(), &groups); err != nil || groups == nil {
		t.Fatalf("%q: %v: %s", query, err, w.Body)
	}
	var found []string
	for _, g := range groups {
		found = append(found, g.Labels["__meta_prefetch_task"]+"/"+g.Labels["__meta_prefetch_status"]+" "+strings.Join(g.Targets, " "))
	}
	return found
}

// sampledSite is a site with a task that runs, one that settled, and one of which nothing
// is known.
func sampledSite() *exporter {
	e := newExporter()
	edge, vod := &e.accounts[0], &e.accounts[1]
	running := &prefetch.TaskState{Account: edge.Account, ID: "running", Phase: prefetch.Active}
	for i := range 40 {
		running.URLs = append(running.URLs, prefetch.URL{URL: fmt.Sprint("https://example.com/", i), Status: prefetch.Statuses()[i%prefetch.NumStatuses]})
	}
	settled := &prefetch.TaskState{
		Account: vod.Account, ID: "settled", Phase: prefetch.Settled, URLs: []prefetch.URL{{URL: "https://example.com/broken", Status: prefetch.Failed}},
	}
	for i := range prefetch.MostSampled {
		settled.Sample = append(settled.Sample, fmt.Sprint("https://example.com/warm/", i))
	}
	edge.Tasks = []*prefetch.TaskState{{Account: edge.Account, ID: "pending"}, running}
	vod.Tasks = []*prefetch.TaskState{settled}
	return e
}

func TestSampleOfURLs(t *testing.T) {
	t.Parallel()
	w := ask(t, handler(t, rich().options()), "GET /api/v1/sd/urls?status=succeeded&status=failed", "")
	golden(t, "sd_urls.json", w.Body.Bytes())

	h := handler(t, sampledSite().options())
	count := func(found []string) map[string]int {
		n := map[string]int{}
		for _, line := range found {
			words := strings.Fields(line)
			n[words[0]] = len(words) - 1
		}
		return n
	}
	for query, want := range map[string]map[string]int{
		"":                                {"running/succeeded": 3, "settled/succeeded": 3},
		"?status=succeeded&per_task=3":    {"running/succeeded": 3, "settled/succeeded": 3},
		"?per_task=10":                    {"running/succeeded": 8, "settled/succeeded": 10},
		"?per_task=1&account=vod":         {"settled/succeeded": 1},
		"?account=edge&account=vod":       {"running/succeeded": 3, "settled/succeeded": 3},
		"?status=failed":                  {"running/failed": 3, "settled/failed": 1},
		"?status=waiting&status=waiting":  {"running/waiting": 3},
		"?status=unknown&account=vod":     {},
		"?status=failed&status=SUCCEEDED": {"running/failed": 3, "running/succeeded": 3, "settled/failed": 1, "settled/succeeded": 3},
		"?status=running&per_task=1":      {"running/running": 1},
		"?status=running&account=edge&":   {"running/running": 3},
	} {
		found := sampled(t, h, query)
		if got := count(found); fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("%q: %v, want %v", query, got, want)
		}
		if again := sampled(t, h, query); !slices.Equal(again, found) {
			t.Errorf("%q: %q, and then %q", query, found, again)
		}
	}
}

// A URL that succeeds late takes the place of at most one that was probed, and
// nothing changes when the task settles.
func TestSampleDoesNotChurn(t *testing.T) {
	t.Parallel()
	e := sampledSite()
	h := handler(t, e.options())
	task := e.accounts[0].Tasks[1]
	for i := range task.URLs {
		before := sampled(t, h, "?account=edge")
		task.URLs[i].Status = prefetch.Succeeded
		after := sampled(t, h, "?account=edge")
		var gone []string
		for u := range strings.FieldsSeq(before[0]) {
			if !strings.Contains(after[0]+" ", u+" ") {
				gone = append(gone, u)
			}
		}
		if len(gone) > 1 {
			t.Fatalf("with %s, %q are gone", task.URLs[i].URL, gone)
		}
	}
	running := sampled(t, h, "?account=edge")
	var all []string
	for i := range task.URLs {
		all = append(all, task.URLs[i].URL)
	}
	task.Phase, task.URLs, task.Sample = prefetch.Settled, nil, prefetch.Sample(slices.Values(all), prefetch.MostSampled)
	if settled := sampled(t, h, "?account=edge"); !slices.Equal(settled, running) {
		t.Errorf("settled: %q, before: %q", settled, running)
	}
}

// An error keeps Prometheus' targets as they are; an empty list takes them away.
func TestSampleOfURLsFails(t *testing.T) {
	t.Parallel()
	e := newExporter()
	if got := sampled(t, handler(t, e.options()), ""); got != nil {
		t.Errorf("without tasks: %q", got)
	}
	for request, want := range map[string]string{
		"GET /api/v1/sd/urls?account=edgee&account=edge": `404 not_found there is no account "edgee"`,
		"POST /api/v1/sd/urls":                           "405 bad_data the method is not allowed here",
		"GET /api/v1/sd/urls/":                           "404 not_found there is no such endpoint",
		"GET /api/v1/sd":                                 "404 not_found there is no such endpoint",
	} {
		w := ask(t, handler(t, e.options()), request, "")
		if got := open(t, w); !strings.HasPrefix(fmt.Sprint(w.Code, " ", got.ErrorType, " ", got.Error), want) {
			t.Errorf("%s: %d %s, want %s", request, w.Code, w.Body, want)
		}
	}
	e.ready = false
	w := ask(t, handler(t, e.options()), "GET /api/v1/sd/urls", "")
	if got := open(t, w); w.Code != http.StatusServiceUnavailable || got.ErrorType != "unavailable" {
		t.Errorf("while it starts: %d %s", w.Code, w.Body)
	}
}
