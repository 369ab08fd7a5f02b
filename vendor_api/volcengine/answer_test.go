package volcengine_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"prefetch_exporter/prefetch"
	vendorapi "prefetch_exporter/vendor_api"
	"prefetch_exporter/vendor_api/vendorapitest"
	"prefetch_exporter/vendor_api/volcengine"
)

func TestAnswers(t *testing.T) {
	t.Parallel()
	created := time.Unix(1795255200, 0).UTC()
	first := func(a vendorapi.Answer) vendorapi.Answer {
		a.Page, a.RequestID = 1, "4c3"
		if a.PageSize == 0 {
			a.PageSize = 100
		}
		return a
	}
	failedOnly := prefetch.URL{URL: "u", Status: prefetch.Failed}
	for _, tt := range []struct {
		name, result string
		query        vendorapi.Query
		want         vendorapi.Answer
	}{
		{
			"a task",
			`{"Total":3,"PageNum":1,"PageSize":100,"Data":[
{"Url":"https://example.com/1.mp4","Status":"complete","TaskType":"preload","CreateTime":1795255200,"TaskID":"` + launch + `","Process":"100%","Remark":"","Layer":"","Delete":false},
{"Url":"https://example.com/2.mp4","Status":"running","TaskType":"preload","CreateTime":"1795255200","TaskID":"` + launch + `","Process":"25%","Remark":"queued"},
{"Url":"https://example.com/3.mp4","Status":"Failed","CreateTime":1795255200,"TaskID":"` + launch + `","Process":"0%","Remark":"origin returned 404","Area":"global"}]}`,
			taskQuery(),
			first(vendorapi.Answer{Count: 3, RowTasks: []string{launch, launch, launch}, URLs: []prefetch.URL{
				{URL: "https://example.com/1.mp4", Status: prefetch.Succeeded, Created: created, Progress: 1, HasProgress: true},
				{URL: "https://example.com/2.mp4", Status: prefetch.Running, Created: created, Progress: 0.25, HasProgress: true},
				{URL: "https://example.com/3.mp4", Status: prefetch.Failed, Created: created, HasProgress: true, Words: "origin returned 404"},
			}}),
		},
		{
			"an older SDK's name, and no task", `{"Total":"1","Data":[{"Url":"u","Status":"failed","CreatedAt":1795255200}]}`, windowQuery(),
			first(vendorapi.Answer{Count: 1, RowTasks: []string{""}, URLs: []prefetch.URL{{URL: "u", Status: prefetch.Failed, Created: created}}}),
		},
		{
			"a page of many", `{"Total":250,"PageNum":1,"PageSize":2,"Data":[{"Url":"u","Status":"failed","TaskID":"a"},{"Url":"u","Status":"failed","TaskID":"b"}]}`,
			windowQuery(),
			first(vendorapi.Answer{Count: 250, PageSize: 2, RowTasks: []string{"a", "b"}, URLs: []prefetch.URL{failedOnly, failedOnly}}),
		},
		{
			"a page that was cut without a word", `{"Total":250,"PageSize":100,"Data":[{"Url":"u","Status":"failed","TaskID":"a"}]}`, windowQuery(),
			first(vendorapi.Answer{
				Count: 250, PageSize: 1, RowTasks: []string{"a"}, URLs: []prefetch.URL{failedOnly},
				Oddities: []string{"page 1 has 1 rows instead of 100, although 250 rows match: the vendor capped the page"},
			}),
		},
		{
			"a count", `{"Total":250,"PageSize":1,"Data":[{"Url":"u","Status":"failed","TaskID":"a"}]}`,
			vendorapi.Query{Kind: vendorapi.QueryCount, TaskID: launch},
			first(vendorapi.Answer{Count: 250, PageSize: 1, RowTasks: []string{"a"}, URLs: []prefetch.URL{failedOnly}}),
		},
		{"an unknown task", `{"Total":0,"Data":[]}`, taskQuery(), first(vendorapi.Answer{URLs: []prefetch.URL{}, RowTasks: []string{}})},
		{"no rows", `{"Total":0,"Data":null}`, taskQuery(), first(vendorapi.Answer{URLs: []prefetch.URL{}, RowTasks: []string{}})},
		{"nothing", `{}`, taskQuery(), first(vendorapi.Answer{URLs: []prefetch.URL{}, RowTasks: []string{}})},
		{"null", `null`, taskQuery(), first(vendorapi.Answer{URLs: []prefetch.URL{}, RowTasks: []string{}})},
		{
			"rows without a Total", `{"Data":[{"Url":"u","Status":"failed","TaskID":"a"}]}`, taskQuery(),
			first(vendorapi.Answer{Count: 1, RowTasks: []string{"a"}, URLs: []prefetch.URL{failedOnly}}),
		},
		{
			"odd rows", `{"Total":6,"Data":[null,{"Url":"u","Status":"frozen","TaskID":"a","CreateTime":1795255200000,"Process":"half"},` +
				`{"Status":null,"CreateTime":0},{"Url":"u","Status":"failed","TaskID":7,"CreateTime":"soon"},{"Url":"u","Status":"failed","Remark":{"a":1}},[]]}`,
			windowQuery(),
			first(vendorapi.Answer{
				Count: 6, RowTasks: []string{"", "a", "", "7", "", ""}, URLs: []prefetch.URL{
					{Status: prefetch.Unknown},
					{URL: "u", Status: prefetch.Unknown, Created: created},
					{Status: prefetch.Unknown}, failedOnly, {URL: "u", Status: prefetch.Failed, Words: `{"a":1}`}, {Status: prefetch.Unknown},
				},
				UnknownWords: []string{"frozen"},
				Oddities: []string{
					"a row is not an object: null", "CreateTime 1795255200000 is in milliseconds",
					`Process "half" is not a number from 0 to 100; taken as not told`, "a row has no url", "a row has no status; taken as unknown",
				},
			}),
		},
		{
			"a refresh among prefetches", `{"Total":3,"Data":[{"Url":"r","Status":"failed","TaskID":"r","TaskType":"refresh_dir"},` +
				`{"Url":"u","Status":"failed","TaskID":"a","TaskType":"preload"},{"Url":"r","Status":"failed","TaskID":"r","TaskType":"refresh_dir"}]}`,
			windowQuery(),
			first(vendorapi.Answer{
				Count: 1, RowTasks: []string{"a"}, URLs: []prefetch.URL{failedOnly},
				Oddities: []string{"a row is of a task of the type refresh_dir, although only prefetches were asked for; it is left out"},
			}),
		},
		{
			"a Total of less", `{"Total":1,"Data":[{"Url":"u","Status":"failed"},{"Url":"u","Status":"failed"}]}`, windowQuery(),
			first(vendorapi.Answer{
				Count: 2, RowTasks: []string{"", ""}, URLs: []prefetch.URL{failedOnly, failedOnly},
				Oddities: []string{"count 1 is less than the 2 rows of the page"},
			}),
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			for status, data := range map[int]string{http.StatusOK: meta, http.StatusAccepted: `"ResponseMetadata":{"RequestId":"4c3","Error":null}`} {
				p := newProvider(t, vendorapitest.Says(status, "{"+data+`,"Result":`+tt.result+"}"), volcengine.Options{})
				got, err := p.Query(t.Context(), tt.query)
				if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(tt.want, got); diff != "" {
					t.Errorf("(-want +got):\n%s", diff)
				}
			}
		})
	}
}

