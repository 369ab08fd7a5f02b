package baiducloud_test

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
	"prefetch_exporter/vendor_api/baiducloud"
	"prefetch_exporter/vendor_api/vendorapitest"
)

// Each question is one request: a task by its id alone, a window by its ends, which
// every further page repeats.
func TestRequests(t *testing.T) {
	t.Parallel()
	next := windowQuery()
	next.Cursor = "eJw/+=="
	next.From = next.From.In(time.FixedZone("", 8*60*60))
	created := taskQuery()
	created.Created, created.Page, created.PageSize = noon, 2, 7
	const times = "endTime=2026-11-21T12%3A00%3A00Z"
	for _, tt := range []struct {
		name    string
		edition string
		query   vendorapi.Query
		want    string
	}{
		{"a task", baiducloud.China, taskQuery(), "/v2/cache/prefetch?id=eJwztjA3swQAAy4BEg%3D%3D"},
		{"a task of a known time", baiducloud.China, created, "/v2/cache/prefetch?id=eJwztjA3swQAAy4BEg%3D%3D"},
		{"a task abroad", baiducloud.Abroad, taskQuery(), "/v2/abroad/cache/prefetch?id=eJwztjA3swQAAy4BEg%3D%3D"},
		{"a window", baiducloud.China, windowQuery(), "/v2/cache/prefetch?" + times + "&startTime=2026-11-21T11%3A00%3A00Z"},
		{
			"the next page", baiducloud.Abroad, next,
			"/v2/abroad/cache/prefetch?" + times + "&marker=eJw%2F%2B%3D%3D&startTime=2026-11-21T11%3A00%3A00Z",
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var sent []string
			p := newProvider(t, vendorapitest.RoundTripper(func(r *http.Request) (*http.Response, error) {
				sent = append(sent, fmt.Sprintf("%s %s", r.Method, r.URL))
				if got := r.Header.Get("Authorization"); !strings.HasPrefix(got, "bce-auth-v1/AKEXAMPLE/2026-11-21T12:00:00Z/1800/host;x-bce-date/") {
					t.Errorf("Authorization: %s", got)
				}
				return vendorapitest.Says(http.StatusOK, `{"details":[]}`)(r)
			}), baiducloud.Options{Edition: tt.edition})
			if _, err := p.Query(t.Context(), tt.query); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff([]string{"GET https://cdn.baidubce.com" + tt.want}, sent); diff != "" {
				t.Errorf("(-want +sent):\n%s", diff)
			}
		})
	}
}

// What the vendor cannot be asked costs no call.
func TestRefusedUnsent(t *testing.T) {
	t.Parallel()
	change := func(q vendorapi.Query, f func(*vendorapi.Query)) vendorapi.Query {
		f(&q)
		return q
	}
	for want, q := range map[string]vendorapi.Query{
		`cannot be asked for a "count"`:   {Kind: vendorapi.QueryCount, TaskID: launch},
		`cannot be asked for a "list"`:    change(windowQuery(), func(q *vendorapi.Query) { q.Kind = vendorapi.QueryList }),
		"asked for 2 tasks at once":       change(taskQuery(), func(q *vendorapi.Query) { q.Others = []string{"b"} }),
		"filter by the status failed":     change(windowQuery(), func(q *vendorapi.Query) { q.Status = new(prefetch.Failed) }),
		"spans 720h0m1s":                  change(windowQuery(), func(q *vendorapi.Query) { q.From = q.To.Add(-720*time.Hour - time.Second) }),
		"cannot limit the rows of a task": change(windowQuery(), func(q *vendorapi.Query) { q.TaskID = launch }),
		"limit the rows of a task":        change(taskQuery(), func(q *vendorapi.Query) { q.Cursor = "m" }),
	} {
		t.Run(want, func(t *testing.T) {
			t.Parallel()
			p := newProvider(t, vendorapitest.RoundTripper(func(*http.Request) (*http.Response, error) {
				t.Error("a request was sent")
				return nil, io.EOF
			}), baiducloud.Options{})
			_, err := p.Query(t.Context(), q)
			if e := vendorapitest.Error(t, err); e.Reason != prefetch.ReasonInvalid || !e.Unsent || !strings.Contains(e.Error(), want) {
				t.Errorf("got %v, want %s", e, want)
			}
		})
	}
}

func TestNew(t *testing.T) {
	t.Parallel()
	for want, o := range map[string]baiducloud.Options{
		`no edition "x"`:          {Edition: "x", Endpoint: "https://example.com"},
		"endpoint must be scheme": {Edition: baiducloud.China, Endpoint: "https://example.com/path"},
	} {
		if _, err := baiducloud.New(o); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
	got := newProvider(t, nil, baiducloud.Options{}).Capabilities()
	const month = 30 * 24 * time.Hour
	want := vendorapi.Capabilities{
		Windows: true, Times: vendorapi.RowTimes{Created: true, Started: true, Finished: true},
		PageSize: 100, LookBack: month, MaxSpan: month, MaxInFlight: 1,
	}
	if diff := cmp.Diff(want, got); diff != "" || got.Discovers() {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
