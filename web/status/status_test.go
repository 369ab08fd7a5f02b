package status_test

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"html"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"pgregory.net/rapid"

	"prefetch_exporter/alerts"
	"prefetch_exporter/prefetch"
	"prefetch_exporter/web/status"
)

// Every page may load nothing, and has the style that may be applied and the
// script that may run, and no other.
func TestPolicy(t *testing.T) {
	t.Parallel()
	h := pages(t, site())
	hash := func(text string) string {
		sum := sha256.Sum256([]byte(text))
		return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
	}
	for _, target := range []string{"/tasks", "/tasks/edge/active", "/tasks/edge/nothing", "/runbooks/", "/config"} {
		w := ask(t, h, target)
		page := w.Body.String()
		style := strings.TrimSuffix(strings.TrimPrefix(styles.FindString(page), "<style>"), "</style>")
		script := strings.TrimSuffix(strings.TrimPrefix(scripts.FindString(page), "<script>"), "</script>")
		want := "default-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; style-src " + hash(style) +
			"; script-src " + hash(script)
		if got := w.Header().Get("Content-Security-Policy"); got != want {
			t.Errorf("%s: policy %s\nwant %s", target, got, want)
		}
		if got := w.Header().Get("Content-Type"); got != "text/html; charset=utf-8" {
			t.Errorf("%s: Content-Type %s", target, got)
		}
		page = scripts.ReplaceAllString(page, "")
		for _, forbidden := range []string{"<script", "style=", "onclick", "src=", "http-equiv=\"refresh\"", "ZgotmplZ"} {
			if strings.Contains(page, forbidden) {
				t.Errorf("%s has %s", target, forbidden)
			}
		}
	}
}

func TestRefresh(t *testing.T) {
	t.Parallel()
	h := pages(t, site())
	for _, target := range []string{"/tasks?refresh=30", "/tasks/edge/active?refresh=30"} {
		page := body(t, h, target)
		if !strings.Contains(page, `<meta http-equiv="refresh" content="30">`) {
			t.Errorf("%s does not load itself again", target)
		}
		if !strings.Contains(page, `<option value="30" selected>every 30s</option>`) {
			t.Errorf("%s does not show how often", target)
		}
	}
}

var hrefs = regexp.MustCompile(`href="([^"]*)"`)

// Every link is relative and leads to a page, or to what the exporter serves
// elsewhere; a fragment is an anchor of its page.
func TestLinks(t *testing.T) {
	t.Parallel()
	h := pages(t, site())
	elsewhere := regexp.MustCompile(`^/(api/v1/.*)?$`)
	for _, target := range []string{
		"/tasks", "/tasks?account=edge&phase=active", "/tasks/edge/active", "/tasks/edge/late", "/tasks/edge/pending",
		"/tasks/vod/lost", "/tasks/vod/broken", "/runbooks/", "/config",
	} {
		base, err := url.Parse("http://localhost" + target)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range hrefs.FindAllStringSubmatch(body(t, h, target), -1) {
			address := html.UnescapeString(m[1])
			link, err := base.Parse(address)
			if err != nil {
				t.Fatal(err)
			}
			if strings.HasPrefix(address, "/") || link.Host != base.Host {
				t.Errorf("%s: %s is not relative", target, address)
			}
			if elsewhere.MatchString(link.Path) {
				continue
			}
			page := body(t, h, link.RequestURI())
			if link.Fragment != "" && !strings.Contains(page, `id="`+link.Fragment+`"`) {
				t.Errorf("%s: no anchor %s in %s", target, link.Fragment, link.Path)
			}
		}
	}
}

