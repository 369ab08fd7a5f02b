package volcengine_test

import (
	"errors"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/volcengine/volcengine-go-sdk/service/cdn"
	sdk "github.com/volcengine/volcengine-go-sdk/volcengine"
	"github.com/volcengine/volcengine-go-sdk/volcengine/credentials"
	"github.com/volcengine/volcengine-go-sdk/volcengine/session"
	"github.com/volcengine/volcengine-go-sdk/volcengine/volcengineerr"

	"prefetch_exporter/prefetch"
	vendorapi "prefetch_exporter/vendor_api"
	"prefetch_exporter/vendor_api/simulator"
	simvolcengine "prefetch_exporter/vendor_api/simulator/volcengine"
	"prefetch_exporter/vendor_api/volcengine"
)

const (
	accessKey = "AKEXAMPLE"
	secretKey = "SKEXAMPLE"
	// temporaryKey is an access key that needs a token.
	temporaryKey = "AKTEMPORARY"
	token        = "TOKEN"

	taskID    = "prefetch_url_0123456789abcdef0123456789abcdef0123456789abcdef"
	goodURL   = "https://example.com/launch/good video.mp4"
	brokenURL = "https://example.com/launch/broken.mp4"
	fetchTime = 5 * time.Minute
)

// row is what both clients read of one.
type row struct {
	Status  prefetch.Status
	Task    string
	Created int64
	Words   string
}

// TestSDKGetsItsAnswer asks the simulator with the vendor's SDK, which knows nothing of
// this project, before and after the task's URLs are done. What the exporter's own
// client reads must be the same.
//
//nolint:paralleltest // the SDK makes its clients from what they all share
func TestSDKGetsItsAnswer(t *testing.T) {
	for name, tc := range map[string]struct {
		product, region string
		keys            keys
	}{
		"volcengine":     {volcengine.Name, "cn-north-1", keys{accessKey, secretKey, ""}},
		"temporary keys": {volcengine.Name, "cn-north-1", keys{temporaryKey, secretKey, token}},
		"byteplus":       {volcengine.NameBytePlus, "ap-singapore-1", keys{accessKey, secretKey, ""}},
	} {
		t.Run(name, func(t *testing.T) {
			vendor := startVendor(t, simvolcengine.Options{Region: tc.region})
			vendor.submit(tc.keys.accessKey)
			theirs := newSDK(t, vendor.url, tc.region, tc.keys)
			ours := newExporterClient(t, volcengine.Options{Product: tc.product, Endpoint: vendor.url, Region: tc.region, Now: vendor.now}, tc.keys)
			created := vendor.created.Unix()
			for _, step := range []struct {
				after time.Duration
				want  map[string]row
			}{
				{0, map[string]row{goodURL: {prefetch.Running, taskID, created, ""}, brokenURL: {prefetch.Running, taskID, created, ""}}},
				{fetchTime, map[string]row{
					goodURL: {prefetch.Succeeded, taskID, created, ""}, brokenURL: {prefetch.Failed, taskID, created, "no such host"},
				}},
			} {
				vendor.offset.Add(int64(step.after))
				if diff := cmp.Diff(step.want, askSDK(t, theirs)); diff != "" {
					t.Errorf("the SDK's answer after %v (-want +got):\n%s", step.after, diff)
				}
				if diff := cmp.Diff(step.want, askExporterClient(t, ours)); diff != "" {
					t.Errorf("the exporter's answer after %v (-want +got):\n%s", step.after, diff)
				}
			}
			if stats := vendor.sim.Stats(); len(stats.Refused) != 0 {
				t.Errorf("refused calls: %v", stats.Refused)
			}
		})
	}
}

// TestSDKIsRefused shows that the answers above were not given to everybody, and that
// the SDK understands the simulator's errors as the vendor's, under 200 too.
//
//nolint:paralleltest // the SDK makes its clients from what they all share
func TestSDKIsRefused(t *testing.T) {
	good := keys{accessKey, secretKey, ""}
	for name, tc := range map[string]struct {
		options simvolcengine.Options
		with    keys
		size    int32
		want    string
		status  int
	}{
		"wrong secret key":                {with: keys{accessKey, "wrong", ""}, want: "SignatureDoesNotMatch", status: 401},
		"unknown access key":              {with: keys{"AKUNKNOWN", secretKey, ""}, want: "InvalidAccessKey", status: 401},
		"temporary key without its token": {with: keys{temporaryKey, secretKey, ""}, want: "InvalidAccessKey", status: 401},
		"wrong region":                    {simvolcengine.Options{Region: "ap-singapore-1"}, good, 10, "SignatureDoesNotMatch", 401},
		"wrong region, under 200":         {simvolcengine.Options{Region: "ap-singapore-1", ErrorsUnder200: true}, good, 10, "SignatureDoesNotMatch", 200},
		"a page too large":                {simvolcengine.Options{MaxPageSize: 50}, good, 100, "InvalidParameter.PageSize", 400},
	} {
		t.Run(name, func(t *testing.T) {
			theirs := newSDK(t, startVendor(t, tc.options).url, "cn-north-1", tc.with)
			answer, err := theirs.DescribeContentTasks(&cdn.DescribeContentTasksInput{TaskType: new("preload"), PageSize: new(tc.size)})
			var refused volcengineerr.RequestFailure
			if !errors.As(err, &refused) {
				t.Fatalf("got answer %v and error %v (%T)", answer, err, err)
			}
			if refused.StatusCode() != tc.status || refused.Code() != tc.want || refused.RequestID() == "" {
				t.Errorf("got HTTP %d %s, request id %q; want HTTP %d %s",
					refused.StatusCode(), refused.Code(), refused.RequestID(), tc.status, tc.want)
			}
		})
	}
}

