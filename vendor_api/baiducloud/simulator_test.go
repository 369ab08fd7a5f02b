package baiducloud_test

import (
	"net/http"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"prefetch_exporter/prefetch"
	vendorapi "prefetch_exporter/vendor_api"
	"prefetch_exporter/vendor_api/baiducloud"
	"prefetch_exporter/vendor_api/simulator"
	simbaiducloud "prefetch_exporter/vendor_api/simulator/baiducloud"
	"prefetch_exporter/vendor_api/vendorapitest"
)

const purge = "419d6f1e9acb0442341e9b8e1e7fbf9f"

// simulated returns a vendor that holds a task of each key, and a refresh, on the clock
// of the test's bubble.
func simulated(o simbaiducloud.Options) *simbaiducloud.Server {
	o.AccessKeys = map[string]string{"AKEXAMPLE": "SKEXAMPLE", "AKTEMPORARY": "SKTEMPORARY"}
	o.SessionTokens = map[string]string{"AKTEMPORARY": "TOKEN"}
	vendor := simbaiducloud.New(o)
	for key, id := range map[string]string{"AKEXAMPLE": launch, "AKTEMPORARY": launch + "/+"} {
		vendor.Submit(simulator.Task{ID: id, Owner: key, URLs: []simulator.URLPlan{
			{URL: "https://cdn.example/1", Wait: time.Minute, Fetch: time.Minute},
			{URL: "https://cdn.example/2", Fetch: time.Minute, Fails: true},
			{URL: "https://cdn.example/3?a=b&c", Fetch: 48 * time.Hour},
		}})
	}
	vendor.Submit(simulator.Task{ID: purge, Owner: "AKEXAMPLE", Purge: true, URLs: []simulator.URLPlan{{URL: "https://cdn.example/1"}}})
	return vendor
}

// The simulated vendor was written from the vendor's pages and shares no code with the
// client: both editions, permanent and temporary keys, over the life of a task, also
// where something on the way compresses the answers.
func TestAgainstSimulator(t *testing.T) {
	t.Parallel()
	plain := func(h http.Handler) http.Handler { return h }
	for name, tt := range map[string]struct {
		client  baiducloud.Options
		vendor  simbaiducloud.Options
		between func(http.Handler) http.Handler
	}{
		"china":                   {between: plain},
		"as the page's table has": {vendor: simbaiducloud.Options{TaskInList: true, Misspelt: true, Rows: 1000}, between: simulator.Compressing},
		"temporary keys": {
			client:  baiducloud.Options{AccessKey: vendorapitest.Text("AKTEMPORARY"), SecretKey: vendorapitest.Text("SKTEMPORARY"), Token: vendorapitest.Text("TOKEN")},
			between: plain,
		},
		"pages of one row": {vendor: simbaiducloud.Options{Rows: 1}, between: plain},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				vendor := simulated(tt.vendor)
				tt.client.Now = time.Now
				id := launch
				if tt.client.Token != nil {
					id += "/+"
				}
				followTask(t, vendor, newProvider(t, simulator.Transport(tt.between(vendor)), tt.client), id)
			})
		})
	}
}

