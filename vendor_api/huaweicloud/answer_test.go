package huaweicloud_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"prefetch_exporter/prefetch"
	vendorapi "prefetch_exporter/vendor_api"
)

// pageExample is the example of the vendor's page.
const pageExample = `{ "preheating_results" : [
 { "url" : "https://example.com/asset/9db42f5e08c15edecd99a98da241994a/313bfd52a75f95ff48e8bf02eca2ab20.flv", "status" : "processing" },
 { "url" : "https://example.com/asset/9e455adb02295aa123809e8dc7ca51c1/68b1241af3bf58bcde9914626e07f5af.mp4", "status" : "succeed" },
 { "url" : "https://example.com/asset/9e455adb02295aa123809e8dc7ca51c1/play_video/68b1241af3bf58bcde9914626e07f5af_H.264_480X270_HEAACV1_300.mp4", "status" : "failed" } ] }`

func TestAnswers(t *testing.T) {
	t.Parallel()
	urls := func(urls ...prefetch.URL) vendorapi.Answer {
		return vendorapi.Answer{URLs: urls, Count: len(urls)}
	}
	odd := func(a vendorapi.Answer, sentences ...string) vendorapi.Answer {
		a.Oddities = sentences
		return a
	}
	unknown := func(a vendorapi.Answer, words ...string) vendorapi.Answer {
		a.UnknownWords = words
		return a
	}
	for _, tt := range []struct {
		name, body string
		want       vendorapi.Answer
	}{
		{"the page's example", pageExample, urls(
			prefetch.URL{
				URL:    "https://example.com/asset/9db42f5e08c15edecd99a98da241994a/313bfd52a75f95ff48e8bf02eca2ab20.flv",
				Status: prefetch.Running,
			},
			prefetch.URL{
				URL:    "https://example.com/asset/9e455adb02295aa123809e8dc7ca51c1/68b1241af3bf58bcde9914626e07f5af.mp4",
				Status: prefetch.Succeeded,
			},
			prefetch.URL{
				URL: "https://example.com/asset/9e455adb02295aa123809e8dc7ca51c1/play_video/" +
					"68b1241af3bf58bcde9914626e07f5af_H.264_480X270_HEAACV1_300.mp4",
				Status: prefetch.Failed,
			})},
		{"the SDK's letters and stray spaces", `{"preheating_results":[{"url":"u","status":" SUCCEED "},{"url":"u","status":"Failed"}]}`,
			urls(prefetch.URL{URL: "u", Status: prefetch.Succeeded}, prefetch.URL{URL: "u", Status: prefetch.Failed})},
		{"no rows", `{"preheating_results":[]}`, vendorapi.Answer{URLs: []prefetch.URL{}}},
		{"null", `{"preheating_results":null}`, odd(vendorapi.Answer{}, "the answer has no preheating_results")},
		{"missing", ` {"error_code":null,"other":1} `, odd(vendorapi.Answer{}, "the answer has no preheating_results")},
		{"unknown words", `{"preheating_results":[{"url":"a","status":"frozen"},{"url":"b","status":"frozen"},{"url":"c","status":7},{"url":"d","status":" "}]}`,
			odd(unknown(urls(
				prefetch.URL{URL: "a", Status: prefetch.Unknown}, prefetch.URL{URL: "b", Status: prefetch.Unknown},
				prefetch.URL{URL: "c", Status: prefetch.Unknown}, prefetch.URL{URL: "d", Status: prefetch.Unknown},
			), "frozen", "7"), "a row has no status (1 in this answer)")},
		{"odd rows", `{"preheating_results":[null,3,"x",["y"],{},{"url":1,"status":"succeed"},{"url":"u","status":null},{"url":"v","status":"failed"}]}`,
			odd(urls(
				prefetch.URL{Status: prefetch.Unknown}, prefetch.URL{Status: prefetch.Unknown},
				prefetch.URL{Status: prefetch.Unknown}, prefetch.URL{Status: prefetch.Unknown},
				prefetch.URL{Status: prefetch.Unknown},
				prefetch.URL{Status: prefetch.Succeeded},
				prefetch.URL{URL: "u", Status: prefetch.Unknown},
				prefetch.URL{URL: "v", Status: prefetch.Failed},
			), "a row is no JSON object (4 in this answer)",
				"a row has no url, or one that is not text (2 in this answer)",
				"a row has no status (2 in this answer)")},
		{"not UTF-8", "{\"preheating_results\":[{\"url\":\"a\xff\",\"status\":\"x\xff\"},{\"url\":\"\\ud800\",\"status\":\"succeed\"}]}",
			unknown(urls(prefetch.URL{URL: "a\uFFFD", Status: prefetch.Unknown},
				prefetch.URL{URL: "\uFFFD", Status: prefetch.Succeeded}), "x\uFFFD")},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			// The vendor says 202 on some pages and 200 on others.
			for _, status := range []int{http.StatusOK, http.StatusAccepted, 299} {
				got, err := ask(t, respond(status, tt.body, "X-Request-Id", "4c3"))
				if err != nil {
					t.Fatalf("HTTP %d: %v", status, err)
				}
				want := tt.want
				want.RequestID, want.Date = "4c3", now()
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("HTTP %d (-want +got):\n%s", status, diff)
				}
			}
		})
	}
}

