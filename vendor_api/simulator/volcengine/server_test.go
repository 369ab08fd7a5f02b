package volcengine_test

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"prefetch_exporter/prefetch"
	"prefetch_exporter/vendor_api/simulator"
	"prefetch_exporter/vendor_api/simulator/simulatortest"
	"prefetch_exporter/vendor_api/simulator/volcengine"
)

const (
	target   = "POST https://cdn.volcengineapi.com/?Action=DescribeContentTasks&Version=2021-03-01"
	loopback = "POST http://127.0.0.1:8080/?Action=DescribeContentTasks&Version=2021-03-01&X-Expires=300&a=b%20c%2B%C3%A9"
	page     = `{"EndTime":1767311999,"PageNum":1,"PageSize":100,"StartTime":1767225600,"TaskType":"preload"}`
	signed   = "content-type;host;x-content-sha256;x-date"
)

func vendor(o volcengine.Options) *volcengine.Server {
	if o.Now == nil {
		o.Now = simulatortest.Epoch
	}
	o.AccessKeys = map[string]string{"AKEXAMPLE": "SKEXAMPLE"}
	return volcengine.New(o)
}

// headers are those of a vector.
func headers(scope, signed, signature string) map[string]string {
	return map[string]string{
		"Content-Type": "application/json; charset=utf-8", "X-Date": "20260101T000000Z",
		"Authorization": "HMAC-SHA256 Credential=AKEXAMPLE/20260101/" + scope + "/request, SignedHeaders=" + signed + ", Signature=" + signature,
	}
}

// The vectors come from the vendor's SDK and from an independent signer, which agree;
// each tampering changes one thing of them.
func TestSignature(t *testing.T) {
	t.Parallel()
	const hash = "42637f304d104f3437fdfa26a42779e6c98acbb1d26f8d995aec8f786c75c0a6"
	with := simulatortest.Changed
	first := with(headers("cn-north-1/cdn", signed, "c188bf96079fa1c5ac466e7b9bdeb5a5149b686e9a7b2383afebe70b1d359a0d"),
		map[string]string{"X-Content-Sha256": hash})
	temporary := with(headers("cn-north-1/CDN", signed+";x-security-token", "0c2221106e72168d8e1f719bd99988e4c6638e53872668916abf327f87c924d4"),
		map[string]string{"X-Content-Sha256": hash, "X-Security-Token": "TOKEN"})
	const byteplus = `{"TaskID":"prefetch_url_0123","TaskType":"preload"}`
	singapore := with(headers("ap-singapore-1/CDN", signed, "122eef747c917547f6172622c2e590f1e585d4ead6470e1250f360e6c1c45b47"),
		map[string]string{"X-Content-Sha256": simulatortest.HexSum(byteplus)})
	expires := with(headers("cn-north-1/cdn", signed, "ec42b111cc58e639936743930956913f40248b1104a3905f1969897fdef2da32"),
		map[string]string{"X-Content-Sha256": hash})
	replaced := func(h map[string]string, old, other string) map[string]string {
		return with(h, map[string]string{"Authorization": strings.Replace(h["Authorization"], old, other, 1)})
	}
	for name, tt := range map[string]struct {
		options volcengine.Options
		tokens  map[string]string
		target  string
		body    string
		header  map[string]string
		offset  time.Duration
		code    string // empty if it must be answered
	}{
		"vc1":                       {header: first},
		"vc2":                       {header: temporary, tokens: map[string]string{"AKEXAMPLE": "TOKEN"}},
		"vc3":                       {header: singapore, target: strings.Replace(target, "volcengineapi", "byteplusapi", 1), body: byteplus, options: volcengine.Options{Region: "ap-singapore-1"}},
		"vc4":                       {header: expires, target: loopback},
		"late":                      {header: first, offset: 15 * time.Minute},
		"too late":                  {header: first, offset: 15*time.Minute + time.Second, code: "InvalidTimestamp"},
		"too early":                 {header: first, offset: -15*time.Minute - time.Second, code: "InvalidTimestamp"},
		"too late for BytePlus":     {header: first, options: volcengine.Options{Skew: 5 * time.Minute}, offset: 301 * time.Second, code: "InvalidTimestamp"},
		"another region":            {header: first, options: volcengine.Options{Region: "ap-singapore-1"}, code: "SignatureDoesNotMatch"},
		"another query":             {header: first, target: target + "&x=", code: "SignatureDoesNotMatch"},
		"a query with a semicolon":  {header: first, target: target + "&a;b", code: "SignatureDoesNotMatch"},
		"another body":              {header: first, body: "{}", code: "SignatureDoesNotMatch"},
		"another type":              {header: with(first, map[string]string{"Content-Type": "application/json"}), code: "SignatureDoesNotMatch"},
		"another host":              {header: with(first, map[string]string{"Host": "example.com"}), code: "SignatureDoesNotMatch"},
		"another day":               {header: replaced(first, "/20260101/", "/20260102/"), code: "InvalidTimestamp"},
		"another date":              {header: with(first, map[string]string{"X-Date": "20260101T000001Z"}), code: "SignatureDoesNotMatch"},
		"no date":                   {header: with(first, map[string]string{"X-Date": ""}), code: "InvalidTimestamp"},
		"a date not signed":         {header: replaced(first, ";x-date", ""), code: "SignatureDoesNotMatch"},
		"a token not signed":        {header: with(first, map[string]string{"X-Security-Token": "TOKEN"}), code: "SignatureDoesNotMatch"},
		"another service":           {header: replaced(first, "/cdn/", "/vod/"), code: "MissingAuthenticationToken"},
		"another scheme":            {header: with(first, map[string]string{"Authorization": "Bearer x"}), code: "MissingAuthenticationToken"},
		"no signature":              {header: with(first, map[string]string{"Authorization": ""}), code: "MissingSignature"},
		"another key":               {header: replaced(first, "AKEXAMPLE", "AKOTHER"), code: "InvalidAccessKey"},
		"a key without its token":   {header: first, tokens: map[string]string{"AKEXAMPLE": "TOKEN"}, code: "InvalidAccessKey"},
		"a key with another token":  {header: temporary, tokens: map[string]string{"AKEXAMPLE": "OTHER"}, code: "InvalidAccessKey"},
		"a signature of other text": {header: replaced(first, "Signature=c1", "Signature=c2"), code: "SignatureDoesNotMatch"},
		"another action":            {header: first, target: strings.Replace(target, "Content", "Other", 1), code: "InvalidActionOrVersion"},
		"another version":           {header: first, target: strings.Replace(target, "2021", "2022", 1), code: "InvalidActionOrVersion"},
		"another method":            {header: first, target: strings.Replace(target, "POST", "PUT", 1), code: "InvalidActionOrVersion"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tt.options.Now = func() time.Time { return simulatortest.Epoch().Add(tt.offset) }
			tt.options.SecurityTokens = tt.tokens
			if tt.target == "" {
				tt.target = target
			}
			if tt.body == "" {
				tt.body = page
			}
			s := vendor(tt.options)
			got := simulatortest.Send(t, s, simulatortest.NewRequest(t, tt.target, tt.body, tt.header))
			status := map[string]int{"": 200, "InvalidTimestamp": 400, "InvalidActionOrVersion": 404}[tt.code]
			if status == 0 {
				status = 401
			}
			if a := decode(t, got.Body); a.Metadata.Error.Code != tt.code || got.Status != status {
				t.Errorf("HTTP %d: %s; want %d, %q", got.Status, got.Body, status, tt.code)
			}
		})
	}
}

