package cdnetworks_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"prefetch_exporter/prefetch"
	vendorapi "prefetch_exporter/vendor_api"
	"prefetch_exporter/vendor_api/cdnetworks"
	"prefetch_exporter/vendor_api/vendorapitest"
)

var _ vendorapi.Provider = (*cdnetworks.Provider)(nil)

// TestWire proves what goes over the wire: a real server sees it.
func TestWire(t *testing.T) {
	t.Parallel()
	at := func(s string) time.Time {
		when, err := time.Parse(time.RFC3339Nano, s)
		if err != nil {
			t.Fatal(err)
		}
		return when
	}
	for name, tc := range map[string]struct {
		location *time.Location
		query    vendorapi.Query
		zone     string
		body     string
	}{
		"an itemId alone": {
			query: vendorapi.Query{Kind: vendorapi.QueryTask, TaskID: "3ff5", Page: 1, PageSize: 20},
			zone:  "GMT+08:00",
			body:  `{"itemId":"3ff5","pageNo":1,"pageSize":20}`,
		},
		"an itemId in a window, defaults": {
			location: time.FixedZone("GMT-03:30", -(3*60+30)*60),
			query: vendorapi.Query{
				Kind: vendorapi.QueryTask, TaskID: "3ff5",
				From: at("2026-11-21T08:00:00.9Z"), To: at("2026-11-21T10:00:00.9+02:00"),
			},
			zone: "GMT-03:30",
			body: `{"startTime":"2026-11-21 04:30:00","endTime":"2026-11-21 04:30:00","itemId":"3ff5","pageNo":1,"pageSize":55}`,
		},
		"a window of failures": {
			location: time.UTC,
			query: vendorapi.Query{
				Kind: vendorapi.QueryWindow, From: at("2026-11-20T23:59:59Z"), To: at("2026-11-21T23:59:58Z"),
				Status: new(prefetch.Failed), Page: 3,
			},
			zone: "GMT+00:00",
			body: `{"startTime":"2026-11-20 23:59:59","endTime":"2026-11-21 23:59:58","status":"failure","pageNo":3,"pageSize":55}`,
		},
		"a count of successes": {
			location: time.FixedZone("GMT+05:30", (5*60+30)*60),
			query:    vendorapi.Query{Kind: vendorapi.QueryCount, TaskID: "<&>", Status: new(prefetch.Succeeded)},
			zone:     "GMT+05:30",
			body:     `{"itemId":"<&>","status":"success","pageNo":1,"pageSize":1}`,
		},
		"a count with a page size": {
			query: vendorapi.Query{Kind: vendorapi.QueryCount, TaskID: "3ff5", PageSize: 20},
			zone:  "GMT+08:00",
			body:  `{"itemId":"3ff5","pageNo":1,"pageSize":20}`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var calls atomic.Int32
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				calls.Add(1)
				if r.Method != http.MethodPost || r.RequestURI != "/ccm/fetch/ItemIdQuery" {
					t.Errorf("request line = %s %s", r.Method, r.RequestURI)
				}
				for header, want := range map[string]string{
					"Content-Type":  "application/json",
					"Accept":        "application/json",
					"X-Time-Zone":   tc.zone,
					"Date":          "Thu, 01 Jan 2026 00:00:00 GMT",
					"Authorization": "Basic dXNlcm5hbWU6OFRTS2x5R0NobTBzM3VLWGF5b0poazFVam93PQ==",
					"User-Agent":    "prefetch_exporter/test",
				} {
					if got := r.Header.Values(header); len(got) != 1 || got[0] != want {
						t.Errorf("%s = %q, want %q", header, got, want)
					}
				}
				body, err := io.ReadAll(r.Body)
				if err != nil {
					t.Error(err)
				}
				if diff := cmp.Diff(decoded(t, tc.body), decoded(t, string(body))); diff != "" {
					t.Errorf("body (-want +got):\n%s", diff)
				}
				_, _ = io.WriteString(w, `{"Code":1,"message":"success","count":0,"resultDetail":[]}`)
			}))
			defer server.Close()
			p := newProvider(t, cdnetworks.Options{
				Endpoint: server.URL + "/",
				Client:   vendorapitest.Client(t, nil),
				Location: tc.location,
				PageSize: 55,
				Now:      func() time.Time { return time.Unix(1767225600, 0) },
			})
			answer, err := p.Query(t.Context(), tc.query)
			if err != nil {
				t.Fatal(err)
			}
			if len(answer.URLs) != 0 || answer.Count != 0 || len(answer.Oddities) != 0 {
				t.Errorf("answer = %+v", answer)
			}
			if answer.Date.IsZero() {
				t.Error("the server's Date is not kept")
			}
			if got := calls.Load(); got != 1 {
				t.Errorf("%d requests were made for one query", got)
			}
		})
	}
}

