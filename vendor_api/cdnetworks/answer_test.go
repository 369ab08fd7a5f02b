package cdnetworks_test

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"prefetch_exporter/prefetch"
	vendorapi "prefetch_exporter/vendor_api"
)

// TestVendorPageExample reads the answer that the vendor's page shows: lower
// case message, a space in a URL, a count that the page's rows do not reach.
func TestVendorPageExample(t *testing.T) {
	t.Parallel()
	body, err := os.ReadFile("testdata/vendor_page_answer.json")
	if err != nil {
		t.Fatal(err)
	}
	q := taskQuery()
	q.PageSize = 20
	got, err := ask(t, reply{
		status: 200,
		header: map[string]string{
			"Content-Type":     "charset=utf-8; charset=UTF-8",
			"x-cnc-request-id": "23f9abf8-1f4a-498c_1493668625478",
			"Date":             "Wed, 11 Jan 2017 09:00:00 GMT",
		},
		body: string(body),
	}, q, beijing)
	if err != nil {
		t.Fatal(err)
	}
	begun := time.Date(2017, 1, 11, 16, 17, 3, 0, beijing)
	row := prefetch.URL{
		Status: prefetch.Succeeded, Created: begun, Started: begun, Finished: begun.Add(time.Second),
		Rate: 1, HasRate: true,
	}
	plain, secure := row, row
	plain.URL, secure.URL = "http://vodtest.lxdns.com/testdsfsdf1", "https://vodtest.lxdns.com/testdsfsdf1"
	want := vendorapi.Answer{
		URLs:      []prefetch.URL{plain, secure},
		Count:     282,
		Page:      1,
		PageSize:  2,
		Oddities:  []string{"page 1 has 2 rows instead of 20, although 282 rows match: the vendor capped the page"},
		RequestID: "23f9abf8-1f4a-498c_1493668625478",
		Date:      time.Date(2017, 1, 11, 9, 0, 0, 0, time.UTC),
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("answer (-want +got):\n%s", diff)
	}
}

// rows is a page with the given elements of resultDetail and no oddity.
func rows(elements ...string) string {
	return fmt.Sprintf(`{"Code":1,"count":%d,"resultDetail":[%s]}`, len(elements), strings.Join(elements, ","))
}

