package alibabacloud_test

import (
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"prefetch_exporter/prefetch"
	vendorapi "prefetch_exporter/vendor_api"
	"prefetch_exporter/vendor_api/alibabacloud"
)

func TestNew(t *testing.T) {
	t.Parallel()
	for _, o := range []alibabacloud.Options{
		{Product: "alibabacloud_esa", Endpoint: "https://cdn.example"}, {Product: alibabacloud.CDN, Endpoint: "https://cdn.example/v1"},
	} {
		if _, err := alibabacloud.New(o); err == nil {
			t.Errorf("%+v is accepted", o)
		}
	}
}

func TestCapabilities(t *testing.T) {
	t.Parallel()
	for product, size := range map[alibabacloud.Product]int{alibabacloud.CDN: 100, alibabacloud.DCDN: 50} {
		want := vendorapi.Capabilities{
			Windows: true, RowTask: true, TasksPerQuery: 10, Times: vendorapi.RowTimes{Created: true}, Gradual: true, Causes: true,
			PageSize: size, LookBack: 72 * time.Hour, MaxSpan: 72 * time.Hour, MaxInFlight: 2,
		}
		want.FilterWords[prefetch.Running], want.FilterWords[prefetch.Succeeded], want.FilterWords[prefetch.Failed] = 1, 1, 3
		if diff := cmp.Diff(want, newProvider(t, product, nil, nil).Capabilities()); diff != "" {
			t.Errorf("%s: %s", product, diff)
		}
	}
}