// decoded is text as JSON, so that a difference in types shows and one in
// spelling does not.
func decoded(t *testing.T, text string) any {
	t.Helper()
	var v any
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		t.Errorf("%q is not JSON: %v", text, err)
	}
	return v
}

// TestWireAKSK proves that the Host that is signed is the one that is sent.
func TestWireAKSK(t *testing.T) {
	t.Parallel()
	var got *http.Request
	var body []byte
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		got = r
		body, _ = io.ReadAll(r.Body)
	}))
	defer server.Close()
	now := time.Unix(1767225600, 0)
	p := newProvider(t, cdnetworks.Options{
		Endpoint: server.URL,
		Client:   vendorapitest.Client(t, nil),
		Auth:     cdnetworks.AKSK(vendorapitest.Text("AKEXAMPLE"), vendorapitest.Text("SKEXAMPLE")),
		Now:      func() time.Time { return now },
	})
	if _, err := p.Query(t.Context(), taskQuery()); vendorapitest.Error(t, err).Reason != prefetch.ReasonDecode {
		t.Errorf("an empty answer gives %v", err)
	}
	again := newRequest(t, body)
	again.Host = got.Host
	if err := cdnetworks.AKSK(vendorapitest.Text("AKEXAMPLE"), vendorapitest.Text("SKEXAMPLE")).Authorize(t.Context(), again, body, now); err != nil {
		t.Fatal(err)
	}
	if got, want := got.Header.Get("Authorization"), again.Header.Get("Authorization"); got != want {
		t.Errorf("Authorization = %q, want %q", got, want)
	}
}

func TestQueryRefusedWithoutARequest(t *testing.T) {
	t.Parallel()
	p := newProvider(t, cdnetworks.Options{Client: vendorapitest.Client(t, vendorapitest.RoundTripper(func(*http.Request) (*http.Response, error) {
		t.Error("a request was made")
		return nil, io.EOF
	}))})
	from := time.Date(2026, 11, 21, 0, 0, 0, 0, beijing)
	for name, tc := range map[string]struct {
		query vendorapi.Query
		want  string
	}{
		"nothing to ask for":     {vendorapi.Query{Kind: vendorapi.QueryWindow}, "neither a task nor a window"},
		"a count of nothing":     {vendorapi.Query{Kind: vendorapi.QueryCount}, "neither a task nor a window"},
		"a task without its id":  {vendorapi.Query{Kind: vendorapi.QueryTask, From: from, To: from}, "neither a task"},
		"a window without end":   {vendorapi.Query{Kind: vendorapi.QueryTask, TaskID: "a", From: from}, "only one end"},
		"a window without start": {vendorapi.Query{Kind: vendorapi.QueryTask, TaskID: "a", To: from}, "only one end"},
		"a window too long": {
			vendorapi.Query{Kind: vendorapi.QueryWindow, From: from, To: from.Add(24 * time.Hour)},
			"spans 24h0m0s, not between 0 and 23h59m59s",
		},
		"a window backwards": {
			vendorapi.Query{Kind: vendorapi.QueryWindow, From: from, To: from.Add(-time.Second)},
			"spans -1s, not between",
		},
		"a negative page":      {vendorapi.Query{Kind: vendorapi.QueryTask, TaskID: "a", Page: -1}, "page -1"},
		"a negative page size": {vendorapi.Query{Kind: vendorapi.QueryTask, TaskID: "a", PageSize: -1}, "page 0 of -1 rows"},
		"a status without a word": {
			vendorapi.Query{Kind: vendorapi.QueryCount, TaskID: "a", Status: new(prefetch.Unknown)},
			"filter by the status unknown",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := p.Query(t.Context(), tc.query)
			e := vendorapitest.Error(t, err)
			if e.Reason != prefetch.ReasonInvalid || !e.Unsent || !strings.Contains(e.Error(), tc.want) {
				t.Errorf("error = %v (unsent %t), want invalid, unsent and %q", e, e.Unsent, tc.want)
			}
		})
	}
}

