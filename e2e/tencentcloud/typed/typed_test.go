// Package typed holds the test that has the typed client of an older SDK ask the
// simulator of Tencent Cloud CDN.
package typed_test

import (
	"errors"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	cdn "github.com/tencentcloud/tencentcloud-sdk-go/tencentcloud/cdn/v20180606"
	"github.com/tencentcloud/tencentcloud-sdk-go/tencentcloud/common"
	tcerrors "github.com/tencentcloud/tencentcloud-sdk-go/tencentcloud/common/errors"
	"github.com/tencentcloud/tencentcloud-sdk-go/tencentcloud/common/profile"

	"prefetch_exporter/vendor_api/simulator"
	simtencentcloud "prefetch_exporter/vendor_api/simulator/tencentcloud"
)

// TestTypedClient reads a task by its id, and counts what failed, into the types that
// the vendor generated.
func TestTypedClient(t *testing.T) {
	t.Parallel()
	now := time.Now().Truncate(time.Second)
	vendor := simtencentcloud.NewCDN(simtencentcloud.Options{
		SecretKeys: map[string]string{"AKEXAMPLE": "SKEXAMPLE"}, Tokens: map[string]string{"AKEXAMPLE": "TOKEN+/="},
	})
	vendor.Submit(simulator.Task{ID: "1533031853231313311", Created: now.Add(-time.Hour), URLs: []simulator.URLPlan{
		{URL: "https://example.com/a.mp4", Fetch: time.Minute},
		{URL: "https://example.com/b.mp4", Fetch: time.Minute, Fails: true},
		{URL: "https://example.com/c.mp4", Stuck: true, Fetch: 2 * time.Hour},
	}})
	server := httptest.NewServer(vendor)
	t.Cleanup(server.Close)
	p := profile.NewClientProfile()
	p.HttpProfile.Endpoint, p.HttpProfile.Scheme = strings.TrimPrefix(server.URL, "http://"), "HTTP"
	client, err := cdn.NewClient(common.NewTokenCredential("AKEXAMPLE", "SKEXAMPLE", "TOKEN+/="), "", p)
	if err != nil {
		t.Fatal(err)
	}
	req := cdn.NewDescribePushTasksRequest()
	req.TaskId = new("1533031853231313311")
	req.Limit = common.Int64Ptr(100)
	answer, err := client.DescribePushTasks(req)
	if err != nil {
		t.Fatal(err)
	}
	r := answer.Response
	if *r.TotalCount != 3 || len(r.PushLogs) != 3 || *r.RequestId == "" {
		t.Fatalf("%s", answer.ToJsonString())
	}
	created := now.Add(-time.Hour).In(time.FixedZone("", 8*60*60)).Format(time.DateTime)
	for i, want := range []struct {
		status  string
		percent int64
	}{{"done", 100}, {"fail", 100}, {"process", 50}} {
		row := r.PushLogs[i]
		if *row.Status != want.status || *row.Percent != want.percent || *row.CreateTime != created || (row.UpdateTime == nil) != (want.percent < 100) {
			t.Errorf("row %d: %s", i, answer.ToJsonString())
		}
	}
	req.Status, req.Limit = new("fail"), common.Int64Ptr(1)
	if answer, err = client.DescribePushTasks(req); err != nil || *answer.Response.TotalCount != 1 {
		t.Errorf("of those that failed: %v, %v", answer, err)
	}
	req.Status = new("nonsense")
	_, err = client.DescribePushTasks(req)
	var refused *tcerrors.TencentCloudSDKError
	if !errors.As(err, &refused) || refused.Code != "InvalidParameter.CdnParamError" {
		t.Errorf("got %v", err)
	}
}
