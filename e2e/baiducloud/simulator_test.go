package baiducloud_test

import (
	"errors"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"github.com/baidubce/bce-sdk-go/bce"
	"github.com/baidubce/bce-sdk-go/services/cdn"
	"github.com/baidubce/bce-sdk-go/services/cdn/api"
	"github.com/google/go-cmp/cmp"

	"prefetch_exporter/prefetch"
	vendorapi "prefetch_exporter/vendor_api"
	"prefetch_exporter/vendor_api/baiducloud"
	"prefetch_exporter/vendor_api/simulator"
	simbaiducloud "prefetch_exporter/vendor_api/simulator/baiducloud"
)

const (
	accessKey = "AKEXAMPLE"
	secretKey = "SKEXAMPLE"
	// temporaryKey is an access key that needs a token.
	temporaryKey = "AKTEMPORARY"
	token        = "TOKEN"

	taskID    = "eJwztjA3swQAAy4BEg=="
	goodURL   = "https://example.com/launch/good.mp4"
	brokenURL = "https://example.com/launch/broken.mp4"
	waitTime  = time.Minute
	fetchTime = 5 * time.Minute
)

// row is what both clients read of one.
type row struct {
	Status                     prefetch.Status
	Created, Started, Finished time.Time
}

// TestSDKGetsItsAnswer asks the simulator with the vendor's SDK, which knows nothing of
// this project, over the life of a task: by its id, and by a window in pages of one row.
// What the exporter's own client reads must be the same.
//
// The SDK sends times with an id as well, so that it cannot show that an id alone would
// do.
//
//nolint:paralleltest // the SDK shares an HTTP client and writes it for each request
func TestSDKGetsItsAnswer(t *testing.T) {
	for name, k := range map[string]keys{"permanent keys": {accessKey, secretKey, ""}, "temporary keys": {temporaryKey, secretKey, token}} {
		t.Run(name, func(t *testing.T) {
			vendor := startVendor(t, k.accessKey)
			theirs, ours := newSDK(t, vendor.url, k), newExporterClient(t, vendor.url, k)
			created := vendor.created.UTC().Truncate(time.Second)
			started := vendor.created.Add(waitTime).UTC().Truncate(time.Second)
			finished := vendor.created.Add(waitTime + fetchTime).UTC().Truncate(time.Second)
			for _, step := range []struct {
				after time.Duration
				want  map[string]row
			}{
				{0, map[string]row{goodURL: {Status: prefetch.Waiting, Created: created}, brokenURL: {Status: prefetch.Waiting, Created: created}}},
				{waitTime, map[string]row{goodURL: {prefetch.Running, created, started, time.Time{}}, brokenURL: {prefetch.Running, created, started, time.Time{}}}},
				{fetchTime, map[string]row{goodURL: {prefetch.Succeeded, created, started, finished}, brokenURL: {prefetch.Failed, created, started, finished}}},
			} {
				vendor.offset.Add(int64(step.after))
				for kind, got := range map[string]map[string]row{
					"the SDK, by id": askSDK(t, theirs, &api.CStatusQueryData{Id: taskID}),
					"the SDK, by times": askSDK(t, theirs, &api.CStatusQueryData{
						StartTime: created.Format(time.RFC3339), EndTime: created.Add(time.Hour).Format(time.RFC3339),
					}),
					"the exporter, by id":    askExporterClient(t, ours, vendorapi.Query{Kind: vendorapi.QueryTask, TaskID: taskID}),
					"the exporter, by times": askExporterClient(t, ours, vendorapi.Query{Kind: vendorapi.QueryWindow, From: created, To: created.Add(time.Hour)}),
				} {
					if diff := cmp.Diff(step.want, got); diff != "" {
						t.Errorf("%s, after %v (-want +got):\n%s", kind, step.after, diff)
					}
				}
			}
			if stats := vendor.sim.Stats(); len(stats.Refused) != 0 {
				t.Errorf("refused calls: %v", stats.Refused)
			}
		})
	}
}

// TestSDKIsRefused shows that the answers above were not given to everybody, and that
// the SDK understands the simulator's errors as the vendor's.
//
//nolint:paralleltest // the SDK shares an HTTP client and writes it for each request
func TestSDKIsRefused(t *testing.T) {
	for name, tc := range map[string]struct {
		with   keys
		query  api.CStatusQueryData
		want   string
		status int
	}{
		"wrong secret key":                {with: keys{accessKey, "wrong", ""}, want: "SignatureDoesNotMatch", status: 400},
		"unknown access key":              {with: keys{"AKUNKNOWN", secretKey, ""}, want: "InvalidAccessKeyId", status: 403},
		"temporary key without its token": {with: keys{temporaryKey, secretKey, ""}, want: "InvalidAccessKeyId", status: 403},
		"a marker of nobody":              {keys{accessKey, secretKey, ""}, api.CStatusQueryData{Marker: "m"}, "InvalidHTTPRequest", 400},
	} {
		t.Run(name, func(t *testing.T) {
			answer, err := newSDK(t, startVendor(t, accessKey).url, tc.with).GetPrefetchStatus(&tc.query)
			var refused *bce.BceServiceError
			if !errors.As(err, &refused) {
				t.Fatalf("got answer %v and error %v (%T)", answer, err, err)
			}
			if refused.StatusCode != tc.status || refused.Code != tc.want || refused.RequestId == "" {
				t.Errorf("got %+v, want HTTP %d %s", refused, tc.status, tc.want)
			}
		})
	}
}

