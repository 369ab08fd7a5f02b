// Package simulatortest is what the tests of the simulated vendors share: requests
// as the vendors' own pages write them, a clock that is set, and answers read to
// their end. Only tests import it.
package simulatortest

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha1" //nolint:gosec // the vendor's API-key authentication is HMAC-SHA1
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"prefetch_exporter/vendor_api/simulator"
	simcdnetworks "prefetch_exporter/vendor_api/simulator/cdnetworks"
)

// Where the vendors are, and a project of Huawei Cloud.
const (
	IAMURL  = "https://iam.cn-north-4.myhuaweicloud.com/v3/auth/tokens"
	CDNURL  = "https://api.cdnetworks.com/ccm/fetch/ItemIdQuery"
	Project = "0123456789abcdef0123456789abcdef"
	VODHost = "vod.cn-north-4.myhuaweicloud.com"
)

// Epoch is the moment of the test vectors.
func Epoch() time.Time { return time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC) }

// WholeDay is the window of the day of [Epoch] and [Noon] in a body's members.
const WholeDay = `"startTime":"2026-01-01 00:00:00","endTime":"2026-01-01 23:59:59"`

// Noon is 2026-01-01 12:00:00 in the zone of CDNetworks.
func Noon() time.Time {
	const hours = 4
	return Epoch().Add(hours * time.Hour)
}

// Clock is a clock that tests set.
type Clock struct {
	mu  sync.Mutex
	now time.Time
}

// NewClock returns a clock that stands at a moment.
func NewClock(at time.Time) *Clock { return &Clock{now: at} }

// Now is what was set.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

// Add sets the clock forward.
func (c *Clock) Add(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// TB is what the helpers need of a test; rapid's tests have it, too.
type TB interface {
	Helper()
	Errorf(format string, args ...any)
	Fatalf(format string, args ...any)
}

// Answer is a whole response.
type Answer struct {
	Status int
	Header http.Header
	Body   string
}

// Send hands a request to a vendor in process and reads the answer to its end.
func Send(t TB, h http.Handler, req *http.Request) Answer {
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
	return Answer{Status: resp.StatusCode, Header: resp.Header, Body: string(body)}
}

// NewRequest makes a request of a target such as "GET https://example.com/".
func NewRequest(t TB, target, body string, header map[string]string) *http.Request {
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

// APIKeyHeaders authenticate with an API key, as the page's script does.
func APIKeyHeaders(user, key string, now time.Time) map[string]string {
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

// AccessKeyHeaders sign a POST to the query's path with the vector's keys.
func AccessKeyHeaders(body string, now time.Time) map[string]string {
	timestamp := strconv.FormatInt(now.Unix(), 10)
	canonical := "POST\n/ccm/fetch/ItemIdQuery\n\ncontent-type:application/json\nhost:api.cdnetworks.com" +
		"\n\ncontent-type;host\n" + HexSum(body)
	signature := HexMAC("SKEXAMPLE", "CNC-HMAC-SHA256\n"+timestamp+"\n"+HexSum(canonical))
	return map[string]string{
		"x-cnc-auth-method": "AKSK",
		"x-cnc-accessKey":   "AKEXAMPLE",
		"x-cnc-timestamp":   timestamp,
		"Content-Type":      "application/json",
		"Authorization": "CNC-HMAC-SHA256 Credential=AKEXAMPLE, " +
			"SignedHeaders=content-type;host, Signature=" + signature,
	}
}

// SignedVOD is a query for the task "t", signed with X-Sdk-Date alone.
func SignedVOD(t TB, now time.Time) *http.Request {
	t.Helper()
	path := "/v1.0/" + Project + "/asset/preheating"
	date := now.UTC().Format("20060102T150405Z")
	canonical := "GET\n" + path + "/\ntask_id=t\nx-sdk-date:" + date + "\n\nx-sdk-date\n" + HexSum("")
	signature := HexMAC("SKEXAMPLE", "SDK-HMAC-SHA256\n"+date+"\n"+HexSum(canonical))
	return NewRequest(t, "GET https://"+VODHost+path+"?task_id=t", "", map[string]string{
		"X-Sdk-Date":    date,
		"Authorization": "SDK-HMAC-SHA256 Access=AKEXAMPLE, SignedHeaders=x-sdk-date, Signature=" + signature,
	})
}

// HexSum is the SHA-256 of a text in hexadecimal digits.
func HexSum(s string) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:])
}

// HexMAC is the HMAC-SHA256 of a text in hexadecimal digits.
func HexMAC(key, message string) string { return hex.EncodeToString([]byte(RawMAC(key, message))) }

// RawMAC is the same in bytes, which are the key of another one.
func RawMAC(key, message string) string {
	mac := hmac.New(sha256.New, []byte(key))
	mac.Write([]byte(message))
	return string(mac.Sum(nil))
}

// CDNAnswer is what a CDNetworks answer says.
type CDNAnswer struct {
	Count        int      `json:"count"`
	Code         int      `json:"Code"`
	Message      string   `json:"message"`
	PageNo       int      `json:"pageNo"`
	PageSize     int      `json:"pageSize"`
	ResultDetail []CDNRow `json:"resultDetail"`
}

// CDNRow is one URL of it.
type CDNRow struct {
	BeginTime  string `json:"beginTime"`
	CreateTime string `json:"createTime"`
	FinishTime string `json:"finishTime"`
	Rate       string `json:"rate"`
	Status     string `json:"status"`
	URL        string `json:"url"`
}

// Ask sends a query of user ops, whose API key is "key".
func Ask(t TB, s *simcdnetworks.Server, now time.Time, body string) CDNAnswer {
	t.Helper()
	got := Send(t, s, NewRequest(t, "POST "+CDNURL, body, APIKeyHeaders("ops", "key", now)))
	if got.Status != http.StatusOK {
		t.Fatalf("status %d: %s", got.Status, got.Body)
	}
	return DecodeCDN(t, got.Body)
}

// DecodeCDN reads an answer of CDNetworks, which may have no other members.
func DecodeCDN(t TB, body string) CDNAnswer {
	t.Helper()
	var a CDNAnswer
	d := json.NewDecoder(bytes.NewReader([]byte(body)))
	d.DisallowUnknownFields()
	if err := d.Decode(&a); err != nil {
		t.Fatalf("answer %s: %v", body, err)
	}
	return a
}

// OpsOptions know the user of ask.
func OpsOptions(now func() time.Time) simcdnetworks.Options {
	return simcdnetworks.Options{Now: now, APIKeys: map[string]string{"ops": "key"}}
}

// URLs are n URLs with the same plan.
func URLs(n int, plan simulator.URLPlan) []simulator.URLPlan {
	list := make([]simulator.URLPlan, n)
	for i := range list {
		list[i] = plan
		list[i].URL = fmt.Sprintf("https://example.com/%d.mp4", i)
	}
	return list
}

// Changed is base with other values, without those whose change is empty.
func Changed(base, change map[string]string) map[string]string {
	header := maps.Clone(base)
	for name, value := range change {
		if value == "" {
			delete(header, name)
			continue
		}
		header[name] = value
	}
	return header
}
