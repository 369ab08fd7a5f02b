package tencentcloud_test

import (
	"fmt"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"prefetch_exporter/prefetch"
	vendorapi "prefetch_exporter/vendor_api"
	"prefetch_exporter/vendor_api/tencentcloud"
	"prefetch_exporter/vendor_api/vendorapitest"
)

// edgeOneExample has the rows of the vendor's example, one of each outcome.
const edgeOneExample = `{"Response":{"TotalCount":2,"Tasks":[
 {"JobId":"1379afjk91u32h","Target":"http://www.example.com/example.txt","Type":"prefetch_url","Status":"success",
  "CreateTime":"2022-02-09T00:00:00Z","UpdateTime":"2022-02-09T00:01:00Z"},
 {"JobId":"1379afjk91u32h","Target":"http://www.example.com/a.txt","Type":"prefetch_url","Status":"failed",
  "CreateTime":"2022-02-09T00:00:00Z","UpdateTime":"2022-02-09T00:02:00Z","FailType":"originPullFailed","FailMessage":"Failed to pull from origin"}],
 "RequestId":"5e0a2b4e-df6d-4d2a-ac39-1706cbf8a707"}}`

// cdnExample is that of DescribePushTasks, TotalCount and all.
const cdnExample = `{"Response":{"RequestId":"cdd24322","TotalCount":20,"PushLogs":[
 {"Status":"Done","Percent":100,"TaskId":"1379afjk91u32h","CreateTime":"2018-08-01 18:10:53","UpdateTime":"2018-08-01 18:11:53",
  "Area":"mainland","Url":"http://www.test.com/1.txt"}]}}`

func at(minute int) time.Time { return time.Date(2022, 2, 9, 0, minute, 0, 0, time.UTC) }

func TestExamples(t *testing.T) {
	t.Parallel()
	got, err := ask(t, tencentcloud.NewEdgeOne, respond(200, edgeOneExample), taskQuery())
	if err != nil {
		t.Fatal(err)
	}
	want := vendorapi.Answer{
		URLs: []prefetch.URL{
			{URL: "http://www.example.com/example.txt", Status: prefetch.Succeeded, Created: at(0), Finished: at(1)},
			{
				URL: "http://www.example.com/a.txt", Status: prefetch.Failed, Created: at(0), Finished: at(2),
				Cause: prefetch.CauseOrigin, Words: "Failed to pull from origin",
			},
		},
		RowTasks: []string{taskID, taskID}, Count: 2, Page: 1, PageSize: 1000,
		RequestID: "5e0a2b4e-df6d-4d2a-ac39-1706cbf8a707", Date: now(),
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("EdgeOne (-want +got):\n%s", diff)
	}
	got, err = ask(t, tencentcloud.NewCDN, respond(200, cdnExample), with(taskQuery(), 1, 1))
	if err != nil {
		t.Fatal(err)
	}
	created := time.Date(2018, 8, 1, 10, 10, 53, 0, time.UTC)
	want = vendorapi.Answer{
		URLs: []prefetch.URL{{
			URL: "http://www.test.com/1.txt", Status: prefetch.Succeeded, Created: created, Finished: created.Add(time.Minute),
			Progress: 1, HasProgress: true,
		}},
		RowTasks: []string{taskID}, Count: 20, Page: 1, PageSize: 1, RequestID: "cdd24322", Date: now(),
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("CDN (-want +got):\n%s", diff)
	}
}