// answer is what the vendor's page shows of one.
type answer struct {
	Metadata struct {
		RequestID string `json:"RequestId"`
		Error     struct {
			CodeN   int    `json:"CodeN"`
			Code    string `json:"Code"`
			Message string `json:"Message"`
		} `json:"Error"`
	} `json:"ResponseMetadata"`
	Result struct {
		Total int              `json:"Total"`
		Data  []map[string]any `json:"Data"`
	} `json:"Result"`
}

func decode(t *testing.T, body string) (a answer) {
	t.Helper()
	if err := json.Unmarshal([]byte(body), &a); err != nil || a.Metadata.RequestID == "" {
		t.Fatalf("%v: %s", err, body)
	}
	return a
}

// ask signs a body as of the clock and returns the whole answer.
func ask(t *testing.T, s http.Handler, body string) (int, answer) {
	t.Helper()
	const host, scope = "cdn.volcengineapi.com", "20260101/cn-north-1/cdn/request"
	canonical := "POST\n/\nAction=DescribeContentTasks&Version=2021-03-01\nhost:" + host + "\nx-date:20260101T120000Z\n\nhost;x-date\n" +
		simulatortest.HexSum(body)
	key := "SKEXAMPLE"
	for part := range strings.SplitSeq(scope, "/") {
		key = simulatortest.RawMAC(key, part)
	}
	signature := simulatortest.HexMAC(key, "HMAC-SHA256\n20260101T120000Z\n"+scope+"\n"+simulatortest.HexSum(canonical))
	got := simulatortest.Send(t, s, simulatortest.NewRequest(t, target, body, map[string]string{
		"X-Date":        "20260101T120000Z",
		"Authorization": "HMAC-SHA256 Credential=AKEXAMPLE/" + scope + ", SignedHeaders=host;x-date, Signature=" + signature,
	}))
	return got.Status, decode(t, got.Body)
}

