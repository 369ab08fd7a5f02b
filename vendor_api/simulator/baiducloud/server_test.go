package baiducloud_test

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"prefetch_exporter/prefetch"
	"prefetch_exporter/vendor_api/simulator"
	"prefetch_exporter/vendor_api/simulator/baiducloud"
	"prefetch_exporter/vendor_api/simulator/simulatortest"
)

const (
	china = "https://cdn.baidubce.com/v2/cache/prefetch"
	bd1   = "?startTime=2025-12-31T00:00:00Z&endTime=2026-01-01T00:00:00Z"
	bd2   = "?id=eJwzNDLXMTSyAAAFfAFi"
	bd3   = "http://127.0.0.1:8080/v2/cache/prefetch?id=eJwztjA3swQAAy4BEg%3D%3D&url=http%3A%2F%2Fexample.com%2Fa%20b.mp4"
)

func vendor(o baiducloud.Options) *baiducloud.Server {
	if o.Now == nil {
		o.Now = simulatortest.Epoch
	}
	o.AccessKeys = map[string]string{"AKEXAMPLE": "SKEXAMPLE"}
	return baiducloud.New(o)
}

// The vectors come from the vendor's SDK and from an independent signer, which agree;
// each tampering changes one thing of them. What the signature is of need not be
// answered: the first asks with a marker of nobody, the third for a URL beside an id.
func TestSignature(t *testing.T) {
	t.Parallel()
	authorization := func(signed, signature string) string {
		return "bce-auth-v1/AKEXAMPLE/2026-01-01T00:00:00Z/1800/" + signed + "/" + signature
	}
	with := simulatortest.Changed
	const date = "2026-01-01T00:00:00Z"
	first := map[string]string{
		"Content-Type": "application/json;charset=utf-8", "x-bce-date": date,
		"Authorization": authorization("content-type;host;x-bce-date", "e54a55f47b8160fb187fc872dc798a1103cd1e3d30dc0198307ec1e0aa24f26f"),
	}
	second := map[string]string{
		"x-bce-date": date, "x-bce-security-token": "TOKEN",
		"Authorization": authorization("host;x-bce-date;x-bce-security-token", "8214a290066542586b7daf00faa9ce6660b8d59a0144a5c6afa707fad8c55466"),
	}
	third := with(first, map[string]string{
		"Authorization": authorization("content-type;host;x-bce-date", "72c06ee95222ccfddb51f416268dd1b4b5e1848fce52ec9aaffc7eeef1b5c7d5"),
	})
	changed := func(old, other string) map[string]string {
		return with(second, map[string]string{"Authorization": strings.Replace(second["Authorization"], old, other, 1)})
	}
	token := map[string]string{"AKEXAMPLE": "TOKEN"}
	for name, tt := range map[string]struct {
		tokens map[string]string
		target string
		header map[string]string
		offset time.Duration
		status int
		code   string
	}{
		"bd1":                         {header: first, target: china + bd1 + "&marker=eJw%2F%2B%3D%3D", status: 400, code: "InvalidHTTPRequest"},
		"bd2":                         {status: 200, tokens: token},
		"bd3":                         {header: third, target: bd3, status: 400, code: "InvalidHTTPRequest"},
		"a token that nobody needs":   {status: 200},
		"late":                        {offset: 30 * time.Minute, status: 200},
		"too late":                    {offset: 30*time.Minute + time.Second, status: 400, code: "RequestExpired"},
		"too early":                   {offset: -30*time.Minute - time.Second, status: 400, code: "RequestExpired"},
		"a short life":                {header: changed("/1800/", "/60/"), offset: time.Minute + time.Second, status: 400, code: "RequestExpired"},
		"another life":                {header: changed("/1800/", "/1801/"), status: 400, code: "SignatureDoesNotMatch"},
		"another query":               {target: china + bd2 + "&x=", status: 400, code: "SignatureDoesNotMatch"},
		"a query with a semicolon":    {target: china + bd2 + "&a;b", status: 400, code: "SignatureDoesNotMatch"},
		"another path":                {target: "https://cdn.baidubce.com/v2/abroad/cache/prefetch" + bd2, status: 400, code: "SignatureDoesNotMatch"},
		"another host":                {header: with(second, map[string]string{"Host": "example.com"}), status: 400, code: "SignatureDoesNotMatch"},
		"another date":                {header: with(second, map[string]string{"x-bce-date": "2026-01-01T00:00:01Z"}), status: 400, code: "SignatureDoesNotMatch"},
		"another header of its own":   {header: with(second, map[string]string{"x-bce-new": "1"}), status: 400, code: "SignatureDoesNotMatch"},
		"no host":                     {header: changed("/host;", "/"), status: 400, code: "SignatureDoesNotMatch"},
		"another signature":           {header: changed("/8214", "/8215"), status: 400, code: "SignatureDoesNotMatch"},
		"another key":                 {header: changed("AKEXAMPLE", "AKOTHER"), status: 403, code: "InvalidAccessKeyId"},
		"another token":               {tokens: map[string]string{"AKEXAMPLE": "OTHER"}, status: 403, code: "InvalidAccessKeyId"},
		"another version":             {header: changed("v1/", "v2/"), status: 400, code: "InvalidHTTPAuthHeader"},
		"another form of the time":    {header: changed("2026-01-01T00:00:00Z", "20260101T000000Z"), status: 400, code: "InvalidHTTPAuthHeader"},
		"a life of words":             {header: changed("/1800/", "/long/"), status: 400, code: "InvalidHTTPAuthHeader"},
		"no signature":                {header: with(second, map[string]string{"Authorization": ""}), status: 403, code: "AccessDenied"},
		"a path that does not exist":  {target: "https://cdn.baidubce.com/v3/cache/prefetch" + bd2, status: 404, code: "InvalidVersion"},
		"another method than is told": {target: "POST " + china + bd2, status: 404, code: "InvalidVersion"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := vendor(baiducloud.Options{Now: func() time.Time { return simulatortest.Epoch().Add(tt.offset) }, SessionTokens: tt.tokens})
			if tt.header == nil {
				tt.header = second
			}
			target := cmp.Or(tt.target, china+bd2)
			if !strings.Contains(target, " ") {
				target = "GET " + target
			}
			got := simulatortest.Send(t, s, simulatortest.NewRequest(t, target, "", tt.header))
			if a := decode(t, got); a.Code != tt.code || got.Status != tt.status {
				t.Errorf("HTTP %d: %s; want %d, %q", got.Status, got.Body, tt.status, tt.code)
			}
		})
	}
}