// Words, causes and what goes with them, as each product has them.
func TestRows(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		product product
		row     string
		want    prefetch.URL
		shown   string
	}{
		{tencentcloud.NewEdgeOne, `"Status":"processing","UpdateTime":"2022-02-09T00:00:00Z"`, prefetch.URL{Status: prefetch.Running}, ""},
		{tencentcloud.NewEdgeOne, `"Status":" SUCCESS "`, prefetch.URL{Status: prefetch.Succeeded}, ""},
		{tencentcloud.NewEdgeOne, `"Status":"timeout"`, prefetch.URL{Status: prefetch.Failed}, ""},
		{tencentcloud.NewEdgeOne, `"Status":"canceled","FailType":"","FailMessage":""`, prefetch.URL{Status: prefetch.Failed}, ""},
		{tencentcloud.NewEdgeOne, `"Status":"invalid"`, prefetch.URL{Status: prefetch.Failed, Cause: prefetch.CauseOrigin}, ""},
		{tencentcloud.NewEdgeOne, `"Status":"failed","FailType":"downloadManifestFailed"`, prefetch.URL{Status: prefetch.Failed, Cause: prefetch.CauseOrigin, Words: "downloadManifestFailed"}, ""},
		{tencentcloud.NewEdgeOne, `"Status":"failed","FailType":"AccessDenied"`, prefetch.URL{Status: prefetch.Failed, Cause: prefetch.CauseOrigin, Words: "AccessDenied"}, ""},
		{tencentcloud.NewEdgeOne, `"Status":"failed","FailType":"quotaExceeded","FailMessage":"over"`, prefetch.URL{Status: prefetch.Failed, Cause: prefetch.CauseVendor, Words: "over"}, ""},
		{tencentcloud.NewEdgeOne, `"Status":"failed","FailType":"taskFailed"`, prefetch.URL{Status: prefetch.Failed, Cause: prefetch.CauseVendor, Words: "taskFailed"}, ""},
		{tencentcloud.NewEdgeOne, `"Status":"failed","FailType":"sabotage"`, prefetch.URL{Status: prefetch.Failed, Words: "sabotage"}, ""},
		{tencentcloud.NewEdgeOne, `"Status":"success","FailType":"taskFailed"`, prefetch.URL{Status: prefetch.Succeeded}, ""},
		{tencentcloud.NewEdgeOne, `"Status":"done"`, prefetch.URL{Status: prefetch.Unknown}, "done"},
		{tencentcloud.NewEdgeOne, `"Status":"success","UpdateTime":"2022-02-09T08:00:00+08:00"`, prefetch.URL{Status: prefetch.Succeeded, Finished: at(0)}, ""},
		{tencentcloud.NewEdgeOne, `"Status":"success","UpdateTime":"soon"`, prefetch.URL{Status: prefetch.Succeeded}, `UpdateTime "soon" is not a time`},
		{tencentcloud.NewCDN, `"Status":"init"`, prefetch.URL{Status: prefetch.Waiting}, ""},
		{tencentcloud.NewCDN, `"Status":"process","Percent":"37"`, prefetch.URL{Status: prefetch.Running, Progress: .37, HasProgress: true}, ""},
		{tencentcloud.NewCDN, `"Status":"process","Percent":null,"UpdateTime":null`, prefetch.URL{Status: prefetch.Running}, ""},
		{tencentcloud.NewCDN, `"Status":"process","Percent":101`, prefetch.URL{Status: prefetch.Running}, `Percent "101" is not a number`},
		{tencentcloud.NewCDN, `"Status":"fail","UpdateTime":"2022-02-09 08:00:00"`, prefetch.URL{Status: prefetch.Failed, Finished: at(0)}, ""},
		{tencentcloud.NewCDN, `"Status":"Invalid"`, prefetch.URL{Status: prefetch.Failed, Cause: prefetch.CauseOrigin}, ""},
		{tencentcloud.NewCDN, `"Status":"success"`, prefetch.URL{Status: prefetch.Unknown}, "success"},
		{tencentcloud.NewCDN, `"Status":""`, prefetch.URL{Status: prefetch.Unknown}, "no status"},
		{tencentcloud.NewCDN, `"Status":"done","Type":"prefetch_url"`, prefetch.URL{Status: prefetch.Succeeded}, ""},
	} {
		body := `{"Response":{"TotalCount":"1","Tasks":null,"PushLogs":[{"Url":"u",` + tt.row + `}]}}`
		a, err := ask(t, tt.product, respond(200, body), taskQuery())
		if err != nil {
			t.Fatalf("%s: %v", tt.row, err)
		}
		tt.want.URL = "u"
		if diff := cmp.Diff([]prefetch.URL{tt.want}, a.URLs); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.row, diff)
		}
		if shown := fmt.Sprint(a.UnknownWords, a.Oddities); !strings.Contains(shown, tt.shown) || tt.shown == "" && shown != "[] []" {
			t.Errorf("%s: shown %s, want %q", tt.row, shown, tt.shown)
		}
		if diff := cmp.Diff([]string{taskID}, a.RowTasks); diff != "" {
			t.Errorf("%s: tasks (-want +got):\n%s", tt.row, diff)
		}
	}
}