type keys struct{ accessKey, secretKey, token string }

type vendor struct {
	sim     *simbaiducloud.Server
	url     string
	created time.Time
	offset  atomic.Int64
}

// startVendor serves one task of two URLs over HTTP, each on a page of its own. Its
// clock starts at the real time, since the SDK signs with that and the vendor compares.
func startVendor(t *testing.T, owner string) *vendor {
	t.Helper()
	v := &vendor{created: time.Now()}
	v.sim = simbaiducloud.New(simbaiducloud.Options{
		Now:           func() time.Time { return time.Now().Add(time.Duration(v.offset.Load())) },
		Rows:          1,
		AccessKeys:    map[string]string{accessKey: secretKey, temporaryKey: secretKey},
		SessionTokens: map[string]string{temporaryKey: token},
	})
	v.sim.Submit(simulator.Task{ID: taskID, Owner: owner, Created: v.created, URLs: []simulator.URLPlan{
		{URL: goodURL, Wait: waitTime, Fetch: fetchTime}, {URL: brokenURL, Wait: waitTime, Fetch: fetchTime, Fails: true},
	}})
	server := httptest.NewServer(v.sim)
	t.Cleanup(server.Close)
	v.url = server.URL
	return v
}

func newSDK(t *testing.T, endpoint string, k keys) *cdn.Client {
	t.Helper()
	client, err := cdn.NewClient(k.accessKey, k.secretKey, endpoint)
	if err != nil {
		t.Fatalf("the SDK's client: %v", err)
	}
	client.Config.Credentials.SessionToken = k.token
	client.Config.Retry = bce.NewNoRetryPolicy()
	return client
}

func newExporterClient(t *testing.T, endpoint string, k keys) *baiducloud.Provider {
	t.Helper()
	client, err := vendorapi.NewClient(vendorapi.ClientOptions{UserAgent: "prefetch_exporter/e2e"})
	if err != nil {
		t.Fatal(err)
	}
	value := func(s string) func() string { return func() string { return s } }
	provider, err := baiducloud.New(baiducloud.Options{
		Endpoint: endpoint, Edition: baiducloud.China, Client: client,
		AccessKey: value(k.accessKey), SecretKey: value(k.secretKey), Token: value(k.token),
	})
	if err != nil {
		t.Fatal(err)
	}
	return provider
}

// askSDK reads every page.
func askSDK(t *testing.T, client *cdn.Client, q *api.CStatusQueryData) map[string]row {
	t.Helper()
	statuses := map[string]prefetch.Status{
		"waiting": prefetch.Waiting, "in-progress": prefetch.Running, "completed": prefetch.Succeeded, "failed": prefetch.Failed,
	}
	rows := map[string]row{}
	for {
		answer, err := client.GetPrefetchStatus(q)
		if err != nil {
			t.Fatalf("the SDK: %v", err)
		}
		for _, d := range answer.Details {
			status, ok := statuses[d.Status]
			if !ok {
				t.Errorf("the SDK reads the status %q", d.Status)
			}
			rows[d.Task.Url] = row{status, parse(t, d.CreatedAt), parse(t, d.StartedAt), parse(t, d.FinishedAt)}
		}
		if !answer.IsTruncated {
			return rows
		}
		q.Marker = answer.NextMarker
	}
}

func parse(t *testing.T, text string) time.Time {
	t.Helper()
	if text == "" {
		return time.Time{}
	}
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		t.Errorf("the SDK reads the time %q", text)
	}
	return at
}

// askExporterClient reads every page.
func askExporterClient(t *testing.T, client *baiducloud.Provider, q vendorapi.Query) map[string]row {
	t.Helper()
	rows := map[string]row{}
	for {
		answer, err := client.Query(t.Context(), q)
		if err != nil {
			t.Fatalf("the exporter: %v", err)
		}
		for _, u := range answer.URLs {
			rows[u.URL] = row{u.Status, u.Created, u.Started, u.Finished}
		}
		if q.Cursor = answer.Next; q.Cursor == "" {
			return rows
		}
	}
}
