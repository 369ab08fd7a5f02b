package huaweicloud_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
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

// simulatedCDN returns a vendor with a prefetch, "launch", and a refresh, and a
// client of it.
func simulatedCDN(t *testing.T, o simhuaweicloud.CDNOptions, between func(http.Handler) http.Handler, c huaweicloud.CDNOptions) (*simhuaweicloud.CDN, *huaweicloud.CDN) {
	t.Helper()
	o.DomainID, o.AccessKeys = domainID, map[string]string{"AKEXAMPLE": "SKEXAMPLE", "AKTEMPORARY": "SKTEMPORARY"}
	o.SecurityTokens = map[string]string{"AKTEMPORARY": "SECURITYTOKEN"}
	o.StaticTokens, o.IAMUsers = []string{"STATICTOKEN"}, map[string]string{"company/ops": password}
	vendor := simhuaweicloud.NewCDN(o)
	vendor.Submit(simulator.Task{ID: "launch", Owner: domainID, URLs: []simulator.URLPlan{
		{URL: "https://cdn.example/1", Fetch: time.Minute},
		{URL: "https://cdn.example/2", Fetch: time.Minute, Fails: true},
		{URL: "https://cdn.example/3", Fetch: time.Minute, Fails: true, Reason: "INNER_ERROR: no node was free"},
		{URL: "https://cdn.example/4", Wait: time.Hour, Fetch: 24 * time.Hour},
	}})
	vendor.Submit(simulator.Task{ID: "purge", Owner: domainID, Purge: true, URLs: []simulator.URLPlan{{URL: "https://cdn.example/1"}}})
	c.Endpoint, c.Client = "https://cdn.example", newClient(t, simulator.Transport(between(vendor)))
	if c.Auth == nil {
		c.Auth = huaweicloud.AKSK(text("AKEXAMPLE"), text("SKEXAMPLE"), nil)
	}
	p, err := huaweicloud.NewCDN(c)
	if err != nil {
		t.Fatal(err)
	}
	return vendor, p
}

func plain(h http.Handler) http.Handler { return h }

// The simulated vendor was written from the vendor's pages and shares no code with the
// client: each way to authenticate works against it, over the life of a task, also
// where something on the way compresses its answers.
func TestCDNAgainstSimulator(t *testing.T) {
	t.Parallel()
	for way, auth := range ways() {
		for network, between := range map[string]func(http.Handler) http.Handler{"plain": plain, "compressing": simulator.Compressing} {
			t.Run(way+", "+network, func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					var vendor *simhuaweicloud.CDN
					iam := newClient(t, roundTrip(func(r *http.Request) (*http.Response, error) {
						return simulator.Transport(vendor).RoundTrip(r)
					}))
					vendor, p := simulatedCDN(t, simhuaweicloud.CDNOptions{EnterpriseProjects: []string{"0"}}, between,
						huaweicloud.CDNOptions{Auth: auth(iam), DomainID: domainID, EnterpriseProjectID: "all"})
					followCDN(t, vendor, p)
				})
			})
		}
	}
}

// followCDN asks for the task over its life, in both ways, and expects the truth.
func followCDN(t *testing.T, vendor *simhuaweicloud.CDN, p *huaweicloud.CDN) {
	t.Helper()
	began := time.Now()
	for _, wait := range []time.Duration{time.Second, 10 * time.Minute, 2 * time.Hour, 24 * time.Hour, 13 * 24 * time.Hour} {
		tick(wait)
		a, err := p.Query(t.Context(), vendorapi.Query{Kind: vendorapi.QueryTask, TaskID: "launch", Created: began})
		if err != nil {
			t.Fatalf("after %v: %v", wait, err)
		}
		truth := vendor.Counts("launch")
		if diff := cmp.Diff(truth, prefetch.CountURLs(a.URLs)); diff != "" || a.Open == truth.AllFinal() || !a.Whole() {
			t.Errorf("after %v: open is %v, count %d (-truth +got):\n%s", wait, a.Open, a.Count, diff)
		}
		if a.URLs[0].Created.UnixMilli() != began.UnixMilli() || len(a.RowsOf("launch")) != 4 || len(a.Oddities)+len(a.UnknownWords) > 0 {
			t.Errorf("after %v: %+v", wait, a)
		}
		if want := (prefetch.Causes{0, 1, 1}); truth[prefetch.Failed] == 2 && (prefetch.CountCauses(a.URLs) != want || a.URLs[2].Words != "no node was free") {
			t.Errorf("after %v: causes of %+v", wait, a.URLs)
		}
		list, err := p.Query(t.Context(), vendorapi.Query{Kind: vendorapi.QueryList, From: began.Add(-time.Minute), To: time.Now()})
		if err != nil {
			t.Fatalf("after %v: %v", wait, err)
		}
		want := []vendorapi.TaskSummary{{ID: "launch", Created: time.UnixMilli(began.UnixMilli()), Counts: truth, Done: truth.AllFinal()}}
		if diff := cmp.Diff(want, list.Tasks); diff != "" || !list.Whole() || len(list.Oddities)+len(list.UnknownWords) > 0 {
			t.Errorf("after %v: the list has %d, %q (-truth +got):\n%s", wait, list.Count, list.Oddities, diff)
		}
	}
	if refused := vendor.Stats().Refused; len(refused) > 0 {
		t.Errorf("refused: %v", refused)
	}
}