// A task is told what to do of each of its problems, the causes first, at its own
// vendor where the runbooks have something on it.
func TestAdvice(t *testing.T) {
	t.Parallel()
	h := pages(t, site())
	for target, want := range map[string][]string{
		"/tasks/edge/active": {
			"prefetchfailedurls-cdnetworks", "prefetchthrottled-cdnetworks", "prefetchtaskstuck-cdnetworks", "prefetchdeadlineatrisk",
		},
		"/tasks/edge/late":    {"prefetchthrottled-cdnetworks", "prefetchdatastale", "prefetchdeadlinemissed", "prefetchtaskstuck-cdnetworks"},
		"/tasks/edge/pending": {"prefetchthrottled-cdnetworks"},
		"/tasks/vod/broken":   {"prefetchfailedurls-huaweicloudvod"},
		"/tasks/vod/lost":     {"prefetchtaskslost"},
		"/tasks/vod/warm":     nil,
	} {
		var got []string
		for _, m := range regexp.MustCompile(`runbooks/#([^"]*)"`).FindAllStringSubmatch(body(t, h, target), -1) {
			got = append(got, m[1])
		}
		if strings.Join(got, " ") != strings.Join(want, " ") {
			t.Errorf("%s: %q, want %q", target, got, want)
		}
	}
	for reason, want := range map[prefetch.Reason]string{
		prefetch.ReasonAuth: "prefetchcredentialsrefused", prefetch.ReasonTimeout: "prefetchaccountdown", prefetch.ReasonUnavailable: "prefetchaccountdown",
	} {
		s := site()
		s.Accounts[0].Failing = reason
		if page := body(t, pages(t, s), "/tasks/edge/pending"); !strings.Contains(page, "runbooks/#"+want) {
			t.Errorf("%s: no link to %s", reason, want)
		}
	}
}

// Runbooks that lack a section are not linked to, and bring no markup of theirs.
func TestOtherRunbooks(t *testing.T) {
	t.Parallel()
	p, err := status.New(status.Options{
		Snapshot: site,
		Runbooks: "# Ours\n\n- Early: no section\n\n## PrefetchTasksLost\n\n- Huawei Cloud: *ask*\n- Huawei Cloud: twice\n- `code`: x\n\n" +
			"<script>alert(1)</script>\n\n[x](javascript:alert(1)) ![i](https://elsewhere.example/i.png)\n\n| a | b |\n|---|---|\n| 1 | 2 |\n",
	})
	if err != nil {
		t.Fatal(err)
	}
	h := routes(p)
	if page := body(t, h, "/tasks/vod/lost"); !strings.Contains(page, "runbooks/#prefetchtaskslost-huaweicloud\"") {
		t.Error("no link to the vendor's section")
	}
	if page := body(t, h, "/tasks/vod/broken"); strings.Contains(page, "runbooks/#") {
		t.Error("a link to a section that is not there")
	}
	page := scripts.ReplaceAllString(body(t, h, "/runbooks/"), "")
	for _, forbidden := range []string{"<script", "javascript:"} {
		if strings.Contains(page, forbidden) {
			t.Errorf("the page has %s", forbidden)
		}
	}
	for _, want := range []string{`<th scope="col">a</th>`, `id="prefetchtaskslost"`} {
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %s", want)
		}
	}
	if n := strings.Count(page, `id="prefetchtaskslost-huaweicloud"`); n != 1 {
		t.Errorf("the vendor's anchor is there %d times", n)
	}
}

// Each alert's runbook_url leads to an anchor.
func TestRunbooksHaveTheAlertsAnchors(t *testing.T) {
	t.Parallel()
	page := body(t, pages(t, site()), "/runbooks/")
	sections := regexp.MustCompile(`(?m)^## (\w+)$`).FindAllStringSubmatch(alerts.Runbooks(), -1)
	if len(sections) == 0 {
		t.Fatal("no sections")
	}
	for _, m := range sections {
		if !strings.Contains(page, `<h2 id="`+strings.ToLower(m[1])+`">`+m[1]+"</h2>") {
			t.Errorf("no anchor of %s", m[1])
		}
	}
}

func TestMissing(t *testing.T) {
	t.Parallel()
	h := pages(t, site())
	for target, want := range map[string]string{
		"/tasks/edge/nothing":               "is configured, but task",
		"/tasks/nobody/active":              "There is no account",
		"/tasks/nobody/%3Cscript%3E":        "&lt;script&gt;",
		"/tasks/edge":                       "tasks/{account}/{id}",
		"/tasks/edge/":                      "There is no account",
		"/tasks/edge/a/b":                   "a slash as %2F",
		"/tasks/edge/active%00":             `active\u0000`,
		"/tasks/edge/" + "%E2%80%AEevitca":  `\u202eevitca`,
		"/tasks/edge/" + "%FF":              `\xff`,
		"/tasks/edge/active?page=1&status=": "",
	} {
		w := ask(t, h, target)
		if want == "" {
			if w.Code != http.StatusOK {
				t.Errorf("%s: %d", target, w.Code)
			}
			continue
		}
		if target == "/tasks/edge/" {
			want = "is configured"
		}
		if w.Code != http.StatusNotFound || !strings.Contains(w.Body.String(), want) {
			t.Errorf("%s: %d, want %q in\n%s", target, w.Code, want, styles.ReplaceAllString(w.Body.String(), ""))
		}
	}
}