// followTask asks for the task over its life and expects the truth.
func followTask(t *testing.T, vendor *simbaiducloud.Server, p *baiducloud.Provider, id string) {
	t.Helper()
	created := time.Now().UTC().Truncate(time.Second)
	for _, wait := range []time.Duration{time.Second, 30 * time.Second, time.Minute, time.Hour, 47 * time.Hour} {
		time.Sleep(wait)
		a, err := p.Query(t.Context(), vendorapi.Query{Kind: vendorapi.QueryTask, TaskID: id})
		if err != nil {
			t.Fatalf("after %v: %v", wait, err)
		}
		if diff := cmp.Diff(vendor.Counts(id), prefetch.CountURLs(a.URLs)); diff != "" || !a.Whole() || len(a.Oddities) != 0 || a.RequestID == "" {
			t.Errorf("after %v: %+v (-truth +got):\n%s", wait, a, diff)
		}
		for _, u := range a.URLs {
			if !u.Created.Equal(created) || !u.HasProgress || (u.Progress == 1) != u.Status.Final() ||
				u.Started.IsZero() != (u.Status == prefetch.Waiting) || u.Finished.IsZero() == u.Status.Final() {
				t.Errorf("after %v: row %+v", wait, u)
			}
		}
		if rows := window(t, p, vendorapi.Query{Kind: vendorapi.QueryWindow, From: created, To: created.Add(time.Second)}); !cmp.Equal(rows, a.URLs) {
			t.Errorf("after %v (-task +window):\n%s", wait, cmp.Diff(a.URLs, rows))
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

// window reads a window page after page.
func window(t *testing.T, p *baiducloud.Provider, q vendorapi.Query) (rows []prefetch.URL) {
	t.Helper()
	for {
		a, err := p.Query(t.Context(), q)
		if err != nil {
			t.Fatal(err)
		}
		rows = append(rows, a.URLs...)
		if a.Next == "" {
			return rows
		}
		if a.Whole() {
			t.Errorf("a page that another follows is whole: %+v", a)
		}
		q.Cursor = a.Next
	}
}

// Abroad nothing is said to wait, and no progress is told.
func TestAbroad(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newProvider(t, simulator.Transport(simulated(simbaiducloud.Options{})), baiducloud.Options{Edition: baiducloud.Abroad, Now: time.Now})
		a, err := p.Query(t.Context(), taskQuery())
		if err != nil || prefetch.CountURLs(a.URLs) != (prefetch.Counts{prefetch.Running: 3}) || a.URLs[0].HasProgress || len(a.Oddities) != 0 {
			t.Errorf("%+v, %v", a, err)
		}
		time.Sleep(2 * time.Minute)
		a, err = p.Query(t.Context(), taskQuery())
		if err != nil || prefetch.CountURLs(a.URLs) != (prefetch.Counts{prefetch.Running: 1, prefetch.Succeeded: 1, prefetch.Failed: 1}) {
			t.Errorf("%+v, %v", a, err)
		}
	})
}

// What was submitted for later was created, for its waiting, when it may begin.
func TestSubmittedForLater(t *testing.T) {
	t.Parallel()
	begins := noon.Add(6 * time.Hour)
	vendor := simulated(simbaiducloud.Options{Now: func() time.Time { return noon }, Begins: map[string]time.Time{launch: begins}})
	p := newProvider(t, simulator.Transport(vendor), baiducloud.Options{})
	a, err := p.Query(t.Context(), taskQuery())
	if err != nil || slices.ContainsFunc(a.URLs, func(u prefetch.URL) bool { return !u.Created.Equal(begins) }) || len(a.URLs) != 3 {
		t.Errorf("%+v, %v", a, err)
	}
}

// What the vendor refuses is told as such.
func TestRefusedBySimulator(t *testing.T) {
	t.Parallel()
	unknown := vendorapi.Query{Kind: vendorapi.QueryTask, TaskID: "nobody's"}
	stale := windowQuery()
	stale.Cursor = "eJw/+=="
	for name, tt := range map[string]struct {
		vendor simbaiducloud.Options
		client baiducloud.Options
		query  vendorapi.Query
		reason prefetch.Reason
		shown  string
	}{
		"an unknown id under 404": {
			vendor: simbaiducloud.Options{UnknownTask: simbaiducloud.UnknownTaskNotFound}, query: unknown, reason: prefetch.ReasonNotFound,
		},
		"an unknown id under 400": {
			vendor: simbaiducloud.Options{UnknownTask: simbaiducloud.UnknownTaskInvalid}, query: unknown, reason: prefetch.ReasonNotFound,
		},
		"a marker": {query: stale, reason: prefetch.ReasonInvalid},
		"an access key": {
			client: baiducloud.Options{AccessKey: vendorapitest.Text("AKOTHER"), SecretKey: vendorapitest.Text("SKEXAMPLE")}, query: taskQuery(), reason: prefetch.ReasonAuth,
		},
		"a secret key": {
			client: baiducloud.Options{AccessKey: vendorapitest.Text("AKEXAMPLE"), SecretKey: vendorapitest.Text("SKOTHER")}, query: taskQuery(), reason: prefetch.ReasonAuth,
		},
		"a key without its token": {
			client: baiducloud.Options{AccessKey: vendorapitest.Text("AKTEMPORARY"), SecretKey: vendorapitest.Text("SKTEMPORARY")}, query: taskQuery(), reason: prefetch.ReasonAuth,
		},
		"a clock": {
			client: baiducloud.Options{Now: func() time.Time { return noon.Add(31 * time.Minute) }}, query: taskQuery(),
			reason: prefetch.ReasonAuth, shown: "the clock here is 31m0s ahead of the vendor's, which allows 30m0s",
		},
		"a second call": {
			vendor: simbaiducloud.Options{Quota: simulator.Quota{Calls: 1, Per: time.Minute}}, query: taskQuery(), reason: prefetch.ReasonThrottled,
		},
		"a second call under 400": {
			vendor: simbaiducloud.Options{Quota: simulator.Quota{Calls: 1, Per: time.Minute}, ThrottleStatus: 400}, query: taskQuery(), reason: prefetch.ReasonThrottled,
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
			if e.Reason != tt.reason || e.RequestID == "" || tt.shown != "" && (e.Err == nil || e.Err.Error() != tt.shown) {
				t.Errorf("%v; want %q, %q", e, tt.reason, tt.shown)
			}
		})
	}
}