// Rows of a window tell their tasks, and a row that is no prefetch is not counted.
func TestWindow(t *testing.T) {
	t.Parallel()
	body := `{"Response":{"TotalCount":5,"Tasks":[{"Type":"purge_all"},{"JobId":"a","Target":"1","Status":"success"},{"JobId":"b","Target":"2","Status":"success"},
		{"JobId":"c","Target":"3","Status":"success","Type":"purge_url","Method":"delete"},{"Target":"4","Status":"success"}]}}`
	a, err := ask(t, tencentcloud.NewEdgeOne, respond(200, body), window(vendorapi.QueryWindow))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"a", "b", ""}, a.RowTasks); diff != "" || a.Count != 3 || len(a.URLs) != 3 || !a.Whole() {
		t.Errorf("count %d, %d rows, tasks (-want +got):\n%s", a.Count, len(a.URLs), diff)
	}
	if diff := cmp.Diff([]string{`a row of the type "purge_all" is no prefetch; not counted`}, a.Oddities); diff != "" {
		t.Errorf("oddities (-want +got):\n%s", diff)
	}
	purge := taskQuery()
	purge.TaskID = "c"
	_, err = ask(t, tencentcloud.NewEdgeOne, respond(200, `{"Response":{"TotalCount":1,"RequestId":"r1","Tasks":[{"JobId":"c","Type":"purge_url"}]}}`), purge)
	if e := vendorapitest.Error(t, err); e.Reason != prefetch.ReasonInvalid || e.Error() != `invalid: HTTP 200: the task is no prefetch: its type is "purge_url" (request id r1)` {
		t.Errorf("got %v", e)
	}
}

// Counts that do not fit their rows, or are not there.
func TestCounts(t *testing.T) {
	t.Parallel()
	rows := func(n int) string {
		return `"PushLogs":[` + strings.TrimSuffix(strings.Repeat(`{"Url":"u","Status":"done"},`, n), ",") + `]`
	}
	for _, tt := range []struct {
		response            string
		page, size          int
		count, rows, inPage int
		shown               string
	}{
		{`"PushLogs":null,"TotalCount":null`, 1, 10, 0, 0, 10, ""},
		{``, 1, 10, 0, 0, 10, ""},
		{`"TotalCount":7`, 1, 1, 7, 0, 1, "page 1 of 1 rows has no row, although 7 rows match"},
		{rows(2) + `,"TotalCount":null`, 1, 10, 2, 2, 10, `count "" is not a whole number; the 2 rows of the page are taken for all`},
		{rows(2) + `,"TotalCount":"x"`, 3, 10, 22, 2, 10, `count "x" is not a whole number`},
		{rows(3) + `,"TotalCount":1`, 1, 10, 3, 3, 10, "count 1 is less than the 3 rows of the page"},
		{rows(20) + `,"TotalCount":50`, 1, 100, 50, 20, 20, "page 1 has 20 rows instead of 100, although 50 rows match: the vendor capped the page"},
		{rows(10) + `,"TotalCount":50`, 5, 10, 50, 10, 10, ""},
		{rows(0) + `,"TotalCount":50`, 6, 10, 50, 0, 10, ""},
	} {
		a, err := ask(t, tencentcloud.NewCDN, respond(200, `{"Response":{`+tt.response+`}}`), with(taskQuery(), tt.page, tt.size))
		if err != nil {
			t.Fatalf("%s: %v", tt.response, err)
		}
		if a.Count != tt.count || len(a.URLs) != tt.rows || a.Page != tt.page || a.PageSize != tt.inPage {
			t.Errorf("%s: count %d, %d rows, page %d of %d", tt.response, a.Count, len(a.URLs), a.Page, a.PageSize)
		}
		if shown := strings.Join(a.Oddities, "; "); !strings.Contains(shown, tt.shown) || tt.shown == "" && shown != "" {
			t.Errorf("%s: shown %q, want %q", tt.response, shown, tt.shown)
		}
	}
	for _, size := range []int{1, 10} {
		_, err := ask(t, tencentcloud.NewCDN, respond(200, `{"Response":{`+rows(size)+`}}`), with(taskQuery(), 1, size))
		if e := vendorapitest.Error(t, err); e.Reason != prefetch.ReasonDecode || !strings.Contains(e.Error(), `TotalCount "" is not a whole number`) {
			t.Errorf("got %v", e)
		}
	}
}