// The request of each question, for each product.
func TestRequests(t *testing.T) {
	t.Parallel()
	moment := window(vendorapi.QueryWindow)
	moment.From = moment.To
	with := func(q vendorapi.Query, change func(*vendorapi.Query)) vendorapi.Query {
		change(&q)
		return q
	}
	const hour = "EndTime=2026-11-21T10:00:00Z&StartTime=2026-11-21T09:00:00Z&"
	for _, tt := range []struct {
		name    string
		product alibabacloud.Product
		query   vendorapi.Query
		action  string
		want    string
	}{
		{"a task", alibabacloud.CDN, taskQuery(), "DescribeRefreshTaskById", "TaskId=12719676361"},
		{"a task of DCDN", alibabacloud.DCDN, taskQuery(), "DescribeDcdnRefreshTaskById", "TaskId=12719676361"},
		{"tasks", alibabacloud.CDN, taskQuery("2", "é"), "DescribeRefreshTaskById", "TaskId=12719676361,2,é"},
		{"a task's first page", alibabacloud.CDN, with(taskQuery(), func(q *vendorapi.Query) { q.Page, q.PageSize = 1, 20 }), "DescribeRefreshTaskById", "TaskId=12719676361"},
		{"a task's second page", alibabacloud.CDN, with(taskQuery(), func(q *vendorapi.Query) { q.Page, q.PageSize = 2, 20 }), "DescribeRefreshTasks", "ObjectType=preload&PageNumber=2&PageSize=20&TaskId=12719676361"},
		{"a window", alibabacloud.CDN, window(vendorapi.QueryWindow), "DescribeRefreshTasks", hour + "ObjectType=preload&PageNumber=1&PageSize=100"},
		{"a window of DCDN", alibabacloud.DCDN, window(vendorapi.QueryWindow), "DescribeDcdnRefreshTasks", hour + "ObjectType=preload&PageNumber=1&PageSize=50"},
		{"a page that is too large", alibabacloud.DCDN, with(window(vendorapi.QueryWindow), func(q *vendorapi.Query) { q.Page, q.PageSize = 3, 100 }), "DescribeDcdnRefreshTasks", hour + "ObjectType=preload&PageNumber=3&PageSize=50"},
		{"a moment", alibabacloud.CDN, moment, "DescribeRefreshTasks", "EndTime=2026-11-21T10:00:01Z&ObjectType=preload&PageNumber=1&PageSize=100&StartTime=2026-11-21T10:00:00Z"},
		{"a count", alibabacloud.CDN, with(window(vendorapi.QueryCount), func(q *vendorapi.Query) { q.Status = new(prefetch.Running) }), "DescribeRefreshTasks", hour + "ObjectType=preload&PageNumber=1&PageSize=1&Status=Refreshing"},
		{"a count of a task", alibabacloud.CDN, with(taskQuery(), func(q *vendorapi.Query) { q.Kind, q.Status = vendorapi.QueryCount, new(prefetch.Succeeded) }), "DescribeRefreshTasks", "ObjectType=preload&PageNumber=1&PageSize=1&Status=Complete&TaskId=12719676361"},
		{"a task by status", alibabacloud.CDN, with(taskQuery(), func(q *vendorapi.Query) { q.Status = new(prefetch.Running) }), "DescribeRefreshTasks", "ObjectType=preload&PageNumber=1&PageSize=100&Status=Refreshing&TaskId=12719676361"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var got *http.Request
			p := newProvider(t, tt.product, roundTrip(func(r *http.Request) (*http.Response, error) {
				got = r
				return respond(http.StatusOK, `{"TotalCount":0,"Tasks":[]}`), nil
			}), nil)
			if _, err := p.Query(t.Context(), tt.query); err != nil {
				t.Fatal(err)
			}
			query, err := url.ParseQuery(tt.want)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(query, got.URL.Query()); diff != "" || got.Method != http.MethodPost || got.URL.Path != "/" || got.ContentLength != 0 {
				t.Errorf("%s %s, %d bytes (-want +got):\n%s", got.Method, got.URL, got.ContentLength, diff)
			}
			version := map[alibabacloud.Product]string{alibabacloud.CDN: "2018-05-10", alibabacloud.DCDN: "2018-01-15"}[tt.product]
			h := got.Header
			if h.Get("X-Acs-Action") != tt.action || h.Get("X-Acs-Version") != version || h.Get("Accept") != "application/json" ||
				h.Get("X-Acs-Date") != "2026-11-21T10:00:00Z" || h.Get("Content-Type") != "" {
				t.Errorf("headers: %v", h)
			}
			if err := verify(got, nil, "AKEXAMPLE", "SKEXAMPLE"); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestQuestionsThatCannotBeAsked(t *testing.T) {
	t.Parallel()
	for name, q := range map[string]vendorapi.Query{
		"a list":               {Kind: vendorapi.QueryList, From: now().Add(-time.Hour), To: now()},
		"nothing":              {},
		"no task":              {Kind: vendorapi.QueryTask, From: now().Add(-time.Hour), To: now()},
		"a window of one end":  {Kind: vendorapi.QueryWindow, From: now()},
		"a window of no time":  {Kind: vendorapi.QueryWindow},
		"a window backwards":   {Kind: vendorapi.QueryWindow, From: now(), To: now().Add(-time.Hour)},
		"failed ones":          {Kind: vendorapi.QueryCount, TaskID: taskID, Status: new(prefetch.Failed)},
		"waiting ones":         {Kind: vendorapi.QueryCount, TaskID: taskID, Status: new(prefetch.Waiting)},
		"a count of two":       {Kind: vendorapi.QueryCount, TaskID: taskID, Others: []string{"2"}},
		"two in a window":      {Kind: vendorapi.QueryTask, TaskID: taskID, Others: []string{"2"}, From: now().Add(-time.Hour), To: now()},
		"eleven":               taskQuery(strings.Split(strings.Repeat("2", 10), "")...),
		"a list of ids in one": {Kind: vendorapi.QueryTask, TaskID: "1,2"},
		"a page before all":    {Kind: vendorapi.QueryTask, TaskID: taskID, Page: -1},
		"a page of less":       {Kind: vendorapi.QueryTask, TaskID: taskID, PageSize: -1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newProvider(t, alibabacloud.CDN, roundTrip(func(*http.Request) (*http.Response, error) {
				t.Error("a request was made")
				return nil, io.EOF
			}), nil)
			_, err := p.Query(t.Context(), q)
			if e := wantError(t, err); e.Reason != prefetch.ReasonInvalid || !e.Unsent {
				t.Errorf("got %+v", e)
			}
		})
	}
}

// Keys are read for every call, and no nonce is used twice; a token is signed.
func TestKeys(t *testing.T) {
	t.Parallel()
	call, nonces := 0, map[string]bool{}
	nth := func(prefix string) func() string { return func() string { return prefix + string(rune('0'+call)) } }
	p := newProvider(t, alibabacloud.CDN, roundTrip(func(r *http.Request) (*http.Response, error) {
		n := string(rune('0' + call))
		nonces[r.Header.Get("X-Acs-Signature-Nonce")] = true
		if r.Header.Get("X-Acs-Security-Token") != "ST"+n || r.Header.Get("X-Acs-Accesskey-Id") != "AK"+n ||
			!strings.Contains(r.Header.Get("Authorization"), "x-acs-accesskey-id;") || !strings.Contains(r.Header.Get("Authorization"), ";x-acs-security-token;") {
			t.Errorf("call %s has %v", n, r.Header)
		}
		if err := verify(r, nil, "AK"+n, "SK"+n); err != nil {
			t.Error(err)
		}
		return respond(http.StatusOK, `{"Tasks":[]}`), nil
	}), alibabacloud.Keys(nth("AK"), nth("SK"), nth("ST")))
	for call = range 3 {
		if _, err := p.Query(t.Context(), taskQuery()); err != nil {
			t.Fatal(err)
		}
	}
	if len(nonces) != 3 {
		t.Errorf("nonces %v", nonces)
	}
}

func TestCredentialsThatCannotBeSent(t *testing.T) {
	t.Parallel()
	for name, auth := range map[string]vendorapi.Auth{
		"no access key":    alibabacloud.Keys(text(""), text("SK"), nil),
		"no secret":        alibabacloud.Keys(text("AK"), text(""), nil),
		"token, two lines": alibabacloud.Keys(text("AK"), text("SK"), text("first-half\nsecond-half")),
	} {
		_, err := newProvider(t, alibabacloud.CDN, nil, auth).Query(t.Context(), taskQuery())
		if e := wantError(t, err); e.Reason != prefetch.ReasonAuth || !e.Unsent || strings.Contains(e.Error(), "half") {
			t.Errorf("%s: %+v", name, e)
		}
	}
}
