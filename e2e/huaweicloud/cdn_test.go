package huaweicloud_test

import (
	"net/http/httptest"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/huaweicloud/huaweicloud-sdk-go-v3/core/auth/global"
	cdn "github.com/huaweicloud/huaweicloud-sdk-go-v3/services/cdn/v2"
	"github.com/huaweicloud/huaweicloud-sdk-go-v3/services/cdn/v2/model"

	"prefetch_exporter/prefetch"
	vendorapi "prefetch_exporter/vendor_api"
	"prefetch_exporter/vendor_api/huaweicloud"
	"prefetch_exporter/vendor_api/simulator"
	simhuaweicloud "prefetch_exporter/vendor_api/simulator/huaweicloud"
)

const (
	domainID = "fedcba9876543210fedcba9876543210"
	// encodedURL is one as the vendor shows it.
	encodedURL = "https://example.com/launch/good%20video.mp4"
)

// cdnRow is what a client read of one URL.
type cdnRow struct {
	Status prefetch.Status
	Cause  prefetch.Cause
	Words  string
}

// cdnCounts is what a client read of one task in a list.
type cdnCounts struct {
	Counts  prefetch.Counts
	Done    bool
	Created int64
}

// TestCDNSDKGetsItsAnswer asks the simulated CDN with the vendor's SDK, for the list
// of tasks and for the URLs of one, before and after these are done. What the
// exporter's own client reads must be the same.
func TestCDNSDKGetsItsAnswer(t *testing.T) {
	t.Parallel()
	for _, c := range []credentials{{accessKey, secretKey, ""}, {temporaryKey, secretKey, securityToken}} {
		vendor := startCDN(t)
		sdk, exporter := newCDNSDK(t, vendor.url, c), newCDNClient(t, vendor.url, c)
		created := vendor.cdn.Now().Truncate(time.Millisecond)
		for _, step := range []struct {
			after time.Duration
			rows  map[string]cdnRow
			task  cdnCounts
		}{
			{
				0,
				map[string]cdnRow{encodedURL: {Status: prefetch.Waiting}, brokenURL: {Status: prefetch.Running}},
				cdnCounts{Counts: prefetch.Counts{1, 1, 0, 0, 0}},
			},
			{
				2 * fetchTime,
				map[string]cdnRow{
					encodedURL: {Status: prefetch.Succeeded},
					brokenURL:  {Status: prefetch.Failed, Cause: prefetch.CauseVendor, Words: "no node was free"},
				},
				cdnCounts{Counts: prefetch.Counts{0, 0, 1, 1, 0}, Done: true},
			},
		} {
			vendor.advance(step.after)
			from, to := created.Add(-time.Hour), vendor.cdn.Now()
			for who, ask := range map[string]struct {
				rows func(t *testing.T) map[string]cdnRow
				list func(t *testing.T, from, to time.Time) map[string]cdnCounts
			}{"SDK": {sdk.rows, sdk.list}, "exporter": {exporter.rows, exporter.list}} {
				if diff := cmp.Diff(step.rows, ask.rows(t)); diff != "" {
					t.Errorf("the rows of the %s after %v (-want +got):\n%s", who, step.after, diff)
				}
				list := ask.list(t, from, to)
				step.task.Created = list[taskID].Created
				if age := time.UnixMilli(step.task.Created).Sub(created).Abs(); age > time.Second {
					t.Errorf("the %s has %v as the creation, which was at %v", who, time.UnixMilli(step.task.Created), created)
				}
				if diff := cmp.Diff(map[string]cdnCounts{taskID: step.task}, list); diff != "" {
					t.Errorf("the list of the %s after %v (-want +got):\n%s", who, step.after, diff)
				}
			}
		}
		if stats := vendor.cdn.Stats(); len(stats.Refused) != 0 || stats.Calls != 8 {
			t.Errorf("%d calls, refused %v", stats.Calls, stats.Refused)
		}
	}
}

// TestCDNUnknownTask is why the SDK is not used: under HTTP 200 it takes an error for
// an answer in which nothing is. The exporter's client does not.
func TestCDNUnknownTask(t *testing.T) {
	t.Parallel()
	vendor, c := startCDN(t), credentials{accessKey, secretKey, ""}
	answer, err := newCDNSDK(t, vendor.url, c).ShowHistoryTaskDetails(&model.ShowHistoryTaskDetailsRequest{HistoryTasksId: "no-such-task"})
	if err != nil || answer.Id != nil || answer.Urls != nil || answer.HttpStatusCode != 200 {
		t.Errorf("the SDK has %v, %v", answer, err)
	}
	_, err = newCDNClient(t, vendor.url, c).Query(t.Context(), vendorapi.Query{Kind: vendorapi.QueryTask, TaskID: "no-such-task"})
	if e := vendorapi.AsError(err); e == nil || e.Reason != prefetch.ReasonNotFound || e.Code != "CDN.0108" {
		t.Errorf("the exporter has %v", err)
	}
	for _, wrong := range []credentials{{accessKey, "wrong", ""}, {temporaryKey, secretKey, ""}} {
		if _, err := newCDNSDK(t, vendor.url, wrong).ShowHistoryTasks(&model.ShowHistoryTasksRequest{}); err == nil {
			t.Errorf("%v was let in", wrong)
		}
	}
}

