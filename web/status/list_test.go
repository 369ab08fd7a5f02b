package status_test

import (
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"prefetch_exporter/prefetch"
)

func TestPagesAreThese(t *testing.T) {
	t.Parallel()
	h := pages(t, site())
	for name, target := range map[string]string{
		"tasks.html":          "/tasks",
		"tasks_filtered.html": "/tasks?account=edge&refresh=30&sort=deadline&text=a",
		"task_active.html":    "/tasks/edge/active",
		"task_late.html":      "/tasks/edge/late",
		"task_pending.html":   "/tasks/edge/pending",
		"task_broken.html":    "/tasks/vod/broken",
		"task_lost.html":      "/tasks/vod/lost",
		"task_warm.html":      "/tasks/vod/warm",
		"config.html":         "/config",
	} {
		golden(t, name, body(t, h, target))
	}
	golden(t, "tasks_empty.html", body(t, pages(t, prefetch.Snapshot{}), "/tasks"))
}

func TestFiltersAndOrder(t *testing.T) {
	t.Parallel()
	const all = "edge/late vod/lost edge/active vod/broken edge/pending vod/warm"
	h := pages(t, site())
	for _, test := range []struct{ query, want string }{
		{"", all},
		{"account=edge", "edge/late edge/active edge/pending"},
		{"account=nobody", ""},
		{"provider=huaweicloud_vod", "vod/lost vod/broken vod/warm"},
		{"account=edge&provider=huaweicloud_vod", ""},
		{"phase=settled", "vod/broken vod/warm"},
		{"phase=lost", "vod/lost"},
		{"phase=nonsense", ""},
		{"trouble=1", "edge/late vod/lost edge/active vod/broken"},
		{"phase=settled&trouble=1", "vod/broken"},
		{"account=vod&sort=task&trouble=1", "vod/broken vod/lost"},
		{"text=PREMIERE", "edge/active"},
		{"text=launches", "edge/active"},
		{"text=la", "edge/late edge/active"},
		{"text=%00", ""},
		{"sort=task", "edge/active vod/broken edge/late vod/lost edge/pending vod/warm"},
		{"desc=1&sort=task", "vod/warm edge/pending vod/lost edge/late vod/broken edge/active"},
		{"sort=account", "edge/active edge/late edge/pending vod/broken vod/lost vod/warm"},
		{"desc=1&sort=account", "vod/broken vod/lost vod/warm edge/active edge/late edge/pending"},
		{"sort=phase", "edge/pending edge/active edge/late vod/broken vod/warm vod/lost"},
		// What has no value is last both ways.
		{"sort=progress", "edge/late edge/active vod/broken vod/warm edge/pending vod/lost"},
		{"desc=1&sort=progress", "vod/broken vod/warm edge/active edge/late edge/pending vod/lost"},
		{"sort=success", "edge/late edge/active vod/broken vod/warm edge/pending vod/lost"},
		{"desc=1&sort=success", "vod/warm vod/broken edge/active edge/late edge/pending vod/lost"},
		{"sort=age", "edge/pending edge/active vod/lost vod/warm edge/late vod/broken"},
		{"sort=deadline", "edge/late vod/warm edge/active edge/pending vod/broken vod/lost"},
		{"desc=1&sort=deadline", "edge/active edge/late vod/warm edge/pending vod/broken vod/lost"},
		{"sort=data_age", "edge/active edge/late vod/warm vod/broken edge/pending vod/lost"},
		{"desc=1", "vod/warm edge/pending edge/active vod/broken vod/lost edge/late"},
		{"page=9", all},
	} {
		page := body(t, h, "/tasks"+strings.TrimSuffix("?"+test.query, "?"))
		if got := listed(page); got != test.want {
			t.Errorf("%s:\n got %s\nwant %s", test.query, got, test.want)
		}
	}
}

