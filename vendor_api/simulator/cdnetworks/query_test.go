package cdnetworks_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"prefetch_exporter/prefetch"
	"prefetch_exporter/vendor_api/simulator"
	simcdnetworks "prefetch_exporter/vendor_api/simulator/cdnetworks"
	"prefetch_exporter/vendor_api/simulator/simulatortest"
)

// The answer has the form of the page's example, byte for byte, through the
// life of each URL.
func TestProgress(t *testing.T) {
	t.Parallel()
	now := simulatortest.NewClock(simulatortest.Noon())
	s := simcdnetworks.New(simulatortest.OpsOptions(now.Now))
	s.Submit(simulator.Task{ID: "item", Owner: "ops", URLs: []simulator.URLPlan{
		{URL: "https://e.com/a?x=1&y=<2>", Wait: time.Minute, Fetch: time.Minute},
		{URL: "b", Fetch: time.Minute, Fails: true, Rate: 62.5},
		{URL: "c", Fails: true},
		{URL: "d", Stuck: true, Appears: 2 * time.Minute},
		{URL: "e", Word: "Paused"},
	}})
	row := func(url, status, rate string, times ...string) simulatortest.CDNRow {
		for i := range times {
			if times[i] != "" {
				times[i] = "2026-01-01 " + times[i]
			}
		}
		return simulatortest.CDNRow{CreateTime: times[0], BeginTime: times[1], FinishTime: times[2], Status: status, Rate: rate, URL: url}
	}
	const url = "https://e.com/a?x=1&y=<2>"
	steps := []struct {
		advance time.Duration
		rows    []simulatortest.CDNRow
		counts  prefetch.Counts
	}{
		{
			0, []simulatortest.CDNRow{
				row(url, "wait", "", "12:00:00", "", ""),
				row("b", "run", "", "12:00:00", "12:00:00", ""),
				row("c", "failure", "0", "12:00:00", "12:00:00", "12:00:00"),
				row("e", "Paused", "100", "12:00:00", "12:00:00", "12:00:00"),
			}, prefetch.Counts{1, 2, 0, 1, 1},
		},
		{
			90 * time.Second, []simulatortest.CDNRow{
				row(url, "run", "", "12:00:00", "12:01:00", ""),
				row("b", "failure", "62.5", "12:00:00", "12:00:00", "12:01:00"),
				row("c", "failure", "0", "12:00:00", "12:00:00", "12:00:00"),
				row("e", "Paused", "100", "12:00:00", "12:00:00", "12:00:00"),
			}, prefetch.Counts{0, 2, 0, 2, 1},
		},
		{
			30 * time.Second, []simulatortest.CDNRow{
				row(url, "success", "100", "12:00:00", "12:01:00", "12:02:00"),
				row("b", "failure", "62.5", "12:00:00", "12:00:00", "12:01:00"),
				row("c", "failure", "0", "12:00:00", "12:00:00", "12:00:00"),
				row("d", "run", "", "12:00:00", "12:00:00", ""),
				row("e", "Paused", "100", "12:00:00", "12:00:00", "12:00:00"),
			}, prefetch.Counts{0, 1, 1, 2, 1},
		},
	}
	for i, step := range steps {
		now.Add(step.advance)
		got := simulatortest.Ask(t, s, now.Now(), `{"itemId":"item"}`)
		want := simulatortest.CDNAnswer{
			Count: len(step.rows), Code: 1, Message: "success", PageNo: 1, PageSize: 20, ResultDetail: step.rows,
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("step %d (-want +got):\n%s", i, diff)
		}
		if got := s.Counts("item"); got != step.counts {
			t.Errorf("step %d: counts %v, want %v", i, got, step.counts)
		}
	}
	raw := simulatortest.Send(t, s, simulatortest.NewRequest(t, "POST "+simulatortest.CDNURL, `{"itemId":"item","url":"`+url+`"}`,
		simulatortest.APIKeyHeaders("ops", "key", now.Now())))
	const body = `{"count":1,"Code":1,"message":"success","pageNo":1,"pageSize":20,"resultDetail":[` +
		`{"beginTime":"2026-01-01 12:01:00","createTime":"2026-01-01 12:00:00","finishTime":"2026-01-01 12:02:00",` +
		`"rate":"100","status":"success","url":"https://e.com/a?x=1&y=<2>"}]}` + "\n"
	if raw.Body != body {
		t.Errorf("body %s", raw.Body)
	}
	if got := raw.Header.Get("Content-Type"); got != "charset=utf-8; charset=UTF-8" {
		t.Errorf("Content-Type %q", got)
	}
	if got := raw.Header.Get("Date"); got != "Thu, 01 Jan 2026 04:02:00 GMT" {
		t.Errorf("Date %q", got)
	}
}

