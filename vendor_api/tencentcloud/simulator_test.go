package tencentcloud_test

import (
	"fmt"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"prefetch_exporter/prefetch"
	vendorapi "prefetch_exporter/vendor_api"
	"prefetch_exporter/vendor_api/simulator"
	simtencentcloud "prefetch_exporter/vendor_api/simulator/tencentcloud"
	"prefetch_exporter/vendor_api/tencentcloud"
	"prefetch_exporter/vendor_api/vendorapitest"
)

// simulated makes each product's server, with a permanent and a temporary key.
func simulated(o simtencentcloud.Options) map[string]*simtencentcloud.Server {
	o.SecretKeys = map[string]string{"AKEXAMPLE": "SKEXAMPLE", "AKTEMPORARY": "SKTEMPORARY"}
	o.Tokens = map[string]string{"AKTEMPORARY": "TOKEN+/="}
	cdn := simtencentcloud.NewCDN(o)
	o.Zones = []string{zone}
	return map[string]*simtencentcloud.Server{tencentcloud.EdgeOneName: simtencentcloud.NewEdgeOne(o), tencentcloud.CDNName: cdn}
}

func products() map[string]product {
	return map[string]product{tencentcloud.EdgeOneName: tencentcloud.NewEdgeOne, tencentcloud.CDNName: tencentcloud.NewCDN}
}

// launch is a task of n URLs, of which every fifth fails a minute after it was taken
// in, as others succeed; the last one never ends.
func launch(n int) simulator.Task {
	task := simulator.Task{ID: taskID, Owner: zone}
	for i := range n {
		task.URLs = append(task.URLs, simulator.URLPlan{
			URL: fmt.Sprintf("https://cdn.example/%03d", i), Wait: time.Second, Fetch: time.Minute, Fails: i%5 == 0, Stuck: i == n-1,
		})
	}
	return task
}

// The simulated vendor was written from the vendor's pages and shares no code with
// the client: both products and kinds of keys work against it, over the life of a
// task, also where something on the way compresses its answers.
func TestAgainstSimulator(t *testing.T) {
	t.Parallel()
	keys := map[string]tencentcloud.Options{
		"permanent": {}, "temporary": {SecretID: vendorapitest.Text("AKTEMPORARY"), SecretKey: vendorapitest.Text("SKTEMPORARY"), Token: vendorapitest.Text("TOKEN+/=")},
	}
	plain := func(h http.Handler) http.Handler { return h }
	for name, create := range products() {
		for kind, o := range keys {
			for network, between := range map[string]func(http.Handler) http.Handler{"plain": plain, "compressing": simulator.Compressing} {
				t.Run(name+", "+kind+", "+network, func(t *testing.T) {
					t.Parallel()
					synctest.Test(t, func(t *testing.T) {
						vendor := simulated(simtencentcloud.Options{})[name]
						vendor.Submit(launch(250))
						client := o // another of these tests has it, too
						client.Now = time.Now
						followTask(t, vendor, newProvider(t, create, simulator.Transport(between(vendor)), client))
					})
				})
			}
		}
	}
}

// followTask asks for the task over its life, by itself, in a window and by counts,
// and expects the truth.
func followTask(t *testing.T, vendor *simtencentcloud.Server, p *tencentcloud.Provider) {
	t.Helper()
	submitted := time.Now()
	for _, wait := range []time.Duration{0, 31 * time.Second, time.Hour} {
		time.Sleep(wait)
		truth := vendor.Counts(taskID)
		span := vendorapi.Query{From: submitted.Add(-time.Minute), To: submitted.Add(time.Minute)}
		for _, q := range []vendorapi.Query{{Kind: vendorapi.QueryTask, TaskID: taskID}, {Kind: vendorapi.QueryWindow, From: span.From, To: span.To}} {
			checkRows(t, readAll(t, p, q), submitted, truth)
		}
		words := p.Capabilities().FilterWords
		for status := range prefetch.NumStatuses {
			if words[status] != 1 {
				continue
			}
			q := with(vendorapi.Query{Kind: vendorapi.QueryCount, From: span.From, To: span.To}, 1, 1, prefetch.Status(status))
			if a, err := p.Query(t.Context(), q); err != nil || a.Count != truth[status] {
				t.Errorf("after %v: %d of the status %v, want %d; %v", wait, a.Count, prefetch.Status(status), truth[status], err)
			}
		}
	}
	if stats := vendor.Stats(); len(stats.Refused) != 0 {
		t.Errorf("refused: %v", stats.Refused)
	}
}

// readAll reads every page and checks that nothing was odd.
func readAll(t *testing.T, p *tencentcloud.Provider, q vendorapi.Query) []prefetch.URL {
	t.Helper()
	var urls []prefetch.URL
	for page := 1; ; page++ {
		q.Page = page
		a, err := p.Query(t.Context(), q)
		if err != nil {
			t.Fatal(err)
		}
		if len(a.Oddities)+len(a.UnknownWords) != 0 || a.RequestID == "" || !a.Date.Equal(time.Now()) {
			t.Errorf("page %d: %q, %q, request id %q, date %v", page, a.Oddities, a.UnknownWords, a.RequestID, a.Date)
		}
		urls = append(urls, a.RowsOf(taskID)...)
		if page*a.PageSize >= a.Count {
			return urls
		}
	}
}