// answer is what the vendor's page shows of one, or of an error.
type answer struct {
	Details     []map[string]any `json:"details"`
	IsTruncated bool             `json:"isTruncated"`
	NextMarker  string           `json:"nextMarker"`
	Code        string           `json:"code"`
	Message     string           `json:"message"`
	RequestID   string           `json:"requestId"`
}

func decode(t *testing.T, got simulatortest.Answer) (a answer) {
	t.Helper()
	id := got.Header.Get("X-Bce-Request-Id")
	if err := json.Unmarshal([]byte(got.Body), &a); err != nil || id == "" || a.Code != "" && (a.RequestID != id || a.Message == "") {
		t.Fatalf("%v: %s, %v", err, got.Body, got.Header)
	}
	return a
}

// ask signs a question as of noon, with its host alone, and returns the whole answer.
func ask(t *testing.T, s http.Handler, path, query string) (int, answer) {
	t.Helper()
	const prefix = "bce-auth-v1/AKEXAMPLE/2026-01-01T12:00:00Z/1800"
	parameters, err := url.ParseQuery(query)
	if err != nil {
		t.Fatal(err)
	}
	canonical := "GET\n" + path + "\n" + parameters.Encode() + "\nhost:cdn.baidubce.com"
	signature := simulatortest.HexMAC(simulatortest.HexMAC("SKEXAMPLE", prefix), canonical)
	got := simulatortest.Send(t, s, simulatortest.NewRequest(t, "GET https://cdn.baidubce.com"+path+"?"+query, "", map[string]string{
		"Authorization": prefix + "/host/" + signature,
	}))
	return got.Status, decode(t, got)
}

