package simulator_test

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"prefetch_exporter/vendor_api/simulator"
)

const (
	cdnURL  = "https://api.cdnetworks.com/ccm/fetch/ItemIdQuery"
	project = "0123456789abcdef0123456789abcdef"
	vodHost = "vod.cn-north-4.myhuaweicloud.com"
)

// epoch is the moment of the test vectors.
func epoch() time.Time { return time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC) }

// clock is a clock that tests set.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func newClock(at time.Time) *clock { return &clock{now: at} }

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) Add(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// tb is what the helpers need of a test; rapid's tests have it, too.
type tb interface {
	Helper()
	Errorf(format string, args ...any)
	Fatalf(format string, args ...any)
}

// answer is a whole response.
type answer struct {
	status int
	header http.Header
	body   string
}

func send(t tb, h http.Handler, req *http.Request) answer {
	t.Helper()
	resp, err := simulator.Transport(h).RoundTrip(req)
	if err != nil {
		t.Fatalf("send: %v", err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatalf("read: %v", err)
	}
	return answer{status: resp.StatusCode, header: resp.Header, body: string(body)}
}

// newRequest makes a request of a target such as "GET https://example.com/".
func newRequest(t tb, target, body string, header map[string]string) *http.Request {
	t.Helper()
	method, url, _ := strings.Cut(target, " ")
	req, err := http.NewRequestWithContext(context.Background(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatalf("%v", err)
	}
	for name, value := range header {
		if strings.EqualFold(name, "host") {
			req.Host = value
			continue
		}
		req.Header.Set(name, value)
	}
	return req
}

// apiKeyHeaders authenticate with an API key, as the page's script does.
func apiKeyHeaders(user, key string, now time.Time) map[string]string {
	date := now.UTC().Format(http.TimeFormat)
	mac := hmac.New(sha1.New, []byte(key))
	mac.Write([]byte(date))
	password := base64.StdEncoding.EncodeToString(mac.Sum(nil))
	return map[string]string{
		"Authorization": "Basic " + base64.StdEncoding.EncodeToString([]byte(user+":"+password)),
		"Date":          date,
		"Content-Type":  "application/json",
	}
}

// accessKeyHeaders sign a POST to the query's path with the vector's keys.
func accessKeyHeaders(body string, now time.Time) map[string]string {
	timestamp := strconv.FormatInt(now.Unix(), 10)
	canonical := "POST\n/ccm/fetch/ItemIdQuery\n\ncontent-type:application/json\nhost:api.cdnetworks.com" +
		"\n\ncontent-type;host\n" + hexSum(body)
	signature := hexMAC("SKEXAMPLE", "CNC-HMAC-SHA256\n"+timestamp+"\n"+hexSum(canonical))
	return map[string]string{
		"x-cnc-auth-method": "AKSK",
		"x-cnc-accessKey":   "AKEXAMPLE",
		"x-cnc-timestamp":   timestamp,
		"Content-Type":      "application/json",
		"Authorization": "CNC-HMAC-SHA256 Credential=AKEXAMPLE, " +
			"SignedHeaders=content-type;host, Signature=" + signature,
	}
}

// signedVOD is a query for the task "t", signed with X-Sdk-Date alone.
func signedVOD(t tb, now time.Time) *http.Request {
	t.Helper()
	path := "/v1.0/" + project + "/asset/preheating"
	date := now.UTC().Format("20060102T150405Z")
	canonical := "GET\n" + path + "/\ntask_id=t\nx-sdk-date:" + date + "\n\nx-sdk-date\n" + hexSum("")
	signature := hexMAC("SKEXAMPLE", "SDK-HMAC-SHA256\n"+date+"\n"+hexSum(canonical))
	return newRequest(t, "GET https://"+vodHost+path+"?task_id=t", "", map[string]string{
		"X-Sdk-Date":    date,
		"Authorization": "SDK-HMAC-SHA256 Access=AKEXAMPLE, SignedHeaders=x-sdk-date, Signature=" + signature,
	})
}

func hexSum(s string) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:])
}

func hexMAC(key, message string) string {
	mac := hmac.New(sha256.New, []byte(key))
	mac.Write([]byte(message))
	return hex.EncodeToString(mac.Sum(nil))
}

// cdnAnswer is what a CDNetworks answer says.
type cdnAnswer struct {
	Count        int      `json:"count"`
	Code         int      `json:"Code"`
	Message      string   `json:"message"`
	PageNo       int      `json:"pageNo"`
	PageSize     int      `json:"pageSize"`
	ResultDetail []cdnRow `json:"resultDetail"`
}

type cdnRow struct {
	BeginTime  string `json:"beginTime"`
	CreateTime string `json:"createTime"`
	FinishTime string `json:"finishTime"`
	Rate       string `json:"rate"`
	Status     string `json:"status"`
	URL        string `json:"url"`
}

// ask sends a query of user ops, whose API key is "key".
func ask(t tb, s *simulator.CDNetworks, now time.Time, body string) cdnAnswer {
	t.Helper()
	got := send(t, s, newRequest(t, "POST "+cdnURL, body, apiKeyHeaders("ops", "key", now)))
	if got.status != http.StatusOK {
		t.Fatalf("status %d: %s", got.status, got.body)
	}
	return decodeCDN(t, got.body)
}

func decodeCDN(t tb, body string) cdnAnswer {
	t.Helper()
	var a cdnAnswer
	d := json.NewDecoder(bytes.NewReader([]byte(body)))
	d.DisallowUnknownFields()
	if err := d.Decode(&a); err != nil {
		t.Fatalf("answer %s: %v", body, err)
	}
	return a
}

// opsOptions know the user of ask.
func opsOptions(now func() time.Time) simulator.CDNetworksOptions {
	return simulator.CDNetworksOptions{Now: now, APIKeys: map[string]string{"ops": "key"}}
}

func urls(n int, plan simulator.URLPlan) []simulator.URLPlan {
	list := make([]simulator.URLPlan, n)
	for i := range list {
		list[i] = plan
		list[i].URL = fmt.Sprintf("https://example.com/%d.mp4", i)
	}
	return list
}