// Every refusal that the page documents, by its text.
func TestRefuses(t *testing.T) {
	t.Parallel()
	window := func(start, end string) string { return `{"startTime":"` + start + `","endTime":"` + end + `"}` }
	const (
		noTime    = "startTime or endTime must not be empty"
		badTime   = "query time error"
		badStatus = "task status error,eg: init wait run success failure"
		badPage   = "page no error"
		badSize   = "page size error"
	)
	tests := []struct {
		name   string
		option func(*simcdnetworks.Options)
		body   string
		want   string // empty if it must be answered
	}{
		{name: "no JSON", body: "startTime=now", want: "parse json error"},
		{name: "nothing", body: "", want: "parse json error"},
		{name: "null", body: "null", want: "parse json error"},
		{name: "list", body: "[]", want: "parse json error"},
		{name: "two values", body: `{"itemId":"a"}{}`, want: "parse json error"},
		{name: "object as value", body: `{"itemId":{}}`, want: "parse json error"},
		{name: "boolean as value", body: `{"itemId":"a","pageNo":true}`, want: "parse json error"},
		{name: "number out of range", body: `{"itemId":"a","pageNo":1e999}`, want: "parse json error"},
		{name: "nothing asked", body: `{}`, want: noTime},
		{name: "only a url", body: `{"url":"https://example.com/0.mp4"}`, want: noTime},
		{name: "names in another case", body: `{"itemid":"a"}`, want: noTime},
		{name: "only a start", body: `{"itemId":"a","startTime":"2026-01-01 00:00:00"}`, want: noTime},
		{name: "only an end", body: `{"itemId":"a","endTime":"2026-01-01 00:00:00"}`, want: noTime},
		{name: "item alone", body: `{"itemId":"a"}`},
		{name: "item alone, nulls", body: `{"itemId":"a","startTime":null,"endTime":null,"pageNo":null,"more":[1]}`},
		{
			name: "item alone refused", body: `{"itemId":"a"}`, want: noTime,
			option: func(o *simcdnetworks.Options) { o.RefuseTaskAlone = true },
		},
		{
			name: "item with window", body: `{"itemId":"a",` + simulatortest.WholeDay + `}`,
			option: func(o *simcdnetworks.Options) { o.RefuseTaskAlone = true },
		},
		{name: "ISO time", body: window("2026-01-01T00:00:00", "2026-01-01 01:00:00"), want: badTime},
		{name: "end in ISO form", body: window("2026-01-01 00:00:00", "2026-01-01T01:00:00"), want: badTime},
		{name: "hour of one digit", body: window("2026-01-01 1:00:00", "2026-01-01 02:00:00"), want: badTime},
		{name: "fraction", body: window("2026-01-01 00:00:00.5", "2026-01-01 02:00:00"), want: badTime},
		{name: "no such day", body: window("2026-01-01 00:00:00", "2026-01-32 02:00:00"), want: badTime},
		{name: "time as number", body: `{"startTime":20260101,"endTime":20260101}`, want: badTime},
		{name: "one moment", body: window("2026-01-01 12:00:00", "2026-01-01 12:00:00")},
		{name: "end before start", body: window("2026-01-01 12:00:01", "2026-01-01 12:00:00"), want: "endTime should not before startTime"},
		{name: "the page's own span", body: window("2025-12-31 00:00:00", "2026-01-01 23:59:59")},
		{name: "a second more", body: window("2025-12-31 00:00:00", "2026-01-02 00:00:00"), want: badTime},
		{name: "late in a day", body: window("2025-12-31 23:00:00", "2026-01-02 00:00:00"), want: badTime},
		{
			name: "strict span", body: window("2025-12-31 12:00:00", "2026-01-01 12:00:00"),
			option: func(o *simcdnetworks.Options) { o.MaxSpan = 24 * time.Hour },
		},
		{
			name: "over the strict span", body: window("2025-12-31 12:00:00", "2026-01-01 12:00:01"), want: badTime,
			option: func(o *simcdnetworks.Options) { o.MaxSpan = 24 * time.Hour },
		},
		{name: "look-back", body: window("2025-12-29 12:00:00", "2025-12-29 13:00:00")},
		{
			name: "before the look-back", body: window("2025-12-29 11:59:59", "2025-12-29 13:00:00"),
			want: "query create time should not before 3 days",
		},
		{
			name: "before another look-back", body: window("2025-12-25 11:59:59", "2025-12-25 13:00:00"),
			want:   "query create time should not before 7 days",
			option: func(o *simcdnetworks.Options) { o.LookBack = 7 * 24 * time.Hour },
		},
		{name: "numbers as strings", body: `{"itemId":"a","pageNo":"2","pageSize":"7"}`},
		{name: "empty strings", body: `{"itemId":"a","pageNo":"","pageSize":"","status":"","url":""}`},
		{name: "page 0", body: `{"itemId":"a","pageNo":0}`, want: badPage},
		{name: "page no number", body: `{"itemId":"a","pageNo":"first"}`, want: badPage},
		{name: "fraction of a page", body: `{"itemId":"a","pageNo":1.5}`, want: badPage},
		{name: "page size 0", body: `{"itemId":"a","pageSize":0}`, want: badSize},
		{name: "page size no number", body: `{"itemId":"a","pageSize":"all"}`, want: badSize},
		{
			name: "largest page size", body: `{"itemId":"a","pageSize":50}`,
			option: func(o *simcdnetworks.Options) { o.MaxPageSize = 50 },
		},
		{
			name: "page size over the maximum", body: `{"itemId":"a","pageSize":51}`, want: badSize,
			option: func(o *simcdnetworks.Options) { o.MaxPageSize = 50 },
		},
		{name: "status", body: `{"itemId":"a","status":"init"}`},
		{name: "status in another case", body: `{"itemId":"a","status":"Success"}`, want: badStatus},
		{name: "no such status", body: `{"itemId":"a","status":"done"}`, want: badStatus},
		{
			name: "status refused", body: `{"itemId":"a","status":"success"}`, want: badStatus,
			option: func(o *simcdnetworks.Options) { o.RefuseStatusFilter = true },
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			options := simulatortest.OpsOptions(simulatortest.Noon)
			if test.option != nil {
				test.option(&options)
			}
			s := simcdnetworks.New(options)
			got := simulatortest.Ask(t, s, simulatortest.Noon(), test.body)
			if test.want == "" {
				if got.Code != 1 || got.ResultDetail == nil {
					t.Errorf("got %+v", got)
				}
				return
			}
			if got.Code != 0 || got.Message != test.want || s.Stats().Refused[test.want] != 1 {
				t.Errorf("got %d %q, want %q; refused %v", got.Code, got.Message, test.want, s.Stats().Refused)
			}
		})
	}
}

