package alibabacloud_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"prefetch_exporter/prefetch"
	vendorapi "prefetch_exporter/vendor_api"
	"prefetch_exporter/vendor_api/alibabacloud"
	"prefetch_exporter/vendor_api/simulator"
	simalibabacloud "prefetch_exporter/vendor_api/simulator/alibabacloud"
)

// simulated returns a simulated vendor on the clock of the test's bubble, and a client
// that asks it. The vendor has the tasks 10001 to 10012 of three URLs each, of which
// 10012 is a purge, and 20000 of another account.
func simulated(t *testing.T, product alibabacloud.Product, o simalibabacloud.Options, auth vendorapi.Auth) (*simalibabacloud.Server, *alibabacloud.Provider) {
	t.Helper()
	o.DCDN = product == alibabacloud.DCDN
	o.AccessKeys = map[string]string{"AKEXAMPLE": "SKEXAMPLE", "STS.AKEXAMPLE": "SKTEMPORARY"}
	o.SecurityTokens = map[string]string{"STS.AKEXAMPLE": "TOKEN+/="}
	o.Accounts = map[string]string{"AKEXAMPLE": "tenant", "STS.AKEXAMPLE": "tenant"}
	vendor := simalibabacloud.New(o)
	for i := 1; i <= 12; i++ {
		vendor.Submit(simulator.Task{ID: fmt.Sprint(10000 + i), Owner: "tenant", Purge: i == 12, URLs: []simulator.URLPlan{
			{URL: fmt.Sprintf("https://cdn.example/%d/a b+é", i), Wait: time.Minute, Fetch: 4 * time.Minute},
			{URL: fmt.Sprintf("https://cdn.example/%d/b", i), Fetch: 2 * time.Minute, Fails: true},
			{URL: fmt.Sprintf("https://cdn.example/%d/c", i), Fetch: time.Minute, Fails: true, Reason: "Internal Error"},
		}})
	}
	vendor.Submit(simulator.Task{ID: "20000", Owner: "another", URLs: []simulator.URLPlan{{URL: "u"}}})
	client, err := vendorapi.NewClient(vendorapi.ClientOptions{RoundTripper: simulator.Transport(simulator.Compressing(vendor))})
	if err != nil {
		t.Fatal(err)
	}
	if auth == nil {
		auth = alibabacloud.Keys(text("AKEXAMPLE"), text("SKEXAMPLE"), nil)
	}
	p, err := alibabacloud.New(alibabacloud.Options{Product: product, Endpoint: "https://cdn.example", Client: client, Auth: auth})
	if err != nil {
		t.Fatal(err)
	}
	return vendor, p
}

// The simulated vendor was written from the vendor's pages and shares no code with the
// client: ten tasks at once, and the window of all, are as it has them over their life.
func TestAgainstSimulator(t *testing.T) {
	t.Parallel()
	temporary := alibabacloud.Keys(text("STS.AKEXAMPLE"), text("SKTEMPORARY"), text("TOKEN+/="))
	for name, auth := range map[string]vendorapi.Auth{"keys": nil, "temporary keys": temporary} {
		for _, product := range []alibabacloud.Product{alibabacloud.CDN, alibabacloud.DCDN} {
			t.Run(name+", "+string(product), func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					vendor, p := simulated(t, product, simalibabacloud.Options{}, auth)
					q := vendorapi.Query{Kind: vendorapi.QueryTask, TaskID: "10001"}
					for i := 2; i <= 10; i++ {
						q.Others = append(q.Others, fmt.Sprint(10000+i))
					}
					windowed := vendorapi.Query{Kind: vendorapi.QueryWindow, From: time.Now(), To: time.Now().Add(time.Hour)}
					for _, wait := range []time.Duration{time.Second, time.Minute, time.Minute, 4 * time.Minute} {
						time.Sleep(wait)
						a, err := p.Query(t.Context(), q)
						check(t, vendor, &a, err, q.Tasks())
						a, err = p.Query(t.Context(), windowed)
						check(t, vendor, &a, err, append(q.Tasks(), "10011"))
					}
					if refused := vendor.Stats().Refused; len(refused) != 0 {
						t.Errorf("refused: %v", refused)
					}
				})
			})
		}
	}
}

