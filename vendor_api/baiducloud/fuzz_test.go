package baiducloud_test

import (
	"encoding/json"
	"slices"
	"testing"
	"time"
	"unicode/utf8"

	"prefetch_exporter/prefetch"
	"prefetch_exporter/vendor_api/baiducloud"
	"prefetch_exporter/vendor_api/vendorapitest"
)

// FuzzAnswer gives any bytes for an answer. Either they are one, with every row in it,
// or the error is classified; and nothing that comes out is out of bounds.
func FuzzAnswer(f *testing.F) {
	for _, seed := range []string{
		`{"details":[{"status":"completed","createdAt":"2026-11-21T10:00:00Z","startedAt":"2026-11-21T10:01:00Z","finishedAt":"2026-11-21T10:05:00Z",` +
			`"progress":100,"task":{"url":"u"}}],"isTruncated":false}`,
		`{"details":[null,1,[],{},{"task":[{"url":"u","startTime":"9999-12-31T23:59:59Z"},2]},{"task":[[]]},{"progress":"1e999","createdAt":{}}],"isTruncated":true,"nextMarker":"m"}`,
		"{\"details\":[{\"status\":\"\xff\",\"task\":{\"url\":\"\xfe\"}}],\"isTruncated\":true,\"nextMarker\":\"\xff\"}",
		`{"code":"AccessDenied","message":"m","requestId":"4c3"}`, `{"details":null}`, `<html>`, `{}`,
	} {
		f.Add(200, []byte(seed))
	}
	f.Add(429, []byte(`{}`))
	f.Fuzz(func(t *testing.T, status int, body []byte) {
		status = 200 + int(uint(status)%400)
		p := newProvider(t, vendorapitest.Says(status, string(body)), baiducloud.Options{})
		a, err := p.Query(t.Context(), windowQuery())
		if err != nil {
			e := vendorapitest.Error(t, err)
			reasons := prefetch.Reasons()
			if !slices.Contains(reasons[:], e.Reason) || e.Unsent || !utf8.ValidString(e.Error()) || len(e.Message) > 400 || len(e.Code) > 400 {
				t.Fatalf("error %+v", e)
			}
			return
		}
		if rows := elements(body); a.Count != len(a.URLs) || a.RowTasks != nil || rows != len(a.URLs) {
			t.Fatalf("%d rows of %d, tasks %q, count %d", len(a.URLs), rows, a.RowTasks, a.Count)
		}
		for _, u := range a.URLs {
			if !utf8.ValidString(u.URL) || int(u.Status) >= prefetch.NumStatuses || u.Progress < 0 || u.Progress > 1 || u.Words != "" {
				t.Fatalf("row %+v", u)
			}
			for _, at := range []time.Time{u.Created, u.Started, u.Finished} {
				if _, err := at.MarshalJSON(); err != nil {
					t.Fatal(err)
				}
			}
		}
		for _, text := range slices.Concat(a.UnknownWords, a.Oddities, []string{a.RequestID, a.Next}) {
			if !utf8.ValidString(text) || len(text) > 8<<10 {
				t.Fatalf("text %q", text)
			}
		}
	})
}

// elements is how many rows a body has, found out without the package's own decoder.
func elements(body []byte) int {
	var object struct {
		Details any `json:"details"`
	}
	_ = json.Unmarshal(body, &object)
	list, _ := object.Details.([]any)
	return len(list)
}
