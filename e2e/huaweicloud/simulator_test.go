package huaweicloud_test

import (
	"errors"
	"net/http/httptest"
	"os"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/huaweicloud/huaweicloud-sdk-go-v3/core/auth/basic"
	"github.com/huaweicloud/huaweicloud-sdk-go-v3/core/sdkerr"
	vod "github.com/huaweicloud/huaweicloud-sdk-go-v3/services/vod/v1"
	"github.com/huaweicloud/huaweicloud-sdk-go-v3/services/vod/v1/model"

	"prefetch_exporter/prefetch"
	vendorapi "prefetch_exporter/vendor_api"
	"prefetch_exporter/vendor_api/huaweicloud"
	"prefetch_exporter/vendor_api/simulator"
	simhuaweicloud "prefetch_exporter/vendor_api/simulator/huaweicloud"
)

const (
	projectID = "0123456789abcdef0123456789abcdef"
	accessKey = "AKEXAMPLE"
	secretKey = "SKEXAMPLE"
	// temporaryKey is an access key that needs a security token.
	temporaryKey  = "AKTEMPORARY"
	securityToken = "TOKEN"

	taskID    = "8ff1d0f7b2b04bd8b4b6b9f2f2a4c4f1"
	goodURL   = "https://example.com/launch/good video.mp4"
	brokenURL = "https://example.com/launch/broken.mp4"
	fetchTime = 5 * time.Minute
)

// TestMain gives the SDK a home of its own, where it leaves a file.
func TestMain(m *testing.M) {
	home, err := os.MkdirTemp("", "huaweicloud-sdk-home")
	if err == nil {
		err = os.Setenv("HOME", home)
	}
	code := 1
	if err == nil {
		code = m.Run()
		err = os.RemoveAll(home)
	}
	if err != nil {
		panic(err)
	}
	os.Exit(code)
}

// TestSDKGetsItsAnswer asks the simulator with the vendor's SDK, which knows
// nothing of this project, before and after the task's URLs are done. What the
// exporter's own client reads must be the same.
func TestSDKGetsItsAnswer(t *testing.T) {
	t.Parallel()

	for _, tc := range []struct{ name, accessKey, securityToken string }{
		{name: "permanent key", accessKey: accessKey},
		{name: "temporary key", accessKey: temporaryKey, securityToken: securityToken},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			vendor := startVendor(t)
			sdk := newSDK(t, vendor.url, credentials{tc.accessKey, secretKey, tc.securityToken})
			exporter := newExporterClient(t, vendor.url, credentials{tc.accessKey, secretKey, tc.securityToken})

			for _, step := range []struct {
				after time.Duration
				want  map[string]prefetch.Status
			}{
				{0, map[string]prefetch.Status{goodURL: prefetch.Running, brokenURL: prefetch.Running}},
				{fetchTime, map[string]prefetch.Status{goodURL: prefetch.Succeeded, brokenURL: prefetch.Failed}},
			} {
				vendor.advance(step.after)
				if diff := cmp.Diff(step.want, askSDK(t, sdk)); diff != "" {
					t.Errorf("the SDK's answer after %v (-want +got):\n%s", step.after, diff)
				}
				if diff := cmp.Diff(step.want, askExporterClient(t, exporter)); diff != "" {
					t.Errorf("the exporter's answer after %v (-want +got):\n%s", step.after, diff)
				}
			}
			if stats := vendor.sim.Stats(); len(stats.Refused) != 0 {
				t.Errorf("refused calls: %v", stats.Refused)
			}
		})
	}
}

// TestSDKIsRefused shows that the answers above were not given to everybody,
// and that the SDK understands the simulator's errors as the vendor's.
func TestSDKIsRefused(t *testing.T) {
	t.Parallel()

	for _, tc := range []struct {
		name     string
		with     credentials
		task     string
		wantCode string
		want     int
	}{
		{"wrong secret key", credentials{accessKey, "wrong", ""}, taskID, "APIGW.0301", 401},
		{"unknown access key", credentials{"AKUNKNOWN", secretKey, ""}, taskID, "APIGW.0301", 401},
		{"temporary key without its token", credentials{temporaryKey, secretKey, ""}, taskID, "APIGW.0301", 401},
		{"unknown task", credentials{accessKey, secretKey, ""}, "no-such-task", "VOD.10062", 400},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			sdk := newSDK(t, startVendor(t).url, tc.with)
			answer, err := sdk.ShowPreheatingAsset(&model.ShowPreheatingAssetRequest{TaskId: tc.task})
			var refused *sdkerr.ServiceResponseError
			if !errors.As(err, &refused) {
				t.Fatalf("got answer %v and error %v, want a ServiceResponseError", answer, err)
			}
			if refused.StatusCode != tc.want || refused.ErrorCode != tc.wantCode {
				t.Errorf("got HTTP %d %s, want HTTP %d %s",
					refused.StatusCode, refused.ErrorCode, tc.want, tc.wantCode)
			}
			if refused.RequestId == "" {
				t.Error("no request id")
			}
		})
	}
}