// check compares an answer with what the vendor has of the tasks.
func check(t *testing.T, vendor *simalibabacloud.Server, a *vendorapi.Answer, err error, tasks []string) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	if !a.Whole() || a.Count != 3*len(tasks) || len(a.URLs) != a.Count || len(a.Oddities)+len(a.UnknownWords)+len(a.Refused) != 0 ||
		a.RequestID == "" || !a.Date.Equal(time.Now().Truncate(time.Second)) {
		t.Errorf("%d rows of %d, %q, %q, %v, request id %q, date %v", len(a.URLs), a.Count, a.Oddities, a.UnknownWords, a.Refused, a.RequestID, a.Date)
	}
	for _, id := range tasks {
		urls := a.RowsOf(id)
		if diff := cmp.Diff(vendor.Counts(id), prefetch.CountURLs(urls)); diff != "" {
			t.Errorf("%s at %v (-truth +got):\n%s", id, time.Now(), diff)
		}
		for _, u := range urls {
			cause := map[string]prefetch.Cause{"b": prefetch.CauseOrigin, "c": prefetch.CauseVendor}[u.URL[len(u.URL)-1:]]
			if u.Created.IsZero() || !u.HasProgress || u.Status.Final() != (u.Progress == 1) || u.Status == prefetch.Failed != (u.Words != "") ||
				u.Status == prefetch.Failed && u.Cause != cause {
				t.Errorf("%s: %+v", id, u)
			}
		}
	}
}

// What the vendor has, but not of what was asked, or not in that form.
func TestSimulatedTasks(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		vendor, p := simulated(t, alibabacloud.CDN, simalibabacloud.Options{}, nil)
		began := time.Now()
		time.Sleep(90 * time.Second)
		a, err := p.Query(t.Context(), vendorapi.Query{Kind: vendorapi.QueryTask, TaskID: "10001", Others: []string{"10012", "20000", "99999"}})
		if err != nil || len(a.RowsOf("10001")) != 3 || a.Count != 3 || len(a.URLs) != 3 || len(a.Refused) != 1 ||
			a.Refused["10012"] == nil || a.Refused["10012"].Reason != prefetch.ReasonInvalid {
			t.Errorf("several: %+v, %v", a, err)
		}
		for id, want := range map[string]prefetch.Reason{"10012": prefetch.ReasonInvalid, "20000": "", "99999": ""} {
			a, err := p.Query(t.Context(), vendorapi.Query{Kind: vendorapi.QueryTask, TaskID: id})
			if want == "" && (err != nil || len(a.URLs) != 0 || !a.Whole()) || want != "" && wantError(t, err).Reason != want {
				t.Errorf("%s: %+v, %v", id, a, err)
			}
		}
		for status, want := range map[prefetch.Status]int{prefetch.Running: 22, prefetch.Succeeded: 0} {
			q := vendorapi.Query{Kind: vendorapi.QueryCount, From: began, To: time.Now(), Status: &status}
			if a, err := p.Query(t.Context(), q); err != nil || a.Count != want || len(a.URLs) > 1 {
				t.Errorf("%v: %d rows, %d in all, %v; want %d", status, len(a.URLs), a.Count, err, want)
			}
		}
		if a, err := p.Query(t.Context(), vendorapi.Query{Kind: vendorapi.QueryCount, TaskID: "10002"}); err != nil || a.Count != 3 {
			t.Errorf("a task's count: %+v, %v", a, err)
		}
		time.Sleep(72*time.Hour - 89*time.Second)
		if a, err := p.Query(t.Context(), vendorapi.Query{Kind: vendorapi.QueryTask, TaskID: "10001"}); err != nil || len(a.URLs) != 0 {
			t.Errorf("after three days: %+v, %v", a, err)
		}
		_, err = p.Query(t.Context(), vendorapi.Query{Kind: vendorapi.QueryWindow, From: began, To: began.Add(time.Hour)})
		if e := wantError(t, err); e.Refused != vendorapi.FeatureLookBack {
			t.Errorf("after three days: %v", err)
		}
		if n := vendor.Stats().Refused; n["InvalidStartTime.ValueNotSupported"] != 1 || len(n) != 1 {
			t.Errorf("refused: %v", n)
		}
	})
}

// A task whose answer by id is cut can be read page by page from there; pages of a
// window do not overlap.
func TestSimulatedPages(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		vendor, p := simulated(t, alibabacloud.DCDN, simalibabacloud.Options{CutRows: 60}, nil)
		began := time.Now()
		large := simulator.Task{ID: "30000", Owner: "tenant"}
		for i := range 130 {
			large.URLs = append(large.URLs, simulator.URLPlan{URL: fmt.Sprintf("https://cdn.example/%03d.ts", i)})
		}
		vendor.Submit(large)
		time.Sleep(time.Minute)
		for _, q := range []vendorapi.Query{{Kind: vendorapi.QueryTask, TaskID: "30000"}, {Kind: vendorapi.QueryWindow, From: began, To: time.Now()}} {
			seen, total := map[string]bool{}, 0
			for q.Page = 1; q.Page == 1 || len(seen) < total; q.Page++ {
				a, err := p.Query(t.Context(), q)
				if err != nil || a.Page != q.Page || a.PageSize != 50 || q.Page > 5 || len(a.Oddities) != 0 {
					t.Fatalf("page %d: %+v, %v", q.Page, a, err)
				}
				total = a.Count
				for _, u := range a.URLs {
					if seen[u.URL] {
						t.Errorf("%s stands twice", u.URL)
					}
					seen[u.URL] = true
				}
			}
			if want := map[vendorapi.QueryKind]int{vendorapi.QueryTask: 130, vendorapi.QueryWindow: 163}[q.Kind]; len(seen) != want {
				t.Errorf("%s: %d rows, want %d", q.Kind, len(seen), want)
			}
		}
	})
}