// A whole day but a second is what Capabilities offers, so it can be asked for.
func TestLongestWindow(t *testing.T) {
	t.Parallel()
	if _, err := ask(t, reply{status: 200, body: `{"Code":1,"count":0}`}, day(vendorapi.QueryWindow), beijing); err != nil {
		t.Error(err)
	}
}

func TestQueryWithoutCredentials(t *testing.T) {
	t.Parallel()
	p := newProvider(t, cdnetworks.Options{
		Auth: cdnetworks.APIKey("username", vendorapitest.Text("")),
		Client: vendorapitest.Client(t, vendorapitest.RoundTripper(func(*http.Request) (*http.Response, error) {
			t.Error("a request was made")
			return nil, io.EOF
		})),
	})
	_, err := p.Query(t.Context(), taskQuery())
	e := vendorapitest.Error(t, err)
	if e.Reason != prefetch.ReasonAuth || !e.Unsent || !strings.Contains(e.Error(), "API key is empty") {
		t.Errorf("error = %v (unsent %t)", e, e.Unsent)
	}
}

func TestCapabilities(t *testing.T) {
	t.Parallel()
	want := vendorapi.Capabilities{
		Windows: true, Paged: true, FilterWords: vendorapi.OneWord(prefetch.Waiting, prefetch.Running, prefetch.Succeeded, prefetch.Failed), Times: vendorapi.RowTimes{Created: true, Started: true, Finished: true}, Gradual: true,
		PageSize: 100, LookBack: 72 * time.Hour, MaxSpan: 24*time.Hour - time.Second, MaxInFlight: 1,
	}
	client := vendorapitest.Client(t, nil)
	if diff := cmp.Diff(want, newProvider(t, cdnetworks.Options{Client: client}).Capabilities()); diff != "" {
		t.Errorf("defaults (-want +got):\n%s", diff)
	}
	want.PageSize, want.LookBack = 400, 48*time.Hour
	configured := newProvider(t, cdnetworks.Options{Client: client, PageSize: 400, LookBack: 48 * time.Hour})
	if diff := cmp.Diff(want, configured.Capabilities()); diff != "" {
		t.Errorf("configured (-want +got):\n%s", diff)
	}
}

func TestNewRefuses(t *testing.T) {
	t.Parallel()
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Skipf("no time zone database: %v", err)
	}
	for name, tc := range map[string]struct {
		options cdnetworks.Options
		want    []string
	}{
		"a password":        {cdnetworks.Options{Endpoint: "https://" + url.UserPassword("u", "HUSH").String() + "@host"}, []string{"scheme and host only"}},
		"a moving zone":     {cdnetworks.Options{Location: berlin}, []string{`"Europe/Berlin" has no fixed offset`}},
		"a zone of seconds": {cdnetworks.Options{Location: time.FixedZone("LMT", 29143)}, []string{`"LMT" is not off by whole minutes`}},
		"several at once":   {cdnetworks.Options{Endpoint: "host", Location: berlin}, []string{"endpoint must begin with", "has no fixed offset"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := cdnetworks.New(tc.options)
			if err == nil {
				t.Fatal("no error")
			}
			for _, want := range append(tc.want, "cdnetworks: ") {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("error %q does not say %q", err, want)
				}
			}
			if strings.Contains(err.Error(), "HUSH") {
				t.Errorf("the error tells the password: %v", err)
			}
		})
	}
}
