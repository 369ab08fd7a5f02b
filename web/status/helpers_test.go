package status_test

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"prefetch_exporter/alerts"
	"prefetch_exporter/prefetch"
	"prefetch_exporter/web/status"
)

var update = flag.Bool("update", false, "write the golden files anew")

// fixed is the moment of the tests.
var fixed = time.Date(2026, time.November, 21, 9, 30, 0, 0, time.UTC)

var (
	edge = prefetch.Account{Provider: "cdnetworks", Name: "edge"}
	vod  = prefetch.Account{Provider: "huaweicloud_vod", Name: "vod"}
)

// counts are those of waiting, running, succeeded, failed and unknown URLs.
type counts = prefetch.Counts

// site is a snapshot with something of everything that a page can show.
func site() prefetch.Snapshot {
	throttled := &prefetch.Failure{Reason: prefetch.ReasonThrottled, Message: "throttled: HTTP 429: too many <calls> & more", Time: fixed.Add(-time.Minute)}
	edgeTasks := []*prefetch.TaskState{
		{
			Account: edge, ID: "active", Source: prefetch.SourceFile, Phase: prefetch.Active, Up: true,
			Labels:    map[string]string{"title": "Premiere, part 1", "team": "launches"},
			FirstSeen: fixed.Add(-50 * time.Minute), Created: fixed.Add(-time.Hour), Deadline: fixed.Add(time.Hour), LastRefresh: fixed.Add(-90 * time.Second),
			NextLook: fixed.Add(-30 * time.Second), // its quota is spent until later
			Answered: true, Counts: counts{1, 2, 3, 1, 1}, NoRow: []string{"https://example.com/<f>.ts"}, HasEdgeRatio: true, EdgeRatio: 0.9375,
			URLs: []prefetch.URL{
				{URL: "https://example.com/1.mp4", Status: prefetch.Succeeded, Created: fixed.Add(-time.Hour), Started: fixed.Add(-59 * time.Minute), Finished: fixed.Add(-55 * time.Minute), Rate: 0.999, HasRate: true},
				{URL: "https://example.com/2.mp4", Status: prefetch.Waiting, Created: fixed.Add(-time.Hour)},
				{URL: "https://example.com/3.mp4", Status: prefetch.Failed, Rate: 0.4, HasRate: true},
				{URL: "https://example.com/4.mp4", Status: prefetch.Running, Started: fixed.Add(-time.Minute), Finished: fixed.Add(-time.Hour)},
				{URL: "https://example.com/5.mp4", Status: prefetch.Unknown},
			},
		},
		{
			Account: edge, ID: "late", Source: prefetch.SourceConfig, Phase: prefetch.Active, Up: false, LastError: throttled,
			FirstSeen: fixed.Add(-5 * time.Hour), Created: fixed.Add(-5 * time.Hour), Deadline: fixed.Add(-2 * time.Hour), LastRefresh: fixed.Add(-90 * time.Minute), LastUnfinished: fixed.Add(-91 * time.Minute),
			Answered: true, Counts: counts{running: 10},
		},
		{
			Account: edge, ID: "pending", Source: prefetch.SourceAPI, FirstSeen: fixed.Add(-time.Second), Created: fixed.Add(-time.Second),
		},
	}
	vodTasks := []*prefetch.TaskState{
		{
			Account: vod, ID: "broken", Source: prefetch.SourceHTTP, Phase: prefetch.Settled, Up: true,
			FirstSeen: fixed.Add(-26 * time.Hour), Created: fixed.Add(-26 * time.Hour), Finished: fixed.Add(-25 * time.Hour), LastRefresh: fixed.Add(-25 * time.Hour),
			Answered: true, Counts: counts{succeeded: 4999, failed: 1},
			URLs: []prefetch.URL{{URL: "https://example.com/broken.mp4", Status: prefetch.Failed}},
		},
		{Account: vod, ID: "lost", Source: prefetch.SourceConfig, Phase: prefetch.Lost, Created: fixed.Add(-2 * time.Hour)},
		{
			Account: vod, ID: "warm", Source: prefetch.SourceConfig, Phase: prefetch.Settled, Up: true,
			FirstSeen: fixed.Add(-3 * time.Hour), Created: fixed.Add(-3 * time.Hour), Finished: fixed.Add(-170 * time.Minute), Deadline: fixed.Add(-2 * time.Hour), LastRefresh: fixed.Add(-170 * time.Minute),
			Answered: true, Counts: counts{succeeded: 10},
		},
	}
	window := counts{2, 3, 400, 5, 0}
	return prefetch.Snapshot{Accounts: []prefetch.AccountState{
		{
			Account: edge, Failing: prefetch.ReasonThrottled, Limit: prefetch.Limit{Calls: 1, Per: 5 * time.Minute},
			NextCall: fixed.Add(200 * time.Second), MaxStaleness: time.Hour, Phases: [prefetch.NumPhases]int{1, 2, 0, 0}, Dropped: 3, Window: &window,
			LastQuery: &prefetch.QueryState{Kind: "task", Task: "late", Why: "oldest answer", Time: fixed.Add(-time.Minute), Error: throttled},
			NextQuery: &prefetch.QueryState{Kind: "window", Why: "refreshes 3 tasks", Time: fixed.Add(200 * time.Second)},
			Tasks:     edgeTasks,
		},
		{
			Account: vod, Up: true, Limit: prefetch.Limit{Calls: 50, Per: time.Minute}, NextCall: fixed.Add(-time.Minute), MaxStaleness: time.Hour,
			Phases: [prefetch.NumPhases]int{0, 0, 2, 1}, Tasks: vodTasks,
		},
	}}
}