// startCDN serves a prefetch of two URLs, and a refresh, over HTTP.
func startCDN(t *testing.T) *cdnVendor {
	t.Helper()
	v := &cdnVendor{}
	v.cdn = simhuaweicloud.NewCDN(simhuaweicloud.CDNOptions{
		Now:   func() time.Time { return time.Now().Add(time.Duration(v.offset.Load())) },
		Quota: simulator.Quota{Calls: 30, Per: time.Second}, DomainID: domainID,
		AccessKeys:     map[string]string{accessKey: secretKey, temporaryKey: secretKey},
		SecurityTokens: map[string]string{temporaryKey: securityToken},
	})
	v.cdn.Submit(simulator.Task{ID: taskID, Owner: domainID, URLs: []simulator.URLPlan{
		{URL: encodedURL, Wait: fetchTime, Fetch: fetchTime},
		{URL: brokenURL, Fetch: fetchTime, Fails: true, Reason: "INNER_ERROR: no node was free"},
	}})
	v.cdn.Submit(simulator.Task{ID: "refresh", Owner: domainID, Purge: true, URLs: []simulator.URLPlan{{URL: encodedURL}}})
	server := httptest.NewServer(v.cdn)
	t.Cleanup(server.Close)
	v.url = server.URL
	return v
}

type cdnVendor struct {
	vendor

	cdn *simhuaweicloud.CDN
}

type cdnSDK struct{ *cdn.CdnClient }

func newCDNSDK(t *testing.T, endpoint string, c credentials) *cdnSDK {
	t.Helper()
	builder := global.NewCredentialsBuilder().WithAk(c.accessKey).WithSk(c.secretKey).WithDomainId(domainID)
	if c.securityToken != "" {
		builder = builder.WithSecurityToken(c.securityToken)
	}
	credential, err := builder.SafeBuild()
	if err != nil {
		t.Fatalf("the SDK's credentials: %v", err)
	}
	client, err := cdn.CdnClientBuilder().WithEndpoint(endpoint).WithCredential(credential).SafeBuild()
	if err != nil {
		t.Fatalf("the SDK's client: %v", err)
	}
	return &cdnSDK{cdn.NewCdnClient(client)}
}

func (c *cdnSDK) rows(t *testing.T) map[string]cdnRow {
	t.Helper()
	answer, err := c.ShowHistoryTaskDetails(&model.ShowHistoryTaskDetailsRequest{HistoryTasksId: taskID})
	if err != nil || answer.Urls == nil {
		t.Fatalf("the SDK got %v, %v", answer, err)
	}
	statuses := map[string]prefetch.Status{
		"waiting": prefetch.Waiting, "processing": prefetch.Running, "succeed": prefetch.Succeeded, "failed": prefetch.Failed,
	}
	got := map[string]cdnRow{}
	for _, row := range *answer.Urls {
		r := cdnRow{Status: statuses[*row.Status]}
		if row.FailClassify != nil && *row.FailClassify == "INNER_ERROR" {
			r.Cause, r.Words = prefetch.CauseVendor, *row.FailDesc
		}
		got[*row.Url] = r
	}
	return got
}

func (c *cdnSDK) list(t *testing.T, from, to time.Time) map[string]cdnCounts {
	t.Helper()
	page, size := int32(1), int32(1000)
	start, end := from.UnixMilli(), to.UnixMilli()
	preheating := model.GetShowHistoryTasksRequestTaskTypeEnum().PREHEATING
	answer, err := c.ShowHistoryTasks(&model.ShowHistoryTasksRequest{
		PageSize: &size, PageNumber: &page, StartDate: &start, EndDate: &end, TaskType: &preheating,
	})
	if err != nil || answer.Tasks == nil || int(*answer.Total) != len(*answer.Tasks) {
		t.Fatalf("the SDK got %v, %v", answer, err)
	}
	got := map[string]cdnCounts{}
	for _, task := range *answer.Tasks {
		running, succeeded, failed := int(*task.Processing), int(*task.Succeed), int(*task.Failed)
		got[*task.Id] = cdnCounts{
			Counts: prefetch.Counts{int(*task.Total) - running - succeeded - failed, running, succeeded, failed, 0},
			Done:   *task.Status == "task_done", Created: *task.CreateTime,
		}
	}
	return got
}

type cdnClient struct{ *huaweicloud.CDN }

func newCDNClient(t *testing.T, endpoint string, c credentials) *cdnClient {
	t.Helper()
	client, err := vendorapi.NewClient(vendorapi.ClientOptions{UserAgent: "prefetch_exporter/e2e"})
	if err != nil {
		t.Fatal(err)
	}
	value := func(s string) func() string { return func() string { return s } }
	provider, err := huaweicloud.NewCDN(huaweicloud.CDNOptions{
		Endpoint: endpoint, DomainID: domainID, Client: client,
		Auth: huaweicloud.AKSK(value(c.accessKey), value(c.secretKey), value(c.securityToken)),
	})
	if err != nil {
		t.Fatal(err)
	}
	return &cdnClient{provider}
}

func (c *cdnClient) rows(t *testing.T) map[string]cdnRow {
	t.Helper()
	answer, err := c.Query(t.Context(), vendorapi.Query{Kind: vendorapi.QueryTask, TaskID: taskID})
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]cdnRow{}
	for _, row := range answer.URLs {
		got[row.URL] = cdnRow{Status: row.Status, Cause: row.Cause, Words: row.Words}
	}
	return got
}

func (c *cdnClient) list(t *testing.T, from, to time.Time) map[string]cdnCounts {
	t.Helper()
	answer, err := c.Query(t.Context(), vendorapi.Query{Kind: vendorapi.QueryList, From: from, To: to})
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]cdnCounts{}
	for _, task := range answer.Tasks {
		got[task.ID] = cdnCounts{Counts: task.Counts, Done: task.Done, Created: task.Created.UnixMilli()}
	}
	return got
}