func checkRows(t *testing.T, urls []prefetch.URL, submitted time.Time, truth prefetch.Counts) {
	t.Helper()
	if got := prefetch.CountURLs(urls); got != truth {
		t.Errorf("counts %v, want %v", got, truth)
	}
	seen := map[string]bool{}
	for _, u := range urls {
		seen[u.URL] = true
		finished := time.Time{}
		if u.Status.Final() {
			finished = submitted.Add(61 * time.Second)
		}
		if !u.Created.Equal(submitted) || !u.Finished.Equal(finished) || u.HasProgress && u.Status.Final() != (u.Progress == 1) {
			t.Errorf("row %+v", u)
		}
	}
	if len(seen) != truth.Total() {
		t.Errorf("%d different URLs of %d", len(seen), truth.Total())
	}
}

// What is not as usual: unknown tasks, purges, pages that are capped, counts that are
// not told, clocks and keys that are wrong, calls too many.
func TestSimulatedTraps(t *testing.T) {
	t.Parallel()
	purge := launch(3)
	purge.Purge = true
	other, old := taskQuery(), window(vendorapi.QueryWindow)
	other.TaskID = "nobody's"
	old.From, old.To = now().Add(-31*24*time.Hour), now().Add(-31*24*time.Hour+time.Minute)
	quota := simulator.Quota{Calls: 1, Per: time.Second}
	both := []string{tencentcloud.EdgeOneName, tencentcloud.CDNName}
	type result struct {
		reason  prefetch.Reason
		refused vendorapi.Feature
		rows    int
		size    int
	}
	for name, tt := range map[string]struct {
		vendor   simtencentcloud.Options
		client   tencentcloud.Options
		task     simulator.Task
		query    vendorapi.Query
		products []string
		want     result
	}{
		"an unknown task":       {task: launch(3), query: other, products: both, want: result{}},
		"an unknown task, null": {vendor: simtencentcloud.Options{NullCount: true}, task: launch(3), query: other, products: both},
		"no count":              {vendor: simtencentcloud.Options{NullCount: true}, task: launch(3), query: taskQuery(), products: both, want: result{rows: 3}},
		"a purge":               {task: purge, query: taskQuery(), products: both[:1], want: result{reason: prefetch.ReasonInvalid}},
		"no purge there":        {task: purge, query: taskQuery(), products: both[1:], want: result{}},
		"purges in a window":    {task: purge, query: window(vendorapi.QueryWindow), products: both, want: result{}},
		"a page that is capped": {vendor: simtencentcloud.Options{CapLimit: 20}, task: launch(50), query: taskQuery(), products: both, want: result{rows: 20, size: 20}},
		"a Limit refused":       {vendor: simtencentcloud.Options{MaxLimit: 50}, task: launch(3), query: taskQuery(), products: both, want: result{reason: prefetch.ReasonInvalid, refused: vendorapi.FeaturePageSize}},
		"too long ago":          {task: launch(3), query: old, products: both, want: result{reason: prefetch.ReasonInvalid, refused: vendorapi.FeatureLookBack}},
		"another zone":          {client: tencentcloud.Options{ZoneID: "zone-other"}, task: launch(3), query: taskQuery(), products: both[:1], want: result{reason: prefetch.ReasonInvalid}},
		"a wrong key":           {client: tencentcloud.Options{SecretID: vendorapitest.Text("AKEXAMPLE"), SecretKey: vendorapitest.Text("wrong")}, query: taskQuery(), products: both, want: result{reason: prefetch.ReasonAuth}},
		"an unknown key":        {client: tencentcloud.Options{SecretID: vendorapitest.Text("AK"), SecretKey: vendorapitest.Text("SK")}, query: taskQuery(), products: both, want: result{reason: prefetch.ReasonAuth}},
		"no token":              {client: tencentcloud.Options{SecretID: vendorapitest.Text("AKTEMPORARY"), SecretKey: vendorapitest.Text("SKTEMPORARY")}, query: taskQuery(), products: both, want: result{reason: prefetch.ReasonAuth}},
		"a wrong clock":         {client: tencentcloud.Options{Now: func() time.Time { return now().Add(6 * time.Minute) }}, query: taskQuery(), products: both, want: result{reason: prefetch.ReasonAuth}},
		"a call too many":       {vendor: simtencentcloud.Options{Quota: quota}, query: taskQuery(), products: both, want: result{reason: prefetch.ReasonThrottled}},
		"one too many, 429":     {vendor: simtencentcloud.Options{Quota: quota, ThrottleStatus: 429}, query: taskQuery(), products: both, want: result{reason: prefetch.ReasonThrottled}},
	} {
		for _, product := range tt.products {
			t.Run(name+", "+product, func(t *testing.T) {
				t.Parallel()
				// The tests of both products have this case.
				options, task := tt.vendor, tt.task
				options.Now, task.Created = now, now().Add(-time.Hour)
				vendor := simulated(options)[product]
				vendor.Submit(task)
				p := newProvider(t, products()[product], simulator.Transport(vendor), tt.client)
				a, err := p.Query(t.Context(), tt.query)
				if tt.want.reason == prefetch.ReasonThrottled && err == nil {
					a, err = p.Query(t.Context(), tt.query)
				}
				got := result{rows: len(a.URLs)}
				if tt.want.size > 0 {
					got.size = a.PageSize
				}
				if err != nil {
					e := vendorapitest.Error(t, err)
					got.reason, got.refused = e.Reason, e.Refused
				}
				if diff := cmp.Diff(tt.want, got, cmp.AllowUnexported(result{})); diff != "" {
					t.Errorf("%v (-want +got):\n%s", err, diff)
				}
			})
		}
	}
}