const (
	running   = prefetch.Running
	succeeded = prefetch.Succeeded
	failed    = prefetch.Failed
)

// pages serves a snapshot with the program's own runbooks.
func pages(tb testing.TB, s prefetch.Snapshot) http.Handler {
	tb.Helper()
	p, err := status.New(status.Options{
		Snapshot: func() prefetch.Snapshot { return s }, Runbooks: alerts.Runbooks(), Now: func() time.Time { return fixed },
	})
	if err != nil {
		tb.Fatal(err)
	}
	return routes(p)
}

// routes serves the pages where they belong. A path's names are cut out of it as
// they were sent: a wildcard of a ServeMux cannot match every one.
func routes(p *status.Pages) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /tasks", p.ServeTasks)
	mux.HandleFunc("GET /runbooks/", p.ServeRunbooks)
	mux.HandleFunc("GET /config", func(w http.ResponseWriter, _ *http.Request) { p.ServeConfig(w, []byte("secret_key: <secret>\n")) })
	mux.HandleFunc("GET /tasks/", func(w http.ResponseWriter, r *http.Request) {
		names := strings.Split(r.URL.EscapedPath(), "/")
		if len(names) != 4 {
			p.ServeMissing(w, r)
			return
		}
		for i, key := range []string{"account", "id"} {
			name, err := url.PathUnescape(names[i+2])
			if err != nil {
				p.ServeMissing(w, r)
				return
			}
			r.SetPathValue(key, name)
		}
		p.ServeTask(w, r)
	})
	return mux
}

// tester is a test, or one of a property's.
type tester interface {
	Helper()
	Context() context.Context
}

func ask(tb tester, h http.Handler, target string) *httptest.ResponseRecorder {
	tb.Helper()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequestWithContext(tb.Context(), http.MethodGet, target, nil))
	return w
}

// body asks for a page that must be there.
func body(tb testing.TB, h http.Handler, target string) string {
	tb.Helper()
	w := ask(tb, h, target)
	if w.Code != http.StatusOK {
		tb.Fatalf("GET %s: %d %s", target, w.Code, w.Header().Get("Location"))
	}
	return w.Body.String()
}

var styles, scripts = regexp.MustCompile(`(?s)<style>.*</style>`), regexp.MustCompile(`(?s)<script>.*?</script>`)

// golden compares a page, without its style and script, with a file of testdata.
func golden(t *testing.T, name, page string) {
	t.Helper()
	got := scripts.ReplaceAllString(styles.ReplaceAllString(page, "<style></style>"), "<script></script>")
	file := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(bytes.TrimSpace(want)), strings.TrimSpace(got)); diff != "" {
		t.Errorf("%s (-want +got):\n%s", name, diff)
	}
}

var rows = regexp.MustCompile(`<th role="rowheader" scope="row"><a href="\./tasks/([^"]*)"`)

// listed are the tasks of a page, as account/id, in its order.
func listed(page string) string {
	var names []string
	for _, m := range rows.FindAllStringSubmatch(page, -1) {
		names = append(names, m[1])
	}
	return strings.Join(names, " ")
}

// many is an account with n active tasks.
func many(n int) prefetch.Snapshot {
	a := prefetch.AccountState{Account: vod, Up: true, MaxStaleness: time.Hour}
	for i := range n {
		a.Tasks = append(a.Tasks, &prefetch.TaskState{
			Account: vod, ID: fmt.Sprintf("task-%05d", i), Source: prefetch.SourceFile, Phase: prefetch.Active, Up: true,
			Labels: map[string]string{"title": fmt.Sprintf("Launch %d", i)}, Created: fixed.Add(-time.Hour), FirstSeen: fixed.Add(-time.Hour),
			LastRefresh: fixed.Add(-time.Minute), Answered: true, Counts: counts{i % 3, i % 5, i % 7, i % 11, 0},
		})
	}
	a.Phases[prefetch.Active] = n
	return prefetch.Snapshot{Accounts: []prefetch.AccountState{a}}
}