type keys struct{ accessKey, secretKey, token string }

type vendor struct {
	sim     *simvolcengine.Server
	url     string
	created time.Time
	offset  atomic.Int64
}

// startVendor serves one task of two URLs over HTTP. Its clock starts at the real time,
// since the SDK signs with that and the vendor compares.
func startVendor(t *testing.T, o simvolcengine.Options) *vendor {
	t.Helper()
	v := &vendor{created: time.Now()}
	o.Now = v.now
	o.Quota = simulator.Quota{Calls: 20, Per: time.Second}
	o.AccessKeys = map[string]string{accessKey: secretKey, temporaryKey: secretKey}
	o.SecurityTokens = map[string]string{temporaryKey: token}
	v.sim = simvolcengine.New(o)
	server := httptest.NewServer(v.sim)
	t.Cleanup(server.Close)
	v.url = server.URL
	v.submit(accessKey)
	return v
}

func (v *vendor) now() time.Time { return time.Now().Add(time.Duration(v.offset.Load())) }

func (v *vendor) submit(owner string) {
	v.sim.Submit(simulator.Task{ID: taskID, Owner: owner, Created: v.created, URLs: []simulator.URLPlan{
		{URL: goodURL, Fetch: fetchTime}, {URL: brokenURL, Fetch: fetchTime, Fails: true, Reason: "no such host"},
	}})
}

func newSDK(t *testing.T, endpoint, region string, k keys) *cdn.CDN {
	t.Helper()
	config := sdk.NewConfig().WithRegion(region).WithEndpoint(endpoint).WithDisableSSL(true).WithMaxRetries(0).
		WithCredentials(credentials.NewStaticCredentials(k.accessKey, k.secretKey, k.token))
	s, err := session.NewSession(config)
	if err != nil {
		t.Fatalf("the SDK's session: %v", err)
	}
	return cdn.New(s)
}

func newExporterClient(t *testing.T, o volcengine.Options, k keys) *volcengine.Provider {
	t.Helper()
	client, err := vendorapi.NewClient(vendorapi.ClientOptions{UserAgent: "prefetch_exporter/e2e"})
	if err != nil {
		t.Fatal(err)
	}
	value := func(s string) func() string { return func() string { return s } }
	o.Client, o.PageSize = client, 100
	o.AccessKey, o.SecretKey, o.Token = value(k.accessKey), value(k.secretKey), value(k.token)
	provider, err := volcengine.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return provider
}

func askSDK(t *testing.T, client *cdn.CDN) map[string]row {
	t.Helper()
	answer, err := client.DescribeContentTasks(&cdn.DescribeContentTasksInput{TaskType: new("preload"), TaskID: new(taskID)})
	if err != nil {
		t.Fatalf("the SDK: %v", err)
	}
	statuses := map[string]prefetch.Status{"running": prefetch.Running, "complete": prefetch.Succeeded, "failed": prefetch.Failed}
	rows := map[string]row{}
	for _, d := range answer.Data {
		status, ok := statuses[sdk.StringValue(d.Status)]
		if !ok {
			t.Errorf("the SDK reads the status %q", sdk.StringValue(d.Status))
		}
		rows[sdk.StringValue(d.Url)] = row{status, sdk.StringValue(d.TaskID), sdk.Int64Value(d.CreateTime), sdk.StringValue(d.Remark)}
	}
	if got := sdk.Int32Value(answer.Total); int(got) != len(rows) {
		t.Errorf("the SDK reads a total of %d and %d rows", got, len(rows))
	}
	return rows
}

func askExporterClient(t *testing.T, client *volcengine.Provider) map[string]row {
	t.Helper()
	answer, err := client.Query(t.Context(), vendorapi.Query{Kind: vendorapi.QueryTask, TaskID: taskID})
	if err != nil {
		t.Fatalf("the exporter: %v", err)
	}
	rows := map[string]row{}
	for i, u := range answer.URLs {
		// The exporter's client takes out what no URL can hold.
		rows[map[string]string{"https://example.com/launch/goodvideo.mp4": goodURL, brokenURL: brokenURL}[u.URL]] = row{
			u.Status, answer.RowTasks[i], u.Created.Unix(), u.Words,
		}
	}
	return rows
}
