package alibabacloud_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	openapi "github.com/alibabacloud-go/darabonba-openapi/v2/client"
	openapiutil "github.com/alibabacloud-go/darabonba-openapi/v2/utils"
	"github.com/alibabacloud-go/tea/dara"
	"github.com/alibabacloud-go/tea/tea"
	"github.com/aliyun/alibaba-cloud-sdk-go/sdk"
	"github.com/aliyun/alibaba-cloud-sdk-go/sdk/auth"
	rpccredentials "github.com/aliyun/alibaba-cloud-sdk-go/sdk/auth/credentials"
	rpcerrors "github.com/aliyun/alibaba-cloud-sdk-go/sdk/errors"
	"github.com/aliyun/alibaba-cloud-sdk-go/sdk/requests"
	"github.com/aliyun/alibaba-cloud-sdk-go/services/cdn"
	"github.com/aliyun/alibaba-cloud-sdk-go/services/dcdn"
	"github.com/google/go-cmp/cmp"

	"prefetch_exporter/prefetch"
	vendorapi "prefetch_exporter/vendor_api"
	"prefetch_exporter/vendor_api/alibabacloud"
	"prefetch_exporter/vendor_api/simulator"
	simalibabacloud "prefetch_exporter/vendor_api/simulator/alibabacloud"
)

const (
	accessKey = "AKEXAMPLE"
	secretKey = "SKEXAMPLE"
	// temporaryKey is an access key that needs a security token.
	temporaryKey  = "STS.AKEXAMPLE"
	securityToken = "TOKEN+/="

	firstTask, secondTask = "12719676361", "12719676362"
	goodURL               = "https://example.com/launch/good-video+é.mp4"
	brokenURL             = "https://example.com/launch/broken.mp4"
	fetchTime             = 5 * time.Minute
)

type credentials struct{ accessKey, secretKey, securityToken string }

// states are the statuses that somebody read, by task and URL.
type states map[string]prefetch.Status

// TestSDKsGetTheirAnswers asks the simulator with both of the vendor's SDKs, which know
// nothing of this project, before and after the tasks' URLs are done, by the tasks' ids
// and for a window. What the exporter's own client reads must be the same.
func TestSDKsGetTheirAnswers(t *testing.T) {
	t.Parallel()
	for _, product := range []alibabacloud.Product{alibabacloud.CDN, alibabacloud.DCDN} {
		for name, with := range map[string]credentials{
			"permanent key": {accessKey, secretKey, ""},
			"temporary key": {temporaryKey, secretKey, securityToken},
		} {
			t.Run(string(product)+", "+name, func(t *testing.T) {
				t.Parallel()
				v := startVendor(t, product)
				asked := v.askers(t, with)
				for _, step := range []struct {
					after time.Duration
					good  prefetch.Status
					bad   prefetch.Status
				}{
					{0, prefetch.Running, prefetch.Running}, {fetchTime, prefetch.Succeeded, prefetch.Failed},
				} {
					v.advance(step.after)
					want := states{}
					for _, id := range []string{firstTask, secondTask} {
						want[id+" "+goodURL], want[id+" "+brokenURL] = step.good, step.bad
					}
					for who, ask := range asked {
						if diff := cmp.Diff(want, ask()); diff != "" {
							t.Errorf("%s after %v (-want +got):\n%s", who, step.after, diff)
						}
					}
				}
				if stats := v.sim.Stats(); len(stats.Refused) != 0 || stats.Calls != 2*len(asked) {
					t.Errorf("%d calls, refused: %v", stats.Calls, stats.Refused)
				}
			})
		}
	}
}