// What the vendor does not know, or not any more, and what is no prefetch.
func TestCDNTasksThatCannotBeAsked(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		_, p := simulatedCDN(t, simhuaweicloud.CDNOptions{}, plain, huaweicloud.CDNOptions{})
		began := time.Now()
		for _, tt := range []struct {
			wait    time.Duration
			task    string
			created time.Time
			want    prefetch.Reason
		}{
			{time.Second, "nobody's", time.Time{}, prefetch.ReasonNotFound},
			{0, "purge", time.Time{}, prefetch.ReasonInvalid},
			{8 * 24 * time.Hour, "launch", time.Time{}, prefetch.ReasonNotFound},
			{0, "launch", began, ""},
			{8 * 24 * time.Hour, "launch", began, prefetch.ReasonNotFound},
		} {
			tick(tt.wait)
			a, err := p.Query(t.Context(), vendorapi.Query{Kind: vendorapi.QueryTask, TaskID: tt.task, Created: tt.created})
			if got := reasonOf(err); got != tt.want || err != nil && len(a.URLs) > 0 {
				t.Errorf("%s: %v, want %q", tt.task, err, tt.want)
			}
		}
	})
}

func reasonOf(err error) prefetch.Reason {
	if err == nil {
		return ""
	}
	return vendorapi.AsError(err).Reason
}

// A task that the vendor calls done while URLs wait is not done.
func TestCDNIsDoneTooEarly(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		vendor, p := simulatedCDN(t, simhuaweicloud.CDNOptions{EarlyDone: true}, plain, huaweicloud.CDNOptions{})
		tick(10 * time.Minute)
		list, err := p.Query(t.Context(), vendorapi.Query{Kind: vendorapi.QueryList})
		if err != nil || len(list.Tasks) != 1 || list.Tasks[0].Done || list.Tasks[0].Counts != vendor.Counts("launch") {
			t.Errorf("%+v, %v", list.Tasks, err)
		}
	})
}

// Pages of rows, and of tasks, are read to the end, also where they are smaller than
// was asked for.
func TestCDNPages(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		vendor, p := simulatedCDN(t, simhuaweicloud.CDNOptions{CapPage: 60}, plain, huaweicloud.CDNOptions{})
		large := simulator.Task{ID: "large", Owner: domainID}
		for i := range 250 {
			large.URLs = append(large.URLs, simulator.URLPlan{URL: fmt.Sprintf("https://cdn.example/large/%d", i)})
			vendor.Submit(simulator.Task{ID: fmt.Sprint(i), Owner: domainID, URLs: []simulator.URLPlan{{}}})
		}
		vendor.Submit(large)
		tick(time.Second)
		for _, q := range []vendorapi.Query{{Kind: vendorapi.QueryTask, TaskID: "large"}, {Kind: vendorapi.QueryList}} {
			seen, total := map[string]bool{}, 250
			if q.Kind == vendorapi.QueryList {
				total += 2 // launch and large
			}
			for q.Page = 1; (q.Page-1)*q.PageSize < total; q.Page++ {
				a, err := p.Query(t.Context(), q)
				if err != nil || a.Count != total || a.PageSize != 60 && q.Page <= total/60 {
					t.Fatalf("page %d: %d of %d, size %d: %v", q.Page, len(a.URLs)+len(a.Tasks), a.Count, a.PageSize, err)
				}
				q.PageSize = 60
				for _, u := range a.URLs {
					seen[u.URL] = true
				}
				for _, s := range a.Tasks {
					seen[s.ID] = true
				}
			}
			if len(seen) != total {
				t.Errorf("%s: %d of %d", q.Kind, len(seen), total)
			}
		}
	})
}