// What the vendor refuses is told as such.
func TestSimulatedRefusals(t *testing.T) {
	t.Parallel()
	task := vendorapi.Query{Kind: vendorapi.QueryTask, TaskID: "10001"}
	unknown := vendorapi.Query{Kind: vendorapi.QueryTask, TaskID: "99999"}
	several := vendorapi.Query{Kind: vendorapi.QueryTask, TaskID: "10001", Others: []string{"99999"}}
	for name, tc := range map[string]struct {
		vendor simalibabacloud.Options
		auth   vendorapi.Auth
		query  vendorapi.Query
		reason prefetch.Reason
		says   string
	}{
		"a key":               {auth: alibabacloud.Keys(text("AKOTHER"), text("SKEXAMPLE"), nil), query: task, reason: prefetch.ReasonAuth, says: "InvalidAccessKeyId.NotFound"},
		"a secret":            {auth: alibabacloud.Keys(text("AKEXAMPLE"), text("wrong"), nil), query: task, reason: prefetch.ReasonAuth, says: "SignatureDoesNotMatch"},
		"a missing token":     {auth: alibabacloud.Keys(text("STS.AKEXAMPLE"), text("SKTEMPORARY"), nil), query: task, reason: prefetch.ReasonAuth, says: "InvalidSecurityToken"},
		"a clock":             {vendor: simalibabacloud.Options{Now: func() time.Time { return time.Now().Add(time.Hour) }}, query: task, reason: prefetch.ReasonAuth, says: "the clock here is 1h0m0s behind the vendor's"},
		"an unknown id":       {vendor: simalibabacloud.Options{RefuseUnknown: true}, query: unknown, reason: prefetch.ReasonNotFound, says: "InvalidTaskId.Malformed"},
		"one of several":      {vendor: simalibabacloud.Options{RefuseUnknown: true}, query: several, reason: prefetch.ReasonInvalid, says: "InvalidTaskId.Malformed"},
		"an id that is none":  {query: vendorapi.Query{Kind: vendorapi.QueryTask, TaskID: "no id"}, reason: prefetch.ReasonInvalid, says: "InvalidTaskId.Malformed"},
		"a second call":       {vendor: simalibabacloud.Options{Quota: simulator.Quota{Calls: 1, Per: time.Minute}}, query: task, reason: prefetch.ReasonThrottled, says: "HTTP 503: Throttling:"},
		"a second call (400)": {vendor: simalibabacloud.Options{Quota: simulator.Quota{Calls: 1, Per: time.Minute}, ThrottleStatus: 400}, query: task, reason: prefetch.ReasonThrottled, says: "HTTP 400: Throttling.User:"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				_, p := simulated(t, alibabacloud.CDN, tc.vendor, tc.auth)
				_, err := p.Query(t.Context(), tc.query)
				if tc.reason == prefetch.ReasonThrottled {
					if err != nil {
						t.Fatal(err)
					}
					time.Sleep(20 * time.Second)
					_, err = p.Query(t.Context(), tc.query)
				}
				e := wantError(t, err)
				if e.Reason != tc.reason || !strings.Contains(e.Error(), tc.says) || e.RequestID == "" || e.HTTPStatus < http.StatusBadRequest {
					t.Errorf("got %v, want %s, %s", e, tc.reason, tc.says)
				}
				if tc.reason == prefetch.ReasonThrottled && e.RetryAfter != time.Minute {
					t.Errorf("retry after %v", e.RetryAfter)
				}
			})
		})
	}
}

// An answer that the vendor brings up to date only when it is asked is late, and true.
func TestSimulatedStale(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		vendor, p := simulated(t, alibabacloud.CDN, simalibabacloud.Options{Stale: true}, nil)
		time.Sleep(time.Hour)
		q := vendorapi.Query{Kind: vendorapi.QueryTask, TaskID: "10001"}
		first, err := p.Query(t.Context(), q)
		if err != nil || prefetch.CountURLs(first.URLs).AllFinal() {
			t.Errorf("first %+v, %v", first.URLs, err)
		}
		second, err := p.Query(t.Context(), q)
		if err != nil || prefetch.CountURLs(second.URLs) != vendor.Counts("10001") {
			t.Errorf("then %+v, %v", second.URLs, err)
		}
	})
}