// URLs are listed with what needs a person first, by pages.
func TestURLs(t *testing.T) {
	t.Parallel()
	task := prefetch.TaskState{Account: edge, ID: "a/b ?", Phase: prefetch.Active, Answered: true, LastRefresh: fixed, Created: fixed}
	for i := range 250 {
		s := prefetch.Succeeded
		if i >= 240 {
			s = prefetch.Failed
		}
		task.URLs = append(task.URLs, prefetch.URL{URL: "https://example.com/" + string(rune('A'+i%26)), Status: s})
	}
	task.Counts = prefetch.CountURLs(task.URLs)
	h := pages(t, prefetch.Snapshot{Accounts: []prefetch.AccountState{{Account: edge, Tasks: []*prefetch.TaskState{&task}}}})
	const address = "/tasks/edge/a%2Fb%20%3F"
	for query, want := range map[string]struct{ failed, succeeded int }{
		"":                         {10, 90},
		"?page=2":                  {0, 100},
		"?page=3":                  {0, 50},
		"?page=4":                  {0, 50},
		"?status=failed":           {10, 0},
		"?status=succeeded&page=3": {0, 40},
		"?status=waiting":          {0, 0},
		"?status=nonsense":         {10, 90},
	} {
		page := body(t, h, address+query)
		for s, n := range map[string]int{"failed": want.failed, "succeeded": want.succeeded} {
			if got := strings.Count(page, `</span>`+s+`</span></div></td>`); got != n {
				t.Errorf("%s: %d URLs %s, want %d", query, got, s, n)
			}
		}
		if first := strings.Index(page, "</span>failed</span></div>"); first > 0 && strings.Index(page, "</span>succeeded</span></div>") < first && want.succeeded > 0 {
			t.Errorf("%s: what failed is not first", query)
		}
	}
	if page := body(t, h, address+"?status=succeeded&page=2"); !strings.Contains(page, `href="../../tasks/edge/a%2Fb%20%3F?page=3&amp;status=succeeded#urls" rel="next"`) {
		t.Error("no link to the next page")
	}
}

// Whatever a vendor or a user calls things, it is text on the page, and the page
// has the same elements as with harmless names.
func TestHostileNames(t *testing.T) {
	t.Parallel()
	n := newNamedSite(t)
	for _, name := range []string{
		`<script>alert(1)</script>`, `"><img src=x onerror=alert(1)>`, `' onmouseover='alert(1)`, "</style><script>", "{{.}}", "javascript:alert(1)",
		"مرحبا\u202eevil\u2066", "a\x00b\r\nc", "\r", "\xff\xfe", strings.Repeat("W", 10_000), strings.Repeat("<b>", 200), "..", "a//b/../c", "%2F%00", "预热任务 🚀",
	} {
		n.checkEscaped(t, name)
	}
}

var tags, attributes = regexp.MustCompile(`<[^>]*>`), regexp.MustCompile(`="[^"]*"`)

// elements are the tags of a page without the values of their attributes.
func elements(page string) string {
	_, content, _ := strings.Cut(page, "</style>")
	return attributes.ReplaceAllString(strings.Join(tags.FindAllString(content, -1), ""), "")
}

// failing is what a test or a property of one can do.
type failing interface {
	tester
	Fatalf(format string, args ...any)
}

func (n *namedSite) checkEscaped(t failing, name string) {
	t.Helper()
	for target, other := range map[string]string{
		"/tasks": "/tasks",
		"/tasks/" + url.PathEscape(name) + "/" + url.PathEscape(name): "/tasks/x/x",
	} {
		n.name = name
		w := ask(t, n, target)
		n.name = "x"
		want := ask(t, n, other)
		if w.Code != http.StatusOK || want.Code != http.StatusOK {
			t.Fatalf("%q: %s: %d, %d", name, target, w.Code, want.Code)
		}
		page := w.Body.String()
		if elements(page) != elements(want.Body.String()) {
			t.Fatalf("%q changes the elements of %s:\n%s", name, target, styles.ReplaceAllString(page, ""))
		}
		shown := values.ReplaceAllString(page, "")
		if strings.ContainsAny(shown, "\x00\r\u202e\u2066") || !utf8.ValidString(shown) {
			t.Fatalf("%q: %s has what no one sees", name, target)
		}
	}
}