// TestSDKsAreRefused shows that the answers above were not given to everybody, and that
// the SDKs understand the simulator's errors as the vendor's.
func TestSDKsAreRefused(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		with credentials
		task string
		want string
	}{
		"wrong secret":                    {credentials{accessKey, "wrong", ""}, firstTask, "400 SignatureDoesNotMatch"},
		"unknown key":                     {credentials{"AKUNKNOWN", secretKey, ""}, firstTask, "404 InvalidAccessKeyId.NotFound"},
		"temporary key without its token": {credentials{temporaryKey, secretKey, ""}, firstTask, "400 InvalidSecurityToken.MismatchWithAccessKey"},
		"no id":                           {credentials{accessKey, secretKey, ""}, "no id", "400 InvalidTaskId.Malformed"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			v := startVendor(t, alibabacloud.CDN)
			_, err := v.callACS3(t, tc.with, map[string]*string{"TaskId": &tc.task}, "DescribeRefreshTaskById")
			var acs3 *tea.SDKError
			if !errors.As(err, &acs3) || fmt.Sprint(*acs3.StatusCode, " ", *acs3.Code) != tc.want {
				t.Errorf("darabonba: %v, want %s", err, tc.want)
			}
			client, err := cdn.NewClientWithOptions("cn-hangzhou", sdkConfig(), tc.with.rpc())
			if err != nil {
				t.Fatal(err)
			}
			request := cdn.CreateDescribeRefreshTaskByIdRequest()
			request.SetDomain(v.host)
			request.TaskId = tc.task
			_, err = client.DescribeRefreshTaskById(request)
			var rpc *rpcerrors.ServerError
			if !errors.As(err, &rpc) {
				t.Fatalf("alibaba-cloud-sdk-go: %v, want %s", err, tc.want)
			}
			if got := fmt.Sprint(rpc.HttpStatus(), " ", rpc.ErrorCode()); got != tc.want || rpc.RequestId() == "" {
				t.Errorf("alibaba-cloud-sdk-go: %s, want %s", got, tc.want)
			}
		})
	}
}

type vendor struct {
	sim     *simalibabacloud.Server
	product alibabacloud.Product
	host    string
	offset  atomic.Int64
}

// startVendor serves two tasks of two URLs each over HTTP. Its clock starts at the real
// time, since the SDKs sign with that and the vendor compares.
func startVendor(t *testing.T, product alibabacloud.Product) *vendor {
	t.Helper()
	v := &vendor{product: product}
	v.sim = simalibabacloud.New(simalibabacloud.Options{
		DCDN: product == alibabacloud.DCDN, Now: v.now,
		AccessKeys:     map[string]string{accessKey: secretKey, temporaryKey: secretKey},
		SecurityTokens: map[string]string{temporaryKey: securityToken},
		Accounts:       map[string]string{temporaryKey: accessKey},
	})
	for _, id := range []string{firstTask, secondTask} {
		v.sim.Submit(simulator.Task{ID: id, Owner: accessKey, Created: v.now(), URLs: []simulator.URLPlan{
			{URL: goodURL, Fetch: fetchTime}, {URL: brokenURL, Fetch: fetchTime, Fails: true},
		}})
	}
	server := httptest.NewServer(v.sim)
	t.Cleanup(server.Close)
	v.host = strings.TrimPrefix(server.URL, "http://")
	return v
}

func (v *vendor) now() time.Time          { return time.Now().Add(time.Duration(v.offset.Load())) }
func (v *vendor) advance(d time.Duration) { v.offset.Add(int64(d)) }

// askers are all who ask, each in its own way.
func (v *vendor) askers(t *testing.T, with credentials) map[string]func() states {
	t.Helper()
	byID, list := "DescribeRefreshTaskById", "DescribeRefreshTasks"
	if v.product == alibabacloud.DCDN {
		byID, list = "DescribeDcdnRefreshTaskById", "DescribeDcdnRefreshTasks"
	}
	exporter := v.exporter(t, with)
	asked := map[string]func() states{
		"darabonba by id": func() states {
			return v.readACS3(t, with, map[string]*string{"TaskId": new(firstTask + "," + secondTask)}, byID)
		},
		"darabonba by time": func() states {
			from, to := v.window()
			return v.readACS3(t, with, map[string]*string{"ObjectType": new("preload"), "StartTime": &from, "EndTime": &to}, list)
		},
		"exporter by id": func() states {
			return askExporter(t, exporter, vendorapi.Query{Kind: vendorapi.QueryTask, TaskID: firstTask, Others: []string{secondTask}})
		},
		"exporter by time": func() states {
			return askExporter(t, exporter, vendorapi.Query{Kind: vendorapi.QueryWindow, From: time.Now().Add(-time.Hour), To: time.Now().Add(time.Hour)})
		},
	}
	if v.product == alibabacloud.DCDN {
		v.addDCDN(t, with, asked)
	} else {
		v.addCDN(t, with, asked)
	}
	return asked
}

