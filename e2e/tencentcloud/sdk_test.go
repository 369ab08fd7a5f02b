package tencentcloud_test

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/tencentcloud/tencentcloud-sdk-go/tencentcloud/common"
	tcerrors "github.com/tencentcloud/tencentcloud-sdk-go/tencentcloud/common/errors"
	tchttp "github.com/tencentcloud/tencentcloud-sdk-go/tencentcloud/common/http"
	"github.com/tencentcloud/tencentcloud-sdk-go/tencentcloud/common/profile"

	"prefetch_exporter/prefetch"
	vendorapi "prefetch_exporter/vendor_api"
	"prefetch_exporter/vendor_api/simulator"
	simtencentcloud "prefetch_exporter/vendor_api/simulator/tencentcloud"
	"prefetch_exporter/vendor_api/tencentcloud"
)

// comparedRequests is how many random requests are signed by both.
const comparedRequests = 1000

// seedFlag repeats a run that failed.
var seedFlag = flag.Uint64("seed", 0, "seed of the random requests; 0 takes one from the clock")

const (
	zone      = "zone-2noz78a8ev6k"
	taskID    = "1379afjk91u32h"
	goodURL   = "https://example.com/launch/good.mp4"
	brokenURL = "https://example.com/launch/broken.mp4"
	// fetchTime is less than the clocks may differ: the SDK dates its requests by the
	// real one.
	fetchTime = 2 * time.Minute
)

// keys are a permanent or a temporary key.
type keys struct{ id, secret, token string }

func (k *keys) credential() *common.Credential {
	return common.NewTokenCredential(k.id, k.secret, k.token)
}

// api is a product as the SDK and the exporter ask for it.
type api struct {
	service, version, action string
	simulate                 func(simtencentcloud.Options) *simtencentcloud.Server
	create                   func(tencentcloud.Options) (*tencentcloud.Provider, error)
	zones                    []string
	// byID asks for the task, window for a span of time with two ends.
	byID, window string
}

func apis() map[string]api {
	return map[string]api{
		tencentcloud.EdgeOneName: {
			"teo", "2022-09-01", "DescribePrefetchTasks", simtencentcloud.NewEdgeOne, tencentcloud.NewEdgeOne, []string{zone},
			`{"ZoneId":"` + zone + `","Filters":[{"Name":"job-id","Values":["` + taskID + `"]}],"Limit":1000}`,
			`{"ZoneId":"` + zone + `","StartTime":"2006-01-02T15:04:05Z","EndTime":"2006-01-02T15:04:05Z","Limit":1000}`,
		},
		tencentcloud.CDNName: {
			"cdn", "2018-06-06", "DescribePushTasks", simtencentcloud.NewCDN, tencentcloud.NewCDN, nil,
			`{"TaskId":"` + taskID + `","Limit":100}`, `{"StartTime":"2006-01-02 15:04:05","EndTime":"2006-01-02 15:04:05","Limit":100}`,
		},
	}
}

// vendor is a simulated product on loopback, whose clock can be set forward.
type vendor struct {
	api

	sim    *simtencentcloud.Server
	url    string
	offset atomic.Int64
}

func startVendor(t *testing.T, a api) *vendor {
	t.Helper()
	v := &vendor{api: a}
	now := func() time.Time { return time.Now().Add(time.Duration(v.offset.Load())) }
	v.sim = a.simulate(simtencentcloud.Options{
		Now: now, Quota: simulator.Quota{Calls: 20, Per: time.Second}, Zones: a.zones,
		SecretKeys: map[string]string{"AKEXAMPLE": "SKEXAMPLE", "AKTEMPORARY": "SKTEMPORARY"}, Tokens: map[string]string{"AKTEMPORARY": "TOKEN+/="},
	})
	v.sim.Submit(simulator.Task{ID: taskID, Owner: zone, Created: now(), URLs: []simulator.URLPlan{
		{URL: goodURL, Fetch: fetchTime}, {URL: brokenURL, Fetch: fetchTime, Fails: true},
	}})
	server := httptest.NewServer(v.sim)
	t.Cleanup(server.Close)
	v.url = server.URL
	return v
}

// sdk returns the SDK's client of an endpoint.
func sdk(endpoint string, k keys) *common.Client {
	p := profile.NewClientProfile()
	p.HttpProfile.Endpoint, p.HttpProfile.Scheme, p.HttpProfile.ReqMethod = endpoint, "HTTP", http.MethodPost
	return common.NewCommonClient(k.credential(), "", p)
}

