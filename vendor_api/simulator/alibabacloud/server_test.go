package alibabacloud_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"prefetch_exporter/prefetch"
	"prefetch_exporter/vendor_api/simulator"
	simalibabacloud "prefetch_exporter/vendor_api/simulator/alibabacloud"
	"prefetch_exporter/vendor_api/simulator/simulatortest"
)

const emptyHash = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

// answer is what the vendor says, in whichever envelope.
type answer struct {
	RequestID  string          `json:"RequestId"`
	HostID     string          `json:"HostId"`
	Code       string          `json:"Code"`
	Message    string          `json:"Message"`
	TotalCount int             `json:"TotalCount"`
	PageNumber int             `json:"PageNumber"`
	PageSize   int             `json:"PageSize"`
	Tasks      json.RawMessage `json:"Tasks"`
}

type taskRow struct {
	TaskID       string  `json:"TaskId"`
	ObjectPath   string  `json:"ObjectPath"`
	ObjectType   string  `json:"ObjectType"`
	CreationTime string  `json:"CreationTime"`
	Process      string  `json:"Process"`
	Status       string  `json:"Status"`
	Description  *string `json:"Description"`
}

// rows reads the list under its key; empty for a bare list.
func (a *answer) rows(t simulatortest.TB, key string) (rows []taskRow) {
	t.Helper()
	list := a.Tasks
	if key != "" {
		var below map[string]json.RawMessage
		if err := json.Unmarshal(a.Tasks, &below); err != nil || len(below) != 1 {
			t.Fatalf("tasks %s: %v", a.Tasks, err)
		}
		list = below[key]
	}
	if err := json.Unmarshal(list, &rows); err != nil || rows == nil {
		t.Fatalf("tasks %s: %v", a.Tasks, err)
	}
	return rows
}

func send(t simulatortest.TB, s *simalibabacloud.Server, req *http.Request) (a answer, status int) {
	t.Helper()
	got := simulatortest.Send(t, s, req)
	if err := json.Unmarshal([]byte(got.Body), &a); err != nil || a.RequestID == "" || got.Header.Get("X-Acs-Request-Id") != a.RequestID {
		t.Fatalf("HTTP %d: %s, %v", got.Status, got.Body, err)
	}
	return a, got.Status
}

// options know the keys of the vectors.
func options(now func() time.Time) simalibabacloud.Options {
	return simalibabacloud.Options{
		Now: now, AccessKeys: map[string]string{"AKEXAMPLE": "SKEXAMPLE", "STS.AKEXAMPLE": "SKEXAMPLE"},
		SecurityTokens: map[string]string{"STS.AKEXAMPLE": "TOKEN+/="},
	}
}

// signed is a POST of an action, signed with ACS3 by the vendor's page. The header says
// what differs.
func signed(t simulatortest.TB, now time.Time, action string, query url.Values, change map[string]string) *http.Request {
	t.Helper()
	nonces++
	header := simulatortest.Changed(map[string]string{
		"x-acs-action": action, "x-acs-version": "2018-05-10", "x-acs-date": now.UTC().Format("2006-01-02T15:04:05Z"),
		"x-acs-signature-nonce": fmt.Sprint(nonces), "x-acs-content-sha256": emptyHash,
	}, change)
	keyID, secret := "AKEXAMPLE", "SKEXAMPLE"
	if k := header["x-acs-accesskey-id"]; k != "" {
		keyID = k
	}
	names := append(slices.Collect(maps.Keys(header)), "host")
	slices.Sort(names)
	encoded := strings.ReplaceAll(query.Encode(), "+", "%20")
	canonical := "POST\n/\n" + encoded + "\n"
	for _, name := range names {
		canonical += name + ":" + header[name]
		if name == "host" {
			canonical += "cdn.aliyuncs.com"
		}
		canonical += "\n"
	}
	canonical += "\n" + strings.Join(names, ";") + "\n" + emptyHash
	header["Authorization"] = "ACS3-HMAC-SHA256 Credential=" + keyID + ",SignedHeaders=" + strings.Join(names, ";") +
		",Signature=" + simulatortest.HexMAC(secret, "ACS3-HMAC-SHA256\n"+simulatortest.HexSum(canonical))
	// On the wire a space may be a plus, as the vendor's SDK writes it.
	return simulatortest.NewRequest(t, "POST https://cdn.aliyuncs.com/?"+query.Encode(), "", header)
}

// nonces numbers the requests of all tests, which run one after the other.
var nonces int

