package tencentcloud_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"prefetch_exporter/prefetch"
	"prefetch_exporter/vendor_api/simulator"
	"prefetch_exporter/vendor_api/simulator/simulatortest"
	simtencentcloud "prefetch_exporter/vendor_api/simulator/tencentcloud"
)

const zone = "zone-2noz78a8ev6k"

// The signatures of the vectors, made by the vendor's Go SDK and an independent
// signer in Python.
const (
	cdnBody      = `{"Limit":100,"TaskId":"1533031853231313311"}`
	cdnSignature = "e9796194807fb60ad61862faa07f52990a63df3e9c564c8176bce7e4bd61529b"
	teoBody      = `{"Filters":[{"Name":"job-id","Values":["1379afjk91u32h"]}],"Limit":1000,"ZoneId":"zone-2noz78a8ev6k"}`
	teoSignature = "02d117f936fdef27a9b24d976565dd9a76b8c5907c1a5f1d18e207c48459f8eb"
)

func options(now func() time.Time) simtencentcloud.Options {
	return simtencentcloud.Options{
		Now: now, SecretKeys: map[string]string{"AKEXAMPLE": "SKEXAMPLE", "AKTEMP": "SKEXAMPLE"}, Tokens: map[string]string{"AKTEMP": "TOKEN+/="},
	}
}

func edgeOne(o simtencentcloud.Options) *simtencentcloud.Server {
	o.Zones = []string{zone}
	return simtencentcloud.NewEdgeOne(o)
}

// headers are those of a call to a service, with a signature.
func headers(service, signature string) map[string]string {
	h := map[string]string{
		"Content-Type": "application/json", "X-TC-Timestamp": "1767225600", "X-TC-Action": "DescribePushTasks", "X-TC-Version": "2018-06-06",
		"Authorization": "TC3-HMAC-SHA256 Credential=AKEXAMPLE/2026-01-01/" + service + "/tc3_request, SignedHeaders=content-type;host, Signature=" + signature,
	}
	if service == "teo" {
		h["X-TC-Action"], h["X-TC-Version"] = "DescribePrefetchTasks", "2022-09-01"
	}
	return h
}

// signed signs a call at a moment, as the page of the signature says.
func signed(service, body string, now time.Time) map[string]string {
	day, stamp := now.UTC().Format("2006-01-02"), fmt.Sprint(now.Unix())
	canonical := "POST\n/\n\ncontent-type:application/json\nhost:vendor.example\n\ncontent-type;host\n" + simulatortest.HexSum(body)
	toSign := "TC3-HMAC-SHA256\n" + stamp + "\n" + day + "/" + service + "/tc3_request\n" + simulatortest.HexSum(canonical)
	key := "TC3SKEXAMPLE"
	for _, message := range []string{day, service, "tc3_request"} {
		key = string(unhex(simulatortest.HexMAC(key, message)))
	}
	h := headers(service, simulatortest.HexMAC(key, toSign))
	h["X-TC-Timestamp"] = stamp
	h["Authorization"] = strings.Replace(h["Authorization"], "2026-01-01", day, 1)
	return h
}

func unhex(s string) []byte {
	b := make([]byte, len(s)/2)
	if _, err := fmt.Sscanf(s, "%x", &b); err != nil {
		panic(err)
	}
	return b
}

// response is what an answer holds.
type response struct {
	Error *struct {
		Code    string `json:"Code"`
		Message string `json:"Message"`
	} `json:"Error"`
	RequestID  string           `json:"RequestId"`
	TotalCount *int             `json:"TotalCount"`
	Tasks      []map[string]any `json:"Tasks"`
	PushLogs   []map[string]any `json:"PushLogs"`
}

func decode(t simulatortest.TB, got simulatortest.Answer, status int) response {
	t.Helper()
	var doc struct {
		Response response `json:"Response"`
	}
	d := json.NewDecoder(strings.NewReader(got.Body))
	d.DisallowUnknownFields()
	if err := d.Decode(&doc); err != nil || got.Status != status || doc.Response.RequestID == "" {
		t.Fatalf("HTTP %d, %v: %s", got.Status, err, got.Body)
	}
	return doc.Response
}