// ask has the SDK put a question, and returns the statuses that it got, by URL.
func (v *vendor) ask(k keys, question string) (map[string]string, error) {
	req := tchttp.NewCommonRequest(v.service, v.version, v.action)
	if err := req.SetActionParameters(question); err != nil {
		return nil, err
	}
	resp := tchttp.NewCommonResponse()
	if err := sdk(strings.TrimPrefix(v.url, "http://"), k).Send(req, resp); err != nil {
		return nil, err
	}
	type row struct {
		Target string `json:"Target"`
		URL    string `json:"Url"`
		Status string `json:"Status"`
	}
	var doc struct {
		Response struct {
			Tasks    []row `json:"Tasks"`
			PushLogs []row `json:"PushLogs"`
		} `json:"Response"`
	}
	if err := json.Unmarshal(resp.GetBody(), &doc); err != nil {
		return nil, err
	}
	got := map[string]string{}
	for _, r := range append(doc.Response.Tasks, doc.Response.PushLogs...) {
		got[r.Target+r.URL] = r.Status
	}
	return got, nil
}

// TestSDKGetsItsAnswer asks the simulator with the vendor's SDK, which knows nothing
// of this project, before and after the task's URLs are done. What the exporter's
// own client reads must be the same.
func TestSDKGetsItsAnswer(t *testing.T) {
	t.Parallel()
	words := map[string]prefetch.Status{
		"processing": prefetch.Running, "success": prefetch.Succeeded, "failed": prefetch.Failed,
		"process": prefetch.Running, "done": prefetch.Succeeded, "fail": prefetch.Failed,
	}
	for name, api := range apis() {
		for _, k := range []keys{{"AKEXAMPLE", "SKEXAMPLE", ""}, {"AKTEMPORARY", "SKTEMPORARY", "TOKEN+/="}} {
			t.Run(name+" "+k.id, func(t *testing.T) {
				t.Parallel()
				v := startVendor(t, api)
				exporter := newExporterClient(t, v, k)
				created := v.sim.Now()
				window := v.window
				for _, end := range []time.Duration{-time.Minute, time.Minute} {
					at := created.Add(end).UTC()
					if v.service == "cdn" {
						at = at.In(time.FixedZone("", 8*60*60))
					}
					window = strings.Replace(window, "2006-01-02", at.Format(time.DateOnly), 1)
					window = strings.Replace(window, "15:04:05", at.Format(time.TimeOnly), 1)
				}
				for _, step := range []time.Duration{0, fetchTime} {
					v.offset.Add(int64(step))
					want := map[string]prefetch.Status{goodURL: prefetch.Running, brokenURL: prefetch.Running}
					if step > 0 {
						want = map[string]prefetch.Status{goodURL: prefetch.Succeeded, brokenURL: prefetch.Failed}
					}
					for _, question := range []string{v.byID, window} {
						answer, err := v.ask(k, question)
						if err != nil {
							t.Fatalf("%s: %v", question, err)
						}
						got := map[string]prefetch.Status{}
						for url, word := range answer {
							got[url] = words[word]
						}
						if diff := cmp.Diff(want, got); diff != "" {
							t.Errorf("after %v, %s (-want +got):\n%s", step, question, diff)
						}
					}
					if diff := cmp.Diff(want, askExporter(t, exporter)); diff != "" {
						t.Errorf("the exporter's answer after %v (-want +got):\n%s", step, diff)
					}
				}
				if stats := v.sim.Stats(); len(stats.Refused) != 0 {
					t.Errorf("refused calls: %v", stats.Refused)
				}
			})
		}
	}
}

// TestSDKIsRefused shows that the answers above were not given to everybody, and that
// the SDK understands the simulator's errors as the vendor's.
func TestSDKIsRefused(t *testing.T) {
	t.Parallel()
	for name, api := range apis() {
		v := startVendor(t, api)
		for k, want := range map[keys]string{
			{"AKEXAMPLE", "wrong", ""}:               "AuthFailure.SignatureFailure",
			{"AKUNKNOWN", "SKEXAMPLE", ""}:           "AuthFailure.SecretIdNotFound",
			{"AKTEMPORARY", "SKTEMPORARY", ""}:       "AuthFailure.TokenFailure",
			{"AKEXAMPLE", "SKEXAMPLE", "not wanted"}: "AuthFailure.TokenFailure",
		} {
			_, err := v.ask(k, v.byID)
			var refused *tcerrors.TencentCloudSDKError
			if !errors.As(err, &refused) || refused.Code != want || refused.RequestId == "" {
				t.Errorf("%s: %v, want %s", name, err, want)
			}
		}
		if got, err := v.ask(keys{"AKEXAMPLE", "SKEXAMPLE", ""}, strings.Replace(v.byID, taskID, "nobodys", 1)); err != nil || len(got) != 0 {
			t.Errorf("%s: an unknown task: %v, %v", name, got, err)
		}
	}
}

