package volcengine_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"prefetch_exporter/prefetch"
	"prefetch_exporter/vendor_api/vendorapitest"
	"prefetch_exporter/vendor_api/volcengine"
)

// FuzzAnswer gives any bytes for an answer. Either they are one, with every row in it,
// or the error is classified; and nothing that comes out is out of bounds.
func FuzzAnswer(f *testing.F) {
	for _, seed := range []string{
		`{"ResponseMetadata":{"RequestId":"4c3"},"Result":{"Total":1,"PageNum":1,"PageSize":100,"Data":[{"Url":"u","Status":"complete",` +
			`"TaskType":"preload","CreateTime":1795255200,"TaskID":"x","Process":"100%","Remark":""}]}}`,
		`{"Result":{"Total":"9e9","PageSize":-1,"Data":[null,1,"x",[],{},{"Url":1,"Status":{"a":[1]},"Process":"NaN","CreateTime":1e300}]}}`,
		"{\"Result\":{\"Data\":[{\"Url\":\"\xff\",\"Status\":\"\xfe\",\"TaskType\":\"refresh_\xff\",\"TaskID\":\"\xff\"}]}}",
		`{"ResponseMetadata":{"Error":{"CodeN":100010,"Code":"SignatureDoesNotMatch","Message":"m"}}}`,
		`{"ResponseMetadata":[],"Result":{"Data":null}}`,
		`{"errorcode":"x","message":7}`, `{"Result":null}`, `<html>`,
	} {
		f.Add(200, []byte(seed))
	}
	f.Add(429, []byte(`{}`))
	f.Fuzz(func(t *testing.T, status int, body []byte) {
		status = 200 + int(uint(status)%400)
		p := newProvider(t, vendorapitest.Says(status, string(body)), volcengine.Options{})
		a, err := p.Query(t.Context(), windowQuery())
		if err != nil {
			e := vendorapitest.Error(t, err)
			reasons := prefetch.Reasons()
			if !slices.Contains(reasons[:], e.Reason) || e.Unsent || !utf8.ValidString(e.Error()) || len(e.Message) > 400 || len(e.Code) > 400 {
				t.Fatalf("error %+v", e)
			}
			return
		}
		if a.Count < len(a.URLs) || len(a.RowTasks) != len(a.URLs) || a.Page != 1 || a.PageSize < len(a.URLs) {
			t.Fatalf("%d rows, %d tasks, count %d, page %d of %d", len(a.URLs), len(a.RowTasks), a.Count, a.Page, a.PageSize)
		}
		if rows := elements(body); rows < len(a.URLs) || rows != len(a.URLs) && !strings.Contains(strings.Join(a.Oddities, ""), "left out") {
			t.Fatalf("%d rows of %d: %q", len(a.URLs), rows, a.Oddities)
		}
		for i, u := range a.URLs {
			if !utf8.ValidString(u.URL) || !utf8.ValidString(a.RowTasks[i]) || !utf8.ValidString(u.Words) || len(u.Words) > 300 ||
				int(u.Status) >= prefetch.NumStatuses || u.Progress < 0 || u.Progress > 1 {
				t.Fatalf("row %+v of task %q", u, a.RowTasks[i])
			}
			if _, err := u.Created.MarshalJSON(); err != nil {
				t.Fatal(err)
			}
		}
		for _, text := range slices.Concat(a.UnknownWords, a.Oddities, []string{a.RequestID}) {
			if !utf8.ValidString(text) || len(text) > 600 {
				t.Fatalf("text %q", text)
			}
		}
	})
}

// elements is how many rows a body has, found out without the package's own decoder.
func elements(body []byte) int {
	var object struct {
		Result struct {
			Data any `json:"Data"`
		} `json:"Result"`
	}
	_ = json.Unmarshal(body, &object)
	list, _ := object.Result.Data.([]any)
	return len(list)
}