// noon is twelve hours after the vectors.
func noon() time.Time { return simulatortest.Epoch().Add(12 * time.Hour) }

// filled is a vendor with a prefetch of 11:00 and one of 11:30, a refresh, and another
// account's task. Signatures need neither a hash of the body nor a type of content.
func filled(o volcengine.Options) *volcengine.Server {
	o.Now = noon
	s := vendor(o)
	at := noon().Add(-time.Hour)
	s.Submit(simulator.Task{ID: "first", Owner: "AKEXAMPLE", Created: at, URLs: []simulator.URLPlan{
		{URL: "https://example.com/1", Fetch: 2 * time.Hour},
		{URL: "https://example.com/2", Fails: true},
		{URL: "https://example.com/3", Wait: 3 * time.Hour},
		{URL: "https://example.com/4", Fails: true, Reason: "no such host"},
	}})
	s.Submit(simulator.Task{ID: "second", Owner: "AKEXAMPLE", Created: at.Add(30 * time.Minute), URLs: simulatortest.URLs(3, simulator.URLPlan{})})
	s.Submit(simulator.Task{ID: "refresh", Owner: "AKEXAMPLE", Created: at, Purge: true, URLs: simulatortest.URLs(1, simulator.URLPlan{})})
	s.Submit(simulator.Task{ID: "other", Owner: "AKOTHER", Created: at, URLs: simulatortest.URLs(1, simulator.URLPlan{})})
	s.Submit(simulator.Task{ID: "tomorrow", Owner: "AKEXAMPLE", Created: noon().Add(time.Minute), URLs: simulatortest.URLs(1, simulator.URLPlan{})})
	return s
}

func TestQuestions(t *testing.T) {
	t.Parallel()
	const all = `"TaskType":"preload","PageSize":100`
	at := noon().Unix()
	for name, tt := range map[string]struct {
		options volcengine.Options
		body    string
		total   int
		tasks   string // of the page, in their order, each once
		code    string
	}{
		"the last week":           {body: all, total: 7, tasks: "7 [second first]"},
		"refreshes":               {body: `"TaskType":"refresh_file"`, total: 1, tasks: "1 [refresh]"},
		"both":                    {options: volcengine.Options{MixesRefreshes: true}, body: all, total: 8, tasks: "8 [second refresh first]"},
		"a task":                  {body: all + `,"TaskID":"first"`, total: 4, tasks: "4 [first]"},
		"a refresh as a prefetch": {body: all + `,"TaskID":"refresh"`},
		"another's task":          {body: all + `,"TaskID":"other"`},
		"no task":                 {body: all + `,"TaskID":"none"`, options: volcengine.Options{NullData: true}},
		"running":                 {body: all + `,"Status":"running"`, total: 2, tasks: "2 [first]"},
		"failed":                  {body: all + `,"Status":"failed"`, total: 2, tasks: "2 [first]"},
		"complete":                {body: all + `,"Status":"complete"`, total: 3, tasks: "3 [second]"},
		"a window":                {body: all + fmt.Sprintf(`,"StartTime":%d,"EndTime":%d`, at-3600, at-1801), total: 4, tasks: "4 [first]"},
		"a task beside a window":  {body: all + fmt.Sprintf(`,"TaskID":"second","StartTime":%d,"EndTime":%d`, at-3600, at-1801)},
		"a page":                  {body: `"TaskType":"preload","PageNum":2,"PageSize":3`, total: 7, tasks: "3 [first]"},
		"a page beyond":           {body: `"TaskType":"preload","PageNum":9000000000000000000,"PageSize":3`, total: 7},
		"the vendor's page":       {body: `"TaskType":"preload"`, total: 7, tasks: "7 [second first]"},
		"a page that is cut":      {options: volcengine.Options{CapPageSize: 2}, body: all, total: 7, tasks: "2 [second]"},
		"no kind":                 {body: `"PageSize":1`, code: "MissingParameter"},
		"another kind":            {body: `"TaskType":"file"`, code: "InvalidParameter.TaskType"},
		"a list of statuses":      {body: all + `,"Status":["failed"]`, code: "InvalidParameter"},
		"another status":          {body: all + `,"Status":"waiting"`, code: "InvalidParameter.Status"},
		"a time as text":          {body: all + `,"StartTime":"1","EndTime":"2"`, code: "InvalidParameter"},
		"one end":                 {body: all + fmt.Sprintf(`,"StartTime":%d`, at), code: "MissingParameter"},
		"an old start":            {body: all + fmt.Sprintf(`,"StartTime":%d,"EndTime":%d`, at-7*24*3600-1, at), code: "InvalidParameter.StartTime"},
		"ends the wrong way":      {body: all + fmt.Sprintf(`,"StartTime":%d,"EndTime":%d`, at, at-1), code: "InvalidParameter.EndTime"},
		"a long window":           {body: all + fmt.Sprintf(`,"StartTime":%d,"EndTime":%d`, at-3600, at+7*24*3600), code: "InvalidParameter.EndTime"},
		"a page too large":        {options: volcengine.Options{MaxPageSize: 50}, body: all, code: "InvalidParameter.PageSize"},
		"a page of nothing":       {body: `"TaskType":"preload","PageSize":0`, code: "InvalidParameter.PageSize"},
		"page 0":                  {body: `"TaskType":"preload","PageNum":0`, code: "InvalidParameter.PageNum"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, under200 := range []bool{false, true} {
				tt.options.ErrorsUnder200 = under200
				status, a := ask(t, filled(tt.options), "{"+tt.body+"}")
				var ids []string
				for _, row := range a.Result.Data {
					ids = append(ids, fmt.Sprint(row["TaskID"]))
				}
				tasks := fmt.Sprint(len(ids), slices.Compact(ids))
				want := http.StatusOK
				if tt.code != "" && !under200 {
					want = http.StatusBadRequest
				}
				if status != want || a.Metadata.Error.Code != tt.code || a.Result.Total != tt.total || tasks != cmp.Or(tt.tasks, "0 []") {
					t.Errorf("HTTP %d: %+v", status, a)
				}
			}
		})
	}
}

