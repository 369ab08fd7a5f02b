package alibabacloud_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"prefetch_exporter/prefetch"
	vendorapi "prefetch_exporter/vendor_api"
)

func TestAnswers(t *testing.T) {
	t.Parallel()
	answer := func(urls ...prefetch.URL) vendorapi.Answer {
		a := vendorapi.Answer{URLs: urls, Count: len(urls)}
		for range urls {
			a.RowTasks = append(a.RowTasks, taskID)
		}
		return a
	}
	with := func(a vendorapi.Answer, change func(*vendorapi.Answer)) vendorapi.Answer {
		change(&a)
		return a
	}
	odd := func(sentences ...string) func(*vendorapi.Answer) {
		return func(a *vendorapi.Answer) { a.Oddities = sentences }
	}
	page := func(count, page, size int) func(*vendorapi.Answer) {
		return func(a *vendorapi.Answer) { a.Count, a.Page, a.PageSize = count, page, size }
	}
	progress := func(u prefetch.URL, p float64) prefetch.URL {
		u.Progress, u.HasProgress = p, true
		return u
	}
	failed := func(url, words string, cause prefetch.Cause) prefetch.URL {
		u := urlOf(url, prefetch.Failed)
		u.Words, u.Cause = words, cause
		return u
	}
	ok := urlOf("http://a/1", prefetch.Succeeded)
	good := rowOf("http://a/1", "Complete")
	task, tasks, windowed := taskQuery(), taskQuery("2", "3"), window(vendorapi.QueryWindow)
	for _, tt := range []struct {
		name  string
		query vendorapi.Query
		body  string
		want  vendorapi.Answer
	}{
		{
			// The example of the page of the call by id.
			"the page's example", taskQuery("70422****"), `{"RequestId":"E0C2EF95-B1EC-4C93-855E-2059A7DA2B7B","TotalCount":2,"Tasks":[` +
				`{"TaskId":"12719676361","ObjectPath":"http://example.com/1.txt","Status":"Complete","Process":"99.37%","CreationTime":"2020-08-03T08:54:23Z","Description":"Internal Error","ObjectType":"preload"},` +
				`{"TaskId":"70422****","ObjectPath":"http://example.com/2.txt","Status":"Refreshing","Process":"10","CreationTime":"2020-08-03T08:54:23Z","Description":"","ObjectType":"preload"}]}`,
			vendorapi.Answer{
				URLs: []prefetch.URL{
					{URL: "http://example.com/1.txt", Status: prefetch.Succeeded, Progress: 0.9937, HasProgress: true, Created: time.Date(2020, 8, 3, 8, 54, 23, 0, time.UTC)},
					{URL: "http://example.com/2.txt", Status: prefetch.Running, Progress: 0.1, HasProgress: true, Created: time.Date(2020, 8, 3, 8, 54, 23, 0, time.UTC)},
				},
				RowTasks: []string{taskID, "70422****"}, Count: 2, RequestID: "E0C2EF95-B1EC-4C93-855E-2059A7DA2B7B",
			},
		},
		{"CDN's list", task, `{"TotalCount":1,"Tasks":{"CDNTask":[` + good + `]}}`, answer(ok)},
		{"DCDN's list", task, `{"TotalCount":1,"Tasks":{"Task":[` + good + `]}}`, answer(ok)},
		{"a bare list in a window", windowed, `{"TotalCount":"1","PageSize":100,"Tasks":[` + good + `]}`, with(answer(ok), page(1, 1, 100))},
		{"null beside the list", task, `{"Tasks":{"CDNTask":null,"Task":[` + good + `]}}`, answer(ok)},
		{"no rows", task, `{"TotalCount":0,"Tasks":[]}`, vendorapi.Answer{URLs: []prefetch.URL{}}},
		{"no list in it", task, `{"TotalCount":0,"Tasks":{}}`, vendorapi.Answer{URLs: []prefetch.URL{}}},
		{"a list of null in it", task, `{"TotalCount":0,"Tasks":{"CDNTask":null}}`, vendorapi.Answer{URLs: []prefetch.URL{}}},
		{"no list", task, `{"RequestId":"4c3"}`, vendorapi.Answer{URLs: []prefetch.URL{}, RequestID: "4c3"}},
		{"the words", task, `{"Tasks":[` + strings.Join([]string{
			rowOf("a", "COMPLETE"), rowOf("b", " Refreshing"), rowOf("c", "Pending"), rowOf("d", "Failed"),
			rowOf("e", "Timeout"), rowOf("f", "Canceled", `"Description":"by hand"`), rowOf("g", "Frozen"),
		}, ",") + `]}`, with(answer(
			urlOf("a", prefetch.Succeeded), urlOf("b", prefetch.Running), urlOf("c", prefetch.Waiting), failed("d", "", prefetch.CauseUnknown),
			failed("e", "Timeout", prefetch.CauseUnknown), failed("f", "by hand", prefetch.CauseUnknown), urlOf("g", prefetch.Unknown),
		), func(a *vendorapi.Answer) { a.UnknownWords = []string{"Frozen"} })},
		{"the causes", task, `{"Tasks":[` + strings.Join([]string{
			rowOf("a", "Failed", `"Description":"Origin Timeout"`), rowOf("b", "Failed", `"Description":"OriginReturnStatusCode 5XX"`),
			rowOf("c", "Failed", `"Description":"Internal Error"`), rowOf("d", "failed", `"Description":"who knows"`),
		}, ",") + `]}`, answer(
			failed("a", "Origin Timeout", prefetch.CauseOrigin), failed("b", "OriginReturnStatusCode 5XX", prefetch.CauseOrigin),
			failed("c", "Internal Error", prefetch.CauseVendor), failed("d", "who knows", prefetch.CauseUnknown),
		)},
		{"odd values", task, `{"TotalCount":"many","Tasks":[` + rowOf("a", "Complete", `"Process":"all","CreationTime":"yesterday"`) + `,` +
			rowOf("b", "Refreshing", `"Process":40`) + `]}`, with(answer(
			prefetch.URL{URL: "a", Status: prefetch.Succeeded}, progress(urlOf("b", prefetch.Running), 0.4),
		), odd(
			`CreationTime "yesterday" is not a time of the form 2006-01-02T15:04:05Z; taken as not told`,
			`Process "all" is not a number from 0 to 100; taken as not told`,
			`count "many" is not a whole number; the 2 rows of the page are taken for all`,
		))},
		{"a row that does not tell its task", task, `{"Tasks":[{"ObjectPath":"a","Status":"Complete"},7]}`, with(answer(
			prefetch.URL{URL: "a", Status: prefetch.Succeeded}, prefetch.URL{Status: prefetch.Unknown},
		), odd("a row is not an object: 7"))},
		{"rows that do not tell which task", tasks, `{"Tasks":[{"ObjectPath":"a","Status":"Complete"}]}`, vendorapi.Answer{
			URLs: []prefetch.URL{{URL: "a", Status: prefetch.Succeeded}}, RowTasks: []string{""}, Count: 1,
		}},
		{"another's row", task, `{"Tasks":[` + strings.Replace(good, taskID, "7", 1) + `]}`, vendorapi.Answer{
			URLs: []prefetch.URL{ok}, RowTasks: []string{"7"}, Count: 1, Oddities: []string{`a row is of the task "7", which was not asked for`},
		}},
		{"a purge among tasks", tasks, `{"TotalCount":3,"Tasks":[` + good + `,{"TaskId":"2","ObjectType":"file","Status":"Complete"},{"TaskId":2,"ObjectType":"directory","Status":"Complete"}]}`,
			with(answer(ok), func(a *vendorapi.Answer) {
				a.Oddities = []string{"rows of purges, which are not counted: 2"}
				a.Refused = map[string]*vendorapi.Error{"2": {Reason: prefetch.ReasonInvalid}}
			})},
		{"a purge in a window", windowed, `{"TotalCount":2,"PageSize":100,"Tasks":{"CDNTask":[` + good + `,{"TaskId":"2","ObjectType":"file","Status":"Complete"}]}}`,
			with(with(answer(ok), page(1, 1, 100)), odd("rows of purges, which are not counted: 1"))},
		{"an answer that is cut", task, `{"TotalCount":250,"Tasks":[` + good + `,` + good + `]}`, with(answer(ok, ok), page(250, 1, 2))},
		{"an answer that is cut beyond a page", task, `{"TotalCount":250,"Tasks":[` + strings.Repeat(good+",", 149) + good + `]}`,
			with(answer(make([]prefetch.URL, 100)...), func(a *vendorapi.Answer) {
				for i := range a.URLs {
					a.URLs[i] = ok
				}
				page(250, 1, 100)(a)
			})},
		{"tasks that are cut", tasks, `{"TotalCount":250,"Tasks":[` + good + `]}`, with(answer(ok), page(250, 0, 0))},
		{"fewer than there are", task, `{"TotalCount":1,"Tasks":[` + good + `,` + good + `]}`,
			with(answer(ok, ok), odd("count 1 is less than the 2 rows of the page"))},
		{"a page of a window", windowed, `{"TotalCount":250,"PageNumber":1,"PageSize":1,"Tasks":{"CDNTask":[` + good + `]}}`, with(answer(ok), page(250, 1, 1))},
		{"a window without a total", windowed, `{"Tasks":{"CDNTask":[` + good + `]}}`, with(answer(ok), page(1, 1, 100))},
		{"a count", window(vendorapi.QueryCount), `{"TotalCount":250,"PageSize":1,"Tasks":{"CDNTask":[` + good + `]}}`, with(answer(ok), page(250, 1, 1))},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := ask(t, tt.query, respond(http.StatusOK, tt.body))
			if err != nil {
				t.Fatal(err)
			}
			for _, e := range got.Refused {
				if !strings.Contains(e.Error(), "purge") {
					t.Errorf("refused: %v", e)
				}
				e.Err = nil
			}
			want := tt.want
			want.Date = now()
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// A purge that is asked for alone is an error, which says so.
func TestPurge(t *testing.T) {
	t.Parallel()
	_, err := ask(t, taskQuery(), respond(http.StatusOK, `{"TotalCount":1,"Tasks":[`+
		strings.Replace(rowOf("a", "Complete"), `"preload"`, `"Directory"`, 1)+`]}`, "X-Acs-Request-Id", "4c3"))
	e := wantError(t, err)
	if e.Reason != prefetch.ReasonInvalid || e.Unsent || e.RequestID != "4c3" || !strings.Contains(e.Error(), "the id is that of a purge") {
		t.Errorf("got %+v", e)
	}
}

func TestAnswersThatCannotBeRead(t *testing.T) {
	t.Parallel()
	for name, body := range map[string]string{
		"nothing":                "",
		"a page":                 "<html><body>Please log in</body></html>",
		"null":                   "null",
		"no members":             "{}",
		"a list":                 "[" + rowOf("a", "Complete") + "]",
		"Tasks of text":          `{"Tasks":"none"}`,
		"Tasks of something":     `{"Tasks":{"Rows":[]}}`,
		"a list that is none":    `{"Tasks":{"CDNTask":{"a":1}}}`,
		"a full page, no total":  `{"PageSize":100,"Tasks":{"CDNTask":[` + strings.Repeat(rowOf("a", "Complete")+",", 99) + rowOf("a", "Complete") + `]}}`,
		"a count without number": `{"TotalCount":"many","Tasks":{"CDNTask":[]}}`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			q := window(vendorapi.QueryWindow)
			if strings.HasPrefix(name, "a count") {
				q.Kind = vendorapi.QueryCount
			}
			_, err := ask(t, q, respond(http.StatusOK, body, "X-Acs-Request-Id", "4c3"))
			if e := wantError(t, err); e.Reason != prefetch.ReasonDecode || e.RequestID != "4c3" || e.Err == nil || len(e.Error()) > 1000 {
				t.Errorf("got %+v", e)
			}
		})
	}
}