func TestRoutes(t *testing.T) {
	t.Parallel()
	s := simcdnetworks.New(simulatortest.OpsOptions(simulatortest.Epoch))
	for _, test := range []struct {
		method, url string
		status      int
	}{
		{http.MethodPost, "https://api.cdnetworks.com/ccm/fetch/ItemIdQuery/", http.StatusNotFound},
		{http.MethodPost, "https://api.cdnetworks.com", http.StatusNotFound},
		{http.MethodGet, simulatortest.CDNURL, http.StatusMethodNotAllowed},
	} {
		got := simulatortest.Send(t, s, simulatortest.NewRequest(t, test.method+" "+test.url, `{"itemId":"a"}`, simulatortest.APIKeyHeaders("ops", "key", simulatortest.Epoch())))
		if a := simulatortest.DecodeCDN(t, got.Body); got.Status != test.status || a.Code != 0 {
			t.Errorf("%s %s: %d %s", test.method, test.url, got.Status, got.Body)
		}
	}
	if stats := s.Stats(); stats.Calls != 3 || stats.Refused[simulator.RefusedRoute] != 3 {
		t.Errorf("stats %+v", stats)
	}
}

// Rows come in the order of creation and then of submission, whatever the
// order in which the tasks arrived, and pages cut that list.
func TestPages(t *testing.T) {
	t.Parallel()
	s := simcdnetworks.New(simulatortest.OpsOptions(simulatortest.Noon))
	submit := func(id, owner string, ago time.Duration, urls ...simulator.URLPlan) {
		for i := range urls {
			urls[i].URL = fmt.Sprintf("%s%d", id, i)
		}
		s.Submit(simulator.Task{ID: id, Owner: owner, Created: simulatortest.Noon().Add(-ago), URLs: urls})
	}
	submit("c", "ops", time.Minute, simulator.URLPlan{}, simulator.URLPlan{Fails: true})
	submit("a", "ops", time.Hour, simulator.URLPlan{}, simulator.URLPlan{}, simulator.URLPlan{Stuck: true})
	submit("b", "ops", time.Hour-time.Millisecond, simulator.URLPlan{Appears: time.Hour}, simulator.URLPlan{Wait: 2 * time.Hour})
	submit("x", "other", time.Hour, simulator.URLPlan{})
	submit("f", "ops", -time.Minute, simulator.URLPlan{})      // of the future
	submit("g", "ops", -time.Millisecond, simulator.URLPlan{}) // of the future, in the second of now
	submit("o", "ops", 73*time.Hour, simulator.URLPlan{})      // older than the look-back
	submit("d", "ops", 0, simulator.URLPlan{})
	submit("c", "ops", 30*time.Minute, simulator.URLPlan{}, simulator.URLPlan{Fails: true}) // again

	tests := []struct {
		body  string
		count int
		urls  string
	}{
		{`{` + simulatortest.WholeDay + `}`, 7, "a0 a1 a2 b1 c0 c1 d0"},
		{`{` + simulatortest.WholeDay + `,"pageSize":3}`, 7, "a0 a1 a2"},
		{`{` + simulatortest.WholeDay + `,"pageSize":3,"pageNo":2}`, 7, "b1 c0 c1"},
		{`{` + simulatortest.WholeDay + `,"pageSize":"3","pageNo":"3"}`, 7, "d0"},
		{`{` + simulatortest.WholeDay + `,"pageSize":3,"pageNo":4}`, 7, ""},
		{`{` + simulatortest.WholeDay + `,"pageSize":9223372036854775807,"pageNo":9223372036854775807}`, 7, ""},
		{`{` + simulatortest.WholeDay + `,"pageSize":9223372036854775807}`, 7, "a0 a1 a2 b1 c0 c1 d0"},
		{`{` + simulatortest.WholeDay + `,"status":"success"}`, 4, "a0 a1 c0 d0"},
		{`{` + simulatortest.WholeDay + `,"status":"success","pageSize":1,"pageNo":3}`, 4, "c0"},
		{`{` + simulatortest.WholeDay + `,"status":"failure"}`, 1, "c1"},
		{`{` + simulatortest.WholeDay + `,"status":"run"}`, 1, "a2"},
		{`{` + simulatortest.WholeDay + `,"status":"wait"}`, 1, "b1"},
		{`{` + simulatortest.WholeDay + `,"status":"init"}`, 0, ""},
		{`{` + simulatortest.WholeDay + `,"url":"c1"}`, 1, "c1"},
		{`{` + simulatortest.WholeDay + `,"url":"C1"}`, 0, ""},
		{`{` + simulatortest.WholeDay + `,"itemId":"a"}`, 3, "a0 a1 a2"},
		{`{"itemId":"a","pageSize":2,"pageNo":2}`, 3, "a2"},
		{`{"itemId":"x"}`, 0, ""},
		{`{"itemId":"f"}`, 0, ""},
		{`{"itemId":"g"}`, 0, ""},
		{`{"itemId":"o"}`, 0, ""},
		{`{"itemId":"none"}`, 0, ""},
		{`{"startTime":"2026-01-01 11:00:00","endTime":"2026-01-01 11:00:00"}`, 4, "a0 a1 a2 b1"},
		{`{"startTime":"2026-01-01 11:00:01","endTime":"2026-01-01 11:30:00"}`, 2, "c0 c1"},
		{`{"startTime":"2026-01-01 11:00:01","endTime":"2026-01-01 11:29:59"}`, 0, ""},
		{`{"startTime":"2026-01-01 11:00:01","endTime":"2026-01-01 12:00:00","itemId":"a"}`, 0, ""},
	}
	for _, test := range tests {
		got := simulatortest.Ask(t, s, simulatortest.Noon(), test.body)
		if urls := joinURLs(got); got.Count != test.count || urls != test.urls {
			t.Errorf("%s: %d %q, want %d %q (%s)", test.body, got.Count, urls, test.count, test.urls, got.Message)
		}
	}
}

