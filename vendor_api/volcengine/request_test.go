package volcengine_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"prefetch_exporter/prefetch"
	vendorapi "prefetch_exporter/vendor_api"
	"prefetch_exporter/vendor_api/vendorapitest"
	"prefetch_exporter/vendor_api/volcengine"
)

// Each question is one request, which names the kind of task and both ends of a window.
func TestRequests(t *testing.T) {
	t.Parallel()
	old := taskQuery()
	old.Created = noon.Add(-8 * 24 * time.Hour)
	known := taskQuery()
	known.Created = noon.Add(-3 * time.Hour)
	future := taskQuery()
	future.Created = noon.Add(3 * time.Hour)
	within := taskQuery()
	within.From, within.To = noon.Add(-time.Hour), noon.Add(-time.Minute+time.Millisecond)
	within.Page, within.PageSize, within.Status = 3, 20, new(prefetch.Failed)
	counted := windowQuery()
	counted.Kind, counted.Status = vendorapi.QueryCount, new(prefetch.Running)
	succeeded := windowQuery()
	succeeded.Status = new(prefetch.Succeeded)
	const week = 7 * 24 * 60 * 60
	at := noon.Unix()
	for _, tt := range []struct {
		name  string
		query vendorapi.Query
		want  string
	}{
		{"a task", taskQuery(), body(at-week+120, at, 1, 100, "", launch)},
		{"a task of a known time", known, body(at-4*60*60, at, 1, 100, "", launch)},
		{"an old task", old, body(at-week+120, at, 1, 100, "", launch)},
		{"a task of tomorrow", future, body(at-week+120, at, 1, 100, "", launch)},
		{"a task in a window", within, body(at-3600, at-60, 3, 20, "failed", launch)},
		{"a window", windowQuery(), body(at-3600, at, 1, 100, "", "")},
		{"a filtered window", succeeded, body(at-3600, at, 1, 100, "complete", "")},
		{"a count", counted, body(at-3600, at, 1, 1, "running", "")},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var sent []string
			p := newProvider(t, vendorapitest.RoundTripper(func(r *http.Request) (*http.Response, error) {
				content, err := io.ReadAll(r.Body)
				sent = append(sent, fmt.Sprintf("%s %s %s %s", r.Method, r.URL, r.Header.Get("Content-Type"), content))
				if err != nil || !strings.Contains(r.Header.Get("Authorization"), "/20261121/cn-north-1/cdn/request,") {
					t.Errorf("%v, %v", err, r.Header)
				}
				return vendorapitest.Says(http.StatusOK, `{`+meta+`,"Result":{"Total":0,"Data":null}}`)(r)
			}), volcengine.Options{})
			if _, err := p.Query(t.Context(), tt.query); err != nil {
				t.Fatal(err)
			}
			want := []string{"POST https://cdn.volcengineapi.com/?Action=DescribeContentTasks&Version=2021-03-01 application/json; charset=utf-8 " + tt.want}
			if diff := cmp.Diff(want, sent); diff != "" {
				t.Errorf("(-want +sent):\n%s", diff)
			}
		})
	}
}

func body(start, end int64, page, size int, status, task string) string {
	text := fmt.Sprintf(`{"EndTime":%d,"PageNum":%d,"PageSize":%d,"StartTime":%d,`, end, page, size, start)
	if status != "" {
		text += fmt.Sprintf(`"Status":%q,`, status)
	}
	if task != "" {
		text += fmt.Sprintf(`"TaskID":%q,`, task)
	}
	return text + `"TaskType":"preload"}`
}

// What the vendor cannot be asked costs no call.
func TestRefusedUnsent(t *testing.T) {
	t.Parallel()
	change := func(q vendorapi.Query, f func(*vendorapi.Query)) vendorapi.Query {
		f(&q)
		return q
	}
	for want, q := range map[string]vendorapi.Query{
		"cannot be asked for a \"list\"": {Kind: vendorapi.QueryList, From: noon.Add(-time.Hour), To: noon},
		"asked for 2 tasks at once":      change(taskQuery(), func(q *vendorapi.Query) { q.Others = []string{"b"} }),
		"only one end":                   change(windowQuery(), func(q *vendorapi.Query) { q.To = time.Time{} }),
		"neither a task nor":             {Kind: vendorapi.QueryCount},
		"neither a task":                 change(windowQuery(), func(q *vendorapi.Query) { q.Kind = vendorapi.QueryTask }),
		"is of a refresh":                {Kind: vendorapi.QueryTask, TaskID: "refresh_url_" + strings.Repeat("0", 48)},
		"spans -1h0m0s":                  change(windowQuery(), func(q *vendorapi.Query) { q.From, q.To = q.To, q.From }),
		"spans 168h0m1s":                 change(windowQuery(), func(q *vendorapi.Query) { q.From = q.To.Add(-7*24*time.Hour - time.Second) }),
		"page -1 of 0 rows":              change(taskQuery(), func(q *vendorapi.Query) { q.Page = -1 }),
		"page 0 of -1 rows":              change(taskQuery(), func(q *vendorapi.Query) { q.PageSize = -1 }),
		"filter by the status waiting":   change(taskQuery(), func(q *vendorapi.Query) { q.Status = new(prefetch.Waiting) }),
	} {
		t.Run(want, func(t *testing.T) {
			t.Parallel()
			p := newProvider(t, vendorapitest.RoundTripper(func(*http.Request) (*http.Response, error) {
				t.Error("a request was sent")
				return nil, io.EOF
			}), volcengine.Options{})
			_, err := p.Query(t.Context(), q)
			if e := vendorapitest.Error(t, err); e.Reason != prefetch.ReasonInvalid || !e.Unsent || !strings.Contains(e.Error(), want) {
				t.Errorf("got %v, want %s", e, want)
			}
		})
	}
}

func TestNew(t *testing.T) {
	t.Parallel()
	for want, o := range map[string]volcengine.Options{
		`no product "x"`:                        {Product: "x", Endpoint: "https://example.com"},
		"byteplus_cdn: endpoint must be scheme": {Product: volcengine.NameBytePlus, Endpoint: "https://example.com/path"},
	} {
		if _, err := volcengine.New(o); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
	got := newProvider(t, nil, volcengine.Options{PageSize: 7}).Capabilities()
	want := vendorapi.Capabilities{
		Windows: true, RowTask: true, Paged: true, NeverWaits: true,
		FilterWords: vendorapi.OneWord(prefetch.Running, prefetch.Succeeded, prefetch.Failed),
		Times:       vendorapi.RowTimes{Created: true},
		PageSize:    7, LookBack: 7*24*time.Hour - 2*time.Minute, MaxSpan: 7 * 24 * time.Hour, MaxInFlight: 2,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