const (
	chinaPath  = "/v2/cache/prefetch"
	abroadPath = "/v2/abroad/cache/prefetch"
)

// noon is twelve hours after the vectors.
func noon() time.Time { return simulatortest.Epoch().Add(12 * time.Hour) }

// filled is a vendor with a prefetch of 11:00, one of 11:30 and one of 40 days ago, a
// refresh, and another account's task.
func filled(o baiducloud.Options) *baiducloud.Server {
	o.Now = noon
	s := vendor(o)
	at := noon().Add(-time.Hour)
	s.Submit(simulator.Task{ID: "first", Owner: "AKEXAMPLE", Created: at, URLs: []simulator.URLPlan{
		{URL: "https://example.com/first/1", Fetch: 2 * time.Hour},
		{URL: "https://example.com/first/2", Fetch: time.Minute, Fails: true},
		{URL: "https://example.com/first/3", Wait: 3 * time.Hour},
		{URL: "https://example.com/first/4", Wait: time.Minute, Fetch: time.Minute},
	}})
	urls := func(name string, n int) []simulator.URLPlan {
		list := simulatortest.URLs(n, simulator.URLPlan{})
		for i := range list {
			list[i].URL = fmt.Sprintf("https://example.com/%s/%d", name, i)
		}
		return list
	}
	s.Submit(simulator.Task{ID: "second", Owner: "AKEXAMPLE", Created: at.Add(30 * time.Minute), URLs: urls("second", 3)})
	s.Submit(simulator.Task{ID: "old", Owner: "AKEXAMPLE", Created: at.Add(-40 * 24 * time.Hour), URLs: urls("old", 1)})
	s.Submit(simulator.Task{ID: "refresh", Owner: "AKEXAMPLE", Created: at, Purge: true, URLs: urls("refresh", 1)})
	s.Submit(simulator.Task{ID: "other", Owner: "AKOTHER", Created: at, URLs: urls("other", 1)})
	s.Submit(simulator.Task{ID: "soon", Owner: "AKEXAMPLE", Created: noon().Add(500 * time.Millisecond), URLs: urls("soon", 1)})
	return s
}

// tasks are the numbers of rows of an answer by task, as the URLs name it, in order.
func tasks(a answer) string {
	var names []string
	for _, d := range a.Details {
		task, _ := d["task"].(map[string]any)
		names = append(names, strings.Split(fmt.Sprint(task["url"]), "/")[3])
	}
	return fmt.Sprint(len(names), slices.Compact(names))
}