// ask sends a signed call.
func ask(t simulatortest.TB, s *simtencentcloud.Server, service, body string) response {
	t.Helper()
	req := simulatortest.NewRequest(t, "POST https://vendor.example/", body, signed(service, body, s.Now()))
	return decode(t, simulatortest.Send(t, s, req), http.StatusOK)
}

// code is the code of an answer, empty if it is a success.
func code(r response) string {
	if r.Error == nil {
		return ""
	}
	return r.Error.Code
}

func TestSignatures(t *testing.T) {
	t.Parallel()
	cdn, teo := headers("cdn", cdnSignature), headers("teo", teoSignature)
	other := signed("cdn", cdnBody, simulatortest.Epoch())
	temporary := func(token string) map[string]string {
		return map[string]string{
			"X-TC-Token": token, "Authorization": strings.Replace(cdn["Authorization"], "AKEXAMPLE", "AKTEMP", 1),
		}
	}
	authorization := func(old, replacement string) map[string]string {
		return map[string]string{"Authorization": strings.Replace(cdn["Authorization"], old, replacement, 1)}
	}
	for name, tt := range map[string]struct {
		base, change map[string]string
		body         string
		offset       time.Duration
		want         string
	}{
		"CDN":                  {},
		"EdgeOne":              {base: teo, body: teoBody},
		"a temporary key":      {change: temporary("TOKEN+/=")},
		"no token":             {change: temporary(""), want: "AuthFailure.TokenFailure"},
		"a token too many":     {change: map[string]string{"X-TC-Token": "x"}, want: "AuthFailure.TokenFailure"},
		"late":                 {offset: 5 * time.Minute},
		"early":                {offset: -5 * time.Minute},
		"too late":             {offset: 5*time.Minute + time.Second, want: "AuthFailure.SignatureExpire"},
		"too early":            {offset: -5*time.Minute - time.Second, want: "AuthFailure.SignatureExpire"},
		"another body":         {body: cdnBody + " ", want: "AuthFailure.SignatureFailure"},
		"another time":         {change: map[string]string{"X-TC-Timestamp": "1767225601"}, want: "AuthFailure.SignatureFailure"},
		"another day":          {change: authorization("2026-01-01", "2026-01-02"), want: "AuthFailure.SignatureFailure"},
		"another service":      {change: authorization("/cdn/", "/teo/"), want: "AuthFailure.SignatureFailure"},
		"another host":         {change: map[string]string{"Host": "teo.tencentcloudapi.com"}, want: "AuthFailure.SignatureFailure"},
		"no time":              {change: map[string]string{"X-TC-Timestamp": ""}, want: "AuthFailure.InvalidAuthorization"},
		"no authorization":     {change: map[string]string{"Authorization": ""}, want: "AuthFailure.InvalidAuthorization"},
		"a short credential":   {change: authorization("/tc3_request", ""), want: "AuthFailure.InvalidAuthorization"},
		"the host not signed":  {change: authorization("content-type;host", "content-type"), want: "AuthFailure.InvalidAuthorization"},
		"an unknown key":       {change: authorization("AKEXAMPLE", "AK"), want: "AuthFailure.SecretIdNotFound"},
		"another content type": {change: map[string]string{"Content-Type": "application/json; charset=utf-8"}, want: "UnsupportedProtocol"},
		"another action":       {change: map[string]string{"X-TC-Action": "DescribePurgeTasks"}, want: "InvalidAction"},
		"another version":      {change: map[string]string{"X-TC-Version": "2022-01-06"}, want: "NoSuchVersion"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			base, host, body := cdn, "cdn.tencentcloudapi.com", cdnBody
			o := options(func() time.Time { return simulatortest.Epoch().Add(tt.offset) })
			s := simtencentcloud.NewCDN(o)
			if tt.base != nil {
				base, host, s = tt.base, "teo.intl.tencentcloudapi.com", edgeOne(o)
			}
			if tt.body != "" {
				body = tt.body
			}
			req := simulatortest.NewRequest(t, "POST https://"+host+"/", body, simulatortest.Changed(base, tt.change))
			if got := decode(t, simulatortest.Send(t, s, req), http.StatusOK); code(got) != tt.want {
				t.Errorf("got %q, want %q", code(got), tt.want)
			}
		})
	}
	if cdn["Authorization"] == other["Authorization"] {
		t.Error("another host has the same signature")
	}
}