// What the vendor refuses is told as what it is.
func TestCDNRefusalsOfSimulator(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		vendor simhuaweicloud.CDNOptions
		client huaweicloud.CDNOptions
		want   prefetch.Reason
		shown  string
	}{
		{"secret key", simhuaweicloud.CDNOptions{}, huaweicloud.CDNOptions{Auth: huaweicloud.AKSK(text("AKEXAMPLE"), text("no"), nil)}, prefetch.ReasonAuth, "APIGW.0301"},
		{"temporary key alone", simhuaweicloud.CDNOptions{}, huaweicloud.CDNOptions{Auth: huaweicloud.AKSK(text("AKTEMPORARY"), text("SKTEMPORARY"), nil)}, prefetch.ReasonAuth, "APIGW.0301"},
		{"token", simhuaweicloud.CDNOptions{}, huaweicloud.CDNOptions{Auth: huaweicloud.Token(text("OTHER"))}, prefetch.ReasonAuth, "APIGW.0301"},
		{"clock", simhuaweicloud.CDNOptions{}, huaweicloud.CDNOptions{Now: func() time.Time { return time.Now().Add(time.Hour) }}, prefetch.ReasonAuth, "the clock here is 1h0m0s ahead of"},
		{"account", simhuaweicloud.CDNOptions{}, huaweicloud.CDNOptions{DomainID: "another"}, prefetch.ReasonAuth, "CDN.0004"},
		{"no enterprise project", simhuaweicloud.CDNOptions{EnterpriseProjects: []string{"7"}}, huaweicloud.CDNOptions{}, prefetch.ReasonAuth, "set enterprise_project_id"},
		{"another enterprise project", simhuaweicloud.CDNOptions{EnterpriseProjects: []string{"7"}}, huaweicloud.CDNOptions{EnterpriseProjectID: "8"}, prefetch.ReasonAuth, "set enterprise_project_id"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				_, p := simulatedCDN(t, tt.vendor, plain, tt.client)
				_, err := p.Query(t.Context(), vendorapi.Query{Kind: vendorapi.QueryList})
				if reasonOf(err) != tt.want || !strings.Contains(err.Error(), tt.shown) {
					t.Errorf("got %v, want %q and %s", err, tt.want, tt.shown)
				}
			})
		})
	}
	synctest.Test(t, func(t *testing.T) {
		_, p := simulatedCDN(t, simhuaweicloud.CDNOptions{Quota: simulator.Quota{Calls: 1, Per: time.Second}}, plain, huaweicloud.CDNOptions{})
		for i, want := range []prefetch.Reason{"", prefetch.ReasonThrottled} {
			if _, err := p.Query(t.Context(), vendorapi.Query{Kind: vendorapi.QueryList}); reasonOf(err) != want {
				t.Errorf("call %d: %v, want %q", i, err, want)
			}
		}
	})
}

// A token that CDN refuses in its own words, under 200, is fetched anew for the next
// question.
func TestCDNRefusesAToken(t *testing.T) {
	t.Parallel()
	fetches := 0
	auth := huaweicloud.IAM(huaweicloud.IAMOptions{
		Endpoint: "https://iam.example", Domain: "company", Username: "ops", Password: text(password),
		Client: newClient(t, roundTrip(func(*http.Request) (*http.Response, error) {
			fetches++
			return respond(http.StatusCreated, "{}", "X-Subject-Token", fmt.Sprint("TOKEN", fetches)), nil
		})),
	})
	p := newCDN(t, func(r *http.Request) (*http.Response, error) {
		if r.Header.Get("X-Auth-Token") == "TOKEN1" {
			return respond(http.StatusOK, `{"error":{"error_code":"CDN.0002","error_msg":"authentication failed"}}`), nil
		}
		return respond(http.StatusOK, `{"total":0}`), nil
	}, huaweicloud.CDNOptions{Auth: auth})
	for i, want := range []prefetch.Reason{prefetch.ReasonAuth, "", ""} {
		if _, err := p.Query(t.Context(), listQuery()); reasonOf(err) != want {
			t.Errorf("call %d: %v, want %q", i, err, want)
		}
	}
	if fetches != 2 {
		t.Errorf("%d fetches", fetches)
	}
}

// CDN is no service of a project: without one the token is for the whole account.
func TestIAMTokenOfAnAccount(t *testing.T) {
	t.Parallel()
	auth := huaweicloud.IAM(huaweicloud.IAMOptions{
		Endpoint: "https://iam.example", Domain: "company", Username: "ops", Password: text(password),
		Client: newClient(t, roundTrip(func(r *http.Request) (*http.Response, error) {
			body, err := io.ReadAll(r.Body)
			if want := `"scope":{"domain":{"name":"company"}}`; err != nil || !strings.Contains(string(body), want) {
				t.Errorf("%s has no %s", body, want)
			}
			return respond(http.StatusCreated, "{}", "X-Subject-Token", "TOKEN"), nil
		})),
	})
	p := newCDN(t, func(r *http.Request) (*http.Response, error) {
		if got := r.Header.Get("X-Auth-Token"); got != "TOKEN" {
			t.Errorf("token %q", got)
		}
		return respond(http.StatusOK, `{"total":0}`), nil
	}, huaweicloud.CDNOptions{Auth: auth})
	if _, err := p.Query(t.Context(), listQuery()); err != nil {
		t.Error(err)
	}
}