func TestQuestions(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		options baiducloud.Options
		query   string
		tasks   string
		problem string
	}{
		"the last day":               {query: "", tasks: "7 [second first]"},
		"the day before an end":      {query: "endTime=2026-01-01T11:15:00Z", tasks: "4 [first]"},
		"a window":                   {query: "startTime=2026-01-01T11:30:00Z&endTime=2026-01-01T12:00:00Z", tasks: "3 [second]"},
		"what is forgotten":          {query: "startTime=2025-11-20T00:00:00Z&endTime=2025-12-01T00:00:00Z", tasks: "0 []"},
		"a task":                     {query: "id=first", tasks: "4 [first]"},
		"a task, whatever the times": {query: "id=first&startTime=2025-01-01T00:00:00Z&endTime=x", tasks: "4 [first]"},
		"a task of many":             {options: baiducloud.Options{Rows: 1}, query: "id=first", tasks: "4 [first]"},
		"a refresh":                  {query: "id=refresh", tasks: "0 []"},
		"another's task":             {query: "id=other", tasks: "0 []"},
		"a task that is forgotten":   {query: "id=old", tasks: "0 []"},
		"a task of tomorrow":         {query: "id=soon", tasks: "0 []"},
		"a URL beside an id":         {query: "id=first&url=u", problem: "url and marker must not be set with id."},
		"a marker beside an id":      {query: "id=first&marker=m", problem: "url and marker must not be set with id."},
		"an end of words":            {query: "endTime=noon", problem: "endTime is not valid."},
		"a start of words":           {query: "startTime=noon", problem: "startTime is not valid."},
		"ends the wrong way":         {query: "startTime=2026-01-01T12:00:01Z", problem: "startTime is after endTime."},
		"a long window":              {query: "startTime=2025-12-02T11:59:59Z", problem: "The range must not exceed 30 days."},
		"a marker of words":          {query: "marker=m", problem: "marker is not valid."},
		"a marker of other words":    {query: "marker=bQ%3D%3D", problem: "marker is not valid."},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			status, a := ask(t, filled(tt.options), chinaPath, tt.query)
			if tt.problem != "" {
				if status != http.StatusBadRequest || a.Message != tt.problem {
					t.Errorf("HTTP %d: %+v", status, a)
				}
				return
			}
			if status != http.StatusOK || tasks(a) != tt.tasks || a.IsTruncated || a.NextMarker != "" {
				t.Errorf("HTTP %d: %+v", status, a)
			}
		})
	}
}

// Pages follow from one another, whatever is submitted meanwhile, and only for the
// times that were asked for.
func TestMarkers(t *testing.T) {
	t.Parallel()
	s := filled(baiducloud.Options{Rows: 2})
	const times = "startTime=2026-01-01T11:00:00Z&endTime=2026-01-01T12:00:00Z"
	var pages []string
	marker := ""
	for range 10 {
		status, a := ask(t, s, chinaPath, times+marker)
		if status != http.StatusOK || a.IsTruncated != (a.NextMarker != "") {
			t.Fatalf("HTTP %d: %+v", status, a)
		}
		pages = append(pages, tasks(a))
		if !a.IsTruncated {
			break
		}
		marker = "&marker=" + url.QueryEscape(a.NextMarker)
		s.Submit(simulator.Task{ID: "new", Owner: "AKEXAMPLE", Created: noon(), URLs: simulatortest.URLs(3, simulator.URLPlan{})})
	}
	want := []string{"2 [second]", "2 [second first]", "2 [first]", "1 [first]"}
	if diff := gocmp.Diff(want, pages); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if status, a := ask(t, s, chinaPath, "startTime=2026-01-01T10:59:59Z&endTime=2026-01-01T12:00:00Z"+marker); status != http.StatusBadRequest {
		t.Errorf("other times: HTTP %d: %+v", status, a)
	}
}