// The form sends everything, and old links may hold what is gone: each address
// leads to the short one that shows the same, and that one stays.
func TestAddressesAreShort(t *testing.T) {
	t.Parallel()
	h := pages(t, site())
	for query, want := range map[string]string{
		"text=&account=&provider=&phase=&sort=&refresh=":      "tasks",
		"text=&account=edge&sort=":                            "tasks?account=edge",
		"sort=trouble":                                        "tasks",
		"sort=nonsense&desc=perhaps&page=-1&refresh=x&other=": "tasks",
		"desc=true":                              "tasks?desc=1",
		"trouble=true&phase=":                    "tasks?trouble=1",
		"trouble=0":                              "tasks",
		"page=99999999999999999999999":           "tasks",
		"refresh=1":                              "tasks?refresh=5",
		"refresh=99999":                          "tasks?refresh=3600",
		"account=edge&task=a%2Fb+c%3F":           "./tasks/edge/a%2Fb%20c%3F",
		"task=a%26b":                             "tasks?text=a%26b",
		"text=b&account=edge&account=vod":        "tasks?account=edge&text=b",
		"account=%2F%2Fexample.com&task=x":       "./tasks/%2F%2Fexample.com/x",
		"account=javascript:alert(1)&task=x%0Ay": "./tasks/javascript:alert%281%29/x%0Ay",
	} {
		w := ask(t, h, "/tasks?"+query)
		if got := w.Header().Get("Location"); w.Code != http.StatusSeeOther || got != want {
			t.Errorf("%s: %d to %q, want %q", query, w.Code, got, want)
		}
	}
}

func TestEveryAddressHasAPage(t *testing.T) {
	t.Parallel()
	h := pages(t, site())
	rapid.Check(t, func(t *rapid.T) {
		query := url.Values{}
		for _, key := range []string{"account", "provider", "phase", "text", "trouble", "sort", "desc", "page", "refresh", "other"} {
			if rapid.Bool().Draw(t, "has "+key) {
				known := []string{"", "edge", "cdnetworks", "active", "deadline", "1", "30"}
				query.Set(key, rapid.OneOf(rapid.SampledFrom(known), rapid.String()).Draw(t, key))
			}
		}
		target := "/tasks?" + query.Encode()
		w := ask(t, h, target)
		if w.Code == http.StatusSeeOther {
			target = "/" + w.Header().Get("Location")
			w = ask(t, h, target)
		}
		if w.Code != http.StatusOK || !strings.HasSuffix(strings.TrimSpace(w.Body.String()), "</html>") {
			t.Fatalf("%s: %d to %s", target, w.Code, w.Header().Get("Location"))
		}
	})
}

func TestPaging(t *testing.T) {
	t.Parallel()
	h := pages(t, many(250))
	for query, want := range map[string]struct {
		first, last    string
		rows           int
		previous, next string
	}{
		"?sort=task":                        {"vod/task-00000", "vod/task-00099", 100, "", "tasks?page=2&amp;sort=task#tasks"},
		"?page=2&sort=task":                 {"vod/task-00100", "vod/task-00199", 100, "tasks?sort=task#tasks", "tasks?page=3&amp;sort=task#tasks"},
		"?page=3&sort=task":                 {"vod/task-00200", "vod/task-00249", 50, "tasks?page=2&amp;sort=task#tasks", ""},
		"?page=77&sort=task":                {"vod/task-00200", "vod/task-00249", 50, "tasks?page=2&amp;sort=task#tasks", ""},
		"?desc=1&page=3&sort=task":          {"vod/task-00049", "vod/task-00000", 50, "tasks?desc=1&amp;page=2&amp;sort=task#tasks", ""},
		"?phase=active&sort=task&text=-001": {"vod/task-00100", "vod/task-00199", 100, "", ""},
	} {
		page := body(t, h, "/tasks"+query)
		got := strings.Fields(listed(page))
		if len(got) != want.rows || got[0] != want.first || got[len(got)-1] != want.last {
			t.Errorf("%s: %d rows from %s to %s", query, len(got), got[0], got[len(got)-1])
		}
		for rel, address := range map[string]string{"prev": want.previous, "next": want.next} {
			link := fmt.Sprintf(`<a href="%s" rel="%s">`, address, rel)
			if strings.Contains(page, `rel="`+rel+`"`) != (address != "") || address != "" && !strings.Contains(page, link) {
				t.Errorf("%s: want %s", query, link)
			}
		}
	}
}

// The tabs count what the other filters leave; how many tasks are in trouble is
// said of all.
func TestTabsAreCounted(t *testing.T) {
	t.Parallel()
	h := pages(t, site())
	for query, want := range map[string][]string{
		"":                            {"all 6", "in trouble 4", "pending 1", "active 2", "settled 2", "lost 1"},
		"?phase=active":               {"all 6", "in trouble 4", "pending 1", "active 2", "settled 2", "lost 1"},
		"?trouble=1":                  {"all 6", "in trouble 4", "pending 1", "active 2", "settled 2", "lost 1"},
		"?account=edge":               {"all 3", "in trouble 2", "pending 1", "active 2", "settled 0", "lost 0"},
		"?account=edge&text=premiere": {"all 1", "in trouble 1", "pending 0", "active 1", "settled 0", "lost 0"},
		"?account=nobody":             {"all 0", "in trouble 0", "pending 0", "active 0", "settled 0", "lost 0"},
	} {
		page := strings.NewReplacer(`<span class="number">`, "", "</span>", "").Replace(body(t, h, "/tasks"+query))
		for _, link := range want {
			if !strings.Contains(page, ">"+link+"</a>") {
				t.Errorf("%s: no link %q", query, link)
			}
		}
		if all := `<a class="bad" href="tasks?trouble=1#tasks">4 in trouble</a>`; !strings.Contains(page, all) {
			t.Errorf("%s: no %s", query, all)
		}
	}
}