// tasks are an old task, two of the same second of which one is a purge, and another's.
func submit(s *simalibabacloud.Server) {
	at := simulatortest.Noon().Add(-time.Hour)
	s.Submit(simulator.Task{ID: "old", Owner: "AKEXAMPLE", Created: at.Add(-72 * time.Hour), URLs: simulatortest.URLs(1, simulator.URLPlan{})})
	s.Submit(simulator.Task{ID: "100", Owner: "AKEXAMPLE", Created: at, URLs: []simulator.URLPlan{
		{URL: "https://example.com/0.mp4"}, {URL: "https://example.com/1.mp4", Fails: true}, {URL: "https://example.com/2.mp4", Fetch: 3 * time.Hour},
		{URL: "https://www.example.com/3.mp4", Wait: 2 * time.Hour}, {URL: "https://example.com/4.mp4", Fails: true, Reason: "Internal Error"},
		{URL: "https://example.com/5.mp4", Appears: 2 * time.Hour},
	}})
	s.Submit(simulator.Task{ID: "200", Owner: "AKEXAMPLE", Created: at, Purge: true, URLs: simulatortest.URLs(2, simulator.URLPlan{})})
	s.Submit(simulator.Task{ID: "300", Owner: "AKEXAMPLE", Created: at.Add(time.Minute), URLs: simulatortest.URLs(120, simulator.URLPlan{})})
	s.Submit(simulator.Task{ID: "400", Owner: "another", Created: at, URLs: simulatortest.URLs(1, simulator.URLPlan{})})
	s.Submit(simulator.Task{ID: "500", Owner: "AKEXAMPLE", Created: at.Add(2 * time.Hour), URLs: simulatortest.URLs(1, simulator.URLPlan{})})
}

//nolint:paralleltest // one counter of nonces
func TestRows(t *testing.T) {
	now := simulatortest.Noon()
	text := func(s string) *string { return &s }
	for _, dcdn := range []bool{false, true} {
		o := options(simulatortest.Noon)
		o.DCDN = dcdn
		s := simalibabacloud.New(o)
		submit(s)
		key, list, byID, version := "CDNTask", "DescribeRefreshTasks", "DescribeRefreshTaskById", "2018-05-10"
		if dcdn {
			key, list, byID, version = "Task", "DescribeDcdnRefreshTasks", "DescribeDcdnRefreshTaskById", "2018-01-15"
		}
		change := map[string]string{"x-acs-version": version}
		const created = "2026-01-01T03:00:00Z"
		want := []taskRow{
			{"100", "https://example.com/0.mp4", "preload", created, "100%", "Complete", text("")},
			{"100", "https://example.com/1.mp4", "preload", created, "100%", "Failed", text("Origin Return StatusCode 5XX")},
			{"100", "https://example.com/2.mp4", "preload", created, "33.33%", "Refreshing", text("")},
			{"100", "https://www.example.com/3.mp4", "preload", created, "0%", "Pending", text("")},
			{"100", "https://example.com/4.mp4", "preload", created, "100%", "Failed", text("Internal Error")},
		}
		purged := []taskRow{
			{"200", "https://example.com/0.mp4", "file", created, "100%", "Complete", text("")},
			{"200", "https://example.com/1.mp4", "file", created, "100%", "Complete", text("")},
		}
		// By id, in the order of the ids; of ids that are nobody's, another's or too old there is nothing.
		a, _ := send(t, s, signed(t, now, byID, url.Values{"TaskId": {"200,9,400,old,100,500"}}, change))
		if diff := cmp.Diff(append(purged, want...), a.rows(t, "")); diff != "" || a.TotalCount != 7 || a.PageSize != 0 {
			t.Errorf("%s: %d rows (-want +got):\n%s", byID, a.TotalCount, diff)
		}
		// In the list without descriptions that say nothing, and a percentage in DCDN's own form.
		for i := range want {
			if *want[i].Description == "" {
				want[i].Description = nil
			}
			if dcdn {
				want[i].Process = strings.TrimSuffix(want[i].Process, "%")
			}
		}
		a, _ = send(t, s, signed(t, now, list, url.Values{"ObjectType": {"preload"}, "TaskId": {"100"}}, change))
		if diff := cmp.Diff(want, a.rows(t, key)); diff != "" || a.TotalCount != 5 || a.PageSize != 20 || a.PageNumber != 1 {
			t.Errorf("%s: %d rows (-want +got):\n%s", list, a.TotalCount, diff)
		}
		if got, truth := s.Counts("100"), (prefetch.Counts{prefetch.Waiting: 1, prefetch.Running: 1, prefetch.Succeeded: 2, prefetch.Failed: 2}); got != truth {
			t.Errorf("counts %v", got)
		}
	}
}

