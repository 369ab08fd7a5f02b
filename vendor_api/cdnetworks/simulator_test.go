package cdnetworks_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"prefetch_exporter/prefetch"
	vendorapi "prefetch_exporter/vendor_api"
	"prefetch_exporter/vendor_api/cdnetworks"
	"prefetch_exporter/vendor_api/simulator"
	simcdnetworks "prefetch_exporter/vendor_api/simulator/cdnetworks"
	"prefetch_exporter/vendor_api/vendorapitest"
)

// vendorNow is the clock of the simulated vendor.
var vendorNow = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

// simulated returns a simulated vendor and a provider that asks it. The vendor
// holds the task "launch" of ops, an hour old: 250 URLs of which every fifth
// failed.
func simulated(t *testing.T, o simcdnetworks.Options, p cdnetworks.Options) (*simcdnetworks.Server, *cdnetworks.Provider) {
	t.Helper()
	now := func() time.Time { return vendorNow }
	o.Now, p.Now = now, now
	o.APIKeys = map[string]string{"ops": "apiKey"}
	o.AccessKeys = map[string]string{"ops": "SKEXAMPLE"}
	vendor := simcdnetworks.New(o)
	launch := simulator.Task{ID: "launch", Owner: "ops", Created: vendorNow.Add(-time.Hour)}
	for i := range 250 {
		launch.URLs = append(launch.URLs, simulator.URLPlan{
			URL: fmt.Sprintf("https://vod.example.com/%03d.ts", i), Wait: time.Minute, Fetch: 2 * time.Minute, Fails: i%5 == 0,
		})
	}
	vendor.Submit(launch)
	p.Client = vendorapitest.Client(t, simulator.Transport(vendor))
	if p.Auth == nil {
		p.Auth = cdnetworks.APIKey("ops", vendorapitest.Text("apiKey"))
	}
	return vendor, newProvider(t, p)
}

// TestCompressed asks a vendor whose answers and errors something on the way
// compresses, though nobody asked for that.
func TestCompressed(t *testing.T) {
	t.Parallel()
	vendor, _ := simulated(t, simcdnetworks.Options{}, cdnetworks.Options{})
	client := vendorapitest.Client(t, simulator.Transport(simulator.Compressing(vendor)))
	for user, want := range map[string]string{"ops": "", "nobody": "username is invalid"} {
		p := newProvider(t, cdnetworks.Options{
			Client: client, Auth: cdnetworks.APIKey(user, vendorapitest.Text("apiKey")), Now: func() time.Time { return vendorNow },
		})
		answer, err := p.Query(t.Context(), vendorapi.Query{Kind: vendorapi.QueryTask, TaskID: "launch"})
		switch {
		case want == "" && (err != nil || answer.Count != 250 || len(answer.URLs) != 100):
			t.Errorf("%v: %d rows of %d", err, len(answer.URLs), answer.Count)
		case want != "" && (vendorapitest.Error(t, err).Message != want || vendorapitest.Error(t, err).Reason != prefetch.ReasonAuth):
			t.Errorf("got %v, want %s", err, want)
		}
	}
}

// TestSimulatedPages reads a task whole, with either authentication, from a
// server that shares no code with the client.
func TestSimulatedPages(t *testing.T) {
	t.Parallel()
	for name, auth := range map[string]vendorapi.Auth{
		"API key": cdnetworks.APIKey("ops", vendorapitest.Text("apiKey")),
		"AK/SK":   cdnetworks.AKSK(vendorapitest.Text("ops"), vendorapitest.Text("SKEXAMPLE")),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			vendor, p := simulated(t, simcdnetworks.Options{CapPageSize: 60}, cdnetworks.Options{Auth: auth})
			seen := map[string]prefetch.Status{}
			page, size := 1, 0
			for ; (page-1)*size < 250; page++ {
				answer, err := p.Query(t.Context(), vendorapi.Query{
					Kind: vendorapi.QueryTask, TaskID: "launch", Page: page, PageSize: size,
				})
				if err != nil {
					t.Fatal(err)
				}
				if answer.Count != 250 || answer.Page != page || answer.PageSize != 60 || answer.RequestID == "" || !answer.Date.Equal(vendorNow) {
					t.Errorf("page %d: %d rows, count %d, page %d of %d, request id %q, date %v",
						page, len(answer.URLs), answer.Count, answer.Page, answer.PageSize, answer.RequestID, answer.Date)
				}
				if len(answer.Oddities) != 0 || len(answer.UnknownWords) != 0 {
					t.Errorf("page %d: %q %q", page, answer.Oddities, answer.UnknownWords)
				}
				size = answer.PageSize
				for _, u := range answer.URLs {
					seen[u.URL] = u.Status
					if u.Created != vendorNow.Add(-time.Hour).In(u.Created.Location()) || u.Started.Sub(u.Created) != time.Minute ||
						u.Finished.Sub(u.Started) != 2*time.Minute || u.HasRate && u.Status == prefetch.Succeeded && u.Rate != 1 {
						t.Errorf("row %+v", u)
					}
				}
			}
			var counts prefetch.Counts
			for _, s := range seen {
				counts[s]++
			}
			if counts != vendor.Counts("launch") {
				t.Errorf("counts = %v, want %v", counts, vendor.Counts("launch"))
			}
			if calls := vendor.Stats().Calls; calls != page-1 {
				t.Errorf("%d calls for %d queries", calls, page-1)
			}
		})
	}
}