func TestAccountStates(t *testing.T) {
	t.Parallel()
	asked := &prefetch.QueryState{Kind: "task", Time: fixed}
	for want, a := range map[string]prefetch.AccountState{
		`good">answering<`:           {Up: true, LastQuery: asked},
		`bad">failing: unavailable<`: {Failing: prefetch.ReasonUnavailable, LastQuery: asked},
		`neutral">not asked yet<`:    {},
		`bad">failing<`:              {LastQuery: asked},
	} {
		a.Account = edge
		if page := body(t, pages(t, prefetch.Snapshot{Accounts: []prefetch.AccountState{a}}), "/tasks"); !strings.Contains(page, want) {
			t.Errorf("no %s", want)
		}
	}
}

// Where a task stands to its deadline: late is said of what is known only.
func TestDeadlines(t *testing.T) {
	t.Parallel()
	const minute = time.Minute
	settled := func(finished time.Duration, c counts) prefetch.TaskState {
		return prefetch.TaskState{Phase: prefetch.Settled, Answered: true, Counts: c, Finished: fixed.Add(finished), FinishTold: true, LastRefresh: fixed}
	}
	// seen is one whose vendor tells no times: it was shown unfinished, then settled.
	seen := func(unfinished, finished time.Duration) prefetch.TaskState {
		return prefetch.TaskState{
			Phase: prefetch.Settled, Answered: true, Counts: counts{succeeded: 3}, Finished: fixed.Add(finished),
			LastUnfinished: fixed.Add(unfinished), LastRefresh: fixed,
		}
	}
	unsettled := func(asked time.Duration) prefetch.TaskState {
		return prefetch.TaskState{
			Phase: prefetch.Active, Answered: true, Counts: counts{running: 1}, LastUnfinished: fixed.Add(asked), LastRefresh: fixed,
		}
	}
	all := counts{succeeded: 3}
	for name, test := range map[string]struct {
		task     prefetch.TaskState
		deadline time.Duration
		want     string
		missed   bool
	}{
		"met":                          {settled(-20*minute, all), -10 * minute, `good" datetime="2026-11-21T09:20:00Z" title="2026-11-21 09:20:00 UTC">met, 10m early`, false},
		"late":                         {settled(-5*minute, all), -10 * minute, ">met 5m late<", false},
		"no times, seen warm before":   {seen(-30*minute, -20*minute), -10 * minute, `">met, at least 10m early`, false},
		"no times, seen warm after":    {seen(-30*minute, -5*minute), -10 * minute, `neutral" datetime="2026-11-21T09:20:00Z" title="2026-11-21 09:20:00 UTC">warm at the latest at</time> <time class="utc" datetime="2026-11-21T09:25:00Z">09:25:00 UTC<`, false},
		"no times, seen late":          {seen(-10*minute, -5*minute), -10 * minute, `>late, warm at the latest at</time> <time class="utc" datetime="2026-11-21T09:25:00Z">09:25:00 UTC<`, false},
		"no times, seen a day later":   {seen(-30*minute, -5*minute), -25 * time.Hour, `>late, warm at the latest at</time> <time class="utc" datetime="2026-11-21T09:25:00Z">2026-11-21 09:25:00 UTC<`, false},
		"no times, never unfinished":   {prefetch.TaskState{Phase: prefetch.Settled, Answered: true, Counts: all, Finished: fixed.Add(-5 * minute)}, -10 * minute, `>warm at the latest at</time> <time class="utc" datetime="2026-11-21T09:25:00Z">09:25:00 UTC<`, false},
		"answered after, asked before": {unsettled(-2*minute - time.Second), -2 * minute, ">passed 2m ago<", false},
		"left":                         {unsettled(-minute), 90 * minute, ">1h 30m left<", false},
		"failed, deadline to come":     {settled(-5*minute, counts{failed: 1}), minute, ">1m left<", false},
		"failed, deadline passed":      {settled(-5*minute, counts{failed: 1}), -minute, ">missed 1m ago<", true},
		"running, asked since":         {unsettled(-minute), -2 * minute, ">missed 2m ago<", true},
		"running, asked at it":         {unsettled(-2 * minute), -2 * minute, ">missed 2m ago<", true},
		"running, not asked since":     {unsettled(-3 * minute), -2 * minute, ">passed 2m ago<", false},
		"never answered":               {prefetch.TaskState{}, -2 * minute, ">passed 2m ago<", false},
		"never answered, still to go ": {prefetch.TaskState{}, 2 * minute, ">2m left<", false},
	} {
		task := test.task
		task.Account, task.ID, task.Deadline = edge, "x", fixed.Add(test.deadline)
		h := pages(t, prefetch.Snapshot{Accounts: []prefetch.AccountState{{Account: edge, MaxStaleness: time.Hour, Tasks: []*prefetch.TaskState{&task}}}})
		page := body(t, h, "/tasks")
		if !strings.Contains(page, test.want) || strings.Contains(page, ">deadline missed<") != test.missed {
			t.Errorf("%s: want %s, missed %v", name, test.want, test.missed)
		}
	}
}

