package cdnetworks_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"prefetch_exporter/prefetch"
	vendorapi "prefetch_exporter/vendor_api"
	"prefetch_exporter/vendor_api/cdnetworks"
	"prefetch_exporter/vendor_api/vendorapitest"
)

// FuzzAnswer gives any bytes for an answer. Either they are one, with every row
// in it, or the error is classified; and nothing that comes out is out of
// bounds.
func FuzzAnswer(f *testing.F) {
	example, err := os.ReadFile("testdata/vendor_page_answer.json")
	if err != nil {
		f.Fatal(err)
	}
	for _, seed := range []string{
		string(example),
		`{"code":"1","count":"2","pageSize":"20","resultDetailList":[{"url":"a","rate":98.5,"status":"Run"},null]}`,
		`{"Code":1,"count":-1e9,"pageSize":1e9,"resultDetail":[{"rate":"1e999","createTime":"0000-00-00 00:00:00"},[],"x",7]}`,
		`{"Code":1,"resultDetail":[{"rate":"NaN","status":{"a":[1]},"url":["x"],"beginTime":1},{"rate":"0x1p-2%","status":"init"}]}`,
		`{"Code":1,"count":1,"resultDetail":[{"createTime":"2026-11-21 10:00:00","finishTime":"2026-11-21T10:00:00+08:00"}]}`,
		`{"Code":0,"message":"page size error"}`,
		`<html>`,
		"{\"Code\":1,\"resultDetail\":[{\"url\":\"\xff\",\"status\":\"\xfe\"}]}",
	} {
		f.Add(200, []byte(seed))
	}
	f.Add(403, []byte(`{"message":"too many"}`))
	f.Fuzz(func(t *testing.T, httpStatus int, body []byte) {
		if httpStatus < 200 || httpStatus > 599 {
			t.Skip("no HTTP status of a final response")
		}
		q := day(vendorapi.QueryWindow)
		r := reply{status: httpStatus, header: map[string]string{"Date": "Sat, 21 Nov 2026 12:00:00 GMT"}, body: string(body)}
		answer, err := ask(t, r, q, beijing)
		if err != nil {
			checkError(t, err)
			return
		}
		if got, want := len(answer.URLs), elements(t, body); got != want {
			t.Errorf("%d URLs of %d elements", got, want)
		}
		checkAnswer(t, answer)
	})
}

// elements is how many rows body has, found out without the package's own
// decoder.
func elements(t *testing.T, body []byte) int {
	t.Helper()
	var object struct {
		ResultDetail     any `json:"resultDetail"`
		ResultDetailList any `json:"resultDetailList"`
	}
	body = bytes.TrimSpace(bytes.TrimPrefix(bytes.TrimSpace(body), []byte("\uFEFF")))
	if err := json.Unmarshal(body, &object); err != nil {
		t.Fatalf("an answer that is no object: %v", err)
	}
	if list, ok := object.ResultDetail.([]any); ok && len(list) > 0 {
		return len(list)
	}
	list, _ := object.ResultDetailList.([]any)
	return len(list)
}

func checkError(t *testing.T, err error) {
	t.Helper()
	e := vendorapitest.Error(t, err)
	known := false
	for _, reason := range prefetch.Reasons() {
		known = known || e.Reason == reason
	}
	if !known || e.Unsent || !utf8.ValidString(e.Error()) || len(e.Message) > 400 || len(e.Code) > 400 {
		t.Errorf("error = %+v", e)
	}
}

func checkAnswer(t *testing.T, answer vendorapi.Answer) {
	t.Helper()
	if answer.Count < len(answer.URLs) || answer.Page != 1 || answer.PageSize < 1 || answer.PageSize < len(answer.URLs) {
		t.Errorf("count %d, page %d of %d for %d rows", answer.Count, answer.Page, answer.PageSize, len(answer.URLs))
	}
	if total := prefetch.CountURLs(answer.URLs).Total(); total != len(answer.URLs) {
		t.Errorf("the statuses of %d URLs count %d", len(answer.URLs), total)
	}
	for _, u := range answer.URLs {
		if !utf8.ValidString(u.URL) || strings.ContainsAny(u.URL, " \t\r\n") {
			t.Errorf("URL %q", u.URL)
		}
		if !(u.Rate >= 0 && u.Rate <= 1) || !u.HasRate && u.Rate != 0 {
			t.Errorf("rate %v (%t)", u.Rate, u.HasRate)
		}
		for _, when := range []time.Time{u.Created, u.Started, u.Finished} {
			if !when.IsZero() && when.Unix() <= 0 {
				t.Errorf("time %v", when)
			}
			if _, err := when.MarshalJSON(); err != nil {
				t.Errorf("time %v: %v", when, err)
			}
		}
	}
	texts := append(append([]string{}, answer.UnknownWords...), answer.Oddities...)
	if len(texts) > 20 {
		t.Errorf("%d words and oddities", len(texts))
	}
	for _, text := range texts {
		if text == "" || !utf8.ValidString(text) || len(text) > 600 || strings.ContainsAny(text, "\r\n") {
			t.Errorf("text %q", text)
		}
	}
}

// BenchmarkDecodePage reads a page of 4,000 rows, from the response's first
// byte to the answer.
func BenchmarkDecodePage(b *testing.B) {
	const n = 4000
	elements := make([]string, n)
	for i := range elements {
		elements[i] = fmt.Sprintf(`{"beginTime":"2026-11-21 10:00:01","createTime":"2026-11-21 10:00:00",`+
			`"finishTime":"2026-11-21 10:00:05","rate":"100","status":"success","url":"https://vod.example.com/launch/segment-%06d.ts"}`, i)
	}
	body := rows(elements...)
	p := newProvider(b, cdnetworks.Options{
		Client: vendorapitest.Client(b, reply{status: 200, body: body}.transport()), Location: beijing, PageSize: n,
	})
	q := day(vendorapi.QueryWindow)
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		answer, err := p.Query(b.Context(), q)
		if err != nil || len(answer.URLs) != n {
			b.Fatalf("%d URLs, %v", len(answer.URLs), err)
		}
	}
}
