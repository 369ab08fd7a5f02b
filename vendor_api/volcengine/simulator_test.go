package volcengine_test

import (
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"prefetch_exporter/prefetch"
	vendorapi "prefetch_exporter/vendor_api"
	"prefetch_exporter/vendor_api/simulator"
	simvolcengine "prefetch_exporter/vendor_api/simulator/volcengine"
	"prefetch_exporter/vendor_api/vendorapitest"
	"prefetch_exporter/vendor_api/volcengine"
)

const purge = "refresh_task_without_the_usual_prefix"

// simulated returns a vendor that holds the task "launch" of each key, and a refresh,
// on the clock of the test's bubble.
func simulated(o simvolcengine.Options) *simvolcengine.Server {
	o.AccessKeys = map[string]string{"AKEXAMPLE": "SKEXAMPLE", "AKTEMPORARY": "SKTEMPORARY"}
	o.SecurityTokens = map[string]string{"AKTEMPORARY": "TOKEN"}
	vendor := simvolcengine.New(o)
	for key, id := range map[string]string{"AKEXAMPLE": launch, "AKTEMPORARY": launch + "-2"} {
		vendor.Submit(simulator.Task{ID: id, Owner: key, URLs: []simulator.URLPlan{
			{URL: "https://cdn.example/1", Wait: time.Minute, Fetch: time.Minute},
			{URL: "https://cdn.example/2", Fetch: time.Minute, Fails: true, Reason: "origin returned 404"},
			{URL: "https://cdn.example/3?a=b&c", Fetch: 48 * time.Hour},
		}})
	}
	vendor.Submit(simulator.Task{ID: purge, Owner: "AKEXAMPLE", Purge: true, URLs: []simulator.URLPlan{{URL: "https://cdn.example/1"}}})
	return vendor
}

// The simulated vendor was written from the vendor's pages and shares no code with the
// client: both products, permanent and temporary keys, over the life of a task, also
// where something on the way compresses the answers.
func TestAgainstSimulator(t *testing.T) {
	t.Parallel()
	plain := func(h http.Handler) http.Handler { return h }
	for name, tt := range map[string]struct {
		client  volcengine.Options
		vendor  simvolcengine.Options
		between func(http.Handler) http.Handler
	}{
		"volcengine":          {between: plain},
		"an older SDK's form": {vendor: simvolcengine.Options{OldNames: true, NullData: true}, between: simulator.Compressing},
		"byteplus": {
			client: volcengine.Options{Product: volcengine.NameBytePlus, Endpoint: "https://cdn.byteplusapi.com", Region: "ap-singapore-1"},
			vendor: simvolcengine.Options{Region: "ap-singapore-1", ErrorsUnder200: true, Skew: 5 * time.Minute, CapPageSize: 10},
		},
		"temporary keys": {
			client:  volcengine.Options{AccessKey: vendorapitest.Text("AKTEMPORARY"), SecretKey: vendorapitest.Text("SKTEMPORARY"), Token: vendorapitest.Text("TOKEN")},
			between: plain,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				vendor := simulated(tt.vendor)
				if tt.between == nil {
					tt.between = plain
				}
				tt.client.Now = time.Now
				id := launch
				if tt.client.Token != nil {
					id += "-2"
				}
				followTask(t, vendor, newProvider(t, simulator.Transport(tt.between(vendor)), tt.client), id)
			})
		})
	}
}

// followTask asks for the task over its life and expects the truth.
func followTask(t *testing.T, vendor *simvolcengine.Server, p *volcengine.Provider, id string) {
	t.Helper()
	created := time.Now().UTC()
	for _, wait := range []time.Duration{time.Second, time.Minute, time.Hour, 47 * time.Hour} {
		time.Sleep(wait)
		for _, q := range []vendorapi.Query{
			{Kind: vendorapi.QueryTask, TaskID: id},
			{Kind: vendorapi.QueryTask, TaskID: id, Created: created},
			{Kind: vendorapi.QueryWindow, From: created, To: created.Add(time.Second)},
		} {
			a, err := p.Query(t.Context(), q)
			if err != nil {
				t.Fatalf("after %v, %+v: %v", wait, q, err)
			}
			if diff := cmp.Diff(vendor.Counts(id), prefetch.CountURLs(a.URLs)); diff != "" {
				t.Errorf("after %v, %+v (-truth +got):\n%s", wait, q, diff)
			}
			if !a.Whole() || len(a.Oddities)+len(a.UnknownWords) != 0 || a.RequestID == "" || len(a.RowsOf(id)) != 3 || !a.Date.Equal(time.Now().Truncate(time.Second)) {
				t.Errorf("after %v: %+v", wait, a)
			}
			for _, u := range a.URLs {
				if !u.Created.Equal(created.Truncate(time.Second)) || !u.HasProgress || (u.Progress == 1) != u.Status.Final() ||
					(u.Words == "origin returned 404") != (u.Status == prefetch.Failed) {
					t.Errorf("after %v: row %+v", wait, u)
				}
			}
		}
		for s, want := range vendor.Counts(id) {
			status := prefetch.Status(s)
			if caps := p.Capabilities(); !caps.Filters(status) {
				continue
			}
			q := vendorapi.Query{Kind: vendorapi.QueryCount, From: created, To: created.Add(time.Second), Status: new(status)}
			if a, err := p.Query(t.Context(), q); err != nil || a.Count != want || len(a.URLs) > 1 {
				t.Errorf("after %v: %d are %v, want %d; %v", wait, a.Count, status, want, err)
			}
		}
	}
	// Neither is a prefetch of this account.
	for _, other := range []string{"nobody's", purge} {
		if a, err := p.Query(t.Context(), vendorapi.Query{Kind: vendorapi.QueryTask, TaskID: other}); err != nil || a.Count != 0 {
			t.Errorf("%s: %+v, %v", other, a, err)
		}
	}
	if refused := vendor.Stats().Refused; len(refused) != 0 {
		t.Errorf("refused calls: %v", refused)
	}
}