// A call that failed after the deadline is no answer, and yet the task was asked.
func TestDeadlineWithoutAnswer(t *testing.T) {
	t.Parallel()
	failure := &prefetch.Failure{Reason: prefetch.ReasonTimeout, Message: "timeout: no answer within 30s", Time: fixed.Add(-25 * time.Second)}
	for name, task := range map[string]prefetch.TaskState{
		"asked, failed":            {Phase: prefetch.Active, Answered: true, Counts: counts{running: 1}, LastRefresh: fixed.Add(-time.Hour), LastError: failure},
		"asked, nothing known":     {Phase: prefetch.Lost, Up: true},
		"not asked":                {Phase: prefetch.Active, Answered: true, Counts: counts{running: 1}, LastRefresh: fixed.Add(-time.Hour)},
		"asked for the first time": {LastError: failure},
	} {
		task.Account, task.ID, task.Deadline = edge, "x", fixed.Add(-time.Minute)
		h := pages(t, prefetch.Snapshot{Accounts: []prefetch.AccountState{{Account: edge, MaxStaleness: 2 * time.Hour, Tasks: []*prefetch.TaskState{&task}}}})
		for _, target := range []string{"/tasks", "/tasks/edge/x"} {
			page := body(t, h, target)
			if !strings.Contains(page, ">deadline passed, no answer since<") || strings.Contains(page, "not asked since") {
				t.Errorf("%s: %s does not say that no answer came", name, target)
			}
		}
	}
}

// A failed URL that a later task warmed needs nobody: what is left is trouble.
func TestRecovered(t *testing.T) {
	t.Parallel()
	for recovered, want := range map[int]struct {
		texts   []string
		trouble string
		advice  string
	}{
		0: {[]string{`class="bad">75 %<`, ">failed URLs<", "3 failed</span>", ">missed 1m ago<", ">deadline missed<"}, "1 in trouble", "3 URLs failed"},
		2: {[]string{`class="bad">75 %<`, ">failed URLs<", "1 failed</span>", "2 failed, recovered</span>", ">2 recovered<", ">missed 1m ago<"}, "1 in trouble", "1 URL failed"},
		3: {[]string{`class="neutral">75 %<`, "3 failed, recovered</span>", ">3 recovered<", ">recovered<"}, "none in trouble", "Nothing: no problem is known"},
	} {
		task := &prefetch.TaskState{
			Account: edge, ID: "x", Phase: prefetch.Settled, Up: true, Answered: true, Counts: counts{succeeded: 9, failed: 3}, Recovered: recovered,
			Deadline: fixed.Add(-time.Minute), Finished: fixed.Add(-time.Hour), LastRefresh: fixed.Add(-time.Hour),
		}
		for i := range 3 {
			task.URLs = append(task.URLs, prefetch.URL{URL: fmt.Sprint("https://example.com/", i), Status: prefetch.Failed, Recovered: i < recovered})
		}
		h := pages(t, prefetch.Snapshot{Accounts: []prefetch.AccountState{{Account: edge, Tasks: []*prefetch.TaskState{task}}}})
		page := body(t, h, "/tasks")
		for _, text := range append(want.texts, want.trouble) {
			if !strings.Contains(page, text) {
				t.Errorf("%d recovered: the list has no %s", recovered, text)
			}
		}
		if recovered == 3 && regexp.MustCompile(`class="(badge )?bad"`).MatchString(page) {
			t.Errorf("what was recovered is red:\n%s", styles.ReplaceAllString(page, ""))
		}
		page = body(t, h, "/tasks/edge/x")
		if n := strings.Count(page, `<span class="key recovered"></span>failed, recovered`); n != recovered || !strings.Contains(page, want.advice) {
			t.Errorf("%d recovered: %d URLs are, and no %s", recovered, n, want.advice)
		}
		if last := strings.LastIndex(page, "</span>failed</span></div>"); last > strings.Index(page, "</span>failed, recovered</span></div>") && recovered%3 > 0 {
			t.Errorf("%d recovered: what failed is not first", recovered)
		}
	}
}