// Rows are as the pages and the SDK show them.
func TestRows(t *testing.T) {
	t.Parallel()
	at := func(clock string) string { return "2026-01-01T" + clock + "Z" }
	row := func(n int, status string, others map[string]any) map[string]any {
		r := map[string]any{"status": status, "createdAt": at("11:00:00"), "task": map[string]any{"url": fmt.Sprintf("https://example.com/first/%d", n)}}
		maps.Copy(r, others)
		return r
	}
	type other = map[string]any
	inChina := []map[string]any{
		row(1, "in-progress", other{"startedAt": at("11:00:00"), "progress": 50.0}),
		row(2, "failed", other{"startedAt": at("11:00:00"), "finishedAt": at("11:01:00"), "progress": 100.0}),
		row(3, "waiting", other{"progress": 0.0}),
		row(4, "completed", other{"startedAt": at("11:01:00"), "finishedAt": at("11:02:00"), "progress": 100.0}),
	}
	file := func(n int) map[string]any {
		return other{"url": fmt.Sprintf("https://example.com/first/%d", n), "type": "file"}
	}
	abroad := []map[string]any{
		row(1, "in-progress", other{"task": file(1)}),
		row(2, "failed", other{"finishedAt": at("11:01:00"), "task": file(2)}),
		row(3, "in-progress", other{"task": file(3)}),
		row(4, "completed", other{"finishedAt": at("11:02:00"), "task": file(4)}),
	}
	odd := row(4, "completed", other{
		"startedAt": at("11:01:00"), "finshedAt": at("11:02:00"), "progress": 100.0,
		"task": []any{other{"url": "https://example.com/first/4", "startTime": at("18:00:00")}},
	})
	_, a := ask(t, filled(baiducloud.Options{}), chinaPath, "id=first")
	if diff := gocmp.Diff(inChina, a.Details); diff != "" {
		t.Errorf("china (-want +got):\n%s", diff)
	}
	_, a = ask(t, filled(baiducloud.Options{}), abroadPath, "id=first")
	if diff := gocmp.Diff(abroad, a.Details); diff != "" {
		t.Errorf("abroad (-want +got):\n%s", diff)
	}
	s := filled(baiducloud.Options{TaskInList: true, Misspelt: true, Begins: map[string]time.Time{"first": noon().Add(6 * time.Hour)}})
	_, a = ask(t, s, chinaPath, "id=first")
	if diff := gocmp.Diff(odd, a.Details[3]); diff != "" {
		t.Errorf("odd forms (-want +got):\n%s", diff)
	}
	if got, want := s.Counts("first"), (prefetch.Counts{prefetch.Waiting: 1, prefetch.Running: 1, prefetch.Succeeded: 1, prefetch.Failed: 1}); got != want {
		t.Errorf("counts %v", got)
	}
}

func TestUnknownTask(t *testing.T) {
	t.Parallel()
	for unknown, want := range map[baiducloud.UnknownTask]int{
		baiducloud.UnknownTaskEmpty: 200, baiducloud.UnknownTaskNotFound: 404, baiducloud.UnknownTaskInvalid: 400,
	} {
		status, a := ask(t, filled(baiducloud.Options{UnknownTask: unknown}), chinaPath, "id=none")
		if status != want || (a.Code == "") != (want == 200) || (want == 400) != strings.Contains(a.Message, "none") {
			t.Errorf("HTTP %d, want %d: %+v", status, want, a)
		}
	}
}

// The calls of an access key are limited, whatever they ask.
func TestQuota(t *testing.T) {
	t.Parallel()
	for set, want := range map[int]int{0: 429, 400: 400} {
		s := filled(baiducloud.Options{Quota: simulator.Quota{Calls: 1, Per: time.Second}, ThrottleStatus: set})
		ask(t, s, chinaPath, "id=first")
		if status, a := ask(t, s, abroadPath, ""); status != want || a.Code != "RequestRateLimitExceeded" {
			t.Errorf("HTTP %d, want %d: %+v", status, want, a)
		}
		if stats := s.Stats(); stats.ByIdentity["AKEXAMPLE"] != 2 || stats.OverQuota != 1 || stats.Refused[simulator.RefusedThrottled] != 1 {
			t.Errorf("%+v", stats)
		}
	}
}

// No Authorization header but the right one opens the API.
func FuzzAuthorization(f *testing.F) {
	f.Add("bce-auth-v1/AKEXAMPLE/2026-01-01T00:00:00Z/1800/host/")
	s := vendor(baiducloud.Options{})
	f.Fuzz(func(t *testing.T, header string) {
		req := simulatortest.NewRequest(t, "GET "+china+bd2, "", nil)
		req.Header["Authorization"] = []string{header}
		if got := simulatortest.Send(t, s, req); got.Status < 400 {
			t.Errorf("%q: %d", header, got.Status)
		}
	})
}
