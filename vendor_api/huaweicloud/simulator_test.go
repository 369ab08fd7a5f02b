package huaweicloud_test

import (
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"prefetch_exporter/prefetch"
	vendorapi "prefetch_exporter/vendor_api"
	"prefetch_exporter/vendor_api/huaweicloud"
	"prefetch_exporter/vendor_api/simulator"
	simhuaweicloud "prefetch_exporter/vendor_api/simulator/huaweicloud"
)

// ways are the ways to authenticate at the vendor that simulated returns.
func ways() map[string]func(*vendorapi.Client) huaweicloud.Auth {
	return map[string]func(*vendorapi.Client) huaweicloud.Auth{
		"AK/SK": func(*vendorapi.Client) huaweicloud.Auth {
			return huaweicloud.AKSK(text("AKEXAMPLE"), text("SKEXAMPLE"), nil)
		},
		"temporary key": func(*vendorapi.Client) huaweicloud.Auth {
			return huaweicloud.AKSK(text("AKTEMPORARY"), text("SKTEMPORARY"), text("SECURITYTOKEN"))
		},
		"token": func(*vendorapi.Client) huaweicloud.Auth { return huaweicloud.Token(text("STATICTOKEN")) },
		"IAM": func(c *vendorapi.Client) huaweicloud.Auth {
			return huaweicloud.IAM(huaweicloud.IAMOptions{
				Endpoint: "https://iam.example", Domain: "company", Username: "ops", Password: text(password),
				ProjectID: project, Client: c,
			})
		},
	}
}

// simulated returns a vendor with one task, "a b/+é", on the clock of the test's
// bubble.
func simulated() *simhuaweicloud.Server {
	vendor := simhuaweicloud.New(simhuaweicloud.Options{
		AccessKeys:     map[string]string{"AKEXAMPLE": "SKEXAMPLE", "AKTEMPORARY": "SKTEMPORARY"},
		SecurityTokens: map[string]string{"AKTEMPORARY": "SECURITYTOKEN"},
		StaticTokens:   []string{"STATICTOKEN"},
		IAMUsers:       map[string]string{"company/ops": password},
	})
	vendor.Submit(simulator.Task{ID: "a b/+é", Owner: project, URLs: []simulator.URLPlan{
		{URL: "https://cdn.example/1", Fetch: time.Minute},
		{URL: "https://cdn.example/2", Fetch: time.Minute, Fails: true},
		{URL: "https://cdn.example/3", Fetch: 48 * time.Hour},
	}})
	return vendor
}

// The simulated vendor was written from the vendor's pages and shares no code
// with the client: each way to authenticate works against it, over the life of
// a task, also where something on the way compresses its answers and IAM's.
func TestAgainstSimulator(t *testing.T) {
	t.Parallel()
	for way, auth := range ways() {
		for network, between := range map[string]func(http.Handler) http.Handler{"plain": plain, "compressing": simulator.Compressing} {
			t.Run(way+", "+network, func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					vendor := simulated()
					client := newClient(t, simulator.Transport(between(vendor)))
					p, err := huaweicloud.New(huaweicloud.Options{
						Endpoint: "https://vod.example", ProjectID: project, Client: client, Auth: auth(client),
					})
					if err != nil {
						t.Fatal(err)
					}
					followTask(t, vendor, p)
				})
			})
		}
	}
}

// followTask asks for the task over its life and expects the truth.
func followTask(t *testing.T, vendor *simhuaweicloud.Server, p *huaweicloud.Provider) {
	t.Helper()
	for _, wait := range []time.Duration{time.Second, time.Hour, 24 * time.Hour, 24 * time.Hour} {
		tick(wait)
		a, err := p.Query(t.Context(), vendorapi.Query{Kind: vendorapi.QueryTask, TaskID: "a b/+é"})
		if err != nil {
			t.Fatalf("after %v: %v", wait, err)
		}
		if diff := cmp.Diff(vendor.Counts("a b/+é"), prefetch.CountURLs(a.URLs)); diff != "" {
			t.Errorf("after %v (-truth +got):\n%s", wait, diff)
		}
	}
	_, err := p.Query(t.Context(), vendorapi.Query{Kind: vendorapi.QueryTask, TaskID: "nobody's"})
	if e := wantError(t, err); e.Reason != prefetch.ReasonNotFound {
		t.Errorf("got %v", e)
	}
}

// A user whose tokens were all revoked loses one call, and no more.
func TestRevokedTokenAgainstSimulator(t *testing.T) {
	t.Parallel()
	vendor := simhuaweicloud.New(simhuaweicloud.Options{IAMUsers: map[string]string{"company/ops": password}})
	vendor.Submit(simulator.Task{ID: taskID, Owner: project})
	c := &cloud{
		issue:  func(_ int, r *http.Request) (*http.Response, error) { return simulator.Transport(vendor).RoundTrip(r) },
		answer: simulator.Transport(vendor).RoundTrip,
	}
	p := c.provider(t)
	for i, want := range []prefetch.Reason{"", prefetch.ReasonAuth, "", ""} {
		if want != "" {
			vendor.RevokeTokens()
		}
		_, err := p.Query(t.Context(), taskQuery())
		got := prefetch.Reason("")
		if err != nil {
			got = wantError(t, err).Reason
		}
		if got != want {
			t.Errorf("call %d: %v, want %q", i, err, want)
		}
	}
	if f, q := c.fetches.Load(), c.queries.Load(); f != 2 || q != 4 {
		t.Errorf("%d fetches and %d queries", f, q)
	}
}