// Above the tasks stands which accounts fail, whatever the filters.
func TestAccountsAreSummed(t *testing.T) {
	t.Parallel()
	var s prefetch.Snapshot
	for i := range 8 {
		a := prefetch.AccountState{Account: prefetch.Account{Provider: "cdnetworks", Name: fmt.Sprint("edge-", i)}, Failing: prefetch.ReasonAuth}
		if i == 0 {
			a.Up, a.Failing = true, ""
		}
		s.Accounts = append(s.Accounts, a)
	}
	s.Accounts = append(s.Accounts, prefetch.AccountState{Account: vod})
	page := body(t, pages(t, s), "/tasks?account=edge-0")
	if want := `<a href="#accounts">Accounts</a>: 1 of 9 answering, 7 failing:`; !strings.Contains(page, want) {
		t.Errorf("no %s", want)
	}
	if n := strings.Count(page, `class="badge bad" href="#accounts"`); n != 5 || !strings.Contains(page, "<bdi>edge-1</bdi> failing: auth") {
		t.Errorf("%d failing accounts are named", n)
	}
	if page := body(t, pages(t, prefetch.Snapshot{}), "/tasks"); !strings.Contains(page, "0 of 0 answering<") {
		t.Error("without accounts it says something else")
	}
}

func BenchmarkTasks(b *testing.B) {
	for _, n := range []int{100, 5_000, 50_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			h := pages(b, many(n))
			for b.Loop() {
				ask(b, h, "/tasks?text=launch")
			}
		})
	}
}

// When a task is asked again, and what the account asks next: never in the past.
func TestNextLook(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		look, call, resumes time.Duration // from now; 0 for none
		want                string
	}{
		"by the poll interval":       {look: 20 * time.Second, call: -time.Minute, want: ">in 20s</time> at the earliest"},
		"when the budget has a call": {look: 20 * time.Second, call: 3 * time.Minute, want: ">in 3m</time> at the earliest"},
		"when the account resumes":   {look: 20 * time.Second, call: -time.Minute, resumes: 15 * time.Minute, want: ">in 15m</time> at the earliest"},
		"due":                        {look: -20 * time.Second, call: -time.Minute, resumes: -time.Hour, want: "<dt>Next look</dt><dd>as soon as it is its turn<"},
	} {
		after := func(d time.Duration) time.Time {
			if d == 0 {
				return time.Time{}
			}
			return fixed.Add(d)
		}
		task := &prefetch.TaskState{Account: edge, ID: "x", Phase: prefetch.Active, NextLook: after(c.look)}
		a := prefetch.AccountState{
			Account: edge, Up: true, NextCall: after(c.call), BackoffUntil: after(c.resumes), Tasks: []*prefetch.TaskState{task},
			NextQuery: &prefetch.QueryState{Kind: "task", Task: "x", Why: "its deadline is near", Time: fixed.Add(-20 * time.Second)},
		}
		h := pages(t, prefetch.Snapshot{Accounts: []prefetch.AccountState{a}})
		if page := body(t, h, "/tasks/edge/x"); !strings.Contains(page, c.want) || strings.Contains(page, "20s ago") {
			t.Errorf("%s: no %s, or something planned is past", name, c.want)
		}
		if page := body(t, h, "/tasks"); strings.Contains(page, "20s ago") {
			t.Errorf("%s: something planned is past", name)
		}
	}
	settled := &prefetch.TaskState{Account: edge, ID: "x", Phase: prefetch.Settled}
	h := pages(t, prefetch.Snapshot{Accounts: []prefetch.AccountState{{Account: edge, NextCall: fixed.Add(time.Minute), Tasks: []*prefetch.TaskState{settled}}}})
	if page := body(t, h, "/tasks/edge/x"); strings.Contains(page, "Next look") {
		t.Error("a settled task is looked at again")
	}
}