// TestRows reads one row in all the forms that it may have.
func TestRows(t *testing.T) {
	t.Parallel()
	when := time.Date(2026, 11, 21, 10, 0, 5, 0, beijing)
	for name, tc := range map[string]struct {
		row      string
		want     prefetch.URL
		words    []string
		oddities []string
	}{
		"keys in another letter case": {
			row:  `{"URL":"u","STATUS":"success","Rate":"98","CreateTime":"2026-11-21 10:00:05"}`,
			want: prefetch.URL{URL: "u", Status: prefetch.Succeeded, Created: when, Rate: 0.98, HasRate: true},
		},
		"spaces around and within": {
			row: `{"url":" http:\t//host /a\u00a0b\n","status":" Success ","rate":" 98 % ","finishTime":" 2026-11-21 10:00:05 "}`,
			want: prefetch.URL{
				URL: "http://host/ab", Status: prefetch.Succeeded, Finished: when, Rate: 0.98, HasRate: true,
			},
		},
		"nothing told": {
			row:      `{}`,
			want:     prefetch.URL{Status: prefetch.Unknown},
			oddities: []string{"a row has no url", "a row has no status; taken as unknown"},
		},
		"nulls": {
			row:      `{"url":null,"status":null,"rate":null,"createTime":null,"beginTime":null,"finishTime":null}`,
			want:     prefetch.URL{Status: prefetch.Unknown},
			oddities: []string{"a row has no url", "a row has no status; taken as unknown"},
		},
		"empty texts": {
			row:  `{"url":"u","status":"wait","rate":"","createTime":"","beginTime":"null","finishTime":" NULL "}`,
			want: prefetch.URL{URL: "u", Status: prefetch.Waiting},
		},
		"numbers for texts": {
			row:      `{"url":7,"status":1,"rate":98.5,"createTime":20261121}`,
			want:     prefetch.URL{URL: "7", Status: prefetch.Unknown, Rate: 0.985, HasRate: true},
			words:    []string{"1"},
			oddities: []string{`createTime "20261121" is not a time of the form 2006-01-02 15:04:05; taken as not told`},
		},
		"objects for texts": {
			row:   `{"url":"u","status":{"a": [1]},"rate":[98],"createTime":{},"beginTime":true}`,
			want:  prefetch.URL{URL: "u", Status: prefetch.Unknown},
			words: []string{`{"a": [1]}`},
			oddities: []string{
				`createTime "{}" is not a time of the form 2006-01-02 15:04:05; taken as not told`,
				`beginTime "true" is not a time of the form 2006-01-02 15:04:05; taken as not told`,
				`rate "[98]" is not a number from 0 to 100; taken as not told`,
			},
		},
		"times of other forms": {
			row: `{"url":"u","status":"run","createTime":"2026-11-21T10:00:05","beginTime":"2026-11-21T02:00:05Z","finishTime":"2026-11-21 10:00:05.0"}`,
			want: prefetch.URL{
				URL: "u", Status: prefetch.Running, Created: when, Started: when, Finished: when,
			},
		},
		"the epoch for no time": {
			row:      `{"url":"u","status":"run","finishTime":"1970-01-01 08:00:00"}`,
			want:     prefetch.URL{URL: "u", Status: prefetch.Running},
			oddities: []string{`finishTime "1970-01-01 08:00:00" is not a time of the form 2006-01-02 15:04:05; taken as not told`},
		},
		"never": {
			row:      `{"url":"u","status":"run","finishTime":"9999-12-31 23:59:59"}`,
			want:     prefetch.URL{URL: "u", Status: prefetch.Running},
			oddities: []string{`finishTime "9999-12-31 23:59:59" is not a time of the form 2006-01-02 15:04:05; taken as not told`},
		},
		"rate of nothing": {row: `{"url":"u","status":"run","rate":0}`, want: prefetch.URL{URL: "u", Status: prefetch.Running, HasRate: true}},
		"rate of all":     {row: `{"url":"u","status":"run","rate":"100.00%"}`, want: prefetch.URL{URL: "u", Status: prefetch.Running, Rate: 1, HasRate: true}},
		"rate beyond all": {row: `{"url":"u","status":"run","rate":"101"}`, want: prefetch.URL{URL: "u", Status: prefetch.Running}, oddities: []string{`rate "101" is not a number from 0 to 100; taken as not told`}},
		"rate below none": {row: `{"url":"u","status":"run","rate":-1}`, want: prefetch.URL{URL: "u", Status: prefetch.Running}, oddities: []string{`rate "-1" is not a number from 0 to 100; taken as not told`}},
		"rate no number":  {row: `{"url":"u","status":"run","rate":"NaN"}`, want: prefetch.URL{URL: "u", Status: prefetch.Running}, oddities: []string{`rate "NaN" is not a number from 0 to 100; taken as not told`}},
		"rate no end":     {row: `{"url":"u","status":"run","rate":"Inf"}`, want: prefetch.URL{URL: "u", Status: prefetch.Running}, oddities: []string{`rate "Inf" is not a number from 0 to 100; taken as not told`}},
		"not valid UTF-8": {row: "{\"url\":\"u\xff\",\"status\":\"b\xffd\"}", want: prefetch.URL{URL: "u\uFFFD", Status: prefetch.Unknown}, words: []string{"b\uFFFDd"}},
		"a row of null":   {row: `null`, want: prefetch.URL{Status: prefetch.Unknown}, oddities: []string{"a row is not an object: null"}},
		"a row of text":   {row: `"success"`, want: prefetch.URL{Status: prefetch.Unknown}, oddities: []string{`a row is not an object: "success"`}},
		"a row in a row":  {row: `[{"url":"u"}]`, want: prefetch.URL{Status: prefetch.Unknown}, oddities: []string{`a row is not an object: [{"url":"u"}]`}},
		"an unknown status": {
			row:   `{"url":"u","status":"Paused\u0007"}`,
			want:  prefetch.URL{URL: "u", Status: prefetch.Unknown},
			words: []string{"Paused"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			good := `{"url":"good","status":"success"}`
			got, err := ask(t, reply{status: 200, body: rows(tc.row, good)}, taskQuery(), beijing)
			if err != nil {
				t.Fatal(err)
			}
			want := vendorapi.Answer{
				URLs:  []prefetch.URL{tc.want, {URL: "good", Status: prefetch.Succeeded}},
				Count: 2, Page: 1, PageSize: 100, UnknownWords: tc.words, Oddities: tc.oddities,
			}
			if diff := cmp.Diff(want, got, cmp.Comparer(func(a, b time.Time) bool { return a.Equal(b) })); diff != "" {
				t.Errorf("answer (-want +got):\n%s", diff)
			}
		})
	}
}