//nolint:paralleltest // one counter of nonces
func TestList(t *testing.T) {
	now := simulatortest.Noon()
	s := simalibabacloud.New(options(simulatortest.Noon))
	submit(s)
	for _, tt := range []struct {
		query       string
		total, rows int
		first       string
	}{
		{"", 127, 20, "300"},
		{"ObjectType=preload&PageSize=100", 125, 100, "300"},
		{"ObjectType=preload&PageSize=100&PageNumber=2", 125, 25, "300"},
		{"ObjectType=preload&PageSize=100&PageNumber=3", 125, 0, ""},
		{"ObjectType=file", 2, 2, "200"},
		{"ObjectType=directory", 0, 0, ""},
		{"ObjectType=preload&Status=Failed", 2, 2, "100"},
		{"ObjectType=preload&Status=Refreshing&PageSize=1", 1, 1, "100"},
		{"ObjectType=preload&Status=Complete&PageSize=1", 121, 1, "300"},
		{"TaskId=9", 0, 0, ""},
		{"StartTime=2026-01-01T03:00:00Z&EndTime=2026-01-01T03:00:01Z", 7, 7, "200"},
		{"StartTime=2026-01-01T03:00:01Z&EndTime=2026-01-01T03:00:59Z", 0, 0, ""},
	} {
		query, err := url.ParseQuery(tt.query)
		if err != nil {
			t.Fatal(err)
		}
		a, status := send(t, s, signed(t, now, "DescribeRefreshTasks", query, nil))
		rows := a.rows(t, "CDNTask")
		if status != http.StatusOK || a.TotalCount != tt.total || len(rows) != tt.rows || len(rows) > 0 && rows[0].TaskID != tt.first {
			t.Errorf("%q: HTTP %d, %d rows of %d: %.200s", tt.query, status, len(rows), a.TotalCount, a.Tasks)
		}
	}
}

//nolint:paralleltest // one counter of nonces
func TestQuestionsRefused(t *testing.T) {
	now := simulatortest.Noon()
	for _, tt := range []struct{ action, query, want string }{
		{"DescribeRefreshTaskById", "", "InvalidTaskId.Malformed"},
		{"DescribeRefreshTaskById", "TaskId=1,2,3,4,5,6,7,8,9,10,11", "InvalidTaskId.Malformed"},
		{"DescribeRefreshTaskById", "TaskId=1,%202", "InvalidTaskId.Malformed"},
		{"DescribeRefreshTaskById", "TaskId=100,9", "InvalidTaskId.Malformed"},
		{"DescribeRefreshTasks", "TaskId=1,2", "InvalidTaskId.Malformed"},
		{"DescribeRefreshTasks", "Status=Complete", "MissingParameter.ObjectType"},
		{"DescribeRefreshTasks", "ObjectType=prefetch", "InvalidObjectType.ValueNotSupported"},
		{"DescribeRefreshTasks", "ObjectType=preload&Status=Pending", "InvalidStatus.ValueNotSupported"},
		{"DescribeRefreshTasks", "StartTime=2026-01-01T00:00:00Z", "MissingTimeParameter"},
		{"DescribeRefreshTasks", "StartTime=now&EndTime=2026-01-01T00:00:00Z", "InvalidStartTime.Malformed"},
		{"DescribeRefreshTasks", "StartTime=2026-01-01T00:00:00Z&EndTime=later", "InvalidEndTime.Malformed"},
		{"DescribeRefreshTasks", "StartTime=2026-01-01T00:00:00Z&EndTime=2026-01-01T00:00:00Z", "InvalidEndTime.Mismatch"},
		{"DescribeRefreshTasks", "StartTime=2025-12-29T03:59:59Z&EndTime=2026-01-01T00:00:00Z", "InvalidStartTime.ValueNotSupported"},
		{"DescribeRefreshTasks", "PageNumber=0", "InvalidPageNumber.ValueNotSupported"},
		{"DescribeRefreshTasks", "PageNumber=100001", "InvalidPageNumber.ValueNotSupported"},
		{"DescribeRefreshTasks", "PageSize=101", "InvalidPageSize.ValueNotSupported"},
		{"DescribeRefreshTasks", "PageSize=many", "InvalidPageSize.ValueNotSupported"},
	} {
		o := options(simulatortest.Noon)
		o.RefuseUnknown = true
		s := simalibabacloud.New(o)
		submit(s)
		query, err := url.ParseQuery(tt.query)
		if err != nil {
			t.Fatal(err)
		}
		a, status := send(t, s, signed(t, now, tt.action, query, nil))
		if status != http.StatusBadRequest || a.Code != tt.want || s.Stats().Refused[tt.want] != 1 {
			t.Errorf("%s %q: HTTP %d, %+v", tt.action, tt.query, status, a)
		}
	}
}