// TestSimulatedWindow: the window means the same moments in every time zone,
// and its ends are included.
func TestSimulatedWindow(t *testing.T) {
	t.Parallel()
	created := vendorNow.Add(-time.Hour)
	for _, location := range []*time.Location{nil, time.UTC, time.FixedZone("GMT-09:00", -9*60*60), time.FixedZone("GMT+14:00", 14*60*60)} {
		_, p := simulated(t, simcdnetworks.Options{}, cdnetworks.Options{Location: location})
		for shift, want := range map[time.Duration]int{-time.Second: 0, 0: 200, time.Hour: 200, time.Hour + time.Second: 0} {
			from := created.Add(shift - time.Hour)
			answer, err := p.Query(t.Context(), vendorapi.Query{
				Kind: vendorapi.QueryCount, From: from, To: from.Add(time.Hour), Status: new(prefetch.Succeeded),
			})
			if err != nil || answer.Count != want || len(answer.URLs) > 1 || len(answer.Oddities) > 0 {
				t.Errorf("%v, window off by %v: %d rows, count %d, want %d; oddities %q; %v",
					location, shift, len(answer.URLs), answer.Count, want, answer.Oddities, err)
			}
		}
	}
}

// TestSimulatedRefusals: what the vendor refuses is told as such.
func TestSimulatedRefusals(t *testing.T) {
	t.Parallel()
	alone := vendorapi.Query{Kind: vendorapi.QueryTask, TaskID: "launch"}
	filtered := alone
	filtered.Status = new(prefetch.Failed)
	longAgo := vendorapi.Query{Kind: vendorapi.QueryWindow, From: vendorNow.Add(-80 * time.Hour), To: vendorNow.Add(-79 * time.Hour)}
	spent := simcdnetworks.Options{Quota: simulator.Quota{Calls: 1, Per: 5 * time.Minute}}
	spentHTTP := spent
	spentHTTP.ThrottleStatus = 429
	for name, tc := range map[string]struct {
		vendor  simcdnetworks.Options
		auth    vendorapi.Auth
		query   vendorapi.Query
		reason  prefetch.Reason
		refused vendorapi.Feature
	}{
		"an itemId alone":   {vendor: simcdnetworks.Options{RefuseTaskAlone: true}, query: alone, reason: prefetch.ReasonInvalid, refused: vendorapi.FeatureTaskAlone},
		"a page size":       {vendor: simcdnetworks.Options{MaxPageSize: 50}, query: alone, reason: prefetch.ReasonInvalid, refused: vendorapi.FeaturePageSize},
		"a status":          {vendor: simcdnetworks.Options{RefuseStatusFilter: true}, query: filtered, reason: prefetch.ReasonInvalid, refused: vendorapi.FeatureStatusFilter},
		"a look-back":       {query: longAgo, reason: prefetch.ReasonInvalid, refused: vendorapi.FeatureLookBack},
		"a username":        {auth: cdnetworks.APIKey("nobody", vendorapitest.Text("apiKey")), query: alone, reason: prefetch.ReasonAuth},
		"an API key":        {auth: cdnetworks.APIKey("ops", vendorapitest.Text("wrong")), query: alone, reason: prefetch.ReasonAuth},
		"a secret key":      {auth: cdnetworks.AKSK(vendorapitest.Text("ops"), vendorapitest.Text("wrong")), query: alone, reason: prefetch.ReasonAuth},
		"a second call":     {vendor: spent, query: alone, reason: prefetch.ReasonThrottled},
		"a second call 429": {vendor: spentHTTP, query: alone, reason: prefetch.ReasonThrottled},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, p := simulated(t, tc.vendor, cdnetworks.Options{Auth: tc.auth})
			_, err := p.Query(t.Context(), tc.query)
			if tc.reason == prefetch.ReasonThrottled {
				if err != nil {
					t.Fatal(err)
				}
				_, err = p.Query(t.Context(), tc.query)
			}
			e := vendorapitest.Error(t, err)
			if e.Reason != tc.reason || e.Refused != tc.refused || e.RequestID == "" {
				t.Errorf("%v, refused %q; want %q, refused %q", e, e.Refused, tc.reason, tc.refused)
			}
		})
	}
}

// A vendor that ignores X-Time-Zone wholly gives rows that fit every window;
// young ones betray it all the same, as they come from its own future.
func TestSimulatedTimeZoneIgnored(t *testing.T) {
	t.Parallel()
	_, p := simulated(t, simcdnetworks.Options{IgnoreTimeZone: true}, cdnetworks.Options{Location: time.UTC})
	answer, err := p.Query(t.Context(), vendorapi.Query{Kind: vendorapi.QueryTask, TaskID: "launch"})
	if err != nil {
		t.Fatal(err)
	}
	if len(answer.Oddities) != 1 || !strings.HasSuffix(answer.Oddities[0], "X-Time-Zone was probably ignored; times of GMT+08:00 would fit") {
		t.Errorf("oddities = %q", answer.Oddities)
	}
}