func (v *vendor) window() (from, to string) {
	return time.Now().UTC().Add(-time.Hour).Format("2006-01-02T15:04:05Z"), time.Now().UTC().Add(time.Hour).Format("2006-01-02T15:04:05Z")
}

func sdkConfig() *sdk.Config { return sdk.NewConfig().WithScheme("HTTP").WithAutoRetry(false) }

func (c credentials) rpc() auth.Credential {
	if c.securityToken != "" {
		return rpccredentials.NewStsTokenCredential(c.accessKey, c.secretKey, c.securityToken)
	}
	return rpccredentials.NewAccessKeyCredential(c.accessKey, c.secretKey)
}

// addCDN adds what the typed SDK asks of CDN.
func (v *vendor) addCDN(t *testing.T, with credentials, asked map[string]func() states) {
	t.Helper()
	client, err := cdn.NewClientWithOptions("cn-hangzhou", sdkConfig(), with.rpc())
	if err != nil {
		t.Fatal(err)
	}
	read := func(rows []cdn.CDNTask, total int64, err error) states {
		t.Helper()
		got := states{}
		for _, row := range rows {
			got.add(t, row.TaskId, row.ObjectPath, row.Status)
		}
		return got.whole(t, total, err)
	}
	asked["alibaba-cloud-sdk-go by id"] = func() states {
		request := cdn.CreateDescribeRefreshTaskByIdRequest()
		request.SetDomain(v.host)
		request.TaskId = firstTask + "," + secondTask
		answer, err := client.DescribeRefreshTaskById(request)
		return read(answer.Tasks, answer.TotalCount, err)
	}
	asked["alibaba-cloud-sdk-go by time"] = func() states {
		request := cdn.CreateDescribeRefreshTasksRequest()
		request.SetDomain(v.host)
		request.ObjectType, request.PageSize = "preload", requests.NewInteger(100)
		request.StartTime, request.EndTime = v.window()
		answer, err := client.DescribeRefreshTasks(request)
		return read(answer.Tasks.CDNTask, answer.TotalCount, err)
	}
}

// addDCDN adds what the typed SDK asks of DCDN.
func (v *vendor) addDCDN(t *testing.T, with credentials, asked map[string]func() states) {
	t.Helper()
	client, err := dcdn.NewClientWithOptions("cn-hangzhou", sdkConfig(), with.rpc())
	if err != nil {
		t.Fatal(err)
	}
	asked["alibaba-cloud-sdk-go by id"] = func() states {
		request := dcdn.CreateDescribeDcdnRefreshTaskByIdRequest()
		request.SetDomain(v.host)
		request.TaskId = firstTask + "," + secondTask
		answer, err := client.DescribeDcdnRefreshTaskById(request)
		got := states{}
		for _, row := range answer.Tasks {
			got.add(t, row.TaskId, row.ObjectPath, row.Status)
		}
		return got.whole(t, answer.TotalCount, err)
	}
	asked["alibaba-cloud-sdk-go by time"] = func() states {
		request := dcdn.CreateDescribeDcdnRefreshTasksRequest()
		request.SetDomain(v.host)
		request.ObjectType, request.PageSize = "preload", requests.NewInteger(50)
		request.StartTime, request.EndTime = v.window()
		answer, err := client.DescribeDcdnRefreshTasks(request)
		got := states{}
		for _, row := range answer.Tasks.Task {
			got.add(t, row.TaskId, row.ObjectPath, row.Status)
		}
		return got.whole(t, answer.TotalCount, err)
	}
}