// The quota is the account's, over its keys and calls; what is cut tells how much.
//
//nolint:paralleltest // one counter of nonces
func TestQuotaAndCut(t *testing.T) {
	for status, want := range map[int]string{0: "503 Throttling", 400: "400 Throttling.User"} {
		clock := simulatortest.NewClock(simulatortest.Noon())
		o := options(clock.Now)
		o.Accounts = map[string]string{"STS.AKEXAMPLE": "AKEXAMPLE"}
		o.Quota, o.ThrottleStatus, o.CutRows = simulator.Quota{Calls: 1, Per: time.Minute}, status, 7
		s := simalibabacloud.New(o)
		submit(s)
		ask := func(change map[string]string) simulatortest.Answer {
			return simulatortest.Send(t, s, signed(t, clock.Now(), "DescribeRefreshTaskById", url.Values{"TaskId": {"300"}}, change))
		}
		var a answer
		if err := json.Unmarshal([]byte(ask(nil).Body), &a); err != nil || a.TotalCount != 120 || len(a.rows(t, "")) != 7 {
			t.Errorf("%+v, %v", a, err)
		}
		clock.Add(time.Second / 2)
		got := ask(map[string]string{"x-acs-accesskey-id": "STS.AKEXAMPLE", "x-acs-security-token": "TOKEN+/="})
		if err := json.Unmarshal([]byte(got.Body), &a); err != nil || fmt.Sprint(got.Status, " ", a.Code) != want ||
			!strings.Contains(got.Header.Get("X-Ratelimit-User-Api"), "Limit:1,Remain:0,TimeLeft:60000,") {
			t.Errorf("HTTP %d, %v, %+v", got.Status, got.Header, a)
		}
		if stats := s.Stats(); stats.OverQuota != 1 || stats.ByIdentity["AKEXAMPLE"] != 2 {
			t.Errorf("%+v", stats)
		}
	}
}

// A task is shown as it was when it was asked for last, where that is wanted.
//
//nolint:paralleltest // one counter of nonces
func TestStale(t *testing.T) {
	o := options(simulatortest.Noon)
	o.Stale = true
	s := simalibabacloud.New(o)
	submit(s)
	for i, want := range []string{"0%", "33.33%"} {
		a, _ := send(t, s, signed(t, simulatortest.Noon(), "DescribeRefreshTaskById", url.Values{"TaskId": {"100"}}, nil))
		if got := a.rows(t, "")[2].Process; got != want {
			t.Errorf("call %d: %s, want %s", i+1, got, want)
		}
	}
}

// No Authorization header but the right one opens the API.
func FuzzAuthorization(f *testing.F) {
	f.Add("ACS3-HMAC-SHA256 Credential=AKEXAMPLE,SignedHeaders=host;x-acs-action,Signature=00", "1", "x")
	f.Add("", "AKEXAMPLE", "QpCyu5Ozf9+txiFMqnrqxIZ/UTo=")
	s := simalibabacloud.New(options(simulatortest.Noon))
	f.Fuzz(func(t *testing.T, authorization, keyID, signature string) {
		req := signed(t, simulatortest.Noon(), "DescribeRefreshTaskById", url.Values{
			"TaskId": {"1"}, "AccessKeyId": {keyID}, "Signature": {signature}, "SignatureMethod": {"HMAC-SHA1"}, "SignatureVersion": {"1.0"},
			"SignatureNonce": {"n"}, "Timestamp": {"2026-01-01T04:00:00Z"}, "Action": {"DescribeRefreshTaskById"}, "Version": {"2018-05-10"},
		}, nil)
		req.Header["Authorization"] = []string{authorization}
		if a, status := send(t, s, req); status == http.StatusOK || a.Code == "" {
			t.Errorf("%q, %q was accepted", authorization, signature)
		}
	})
}