type credentials struct{ accessKey, secretKey, securityToken string }

type vendor struct {
	sim    *simhuaweicloud.Server
	url    string
	offset atomic.Int64
}

// startVendor serves one task of two URLs over HTTP. Its clock starts at the
// real time, since the SDK signs with that and the vendor compares.
func startVendor(t *testing.T) *vendor {
	t.Helper()
	v := &vendor{}
	now := func() time.Time { return time.Now().Add(time.Duration(v.offset.Load())) }
	v.sim = simhuaweicloud.New(simhuaweicloud.Options{
		Now:            now,
		Quota:          simulator.Quota{Calls: 100, Per: time.Minute},
		AccessKeys:     map[string]string{accessKey: secretKey, temporaryKey: secretKey},
		SecurityTokens: map[string]string{temporaryKey: securityToken},
	})
	v.sim.Submit(simulator.Task{
		ID: taskID, Owner: projectID, Created: now(),
		URLs: []simulator.URLPlan{
			{URL: goodURL, Fetch: fetchTime},
			{URL: brokenURL, Fetch: fetchTime, Fails: true},
		},
	})
	server := httptest.NewServer(v.sim)
	t.Cleanup(server.Close)
	v.url = server.URL
	return v
}

func (v *vendor) advance(d time.Duration) { v.offset.Add(int64(d)) }

func newSDK(t *testing.T, endpoint string, c credentials) *vod.VodClient {
	t.Helper()
	builder := basic.NewCredentialsBuilder().WithAk(c.accessKey).WithSk(c.secretKey).WithProjectId(projectID)
	if c.securityToken != "" {
		builder = builder.WithSecurityToken(c.securityToken)
	}
	credential, err := builder.SafeBuild()
	if err != nil {
		t.Fatalf("the SDK's credentials: %v", err)
	}
	client, err := vod.VodClientBuilder().WithEndpoint(endpoint).WithCredential(credential).SafeBuild()
	if err != nil {
		t.Fatalf("the SDK's client: %v", err)
	}
	return vod.NewVodClient(client)
}

func newExporterClient(t *testing.T, endpoint string, c credentials) *huaweicloud.Provider {
	t.Helper()
	client, err := vendorapi.NewClient(vendorapi.ClientOptions{UserAgent: "prefetch_exporter/e2e"})
	if err != nil {
		t.Fatal(err)
	}
	value := func(s string) func() string { return func() string { return s } }
	provider, err := huaweicloud.New(huaweicloud.Options{
		Endpoint:  endpoint,
		ProjectID: projectID,
		Client:    client,
		Auth:      huaweicloud.AKSK(value(c.accessKey), value(c.secretKey), value(c.securityToken)),
	})
	if err != nil {
		t.Fatal(err)
	}
	return provider
}

// askSDK returns the statuses that the SDK read, by URL.
func askSDK(t *testing.T, client *vod.VodClient) map[string]prefetch.Status {
	t.Helper()
	words := map[string]prefetch.Status{
		"processing": prefetch.Running, "succeed": prefetch.Succeeded, "failed": prefetch.Failed,
	}
	answer, err := client.ShowPreheatingAsset(&model.ShowPreheatingAssetRequest{TaskId: taskID})
	if err != nil {
		t.Fatalf("the SDK got no answer: %v", err)
	}
	if answer.PreheatingResults == nil {
		t.Fatal("the SDK found no results in the answer")
	}
	got := map[string]prefetch.Status{}
	for _, result := range *answer.PreheatingResults {
		status, ok := words[result.Status.Value()]
		if !ok {
			t.Errorf("the SDK read status %q, which no page documents", result.Status.Value())
		}
		got[*result.Url] = status
	}
	return got
}

func askExporterClient(t *testing.T, client *huaweicloud.Provider) map[string]prefetch.Status {
	t.Helper()
	answer, err := client.Query(t.Context(), vendorapi.Query{Kind: vendorapi.QueryTask, TaskID: taskID})
	if err != nil {
		t.Fatalf("the exporter got no answer: %v", err)
	}
	got := map[string]prefetch.Status{}
	for _, row := range answer.URLs {
		got[row.URL] = row.Status
	}
	return got
}