func TestCapsPages(t *testing.T) {
	t.Parallel()
	options := simulatortest.OpsOptions(simulatortest.Noon)
	options.CapPageSize = 2
	s := simcdnetworks.New(options)
	s.Submit(simulator.Task{ID: "a", Owner: "ops", URLs: simulatortest.URLs(5, simulator.URLPlan{})})
	got := simulatortest.Ask(t, s, simulatortest.Noon(), `{"itemId":"a","pageSize":100,"pageNo":3}`)
	if got.Count != 5 || got.PageSize != 2 || got.PageNo != 3 || len(got.ResultDetail) != 1 {
		t.Errorf("got %+v", got)
	}
}

// X-Time-Zone rules the times of the question and those of the answer.
func TestTimeZone(t *testing.T) {
	t.Parallel()
	tests := []struct {
		zone    string
		ignored bool
		start   string
		want    string
	}{
		{zone: "", start: "2026-01-01 12:00:00", want: "2026-01-01 12:00:00"},
		{zone: "GMT+08:00", start: "2026-01-01 12:00:00", want: "2026-01-01 12:00:00"},
		{zone: "GMT+00:00", start: "2026-01-01 04:00:00", want: "2026-01-01 04:00:00"},
		{zone: "GMT-08:00", start: "2025-12-31 20:00:00", want: "2025-12-31 20:00:00"},
		{zone: "GMT+14:00", start: "2026-01-01 18:00:00", want: "2026-01-01 18:00:00"},
		{zone: "GMT+05:30", start: "2026-01-01 12:00:00", want: "2026-01-01 12:00:00"}, // the page knows whole hours only
		{zone: "GMT+15:00", start: "2026-01-01 12:00:00", want: "2026-01-01 12:00:00"},
		{zone: "Europe/Berlin", start: "2026-01-01 12:00:00", want: "2026-01-01 12:00:00"},
		{zone: "GMT+00:00", ignored: true, start: "2026-01-01 12:00:00", want: "2026-01-01 12:00:00"},
		{zone: "GMT+00:00", ignored: true, start: "2026-01-01 04:00:00", want: ""},
	}
	for _, test := range tests {
		t.Run(fmt.Sprintf("%s %v %s", test.zone, test.ignored, test.start), func(t *testing.T) {
			t.Parallel()
			options := simulatortest.OpsOptions(simulatortest.Noon)
			options.IgnoreTimeZone = test.ignored
			s := simcdnetworks.New(options)
			s.Submit(simulator.Task{ID: "a", Owner: "ops", URLs: simulatortest.URLs(1, simulator.URLPlan{})})
			header := simulatortest.APIKeyHeaders("ops", "key", simulatortest.Noon())
			header["X-Time-Zone"] = test.zone
			body := `{"startTime":"` + test.start + `","endTime":"` + test.start + `"}`
			got := simulatortest.DecodeCDN(t, simulatortest.Send(t, s, simulatortest.NewRequest(t, "POST "+simulatortest.CDNURL, body, header)).Body)
			var created string
			for _, row := range got.ResultDetail {
				created = row.CreateTime
			}
			if created != test.want || got.Code != 1 {
				t.Errorf("got %+v, want %q", got, test.want)
			}
		})
	}
}

func joinURLs(a simulatortest.CDNAnswer) string {
	names := make([]string, 0, len(a.ResultDetail))
	for _, row := range a.ResultDetail {
		names = append(names, row.URL)
	}
	return strings.Join(names, " ")
}