func TestRoutes(t *testing.T) {
	t.Parallel()
	s := simtencentcloud.NewCDN(options(simulatortest.Epoch))
	for target, want := range map[string]string{"GET https://vendor.example/": "UnsupportedProtocol", "POST https://vendor.example/x": "InvalidAction"} {
		req := simulatortest.NewRequest(t, target, cdnBody, headers("cdn", cdnSignature))
		if got := decode(t, simulatortest.Send(t, s, req), http.StatusOK); code(got) != want {
			t.Errorf("%s: got %q, want %q", target, code(got), want)
		}
	}
	if stats := s.Stats(); stats.Refused[simulator.RefusedRoute] != 2 || stats.ByIdentity["account"] != 2 {
		t.Errorf("%+v", stats)
	}
}

// plans has a URL of each kind.
func plans() []simulator.URLPlan {
	return []simulator.URLPlan{
		{URL: "https://e.com/a?x=1&y=<2>", Wait: time.Minute, Fetch: 4 * time.Minute},
		{URL: "https://e.com/b", Fails: true},
		{URL: "https://f.com/c", Fails: true, Reason: "invalid"},
		{URL: "https://f.com/d", Fails: true, Reason: "quotaExceeded"},
		{URL: "https://f.com/e", Stuck: true, Fetch: time.Minute, Appears: time.Minute},
		{URL: "https://f.com/f", Word: "Done"},
	}
}

// The answers have the form of the pages' examples, byte for byte.
func TestRowsOfEdgeOne(t *testing.T) {
	t.Parallel()
	clock := simulatortest.NewClock(simulatortest.Noon())
	s := edgeOne(options(clock.Now))
	s.Submit(simulator.Task{ID: "j", Owner: zone, URLs: plans()[:4]})
	s.Submit(simulator.Task{ID: "p", Owner: zone, Purge: true, URLs: plans()[:1]})
	clock.Add(3 * time.Minute)
	body := `{"ZoneId":"` + zone + `","Filters":[{"Name":"job-id","Values":["j"]}]}`
	req := simulatortest.NewRequest(t, "POST https://vendor.example/", body, signed("teo", body, s.Now()))
	const tail = `"CreateTime":"2026-01-01T04:00:00Z","UpdateTime":"2026-01-01T04:00:00Z"`
	want := `{"Response":{"RequestId":"00000001-0000-4000-8000-019b77b92120","Tasks":[` +
		`{"JobId":"j","Target":"https://e.com/a?x=1&y=<2>","Type":"prefetch_url","Status":"processing",` + tail + `},` +
		`{"JobId":"j","Target":"https://e.com/b","Type":"prefetch_url","Status":"failed",` + tail + `,"FailType":"originPullFailed","FailMessage":"Failed to pull from the origin."},` +
		`{"JobId":"j","Target":"https://f.com/c","Type":"prefetch_url","Status":"invalid",` + tail + `},` +
		`{"JobId":"j","Target":"https://f.com/d","Type":"prefetch_url","Status":"failed",` + tail + `,"FailType":"quotaExceeded","FailMessage":"The quota is exceeded."}` +
		`],"TotalCount":4}}` + "\n"
	if diff := cmp.Diff(want, simulatortest.Send(t, s, req).Body); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	clock.Add(time.Hour)
	if got := ask(t, s, "teo", body).Tasks[0]; got["Status"] != "success" || got["UpdateTime"] != "2026-01-01T04:05:00Z" {
		t.Errorf("got %v", got)
	}
	if got := ask(t, s, "teo", strings.Replace(body, `"j"`, `"p"`, 1)).Tasks[0]; got["Type"] != "purge_url" || got["Method"] != "invalidate" {
		t.Errorf("got %v", got)
	}
	if want := (prefetch.Counts{prefetch.Succeeded: 1, prefetch.Failed: 3}); s.Counts("j") != want {
		t.Errorf("counts %v, want %v", s.Counts("j"), want)
	}
}

