package alibabacloud_test

import (
	"net/http"
	"slices"
	"testing"
	"unicode/utf8"

	"prefetch_exporter/prefetch"
	vendorapi "prefetch_exporter/vendor_api"
)

// Whatever the vendor sends, an answer has whole rows with their tasks, valid text and
// bounded words for the log; anything else is a classified error.
func FuzzAnswer(f *testing.F) {
	for _, body := range []string{
		`{"RequestId":"r","TotalCount":2,"Tasks":[` + rowOf("a", "Complete", `"Process":"99.37%"`) + `,` + rowOf("b", "Failed", `"Description":"Origin Timeout"`) + `]}`,
		`{"TotalCount":"3","PageSize":"1","Tasks":{"CDNTask":[null,1,"x",{},{"TaskId":7,"ObjectType":"file"}]}}`,
		`{"TotalCount":-1e9,"PageSize":1e9,"Tasks":{"Task":[{"Process":"1e999","CreationTime":"0000-00-00T00:00:00Z","Status":{"a":1}}]}}`,
		`{"Code":"Throttling.User","Message":"flow control"}`, `{"tasks":{"cdntask":[],"CDNTask":[{}]}}`, `<html>`,
		"{\"Tasks\":[{\"ObjectPath\":\"\xff\",\"Status\":\"\xfe\",\"TaskId\":\"\xfd\"}]}",
	} {
		f.Add(200, false, body)
		f.Add(200, true, body)
	}
	f.Add(503, false, `{"Code":"Throttling"}`)
	f.Fuzz(func(t *testing.T, status int, windowed bool, body string) {
		q := taskQuery("7")
		if windowed {
			q = window(vendorapi.QueryWindow)
		}
		if status < 200 || status > 599 {
			status = http.StatusOK
		}
		a, err := ask(t, q, respond(status, body))
		if err != nil {
			e := wantError(t, err)
			reasons := prefetch.Reasons()
			if !slices.Contains(reasons[:], e.Reason) || e.Unsent || !utf8.ValidString(e.Error()) || len(e.Error()) > 2000 {
				t.Fatalf("%+v", e)
			}
			return
		}
		if a.Count < len(a.URLs) || len(a.RowTasks) != len(a.URLs) || windowed && (a.Page != 1 || a.PageSize < len(a.URLs)) {
			t.Fatalf("count %d, page %d of %d, %d rows of %d tasks", a.Count, a.Page, a.PageSize, len(a.URLs), len(a.RowTasks))
		}
		for i, u := range a.URLs {
			failed := u.Status == prefetch.Failed
			if !utf8.ValidString(u.URL+u.Words+a.RowTasks[i]) || int(u.Status) >= prefetch.NumStatuses || len(u.Words) > 310 ||
				!failed && (u.Words != "" || u.Cause != prefetch.CauseUnknown) || !(u.Progress >= 0 && u.Progress <= 1) || !u.HasProgress && u.Progress != 0 {
				t.Fatalf("row %+v of %q", u, a.RowTasks[i])
			}
			if _, err := u.Created.MarshalJSON(); err != nil {
				t.Fatalf("time %v: %v", u.Created, err)
			}
		}
		for id := range a.Refused {
			if !slices.Contains(q.Tasks(), id) || slices.Contains(a.RowTasks, id) {
				t.Fatalf("%q is refused", id)
			}
		}
		if len(a.UnknownWords) > 10 || len(a.Oddities) > 10 {
			t.Fatalf("%d words, %d oddities", len(a.UnknownWords), len(a.Oddities))
		}
	})
}