// Times of CDN have no zone: rows that cannot have been created when they say tell
// that it is another one.
func TestTimeZone(t *testing.T) {
	t.Parallel()
	const body = `{"Response":{"TotalCount":1,"PushLogs":[{"Url":"u","Status":"process","CreateTime":"2026-01-01 07:30:00"}]}}`
	for _, tt := range []struct {
		product  product
		location *time.Location
		want     string
	}{
		{tencentcloud.NewCDN, nil, ""},
		{tencentcloud.NewCDN, time.UTC, "time_zone is probably wrong; times of GMT+08:00 would fit"},
		{tencentcloud.NewEdgeOne, nil, ""},
	} {
		p := newProvider(t, tt.product, respond(200, body), tencentcloud.Options{Location: tt.location})
		a, err := p.Query(t.Context(), window(vendorapi.QueryWindow))
		if err != nil {
			t.Fatal(err)
		}
		if shown := strings.Join(a.Oddities, "; "); !strings.Contains(shown, tt.want) || tt.want == "" && shown != "" {
			t.Errorf("%v: shown %q, want %q", tt.location, shown, tt.want)
		}
	}
}

// Whatever the vendor sends, an answer has valid text, a task for every row and
// counts that fit; anything else is a classified error.
func FuzzAnswer(f *testing.F) {
	f.Add(edgeOneExample)
	f.Add(cdnExample)
	f.Add(`{"Response":{"Error":{"Code":"AuthFailure","Message":"m"}}}`)
	f.Add(`{"Response":{"Tasks":[null,1,"x",{},{"Target":1,"Status":2,"Type":"purge_url"},{"Url":"\ud800","Percent":"1e9"}],"TotalCount":-1}}`)
	f.Add("{\"Response\":{\"PushLogs\":[{\"Status\":\"\xff\",\"TaskId\":\"\xff\"}],\"TotalCount\":1e9}}")
	f.Add(`{"Response":{"Error":"x"},"Response":{"Tasks":[]}}`)
	f.Fuzz(func(t *testing.T, body string) {
		for _, product := range []product{tencentcloud.NewEdgeOne, tencentcloud.NewCDN} {
			for _, q := range []vendorapi.Query{taskQuery(), window(vendorapi.QueryWindow), with(window(vendorapi.QueryCount), 1, 1)} {
				a, err := ask(t, product, respond(200, body), q)
				if err != nil {
					if e := vendorapitest.Error(t, err); !utf8.ValidString(e.Error()) || len(e.Error()) > 2000 || e.Reason == "" || e.Unsent {
						t.Fatalf("%+v", e)
					}
					continue
				}
				checkAnswer(t, &a)
			}
		}
	})
}

func checkAnswer(t *testing.T, a *vendorapi.Answer) {
	t.Helper()
	if a.Count < len(a.URLs) || a.Page != 1 || a.PageSize < 1 || len(a.RowTasks) != len(a.URLs) {
		t.Fatalf("count %d, %d rows, %d tasks, page %d of %d", a.Count, len(a.URLs), len(a.RowTasks), a.Page, a.PageSize)
	}
	for i := range a.URLs {
		u := &a.URLs[i]
		texts := u.URL + u.Words + a.RowTasks[i]
		if !utf8.ValidString(texts) || int(u.Status) >= prefetch.NumStatuses || len(u.Words) > 300 || u.Progress < 0 || u.Progress > 1 ||
			u.Status != prefetch.Failed && (u.Cause != 0 || u.Words != "") || !u.Status.Final() && !u.Finished.IsZero() {
			t.Fatalf("row %+v", u)
		}
	}
	if len(a.UnknownWords) > 10 || len(a.Oddities) > 10 {
		t.Fatalf("%d words, %d oddities", len(a.UnknownWords), len(a.Oddities))
	}
}