func TestRowsOfCDN(t *testing.T) {
	t.Parallel()
	clock := simulatortest.NewClock(simulatortest.Noon())
	s := simtencentcloud.NewCDN(options(clock.Now))
	s.Submit(simulator.Task{ID: "j", Owner: "whoever", URLs: plans()})
	s.Submit(simulator.Task{ID: "p", Purge: true, URLs: plans()})
	if got := ask(t, s, "cdn", `{"TaskId":"j"}`); *got.TotalCount != 5 {
		t.Errorf("%d rows before the last one appears", *got.TotalCount)
	}
	clock.Add(3 * time.Minute)
	body := `{"TaskId":"j"}`
	req := simulatortest.NewRequest(t, "POST https://vendor.example/", body, signed("cdn", body, s.Now()))
	row := func(url, status string, percent int, updated string) string {
		return fmt.Sprintf(`{"TaskId":"j","Url":%q,"Status":%q,"Percent":%d,"CreateTime":"2026-01-01 12:00:00","Area":"mainland","UpdateTime":%s}`,
			url, status, percent, updated)
	}
	const over = `"2026-01-01 12:00:00"`
	want := `{"Response":{"PushLogs":[` + strings.Join([]string{
		row("https://e.com/a?x=1&y=<2>", "process", 50, "null"), row("https://e.com/b", "fail", 100, over), row("https://f.com/c", "invalid", 100, over),
		row("https://f.com/d", "fail", 100, over), row("https://f.com/e", "process", 99, "null"), row("https://f.com/f", "Done", 100, over),
	}, ",") + `],"RequestId":"00000002-0000-4000-8000-019b77b92120","TotalCount":6}}` + "\n"
	if diff := cmp.Diff(want, simulatortest.Send(t, s, req).Body); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if got := ask(t, s, "cdn", `{"TaskId":"p"}`); *got.TotalCount != 0 || got.PushLogs == nil {
		t.Errorf("a purge: %+v", got)
	}
	if want := (prefetch.Counts{prefetch.Running: 2, prefetch.Failed: 3, prefetch.Succeeded: 1}); s.Counts("j") != want {
		t.Errorf("counts %v, want %v", s.Counts("j"), want)
	}
}