func TestStatusWords(t *testing.T) {
	t.Parallel()
	for want, words := range map[prefetch.Status][]string{
		prefetch.Waiting:   {"wait", "Wait", "WAITING", "init", "Init"},
		prefetch.Running:   {"run", "Run", "Running"},
		prefetch.Succeeded: {"success", "Success", "SUCCESS"},
		prefetch.Failed:    {"failure", "Failure", "fail", "FAILED"},
	} {
		for _, word := range words {
			got, err := ask(t, reply{status: 200, body: rows(`{"url":"u","status":"` + word + `"}`)}, taskQuery(), beijing)
			if err != nil {
				t.Fatal(err)
			}
			if got.URLs[0].Status != want || got.UnknownWords != nil {
				t.Errorf("%q is %v, unknown words %q, want %v", word, got.URLs[0].Status, got.UnknownWords, want)
			}
		}
	}
}

// What one answer makes the log say is bounded, and nothing is counted less for
// it.
func TestOddRowsAreBounded(t *testing.T) {
	t.Parallel()
	const n = 200
	elements := make([]string, n)
	for i := range elements {
		elements[i] = fmt.Sprintf(`{"url":"u%d","status":"%d%s","rate":"x%d"}`, i, i%150, strings.Repeat("o", 1000), i)
	}
	got, err := ask(t, reply{status: 200, body: rows(elements...)}, taskQuery(), beijing)
	if err != nil {
		t.Fatal(err)
	}
	if counts := prefetch.CountURLs(got.URLs); counts[prefetch.Unknown] != n {
		t.Errorf("counts = %v", counts)
	}
	if len(got.Oddities) != 1 || len(got.UnknownWords) != 10 {
		t.Errorf("%d oddities and %d unknown words", len(got.Oddities), len(got.UnknownWords))
	}
	for _, word := range got.UnknownWords {
		if len(word) > 400 {
			t.Errorf("a word of %d bytes", len(word))
		}
	}
	again := rows(elements[0], elements[0])
	if got, err = ask(t, reply{status: 200, body: again}, taskQuery(), beijing); err != nil || len(got.UnknownWords) != 1 {
		t.Errorf("one word twice: %q, %v", got.UnknownWords, err)
	}
}

