package huaweicloud_test

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"prefetch_exporter/prefetch"
	vendorapi "prefetch_exporter/vendor_api"
)

// created is 1795255200000 ms.
func created() time.Time { return time.Date(2026, 11, 21, 10, 0, 0, 0, time.UTC) }

// details is the body of an answer with these URLs.
func details(urls ...string) string {
	n := len(urls)
	body, err := json.Marshal(map[string]any{
		"id": taskID, "task_type": "preheating", "status": "task_done", "create_time": 1795255200000,
		"processing": 0, "succeed": n, "failed": 0, "total": n, "file_type": "file", "urls": json.RawMessage("[" + strings.Join(urls, ",") + "]"),
	})
	if err != nil {
		panic(err)
	}
	return string(body)
}

func TestCDNDetails(t *testing.T) {
	t.Parallel()
	answer := func(change func(*vendorapi.Answer), urls ...prefetch.URL) vendorapi.Answer {
		a := vendorapi.Answer{URLs: urls, RowTasks: slices.Repeat([]string{taskID}, len(urls)), Count: len(urls), Page: 1, PageSize: 10_000}
		if change != nil {
			change(&a)
		}
		return a
	}
	odd := func(texts ...string) func(*vendorapi.Answer) {
		return func(a *vendorapi.Answer) { a.Oddities = texts }
	}
	for _, tt := range []struct {
		name, body string
		want       vendorapi.Answer
	}{
		{"every word", details(
			`{"id":"1","url":"https://example.com/a","status":"succeed","create_time":1795255200000,"task_id":"7","task_type":"PREHEATING"}`,
			`{"url":"b","status":"WAITING","create_time":"1795255200000"}`,
			`{"url":"c","status":" processing ","create_time":0}`,
			`{"url":"d","status":"preheating","create_time":null}`,
			`{"url":"e","status":"refreshing","task_type":"REFRESH_AFTER_PREHEATING"}`,
			`{"url":"f","status":"failed","fail_classify":"ORIGIN_ERROR","fail_desc":" origin  said 404\n"}`,
			`{"url":"g","status":"failed","fail_classify":"inner_error"}`,
			`{"url":"h","status":"failed","fail_classify":"UNKNOWN_ERROR","fail_desc":"?"}`,
			`{"url":"i","status":"Failed"}`,
			`{"url":"j","status":"succeed","fail_classify":"ORIGIN_ERROR","fail_desc":"of an earlier try"}`,
		), answer(
			nil,
			prefetch.URL{URL: "https://example.com/a", Status: prefetch.Succeeded, Created: created()},
			prefetch.URL{URL: "b", Status: prefetch.Waiting, Created: created()},
			prefetch.URL{URL: "c", Status: prefetch.Running},
			prefetch.URL{URL: "d", Status: prefetch.Running},
			prefetch.URL{URL: "e", Status: prefetch.Running},
			prefetch.URL{URL: "f", Status: prefetch.Failed, Cause: prefetch.CauseOrigin, Words: "origin said 404"},
			prefetch.URL{URL: "g", Status: prefetch.Failed, Cause: prefetch.CauseVendor},
			prefetch.URL{URL: "h", Status: prefetch.Failed, Words: "?"},
			prefetch.URL{URL: "i", Status: prefetch.Failed},
			prefetch.URL{URL: "j", Status: prefetch.Succeeded},
		)},
		{"words that nobody documented", details(
			`{"url":"a","status":"frozen"}`, `{"url":"b","status":"refreshing","task_type":"PREHEATING"}`,
			`{"url":"c","status":"failed","fail_classify":"EDGE_ERROR"}`,
		), answer(func(a *vendorapi.Answer) {
			a.UnknownWords = []string{"frozen", "refreshing"}
			a.Oddities = []string{`fail_classify "EDGE_ERROR" is not documented; the cause is taken as unknown`}
		}, prefetch.URL{URL: "a", Status: prefetch.Unknown}, prefetch.URL{URL: "b", Status: prefetch.Unknown}, prefetch.URL{URL: "c", Status: prefetch.Failed})},
		{
			"times", details(
				`{"url":"a","status":"succeed","create_time":1795255200}`, `{"url":"b","status":"succeed","create_time":"2026-11-21 10:00:00"}`,
			),
			answer(odd(
				`create_time "1795255200" is in seconds, where milliseconds are documented`,
				`create_time "2026-11-21 10:00:00" is no time in milliseconds; taken as not told`,
			), prefetch.URL{URL: "a", Status: prefetch.Succeeded, Created: created()}, prefetch.URL{URL: "b", Status: prefetch.Succeeded}),
		},
		{
			"not over", strings.Replace(details(`{"url":"a","status":"succeed"}`), "task_done", "task_inprocess", 1),
			answer(func(a *vendorapi.Answer) { a.Open = true }, prefetch.URL{URL: "a", Status: prefetch.Succeeded}),
		},
		{
			"over in capitals", strings.NewReplacer("task_done", "TASK_DONE", `"preheating"`, `"PREHEATING"`).Replace(details(`{"url":"a","status":"succeed"}`)),
			answer(nil, prefetch.URL{URL: "a", Status: prefetch.Succeeded}),
		},
		{
			"a state that nobody documented", strings.Replace(details(`{"url":"a","status":"succeed"}`), "task_done", "task_paused", 1),
			answer(func(a *vendorapi.Answer) { a.Open, a.UnknownWords = true, []string{"task_paused"} }, prefetch.URL{URL: "a", Status: prefetch.Succeeded}),
		},
		{
			"no state", `{"total":"1","urls":[{"url":"a","status":"succeed"}]}`,
			answer(func(a *vendorapi.Answer) {
				a.Open, a.Oddities = true, []string{"a task has no status; taken as not over"}
			},
				prefetch.URL{URL: "a", Status: prefetch.Succeeded}),
		},
		{
			"a page of two", `{"total":4,"status":"task_done","urls":[{"url":"a","status":"failed"},{"url":"b","status":"failed"}]}`,
			answer(func(a *vendorapi.Answer) {
				a.Count, a.PageSize = 4, 2
				a.Oddities = []string{"page 1 has 2 rows instead of 10000, although 4 rows match: the vendor capped the page"}
			}, prefetch.URL{URL: "a", Status: prefetch.Failed}, prefetch.URL{URL: "b", Status: prefetch.Failed}),
		},
		{
			"no total", `{"status":"task_done","urls":[{"url":"a","status":"failed"}]}`,
			answer(odd(`count "" is not a whole number; the 1 rows of the page are taken for all`), prefetch.URL{URL: "a", Status: prefetch.Failed}),
		},
		{"no URL", `{"total":0,"status":"task_done","urls":null}`, answer(nil)},
		{"an error of nothing", `{"error":null,"error_code":"","total":0,"status":"task_done"}`, answer(nil)},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := askCDN(t, taskQuery(), respond(http.StatusOK, tt.body, "X-Request-Id", "4c3"))
			if err != nil {
				t.Fatal(err)
			}
			want := tt.want
			want.RequestID, want.Date = "4c3", now()
			if len(want.URLs) == 0 {
				want.URLs, want.RowTasks = []prefetch.URL{}, []string{}
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestCDNLists(t *testing.T) {
	t.Parallel()
	summary := func(id string, done bool, waiting, running, succeeded, failed int) vendorapi.TaskSummary {
		return vendorapi.TaskSummary{ID: id, Created: created(), Counts: prefetch.Counts{waiting, running, succeeded, failed, 0}, Done: done}
	}
	task := func(fields string) string {
		return `{"total":1,"tasks":[{"id":"7","task_type":"preheating","create_time":1795255200000,` + fields + `}]}`
	}
	for _, tt := range []struct {
		name, body string
		want       []vendorapi.TaskSummary
		words, odd []string
	}{
		{
			"the page's form", `{"total":2,"tasks":[{"id":"8","task_type":"preheating","status":"task_done","processing":0,"succeed":2,"failed":1,"total":3,` +
				`"create_time":1795255200000,"file_type":"file"},{"id":7,"task_type":"PREHEATING","status":"task_inprocess","processing":"1","succeed":"0",` +
				`"failed":"0","total":"4","create_time":"1795255200000"}]}`,
			[]vendorapi.TaskSummary{summary("8", true, 0, 0, 2, 1), summary("7", false, 3, 1, 0, 0)}, nil, nil,
		},
		{
			"a fresh task", task(`"status":"task_inprocess","processing":0,"succeed":0,"failed":0,"total":4`),
			[]vendorapi.TaskSummary{summary("7", false, 4, 0, 0, 0)}, nil, nil,
		},
		{
			"over while URLs wait", task(`"status":"task_done","processing":0,"succeed":1,"failed":0,"total":4`),
			[]vendorapi.TaskSummary{summary("7", false, 3, 0, 1, 0)}, nil, nil,
		},
		{
			"all ended and yet not over", task(`"status":"task_inprocess","processing":0,"succeed":4,"failed":0,"total":4`),
			[]vendorapi.TaskSummary{summary("7", false, 0, 0, 4, 0)}, nil, nil,
		},
		{
			"more than the total", task(`"status":"task_done","processing":2,"succeed":0,"failed":4,"total":4`),
			[]vendorapi.TaskSummary{summary("7", false, 0, 2, 0, 4)}, nil,
			[]string{"task 7 has 2 processing, 0 succeeded and 4 failed URLs, which is more than its total of 4"},
		},
		{
			"no total", task(`"status":"task_done","processing":0,"succeed":2,"failed":0`),
			[]vendorapi.TaskSummary{summary("7", false, 0, 0, 2, 0)}, nil, []string{`total "" of task 7 is not a whole number; taken as 0`},
		},
		{
			"numbers that are none", task(`"status":"task_done","processing":"no","succeed":-1,"failed":0.5,"total":2`),
			[]vendorapi.TaskSummary{summary("7", false, 2, 0, 0, 0)}, nil, []string{
				`processing "no" of task 7 is not a whole number; taken as 0`, `succeed "-1" of task 7 is not a whole number; taken as 0`,
				`failed "0.5" of task 7 is not a whole number; taken as 0`,
			},
		},
		{
			"without URLs", task(`"status":"task_done","processing":0,"succeed":0,"failed":0,"total":0`),
			[]vendorapi.TaskSummary{summary("7", false, 0, 0, 0, 0)}, nil, nil,
		},
		{
			"a state that nobody documented", task(`"status":"task_paused","processing":0,"succeed":1,"failed":0,"total":1`),
			[]vendorapi.TaskSummary{summary("7", false, 0, 0, 1, 0)}, []string{"task_paused"}, nil,
		},
		{
			"what is no preheating", `{"total":5,"tasks":[null,{"status":"task_done"},{"id":"` + strings.Repeat("7", vendorapi.MaxText+1) + `"},{"id":"9","task_type":"refresh","total":1},` +
				`{"id":"7","create_time":1795255200000,"status":"task_done","processing":0,"succeed":1,"failed":0,"total":1}]}`,
			[]vendorapi.TaskSummary{summary("7", true, 0, 0, 1, 0)}, nil, []string{
				"a task is not an object, and left out: null", "a task has no id, and is left out", `task 9 is of type "refresh", and left out`,
			},
		},
		{"no task", `{"total":0,"tasks":[]}`, []vendorapi.TaskSummary{}, nil, nil},
		{"null", `{"total":0,"tasks":null}`, []vendorapi.TaskSummary{}, nil, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := askCDN(t, listQuery(), respond(http.StatusOK, tt.body, "X-Request-Id", "4c3"))
			if err != nil {
				t.Fatal(err)
			}
			want := vendorapi.Answer{
				Tasks: tt.want, Count: len(tt.want), Page: 1, PageSize: 10_000, UnknownWords: tt.words, Oddities: tt.odd, RequestID: "4c3", Date: now(),
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if !got.Whole() {
				t.Error("the answer is not whole")
			}
		})
	}
}

func TestCDNAnswersThatAreNone(t *testing.T) {
	t.Parallel()
	full := vendorapi.Query{Kind: vendorapi.QueryTask, TaskID: taskID, PageSize: 1}
	for _, tt := range []struct {
		name, body string
		query      vendorapi.Query
		want       prefetch.Reason
		shown      string
	}{
		{"a list for details", `{"tasks":[]}`, taskQuery(), prefetch.ReasonDecode, "the answer has no urls"},
		{"details for a list", `{"urls":[]}`, listQuery(), prefetch.ReasonDecode, "the answer has no tasks"},
		{"tasks that are no list", `{"total":1,"tasks":{"id":"7"}}`, listQuery(), prefetch.ReasonDecode, "tasks is not a list"},
		{"a full page without a total", `{"urls":[{"url":"a","status":"succeed"}]}`, full, prefetch.ReasonDecode, `total "" is not a whole number`},
		{
			"a refresh", strings.ReplaceAll(details(`{"url":"a","status":"succeed","task_type":"REFRESH"}`), `"preheating"`, `"refresh"`),
			taskQuery(), prefetch.ReasonInvalid, `the id is that of a task of type "refresh" and of no preheating`,
		},
		{
			"a refresh by its rows", details(`{"url":"a","status":"succeed","task_type":"REFRESH"}`), taskQuery(), prefetch.ReasonInvalid,
			"of no preheating",
		},
		{"a refresh without rows", `{"task_type":"refresh","status":"task_done"}`, taskQuery(), prefetch.ReasonInvalid, `of type "refresh"`},
	} {
		_, err := askCDN(t, tt.query, respond(http.StatusOK, tt.body, "X-Request-Id", "4c3"))
		e := wantError(t, err)
		if e.Reason != tt.want || e.Unsent || e.RequestID != "4c3" || !e.Date.Equal(now()) || !strings.Contains(e.Error(), tt.shown) {
			t.Errorf("%s: %+v: %v", tt.name, e, e)
		}
	}
}

// Whatever the vendor sends, the details of a task have every row, and a list no
// task whose counts are not those that the vendor told; anything else is an error.
func FuzzCDNAnswer(f *testing.F) {
	f.Add(details(`{"url":"a","status":"failed","fail_classify":"ORIGIN_ERROR","fail_desc":"\ud800"}`, "null", `{"create_time":1e30}`))
	f.Add(`{"total":2,"tasks":[{"id":"7","status":"task_done","processing":0,"succeed":1,"failed":0,"total":1},{"id":8}]}`)
	f.Add(`{"error":{"error_code":"CDN.0108","error_msg":"m"}}`)
	f.Add("{\"total\":1e9,\"urls\":[{\"url\":\"\xff\"}],\"Tasks\":[{\"ID\":\"\xff\"}],\"task_type\":\"REFRESH\"}")
	f.Fuzz(func(t *testing.T, body string) {
		for _, q := range []vendorapi.Query{taskQuery(), listQuery()} {
			a, err := askCDN(t, q, respond(http.StatusOK, body))
			if err != nil {
				e := wantError(t, err)
				if !utf8.ValidString(e.Error()) || len(e.Error()) > 2000 || e.Reason == "" || e.Unsent {
					t.Fatalf("%+v", e)
				}
				continue
			}
			if a.Count < max(len(a.URLs), len(a.Tasks)) || len(a.RowTasks) != len(a.URLs) || len(a.UnknownWords) > 10 || len(a.Oddities) > 15 {
				t.Fatalf("%+v", a)
			}
			for _, u := range a.URLs {
				if !utf8.ValidString(u.URL) || !utf8.ValidString(u.Words) || int(u.Status) >= prefetch.NumStatuses || len(u.Words) > 310 {
					t.Fatalf("row %+v", u)
				}
			}
			for _, s := range a.Tasks {
				if s.ID == "" || !utf8.ValidString(s.ID) || s.Done && !s.Counts.AllFinal() {
					t.Fatalf("task %+v", s)
				}
			}
		}
	})
}