// What can be asked for, and what cannot.
func TestQuestions(t *testing.T) {
	t.Parallel()
	const edgeDay, cdnDay = `"StartTime":"2026-01-01T08:00:00+08:00","EndTime":"2026-01-01T04:00:00Z"`, `"StartTime":"2026-01-01 08:00:00","EndTime":"2026-01-01 12:00:00"`
	for _, tt := range []struct {
		body string
		want string // of EdgeOne: the ids and URLs in order, or the code
		cdn  string
	}{
		{body: `{"TaskId":"old"}`, want: "UnknownParameter", cdn: "old/a old/b old/c old/d old/e old/f"},
		{body: `{"TaskId":"none"}`, cdn: ""},
		{body: `{"TaskId":"old","Offset":4,"Limit":1}`, cdn: "old/e"},
		{body: `{"TaskId":"old","Offset":7}`, cdn: ""},
		{body: `{"TaskId":"old","Status":"fail"}`, cdn: "old/b old/d"},
		{body: `{"TaskId":"old","Status":"done"}`, cdn: "old/a old/f"},
		{body: `{"TaskId":"old","Status":"success"}`, cdn: "InvalidParameter.CdnParamError"},
		{body: `{"TaskId":"old","Limit":101}`, cdn: "InvalidParameter.CdnParamError"},
		{body: `{"TaskId":"old","Limit":"100"}`, cdn: "InvalidParameter"},
		{body: `{"TaskId":"old","Offset":-1}`, cdn: "InvalidParameter.CdnParamError"},
		{body: `{"TaskId":"old"}{}`, cdn: "InvalidParameter"},
		{body: `{}`, want: "MissingParameter", cdn: "InvalidParameter.CdnParamError"},
		{body: `{` + cdnDay + `}`, cdn: "new/a old/a old/b old/c old/d old/e old/f"},
		{body: `{` + cdnDay + `,"TaskId":"old"}`, cdn: "old/a old/b old/c old/d old/e old/f"},
		{body: `{"StartTime":"2026-01-01 11:50:00","EndTime":"2026-01-01 12:00:00","TaskId":"old"}`, cdn: "InvalidParameter.CdnStatInvalidDate"},
		{body: `{"StartTime":"2025-12-01 11:50:00","EndTime":"2025-12-01 12:00:00"}`, cdn: "InvalidParameter.CdnStatInvalidDate"},
		{body: `{"StartTime":"2025-12-30 11:50:00","EndTime":"2026-01-01 12:00:00"}`, cdn: "InvalidParameter.CdnParamError"},
		{body: `{"StartTime":"2026-01-01 11:50:00"}`, cdn: "InvalidParameter.CdnParamError"},
		{body: `{"ZoneId":"zone-other","StartTime":"x"}`, want: "InvalidParameter.ZoneNotFound"},
		{body: `{"ZoneId":"Z"}`, want: "InvalidParameter.ParameterError"},
		{body: `{"ZoneId":"Z",` + edgeDay + `}`, want: "new/a old/a old/b old/c old/d old/e old/f"},
		{body: `{"ZoneId":"Z",` + edgeDay + `,"Offset":1,"Limit":2}`, want: "old/a old/b"},
		{body: `{"ZoneId":"Z",` + edgeDay + `,"Limit":1001}`, want: "InvalidParameter.ParameterError"},
		{body: `{"ZoneId":"Z",` + edgeDay + `,"Filters":[{"Name":"statuses","Values":["failed","invalid"],"Fuzzy":true}]}`, want: "old/b old/c old/d"},
		{body: `{"ZoneId":"Z","Filters":[{"Name":"job-id","Values":["new","old"]}]}`, want: "InvalidParameter.ParameterError"},
		{body: `{"ZoneId":"Z","Filters":[{"Name":"job-id","Values":[]}]}`, want: "InvalidParameter.TooManyFilterValues"},
		{body: `{"ZoneId":"Z","Filters":[{"Name":"job-id","Values":["none"]}]}`, want: ""},
		{body: `{"ZoneId":"Z","Filters":[{"Name":"job-id","Values":["other"]}]}`, want: ""},
		{body: `{"ZoneId":"Z","Filters":[{"Name":"statuses","Values":["done"]}]}`, want: "InvalidParameter.ParameterError"},
		{body: `{"ZoneId":"Z","StartTime":"2025-12-20T00:00:00Z","EndTime":"2025-12-21T00:00:00Z"}`, want: "LimitExceeded.QueryTimeLimitExceeded"},
		{body: `{"ZoneId":"Z","StartTime":"2025-12-26T00:00:00Z","EndTime":"2026-01-02T00:00:01Z"}`, want: "InvalidParameter.ParameterError"},
	} {
		service, want := "cdn", tt.cdn
		s := simtencentcloud.NewCDN(options(simulatortest.Noon))
		if strings.Contains(tt.body, "ZoneId") {
			service, want, s = "teo", tt.want, edgeOne(options(simulatortest.Noon))
		}
		s.Submit(simulator.Task{ID: "old", Owner: zone, Created: simulatortest.Noon().Add(-time.Hour), URLs: plans()})
		s.Submit(simulator.Task{ID: "new", Owner: zone, Created: simulatortest.Noon().Add(-time.Minute), URLs: plans()[:1]})
		s.Submit(simulator.Task{ID: "future", Owner: zone, Created: simulatortest.Noon().Add(time.Hour), URLs: plans()})
		r := ask(t, s, service, strings.Replace(tt.body, `"Z"`, `"`+zone+`"`, 1))
		got := code(r)
		if r.Error == nil {
			var rows []string
			for _, row := range append(r.Tasks, r.PushLogs...) {
				url := fmt.Sprint(row["Target"], row["Url"])
				url = strings.TrimSuffix(strings.TrimPrefix(url, "<nil>"), "<nil>")
				url, _, _ = strings.Cut(url, "?")
				id, ok := row["JobId"]
				if !ok {
					id = row["TaskId"]
				}
				rows = append(rows, fmt.Sprint(id, "/", url[len(url)-1:]))
			}
			got = strings.Join(rows, " ")
		}
		if got != want {
			t.Errorf("%s\ngot  %s\nwant %s", tt.body, got, want)
		}
	}
}

