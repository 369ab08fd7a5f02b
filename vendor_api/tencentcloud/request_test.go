package tencentcloud_test

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"prefetch_exporter/prefetch"
	vendorapi "prefetch_exporter/vendor_api"
	"prefetch_exporter/vendor_api/tencentcloud"
	"prefetch_exporter/vendor_api/vendorapitest"
)

// with is q on a page, or limited to a status.
func with(q vendorapi.Query, page, size int, status ...prefetch.Status) vendorapi.Query {
	q.Page, q.PageSize = page, size
	if len(status) > 0 {
		q.Status = &status[0]
	}
	return q
}

// A question becomes one POST in the words of the product.
func TestRequests(t *testing.T) {
	t.Parallel()
	day := `"StartTime":"2025-12-31T00:00:00Z","EndTime":"2026-01-01T00:00:00Z",`
	chinaDay := `"StartTime":"2025-12-31 08:00:00","EndTime":"2026-01-01 08:00:00",`
	edge := `{"ZoneId":"zone-2noz78a8ev6k",`
	count := taskQuery()
	count.Kind = vendorapi.QueryCount
	both := window(vendorapi.QueryTask)
	both.TaskID = taskID
	for _, tt := range []struct {
		product product
		query   vendorapi.Query
		want    string
	}{
		{tencentcloud.NewEdgeOne, taskQuery(), edge + `"Filters":[{"Name":"job-id","Values":["1379afjk91u32h"]}],"Offset":0,"Limit":1000}`},
		{tencentcloud.NewEdgeOne, both, edge + day + `"Filters":[{"Name":"job-id","Values":["1379afjk91u32h"]}],"Offset":0,"Limit":1000}`},
		{tencentcloud.NewEdgeOne, with(window(vendorapi.QueryWindow), 3, 50), edge + day + `"Offset":100,"Limit":50}`},
		{tencentcloud.NewEdgeOne, with(count, 0, 0, prefetch.Failed), edge + `"Filters":[{"Name":"job-id","Values":["1379afjk91u32h"]},` +
			`{"Name":"statuses","Values":["failed","timeout","canceled","invalid"]}],"Offset":0,"Limit":1}`},
		{tencentcloud.NewEdgeOne, with(window(vendorapi.QueryCount), 0, 0, prefetch.Succeeded), edge + day +
			`"Filters":[{"Name":"statuses","Values":["success"]}],"Offset":0,"Limit":1}`},
		{tencentcloud.NewCDN, taskQuery(), `{"TaskId":"1379afjk91u32h","Offset":0,"Limit":100}`},
		{tencentcloud.NewCDN, with(taskQuery(), 2, 0), `{"TaskId":"1379afjk91u32h","Offset":100,"Limit":100}`},
		{tencentcloud.NewCDN, window(vendorapi.QueryWindow), `{` + chinaDay + `"Offset":0,"Limit":100}`},
		{tencentcloud.NewCDN, with(window(vendorapi.QueryCount), 1, 1, prefetch.Running), `{` + chinaDay + `"Status":"process","Offset":0,"Limit":1}`},
	} {
		var got *http.Request
		var body []byte
		_, err := ask(t, tt.product, vendorapitest.RoundTripper(func(req *http.Request) (*http.Response, error) {
			got = req
			body, _ = io.ReadAll(req.Body)
			return respond(200, `{"Response":{"TotalCount":0}}`)(req)
		}), tt.query)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(tt.want, string(body)); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		action, version := got.Header.Get("X-TC-Action"), got.Header.Get("X-TC-Version")
		if a := action + " " + version; got.Method+" "+got.URL.String() != "POST https://vendor.example/" ||
			a != "DescribePrefetchTasks 2022-09-01" && a != "DescribePushTasks 2018-06-06" ||
			got.Header.Get("Content-Type") != "application/json" || got.Header.Get("X-TC-Language") != "en-US" {
			t.Errorf("%s %s %v", got.Method, got.URL, got.Header)
		}
	}
}