func (s states) add(t *testing.T, task, url, word string) {
	t.Helper()
	words := states{"Refreshing": prefetch.Running, "Complete": prefetch.Succeeded, "Failed": prefetch.Failed}
	status, ok := words[word]
	if !ok {
		t.Errorf("an SDK read status %q", word)
	}
	s[task+" "+url] = status
}

// whole checks that an answer is all that there is.
func (s states) whole(t *testing.T, total int64, err error) states {
	t.Helper()
	if err != nil || total != int64(len(s)) {
		t.Errorf("%d rows of %d, %v", len(s), total, err)
	}
	return s
}

// callACS3 makes a call with the untyped SDK.
func (v *vendor) callACS3(t *testing.T, with credentials, query map[string]*string, action string) (map[string]any, error) {
	t.Helper()
	config := &openapiutil.Config{
		Endpoint: &v.host, Protocol: new("http"), AccessKeyId: &with.accessKey, AccessKeySecret: &with.secretKey,
	}
	if with.securityToken != "" {
		config.SecurityToken, config.Type = &with.securityToken, new("sts")
	}
	client, err := openapi.NewClient(config)
	if err != nil {
		t.Fatal(err)
	}
	version := "2018-05-10"
	if v.product == alibabacloud.DCDN {
		version = "2018-01-15"
	}
	return client.CallApi(&openapiutil.Params{
		Action: &action, Version: &version, Protocol: new("HTTP"), Pathname: new("/"), Method: new("POST"), AuthType: new("AK"),
		Style: new("RPC"), ReqBodyType: new("formData"), BodyType: new("json"),
	}, &openapiutil.OpenApiRequest{Query: query}, &dara.RuntimeOptions{})
}

// readACS3 reads the answer of the untyped SDK, which is a map, in any envelope.
func (v *vendor) readACS3(t *testing.T, with credentials, query map[string]*string, action string) states {
	t.Helper()
	answer, err := v.callACS3(t, with, query, action)
	if err != nil {
		t.Fatalf("darabonba got no answer: %v", err)
	}
	text, err := json.Marshal(answer["body"])
	if err != nil {
		t.Fatal(err)
	}
	type rows []struct {
		TaskID     string `json:"TaskId"`
		ObjectPath string `json:"ObjectPath"`
		Status     string `json:"Status"`
	}
	var bare struct {
		Tasks rows `json:"Tasks"`
	}
	if json.Unmarshal(text, &bare) != nil {
		var listed struct {
			Tasks map[string]rows `json:"Tasks"`
		}
		if err := json.Unmarshal(text, &listed); err != nil {
			t.Fatal(err)
		}
		bare.Tasks = slices.Concat(listed.Tasks["CDNTask"], listed.Tasks["Task"])
	}
	got := states{}
	for _, row := range bare.Tasks {
		got.add(t, row.TaskID, row.ObjectPath, row.Status)
	}
	return got
}

func (v *vendor) exporter(t *testing.T, with credentials) *alibabacloud.Provider {
	t.Helper()
	client, err := vendorapi.NewClient(vendorapi.ClientOptions{UserAgent: "prefetch_exporter/e2e"})
	if err != nil {
		t.Fatal(err)
	}
	value := func(s string) func() string { return func() string { return s } }
	provider, err := alibabacloud.New(alibabacloud.Options{
		Product: v.product, Endpoint: "http://" + v.host, Client: client,
		Auth: alibabacloud.Keys(value(with.accessKey), value(with.secretKey), value(with.securityToken)),
	})
	if err != nil {
		t.Fatal(err)
	}
	return provider
}

func askExporter(t *testing.T, provider *alibabacloud.Provider, q vendorapi.Query) states {
	t.Helper()
	answer, err := provider.Query(t.Context(), q)
	if err != nil {
		t.Fatalf("the exporter got no answer: %v", err)
	}
	got := states{}
	for i, row := range answer.URLs {
		got[answer.RowTasks[i]+" "+row.URL] = row.Status
	}
	return got
}