func TestUnknownWordsAreBounded(t *testing.T) {
	t.Parallel()
	rows := make([]string, 100)
	for i := range rows {
		rows[i] = fmt.Sprintf(`{"url":"u","status":"%d%s"}`, i, strings.Repeat("x", 1000))
	}
	a, err := ask(t, respond(http.StatusOK, `{"preheating_results":[`+strings.Join(rows, ",")+`]}`))
	if err != nil || len(a.URLs) != len(rows) || len(a.UnknownWords) != 10 || len(a.UnknownWords[0]) > 300 {
		t.Errorf("%d rows, %d words, %v", len(a.URLs), len(a.UnknownWords), err)
	}
}

func TestAnswersThatCannotBeRead(t *testing.T) {
	t.Parallel()
	for name, body := range map[string]string{
		"nothing":         "",
		"no JSON":         "<html><body>Please log in</body></html>",
		"null":            "null",
		"a list":          `[{"url":"u","status":"succeed"}]`,
		"cut off":         `{"preheating_results":[{"url":"u","stat`,
		"two":             `{"preheating_results":[]}{}`,
		"rows not listed": `{"preheating_results":{"url":"u","status":"succeed"}}`,
		"text":            `{"preheating_results":"none"}`,
		"deep":            `{"preheating_results":` + strings.Repeat("[", 20000) + strings.Repeat("]", 20000) + `}`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := ask(t, respond(http.StatusOK, body, "X-Request-Id", "4c3"))
			e := wantError(t, err)
			if e.Reason != prefetch.ReasonDecode || e.RequestID != "4c3" || !e.Date.Equal(now()) || e.Unsent {
				t.Errorf("got %+v", e)
			}
			if len(e.Error()) > 1000 || strings.Contains(body, "log in") && !strings.Contains(e.Error(), "Please log in") {
				t.Errorf("message: %v", e)
			}
		})
	}
}

// Whatever the vendor sends, an answer has every row of the list, valid text,
// and bounded words for the log; anything else is a decode error, or the error
// that the vendor wrote into a success.
func FuzzAnswer(f *testing.F) {
	f.Add(pageExample)
	f.Add(`{"preheating_results":[null,1,"x",{},{"url":1,"status":2},{"url":"\ud800","status":"SUCCEED"}]}`)
	f.Add("{\"preheating_results\":[{\"url\":\"\xff\",\"status\":\"\xff\"}]}")
	f.Add(`{"Preheating_Results":null,"error_code":"VOD.10062"}`)
	f.Add(`{"preheating_results":[],"preheating_results":[{}]}`)
	f.Fuzz(func(t *testing.T, body string) {
		a, err := ask(t, respond(http.StatusOK, body))
		if err != nil {
			e := wantError(t, err)
			if !utf8.ValidString(e.Error()) || len(e.Error()) > 2000 || e.Reason == "" || e.Unsent {
				t.Fatalf("%+v", e)
			}
			return
		}
		if a.Count != len(a.URLs) || prefetch.CountURLs(a.URLs).Total() != len(a.URLs) {
			t.Fatalf("count %d, %d rows", a.Count, len(a.URLs))
		}
		if rows, ok := countRows(body); ok && rows != len(a.URLs) {
			t.Fatalf("%d rows of %d", len(a.URLs), rows)
		}
		for _, u := range a.URLs {
			if !utf8.ValidString(u.URL) || int(u.Status) >= prefetch.NumStatuses {
				t.Fatalf("row %+v", u)
			}
		}
		seen := map[string]bool{}
		for _, w := range a.UnknownWords {
			if seen[w] || w == "" || len(w) > 300 || !utf8.ValidString(w) {
				t.Fatalf("unknown words %q", a.UnknownWords)
			}
			seen[w] = true
		}
		if len(a.UnknownWords) > 10 || len(a.Oddities) > 10 {
			t.Fatalf("%d words, %d oddities", len(a.UnknownWords), len(a.Oddities))
		}
	})
}

// countRows counts the elements of the list with a decoder of another kind than
// the client's; it reports false where keys repeat or differ in their letters'
// case, where which one counts is the decoder's choice.
func countRows(body string) (int, bool) {
	dec := json.NewDecoder(strings.NewReader(body))
	rows, found := 0, 0
	if t, err := dec.Token(); err != nil || t != json.Delim('{') {
		return 0, false
	}
	for dec.More() {
		key, err := dec.Token()
		name, ok := key.(string)
		if err != nil || !ok {
			return 0, false
		}
		var value any
		if dec.Decode(&value) != nil {
			return 0, false
		}
		if strings.EqualFold(name, "preheating_results") {
			list, _ := value.([]any)
			rows = len(list)
			found++
		}
	}
	return rows, found == 1
}