// Pages that are capped, counts that are not told, and calls that are too many.
func TestOptions(t *testing.T) {
	t.Parallel()
	o := options(simulatortest.Noon)
	o.CapLimit, o.NullCount, o.MaxLimit = 2, true, 5
	o.Quota, o.ThrottleStatus = simulator.Quota{Calls: 3, Per: time.Second}, http.StatusTooManyRequests
	s := simtencentcloud.NewCDN(o)
	s.Submit(simulator.Task{ID: "t", Created: simulatortest.Noon(), URLs: simulatortest.URLs(9, simulator.URLPlan{})})
	s.Submit(simulator.Task{ID: "gone", Created: simulatortest.Noon().Add(-31 * 24 * time.Hour), URLs: plans()})
	if got := ask(t, s, "cdn", `{"TaskId":"t","Limit":5}`); got.TotalCount != nil || len(got.PushLogs) != 2 {
		t.Errorf("got %+v", got)
	}
	if got := ask(t, s, "cdn", `{"TaskId":"t","Limit":6}`); code(got) != "InvalidParameter.CdnParamError" {
		t.Errorf("got %+v", got)
	}
	if got := ask(t, s, "cdn", `{"TaskId":"gone","Limit":5}`); got.PushLogs != nil {
		t.Errorf("got %+v", got)
	}
	req := simulatortest.NewRequest(t, "POST https://vendor.example/", "{}", signed("cdn", "{}", s.Now()))
	if got := decode(t, simulatortest.Send(t, s, req), http.StatusTooManyRequests); code(got) != "RequestLimitExceeded" || !strings.Contains(got.Error.Message, "`21`") {
		t.Errorf("got %+v", got)
	}
	if stats := s.Stats(); stats.OverQuota != 1 {
		t.Errorf("%+v", stats)
	}
}

// Whatever body a user sends, the answer is in the vendor's form.
func FuzzBody(f *testing.F) {
	for _, body := range []string{"", "{}", "null", cdnBody, teoBody, `{"Offset":9223372036854775807,"Limit":1,"TaskId":"t"}`, `{"StartTime":1}`, `{"TaskId":"\ud800"}`} {
		f.Add(body)
	}
	servers := map[string]*simtencentcloud.Server{"cdn": simtencentcloud.NewCDN(options(simulatortest.Noon)), "teo": edgeOne(options(simulatortest.Noon))}
	for _, s := range servers {
		s.Submit(simulator.Task{ID: "t", Owner: zone, Created: simulatortest.Noon(), URLs: plans()})
	}
	f.Fuzz(func(t *testing.T, body string) {
		for service, s := range servers {
			got := ask(t, s, service, body)
			if rows := len(got.Tasks) + len(got.PushLogs); (got.Error == nil) != (got.TotalCount != nil) || rows > 6 || got.Error != nil && rows > 0 {
				t.Errorf("%s: %+v", service, got)
			}
		}
	})
}