// values are the values of choices, which must be exact and which no one sees.
var values = regexp.MustCompile(`<option value="[^"]*"`)

// namedSite has its name wherever a vendor or a user can give one.
type namedSite struct {
	name  string
	pages *status.Pages
}

func newNamedSite(tb testing.TB) *namedSite {
	tb.Helper()
	n := &namedSite{}
	var err error
	n.pages, err = status.New(status.Options{
		Snapshot: n.snapshot, Runbooks: "## PrefetchFailedURLs\n", Now: func() time.Time { return fixed },
	})
	if err != nil {
		tb.Fatal(err)
	}
	return n
}

func (n *namedSite) snapshot() prefetch.Snapshot {
	account := prefetch.Account{Provider: "cdnetworks", Name: n.name}
	failure := &prefetch.Failure{Reason: prefetch.ReasonDecode, Message: n.name, Time: fixed}
	query := &prefetch.QueryState{Kind: "task", Task: n.name, Why: n.name, Time: fixed, Error: failure}
	task := &prefetch.TaskState{
		Account: account, ID: n.name, Source: prefetch.SourceAPI, Phase: prefetch.Active,
		Labels:  map[string]string{"title": n.name, "other": n.name},
		Created: fixed, FirstSeen: fixed, LastRefresh: fixed, LastError: failure, Answered: true, Counts: counts{failed: 1},
		URLs: []prefetch.URL{{URL: n.name, Status: prefetch.Failed, Words: n.name}},
	}
	return prefetch.Snapshot{Accounts: []prefetch.AccountState{{
		Account: account, Failing: prefetch.ReasonDecode, LastQuery: query, NextQuery: query, Tasks: []*prefetch.TaskState{task},
	}}}
}

// ServeHTTP serves paths that no ServeMux has tidied.
func (n *namedSite) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/tasks" {
		n.pages.ServeTasks(w, r)
		return
	}
	r.SetPathValue("account", n.name)
	r.SetPathValue("id", n.name)
	n.pages.ServeTask(w, r)
}

func TestAnyName(t *testing.T) {
	t.Parallel()
	n := newNamedSite(t)
	rapid.Check(t, func(t *rapid.T) {
		n.checkEscaped(t, rapid.StringN(1, 50, -1).Draw(t, "name"))
	})
}

// Words, seen through the age of a task and the share of its URLs.
func TestWords(t *testing.T) {
	t.Parallel()
	for age, want := range map[time.Duration]string{
		-time.Hour: "0s", 0: "0s", 59 * time.Second: "59s", time.Minute: "1m", 61 * time.Second: "1m 1s", time.Hour: "1h",
		90 * time.Minute: "1h 30m", 24 * time.Hour: "1d", 49*time.Hour + 59*time.Minute: "2d 1h", 1000 * 24 * time.Hour: "1000d",
	} {
		task := prefetch.TaskState{Account: edge, ID: "x", Created: fixed.Add(-age)}
		s := prefetch.Snapshot{Accounts: []prefetch.AccountState{{Account: edge, Tasks: []*prefetch.TaskState{&task}}}}
		if page := body(t, pages(t, s), "/tasks"); !strings.Contains(page, " UTC\">"+want+"</time>") {
			t.Errorf("age %v is not %q", age, want)
		}
	}
	for want, c := range map[string]counts{
		"100 %": {succeeded: 5}, "0 %": {failed: 5}, "50 %": {succeeded: 1, running: 1}, "99.9 %": {succeeded: 99_999, failed: 1},
		"&lt; 0.1 %": {succeeded: 1, failed: 99_999}, "57 %": {succeeded: 57, running: 43}, "33.3 %": {succeeded: 1, running: 2},
	} {
		task := prefetch.TaskState{Account: edge, ID: "x", Phase: prefetch.Active, Answered: true, Counts: c, LastRefresh: fixed}
		s := prefetch.Snapshot{Accounts: []prefetch.AccountState{{Account: edge, Tasks: []*prefetch.TaskState{&task}}}}
		if page := body(t, pages(t, s), "/tasks"); !strings.Contains(page, ">"+want+"</span>") {
			t.Errorf("%v is not %q", c, want)
		}
	}
}