func TestAnswersThatCannotBeRead(t *testing.T) {
	t.Parallel()
	full := windowQuery()
	full.PageSize = 1
	second := windowQuery()
	second.Page = 2
	for want, tt := range map[string]struct {
		body  string
		query vendorapi.Query
	}{
		"the answer is empty":             {" ", taskQuery()},
		"the answer is not a JSON object": {"[]", taskQuery()},
		"the answer is not JSON":          {"{", taskQuery()},
		"the answer has no Result":        {"{" + meta + "}", taskQuery()},
		"the answer has no Result: ":      {"{" + meta + `,"Result":[]}`, taskQuery()},
		"the Data is not a list":          {"{" + meta + `,"Result":{"Data":{}}}`, taskQuery()},
		"the answer has no Total":         {"{" + meta + `,"Result":{"Data":[{"Url":"u","Status":"failed"}]}}`, full},
		"has no Total":                    {"{" + meta + `,"Result":{"Data":[]}}`, second},
		"no Total":                        {"{" + meta + `,"Result":{}}`, vendorapi.Query{Kind: vendorapi.QueryCount, TaskID: launch}},
	} {
		t.Run(want, func(t *testing.T) {
			t.Parallel()
			p := newProvider(t, vendorapitest.Says(http.StatusOK, tt.body), volcengine.Options{})
			_, err := p.Query(t.Context(), tt.query)
			e := vendorapitest.Error(t, err)
			if e.Reason != prefetch.ReasonDecode || !strings.Contains(e.Error(), strings.TrimSuffix(want, ": ")) || strings.Contains(tt.body, "4c3") != (e.RequestID == "4c3") {
				t.Errorf("got %v", e)
			}
		})
	}
}