// What the API has no form for is not sent.
func TestQuestionsThatCannotBeAsked(t *testing.T) {
	t.Parallel()
	oneEnd, backwards, long := window(vendorapi.QueryWindow), window(vendorapi.QueryWindow), window(vendorapi.QueryWindow)
	oneEnd.To, backwards.To, long.To = time.Time{}, backwards.From.Add(-time.Second), long.From.Add(8*24*time.Hour)
	several, both := taskQuery(), window(vendorapi.QueryTask)
	several.Others, both.TaskID = []string{"b"}, taskID
	for name, tt := range map[string]struct {
		query        vendorapi.Query
		edgeOne, cdn string
	}{
		"a list":               {vendorapi.Query{Kind: vendorapi.QueryList}, `a "list"`, `a "list"`},
		"two tasks":            {several, "2 tasks at once", "2 tasks at once"},
		"one end":              {oneEnd, "only one end", "only one end"},
		"nothing":              {vendorapi.Query{Kind: vendorapi.QueryTask}, "neither a task", "neither a task"},
		"a count of anything":  {vendorapi.Query{Kind: vendorapi.QueryCount}, "neither a task", "neither a task"},
		"backwards":            {backwards, "the window spans -1s, not", "the window spans -1s, not"},
		"eight days":           {long, "192h0m0s, not between 0 and 168h0m0s", "192h0m0s, not between 0 and 24h0m0s"},
		"a page below 0":       {with(taskQuery(), -1, 1), "page -1 of 1 rows", "page -1 of 1 rows"},
		"rows below 0":         {with(taskQuery(), 1, -1), "of -1 rows", "of -1 rows"},
		"1001 rows":            {with(taskQuery(), 1, 1001), "of 1001 rows", "of 1001 rows"},
		"those that wait":      {with(taskQuery(), 1, 1, prefetch.Waiting), "the status waiting", "the status waiting"},
		"a task in a window":   {both, "", "without a window"},
		"those that failed":    {with(taskQuery(), 1, 1, prefetch.Failed), "", "the status failed"},
		"those that succeeded": {with(taskQuery(), 1, 1, prefetch.Succeeded), "", ""},
	} {
		for i, product := range []product{tencentcloud.NewEdgeOne, tencentcloud.NewCDN} {
			want := [...]string{tt.edgeOne, tt.cdn}[i]
			_, err := ask(t, product, respond(200, `{"Response":{"TotalCount":0}}`), tt.query)
			if want == "" {
				if err != nil {
					t.Errorf("%s: %v", name, err)
				}
				continue
			}
			if e := vendorapitest.Error(t, err); e.Reason != prefetch.ReasonInvalid || !e.Unsent || !strings.Contains(e.Error(), want) {
				t.Errorf("%s: got %v, want %s", name, e, want)
			}
		}
	}
}

func TestProvidersThatCannotBe(t *testing.T) {
	t.Parallel()
	for want, create := range map[string]func() (*tencentcloud.Provider, error){
		"tencentcloud_edgeone: no zone id": func() (*tencentcloud.Provider, error) {
			return tencentcloud.NewEdgeOne(tencentcloud.Options{Endpoint: "https://vendor.example"})
		},
		"tencentcloud_cdn: endpoint must begin with https:// or http:// and name a host": func() (*tencentcloud.Provider, error) {
			return tencentcloud.NewCDN(tencentcloud.Options{Endpoint: "vendor.example"})
		},
	} {
		if _, err := create(); err == nil || err.Error() != want {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}

func TestCapabilities(t *testing.T) {
	t.Parallel()
	want := vendorapi.Capabilities{
		Windows: true, RowTask: true, Paged: true, NeverWaits: true, Gradual: true, Causes: true,
		FilterWords: vendorapi.OneWord(prefetch.Running, prefetch.Succeeded, prefetch.Failed),
		Times:       vendorapi.RowTimes{Created: true, Finished: true},
		PageSize:    1000, LookBack: 7 * 24 * time.Hour, MaxSpan: 7 * 24 * time.Hour, MaxInFlight: 2,
	}
	if diff := cmp.Diff(want, newProvider(t, tencentcloud.NewEdgeOne, nil, tencentcloud.Options{}).Capabilities()); diff != "" {
		t.Errorf("EdgeOne (-want +got):\n%s", diff)
	}
	want.FilterWords[prefetch.Failed] = 2
	want.PageSize, want.LookBack, want.MaxSpan = 100, 30*24*time.Hour, 24*time.Hour
	if diff := cmp.Diff(want, newProvider(t, tencentcloud.NewCDN, nil, tencentcloud.Options{}).Capabilities()); diff != "" {
		t.Errorf("CDN (-want +got):\n%s", diff)
	}
}