// However many and long the URLs of a task are, its page stays one that a phone
// can show.
func TestPageOfALargeTask(t *testing.T) {
	t.Parallel()
	s := many(1)
	large := s.Accounts[0].Tasks[0]
	large.URLs = make([]prefetch.URL, 20_000)
	for i := range large.URLs {
		large.URLs[i].URL = strings.Repeat("<", 8<<10)
	}
	page := body(t, pages(t, s), "/tasks/vod/"+large.ID)
	if n := strings.Count(page, `scope="row"><code>`); n != 100 || len(page) > 1<<20 || !strings.Contains(page, strings.Repeat("&lt;", 2000)+"…<") {
		t.Errorf("%d URLs on a page of %d bytes", n, len(page))
	}
}

// Of many URLs without a row the first are named.
func TestURLsWithoutARow(t *testing.T) {
	t.Parallel()
	s := site()
	active := *s.Accounts[0].Tasks[0]
	if active.ID != "active" {
		t.Fatalf("the task is %s", active.ID)
	}
	for i := range 250 {
		active.NoRow = append(active.NoRow, fmt.Sprintf("https://example.com/without/%d", i))
	}
	s.Accounts[0].Tasks[0] = &active
	page := body(t, pages(t, s), "/tasks/edge/active")
	if n := strings.Count(page, "https://example.com/without/"); n != 99 {
		t.Errorf("%d URLs are named, want 99 besides the one that was there", n)
	}
	if !strings.Contains(page, "251 URLs were submitted that the vendor showed no row for, which count as waiting. The first 100 are:") {
		t.Error("it is not told how many there are")
	}
}

// told is an account whose vendor tells which tasks there are, and why URLs failed.
func told() prefetch.Snapshot {
	return prefetch.Snapshot{Accounts: []prefetch.AccountState{{
		Account: vod, Up: true, MaxStaleness: time.Hour,
		LastQuery: &prefetch.QueryState{Kind: "list", Why: "one answer tells of 40 tasks", Time: fixed.Add(-time.Minute)},
		Tasks: []*prefetch.TaskState{{
			Account: vod, ID: "6241", Source: prefetch.SourceVendor, Phase: prefetch.Active, Up: true,
			FirstSeen: fixed.Add(-time.Hour), Created: fixed.Add(-time.Hour), LastRefresh: fixed.Add(-time.Minute), Answered: true,
			Counts: counts{running: 1, failed: 4}, Causes: prefetch.Causes{prefetch.CauseOrigin: 2, prefetch.CauseVendor: 1, prefetch.CauseUnknown: 1}, HasCauses: true,
			Progress: 0.46, HasProgress: true,
			URLs: []prefetch.URL{
				{URL: "https://example.com/1.mp4", Status: prefetch.Failed, Cause: prefetch.CauseOrigin, Words: "<b>404</b> & \u202e" + strings.Repeat("x", 1000)},
				{URL: "https://example.com/2.mp4", Status: prefetch.Failed, Cause: prefetch.CauseVendor, Words: "\xff"},
				{URL: "https://example.com/3.mp4", Status: prefetch.Failed},
				{URL: "https://example.com/4.mp4", Status: prefetch.Failed, Cause: prefetch.CauseOrigin, Recovered: true},
				{URL: "https://example.com/5.mp4", Status: prefetch.Running},
			},
		}},
	}}}
}

// Why URLs failed is told in the exporter's words and in the vendor's own, which are
// bounded, and text whatever they are.
func TestCauses(t *testing.T) {
	t.Parallel()
	h := pages(t, told())
	golden(t, "task_causes.html", body(t, h, "/tasks/vod/6241"))
	golden(t, "tasks_causes.html", body(t, h, "/tasks"))

	silent := told()
	task := silent.Accounts[0].Tasks[0]
	task.HasCauses, task.URLs = false, []prefetch.URL{{URL: "https://example.com/1.mp4", Status: prefetch.Failed}}
	for _, target := range []string{"/tasks", "/tasks/vod/6241"} {
		if page := body(t, pages(t, silent), target); strings.Contains(page, "at the origin") || strings.Contains(page, "Cause") {
			t.Errorf("%s tells causes that nobody told:\n%s", target, styles.ReplaceAllString(page, ""))
		}
	}
}