// TestPages reads the forms of an answer around its rows.
func TestPages(t *testing.T) {
	t.Parallel()
	const a, b = `{"url":"a","status":"run"}`, `{"url":"b","status":"run"}`
	twenty := strings.Repeat(a+",", 19) + a
	for name, tc := range map[string]struct {
		body           string
		page, ask      int
		rows, count    int
		size           int
		oddity, noWord string
	}{
		"as documented":            {body: `{"Code":1,"message":"success","count":2,"pageNo":1,"pageSize":100,"resultDetail":[` + a + `,` + b + `]}`, rows: 2, count: 2, size: 100},
		"everything as text":       {body: `{"code":"1","Message":"success","count":"2","pageNo":"1","pageSize":"50","resultDetail":[` + a + `,` + b + `]}`, rows: 2, count: 2, size: 50},
		"everything as a fraction": {body: `{"CODE":1.0,"COUNT":2.0,"PAGESIZE":50.0,"RESULTDETAIL":[` + a + `,` + b + `]}`, rows: 2, count: 2, size: 50},
		"the other name":           {body: `{"Code":1,"count":1,"resultDetailList":[` + a + `]}`, rows: 1, count: 1, size: 100},
		"the other name, one null": {body: `{"Code":1,"count":1,"resultDetail":null,"resultDetailList":[` + a + `]}`, rows: 1, count: 1, size: 100},
		"both names, one empty":    {body: `{"Code":1,"count":1,"resultDetail":[],"resultDetailList":[` + a + `]}`, rows: 1, count: 1, size: 100},
		"no list":                  {body: `{"Code":1,"count":0}`, size: 100},
		"a list of null":           {body: `{"Code":1,"count":0,"resultDetail":null,"resultDetailList":null}`, size: 100},
		"a list of empty text":     {body: `{"Code":1,"count":0,"resultDetail":""}`, size: 100},
		"a byte order mark":        {body: "\uFEFF {\"Code\":1,\"count\":0}\r\n", size: 100},
		"a page number that lies":  {body: `{"Code":1,"count":2,"pageNo":15,"pageSize":1,"resultDetail":[` + a + `]}`, page: 2, ask: 1, rows: 1, count: 2, size: 1},

		"no count":          {body: `{"Code":1,"resultDetail":[` + a + `]}`, rows: 1, count: 1, size: 100, oddity: `count "" is not a whole number; the 1 rows`},
		"a count of words":  {body: `{"Code":1,"count":"many","resultDetail":[` + a + `]}`, rows: 1, count: 1, size: 100, oddity: `count "many" is not a whole number`},
		"a negative count":  {body: `{"Code":1,"count":-1,"resultDetail":[` + a + `]}`, rows: 1, count: 1, size: 100, oddity: `count "-1" is not a whole number`},
		"a count and a bit": {body: `{"Code":1,"count":1.5,"resultDetail":[` + a + `]}`, rows: 1, count: 1, size: 100, oddity: `count "1.5" is not a whole number`},
		"a count too large": {body: `{"Code":1,"count":1e300,"resultDetail":[` + a + `]}`, rows: 1, count: 1, size: 100, oddity: `count "1e300" is not a whole number`},
		"a count too small": {body: `{"Code":1,"count":1,"resultDetail":[` + a + `,` + b + `]}`, rows: 2, count: 2, size: 100, oddity: "count 1 is less than the 2 rows"},

		"a size of nothing":         {body: `{"Code":1,"count":0,"pageSize":0}`, size: 100},
		"a size of words":           {body: `{"Code":1,"count":0,"pageSize":"all"}`, size: 100},
		"capped and said":           {body: `{"Code":1,"count":282,"pageSize":20,"resultDetail":[` + twenty + `]}`, rows: 20, count: 282, size: 20},
		"capped and not said":       {body: `{"Code":1,"count":282,"pageSize":100,"resultDetail":[` + twenty + `]}`, rows: 20, count: 282, size: 20, oddity: "page 1 has 20 rows instead of 100, although 282 rows match"},
		"capped, few left":          {body: `{"Code":1,"count":110,"resultDetail":[` + twenty + `]}`, rows: 20, count: 110, size: 20, oddity: "page 1 has 20 rows instead of 100"},
		"the last page is short":    {body: `{"Code":1,"count":220,"resultDetail":[` + twenty + `]}`, page: 3, rows: 20, count: 220, size: 100},
		"a page beyond the last":    {body: `{"Code":1,"count":220,"resultDetail":[]}`, page: 4, count: 220, size: 100},
		"a page far beyond":         {body: `{"Code":1,"count":220,"resultDetail":[]}`, page: 1 << 60, count: 220, size: 100},
		"a page that lacks its row": {body: `{"Code":1,"count":220,"resultDetail":[]}`, page: 2, count: 220, size: 100, oddity: "page 2 of 100 rows has no row, although 220 rows match"},
		"more rows than asked for":  {body: `{"Code":1,"count":282,"pageSize":1,"resultDetail":[` + twenty + `]}`, ask: 1, rows: 20, count: 282, size: 20},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			q := taskQuery()
			q.Page, q.PageSize = tc.page, tc.ask
			got, err := ask(t, reply{status: 200, body: tc.body}, q, beijing)
			if err != nil {
				t.Fatal(err)
			}
			if len(got.URLs) != tc.rows || got.Count != tc.count || got.PageSize != tc.size || got.Page != max(tc.page, 1) {
				t.Errorf("%d rows, count %d, page %d of %d; want %d rows, count %d, page size %d",
					len(got.URLs), got.Count, got.Page, got.PageSize, tc.rows, tc.count, tc.size)
			}
			switch {
			case tc.oddity == "" && len(got.Oddities) > 0:
				t.Errorf("oddities %q, want none", got.Oddities)
			case tc.oddity != "" && !slices.ContainsFunc(got.Oddities, func(s string) bool { return strings.Contains(s, tc.oddity) }):
				t.Errorf("oddities %q, want %q", got.Oddities, tc.oddity)
			}
		})
	}
}
