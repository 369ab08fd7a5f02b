package baiducloud_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"prefetch_exporter/prefetch"
	vendorapi "prefetch_exporter/vendor_api"
	"prefetch_exporter/vendor_api/baiducloud"
	"prefetch_exporter/vendor_api/vendorapitest"
)

func TestAnswers(t *testing.T) {
	t.Parallel()
	at := func(minutes int) time.Time { return time.Date(2026, 11, 21, 10, minutes, 0, 0, time.UTC) }
	tomorrow := time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)
	answer := func(urls ...prefetch.URL) vendorapi.Answer {
		return vendorapi.Answer{URLs: urls, Count: len(urls), RequestID: "4c3"}
	}
	next := windowQuery()
	next.Cursor = "m1"
	with := func(a vendorapi.Answer, f func(a *vendorapi.Answer)) vendorapi.Answer {
		f(&a)
		return a
	}
	for _, tt := range []struct {
		name, body string
		query      vendorapi.Query
		want       vendorapi.Answer
	}{
		{
			"a task", `{"details":[
{"status":"completed","createdAt":"2026-11-21T10:00:00Z","startedAt":"2026-11-21T10:01:00Z","finishedAt":"2026-11-21T10:05:00Z","progress":100,"task":{"url":"http://example.com/1"}},
{"status":"in-progress","createdAt":"2026-11-21T10:00:00Z","startedAt":"2026-11-21T10:01:00Z","progress":25,"task":{"url":"http://example.com/2"}},
{"status":"waiting","createdAt":"2026-11-21T10:00:00Z","progress":0,"task":{"url":"http://example.com/3","speed":5}},
{"status":"failed","createdAt":"2026-11-21T10:00:00Z","startedAt":"2026-11-21T10:01:00Z","finshedAt":"2026-11-21T10:02:00Z","progress":"50","task":[{"url":"http://example.com/4"}]}
],"isTruncated":false}`, taskQuery(),
			answer(
				prefetch.URL{URL: "http://example.com/1", Status: prefetch.Succeeded, Created: at(0), Started: at(1), Finished: at(5), Progress: 1, HasProgress: true},
				prefetch.URL{URL: "http://example.com/2", Status: prefetch.Running, Created: at(0), Started: at(1), Progress: 0.25, HasProgress: true},
				prefetch.URL{URL: "http://example.com/3", Status: prefetch.Waiting, Created: at(0), HasProgress: true},
				prefetch.URL{URL: "http://example.com/4", Status: prefetch.Failed, Created: at(0), Started: at(1), Finished: at(2), Progress: 0.5, HasProgress: true},
			),
		},
		{
			"abroad", `{"details":[{"status":"completed","task":{"type":"file","url":"u"},"createdAt":"2026-11-21T10:00:00Z","finishedAt":"2026-11-21T10:05:00Z"}]}`,
			windowQuery(),
			answer(prefetch.URL{URL: "u", Status: prefetch.Succeeded, Created: at(0), Finished: at(5)}),
		},
		{
			"submitted for later", `{"details":[{"status":"waiting","createdAt":"2026-11-21T10:00:00Z","task":{"url":"u","startTime":"2026-11-22T10:00:00Z"}},` +
				`{"status":"in-progress","createdAt":"2026-11-21T10:04:00Z","startedAt":"2026-11-21T10:05:00Z","task":{"url":"u","startTime":"2026-11-21T10:03:00Z"}}]}`,
			taskQuery(),
			answer(
				prefetch.URL{URL: "u", Status: prefetch.Waiting, Created: tomorrow},
				prefetch.URL{URL: "u", Status: prefetch.Running, Created: at(4), Started: at(5)},
			),
		},
		{
			"a page", `{"details":[{"status":"failed","task":{"url":"u"}}],"isTruncated":true,"nextMarker":"m2"}`, next,
			with(answer(prefetch.URL{URL: "u", Status: prefetch.Failed}), func(a *vendorapi.Answer) { a.Next = "m2" }),
		},
		{
			"the last page", `{"details":[{"status":"failed","task":{"url":"u"}}],"isTruncated":false,"nextMarker":"m2"}`, next,
			answer(prefetch.URL{URL: "u", Status: prefetch.Failed}),
		},
		{
			"a task that is truncated", `{"details":[{"status":"failed","task":{"url":"u"}}],"isTruncated":"true","nextMarker":"m2"}`, taskQuery(),
			with(answer(prefetch.URL{URL: "u", Status: prefetch.Failed}), func(a *vendorapi.Answer) {
				a.Open, a.Oddities = true, []string{"the rows of a task are truncated; it is taken as not over"}
			}),
		},
		{"no rows", `{"details":[]}`, taskQuery(), with(answer(), func(a *vendorapi.Answer) { a.URLs = []prefetch.URL{} })},
		{"null", ` {"details":null,"requestId":"4c3"} `, taskQuery(), with(answer(), func(a *vendorapi.Answer) { a.URLs = []prefetch.URL{} })},
		{
			"odd rows", `{"details":[7,{"status":"frozen","task":"u","createdAt":"soon","progress":"half"},{"task":null},{"status":"FAILED","task":[{"url":"u"},{"url":"v"}]},` +
				`{"status":"failed","task":[]},{"status":"failed","task":[3]},{"status":"failed","task":{"url":1,"startTime":[]},"finishedAt":"0001-01-01T00:00:00Z"}]}`,
			windowQuery(),
			with(answer(
				prefetch.URL{Status: prefetch.Unknown}, prefetch.URL{Status: prefetch.Unknown}, prefetch.URL{Status: prefetch.Unknown},
				prefetch.URL{URL: "u", Status: prefetch.Failed}, prefetch.URL{Status: prefetch.Failed}, prefetch.URL{Status: prefetch.Failed},
				prefetch.URL{URL: "1", Status: prefetch.Failed},
			), func(a *vendorapi.Answer) {
				a.UnknownWords = []string{"frozen"}
				a.Oddities = []string{
					"a row is not an object: 7", "a row has no url", `createdAt "soon" is not a time of the form 2006-01-02T15:04:05Z; taken as not told`,
					`progress "half" is not a number from 0 to 100; taken as not told`, "a row has no status; taken as unknown",
					"a row has several tasks, of which the first is read",
					`finishedAt "0001-01-01T00:00:00Z" is not a time of the form 2006-01-02T15:04:05Z; taken as not told`,
					`startTime "[]" is not a time of the form 2006-01-02T15:04:05Z; taken as not told`,
				}
			}),
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			p := newProvider(t, vendorapitest.Says(http.StatusOK, tt.body, "X-Bce-Request-Id", "4c3"), baiducloud.Options{})
			got, err := p.Query(t.Context(), tt.query)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestAnswersThatCannotBeRead(t *testing.T) {
	t.Parallel()
	next := windowQuery()
	next.Cursor = "m1"
	for want, body := range map[string]string{
		"the answer is empty":                   " ",
		"the answer is not a JSON object":       "[]",
		"the answer is not JSON":                "{",
		"the answer has no details":             `{"isTruncated":false}`,
		"details is not a list: {}":             `{"details":{}}`,
		"truncated and names no nextMarker":     `{"details":[],"isTruncated":true}`,
		"answer is truncated and names no":      `{"details":[],"isTruncated":true,"nextMarker":"` + strings.Repeat("m", vendorapi.MaxText+1) + `"}`,
		"the nextMarker is the one that was as": `{"details":[],"isTruncated":true,"nextMarker":"m1"}`,
	} {
		t.Run(want, func(t *testing.T) {
			t.Parallel()
			p := newProvider(t, vendorapitest.Says(http.StatusOK, body), baiducloud.Options{})
			_, err := p.Query(t.Context(), next)
			if e := vendorapitest.Error(t, err); e.Reason != prefetch.ReasonDecode || !strings.Contains(e.Error(), want) {
				t.Errorf("got %v", e)
			}
		})
	}
}