// Rows are as the pages and the SDKs show them.
func TestRows(t *testing.T) {
	t.Parallel()
	created := float64(noon().Add(-time.Hour).Unix())
	row := func(n int, status, process, remark string) map[string]any {
		return map[string]any{
			"Url": fmt.Sprintf("https://example.com/%d", n), "Status": status, "TaskType": "preload", "TaskID": "first", "CreateTime": created,
			"Process": process, "Remark": remark, "Layer": "", "Delete": false,
		}
	}
	want := []map[string]any{
		row(1, "running", "50%", ""), row(2, "failed", "100%", "origin response status code is not 200"),
		row(3, "running", "0%", ""), row(4, "failed", "100%", "no such host"),
	}
	_, a := ask(t, filled(volcengine.Options{}), `{"TaskType":"preload","TaskID":"first"}`)
	if diff := gocmp.Diff(want, a.Result.Data); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	s := filled(volcengine.Options{OldNames: true})
	_, a = ask(t, s, `{"TaskType":"preload","TaskID":"first"}`)
	for _, r := range a.Result.Data {
		if r["CreatedAt"] != created || r["CreateTime"] != nil {
			t.Errorf("row %v", r)
		}
	}
	if got := s.Counts("first"); got != (prefetch.Counts{prefetch.Running: 2, prefetch.Failed: 2}) {
		t.Errorf("counts %v", got)
	}
}

// The calls of an access key are limited, whatever they ask.
func TestQuota(t *testing.T) {
	t.Parallel()
	s := filled(volcengine.Options{Quota: simulator.Quota{Calls: 2, Per: time.Second}})
	for i, want := range []int{200, 200, 429} {
		status, a := ask(t, s, `{"TaskType":"preload"}`)
		if status != want || (a.Metadata.Error.Code == "FlowLimitExceeded") != (want == 429) {
			t.Errorf("call %d: HTTP %d, %+v", i, status, a)
		}
	}
	if stats := s.Stats(); stats.ByIdentity["AKEXAMPLE"] != 3 || stats.OverQuota != 1 || stats.Refused[simulator.RefusedThrottled] != 1 {
		t.Errorf("%+v", stats)
	}
}

// No Authorization header but the right one opens the API.
func FuzzAuthorization(f *testing.F) {
	f.Add("HMAC-SHA256 Credential=AKEXAMPLE/20260101/cn-north-1/cdn/request, SignedHeaders=host;x-date, Signature=")
	s := vendor(volcengine.Options{})
	f.Fuzz(func(t *testing.T, header string) {
		req := simulatortest.NewRequest(t, target, page, map[string]string{"X-Date": "20260101T000000Z"})
		req.Header["Authorization"] = []string{header}
		if got := simulatortest.Send(t, s, req); got.Status < 400 {
			t.Errorf("%q: %d", header, got.Status)
		}
	})
}