// What the vendor refuses is told as such.
func TestRefusedBySimulator(t *testing.T) {
	t.Parallel()
	longAgo := vendorapi.Query{Kind: vendorapi.QueryWindow, From: noon.Add(-8 * 24 * time.Hour), To: noon.Add(-7 * 24 * time.Hour)}
	for name, tt := range map[string]struct {
		vendor  simvolcengine.Options
		client  volcengine.Options
		query   vendorapi.Query
		reason  prefetch.Reason
		refused vendorapi.Feature
		shown   string
	}{
		"a page size": {
			vendor: simvolcengine.Options{MaxPageSize: 50}, query: taskQuery(),
			reason: prefetch.ReasonInvalid, refused: vendorapi.FeaturePageSize,
		},
		"a look-back": {query: longAgo, reason: prefetch.ReasonInvalid, refused: vendorapi.FeatureLookBack},
		"an access key": {
			client: volcengine.Options{AccessKey: vendorapitest.Text("AKOTHER"), SecretKey: vendorapitest.Text("SKEXAMPLE")}, query: taskQuery(), reason: prefetch.ReasonAuth,
		},
		"a secret key": {
			client: volcengine.Options{AccessKey: vendorapitest.Text("AKEXAMPLE"), SecretKey: vendorapitest.Text("SKOTHER")}, query: taskQuery(), reason: prefetch.ReasonAuth,
		},
		"a key without its token": {
			client: volcengine.Options{AccessKey: vendorapitest.Text("AKTEMPORARY"), SecretKey: vendorapitest.Text("SKTEMPORARY")}, query: taskQuery(), reason: prefetch.ReasonAuth,
		},
		"a region": {vendor: simvolcengine.Options{Region: "ap-singapore-1"}, query: taskQuery(), reason: prefetch.ReasonAuth},
		"a region under 200": {
			vendor: simvolcengine.Options{Region: "ap-singapore-1", ErrorsUnder200: true}, query: taskQuery(), reason: prefetch.ReasonAuth,
		},
		"a clock": {
			client: volcengine.Options{Now: func() time.Time { return noon.Add(-16 * time.Minute) }}, query: taskQuery(),
			reason: prefetch.ReasonAuth, shown: "the clock here is 16m0s behind the vendor's, which allows 15m0s",
		},
		"a refresh in the answer": {
			vendor: simvolcengine.Options{MixesRefreshes: true}, query: vendorapi.Query{Kind: vendorapi.QueryTask, TaskID: purge},
			reason: prefetch.ReasonInvalid, shown: "the task is a refresh and no prefetch",
		},
		"a second call": {
			vendor: simvolcengine.Options{Quota: simulator.Quota{Calls: 1, Per: time.Minute}}, query: taskQuery(), reason: prefetch.ReasonThrottled,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tt.vendor.Now = func() time.Time { return noon }
			p := newProvider(t, simulator.Transport(simulated(tt.vendor)), tt.client)
			_, err := p.Query(t.Context(), tt.query)
			if tt.reason == prefetch.ReasonThrottled && err == nil {
				_, err = p.Query(t.Context(), tt.query)
			}
			e := vendorapitest.Error(t, err)
			if e.Reason != tt.reason || e.Refused != tt.refused || e.RequestID == "" || tt.shown != "" && (e.Err == nil || e.Err.Error() != tt.shown) {
				t.Errorf("%v, refused %q; want %q, refused %q, %q", e, e.Refused, tt.reason, tt.refused, tt.shown)
			}
		})
	}
}

// A window tells of every task in it, each row with its task, page by page.
func TestPagesOfSimulator(t *testing.T) {
	t.Parallel()
	vendor := simulated(simvolcengine.Options{Now: func() time.Time { return noon }, CapPageSize: 2, MixesRefreshes: false})
	p := newProvider(t, simulator.Transport(vendor), volcengine.Options{})
	q := windowQuery()
	tasks := map[string]int{}
	for q.Page = 1; ; q.Page++ {
		a, err := p.Query(t.Context(), q)
		if err != nil {
			t.Fatal(err)
		}
		if a.Count != 3 || a.PageSize != 2 || a.Page != q.Page {
			t.Errorf("page %d: %+v", q.Page, a)
		}
		for _, id := range a.RowTasks {
			tasks[id]++
		}
		q.PageSize = a.PageSize
		if a.Page*a.PageSize >= a.Count {
			break
		}
	}
	if diff := cmp.Diff(map[string]int{launch: 3}, tasks); diff != "" || vendor.Stats().Calls != 2 {
		t.Errorf("%d calls (-want +got):\n%s", vendor.Stats().Calls, diff)
	}
}