func newExporterClient(t *testing.T, v *vendor, k keys) *tencentcloud.Provider {
	t.Helper()
	client, err := vendorapi.NewClient(vendorapi.ClientOptions{UserAgent: "prefetch_exporter/e2e"})
	if err != nil {
		t.Fatal(err)
	}
	value := func(s string) func() string { return func() string { return s } }
	p, err := v.create(tencentcloud.Options{
		Endpoint: v.url, ZoneID: zone, SecretID: value(k.id), SecretKey: value(k.secret), Token: value(k.token), Client: client,
	})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func askExporter(t *testing.T, p *tencentcloud.Provider) map[string]prefetch.Status {
	t.Helper()
	a, err := p.Query(t.Context(), vendorapi.Query{Kind: vendorapi.QueryTask, TaskID: taskID})
	if err != nil {
		t.Fatalf("the exporter got no answer: %v", err)
	}
	got := map[string]prefetch.Status{}
	for _, u := range a.URLs {
		got[u.URL] = u.Status
	}
	return got
}

// TestSignEqualsSDK signs random requests with the vendor's SDK and with the
// exporter: the same Authorization header must come out.
func TestSignEqualsSDK(t *testing.T) {
	t.Parallel()
	seed := *seedFlag
	if seed == 0 {
		seed = uint64(time.Now().UnixNano())
	}
	t.Logf("repeat with -seed=%d", seed)
	random := generator{rand.New(rand.NewPCG(seed, 0))}
	for i := range comparedRequests {
		k := keys{random.word(1, 40), random.text(1, 40), random.word(0, 40)}
		service, at := []string{"cdn", "teo"}[random.IntN(2)], time.Unix(random.Int64N(4e9), 0)
		var theirs *http.Request
		var body []byte
		client := sdk(random.word(1, 12)+".tencentcloudapi.com:"+fmt.Sprint(1+random.IntN(65535)), k)
		client.WithHttpTransport(roundTripper(func(req *http.Request) (*http.Response, error) {
			theirs = req
			body, _ = io.ReadAll(req.Body)
			return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(`{"Response":{"RequestId":"r"}}`)), Request: req}, nil
		}))
		req := tchttp.NewCommonRequest(service, "2022-09-01", "DescribePrefetchTasks")
		req.SetHeader(map[string]string{"X-TC-Timestamp": fmt.Sprint(at.Unix())})
		if err := req.SetActionParameters(map[string]any{random.word(1, 9): random.text(0, 99), "Limit": random.IntN(1000)}); err != nil {
			t.Fatal(err)
		}
		if err := client.Send(req, tchttp.NewCommonResponse()); err != nil {
			t.Fatalf("request %d: the SDK does not send it: %v", i, err)
		}
		ours, err := http.NewRequestWithContext(t.Context(), http.MethodPost, theirs.URL.String(), http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		ours.Header.Set("Content-Type", "application/json")
		tencentcloud.Service(service).Sign(ours, body, vendorapi.Credentials{AccessKey: k.id, SecretKey: k.secret, Token: k.token}, at)
		for _, name := range []string{"Authorization", "X-Tc-Timestamp", "X-Tc-Token", "Content-Type"} {
			if got, want := ours.Header.Get(name), theirs.Header.Get(name); got != want {
				t.Fatalf("request %d: %s %s\nbody %q\n%s\n got %s\nwant %s", i, service, theirs.URL, body, name, got, want)
			}
		}
	}
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(req *http.Request) (*http.Response, error) { return f(req) }

// generator makes random texts.
type generator struct{ *rand.Rand }

// word returns between least and most letters in lower case and digits.
func (g generator) word(least, most int) string {
	return g.from([]rune("abcxyz0189"), least, most)
}

// text returns between least and most characters that are hard to encode right.
func (g generator) text(least, most int) string {
	return g.from([]rune("aZ09-._~ +%/?&=;,:@!$'()*[]{}\"<>\\^`|#éß漢🎬\n"), least, most)
}

func (g generator) from(alphabet []rune, least, most int) string {
	text := make([]rune, least+g.IntN(most-least+1))
	for i := range text {
		text[i] = alphabet[g.IntN(len(alphabet))]
	}
	return string(text)
}

// TestTypedSDK runs the tests of the module beside this one.
func TestTypedSDK(t *testing.T) {
	t.Parallel()
	cmd := exec.CommandContext(t.Context(), "go", "test", "-count=1", "./...")
	cmd.Dir = "typed"
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}
