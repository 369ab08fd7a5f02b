package volcengine_test

import (
	"bytes"
	"flag"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/volcengine/volc-sdk-golang/base"

	vendorapi "prefetch_exporter/vendor_api"
	"prefetch_exporter/vendor_api/volcengine"
)

// comparedRequests is how many random requests are signed by both.
const comparedRequests = 1000

// seedFlag repeats a run that failed.
var seedFlag = flag.Uint64("seed", 0, "seed of the random requests; 0 takes one from the clock")

// TestSignEqualsSDK signs random requests with the vendor's SDK and with the exporter:
// the same headers must come out.
func TestSignEqualsSDK(t *testing.T) {
	t.Parallel()
	seed := *seedFlag
	if seed == 0 {
		seed = uint64(time.Now().UnixNano())
	}
	t.Logf("repeat with -seed=%d", seed)
	random := generator{rand.New(rand.NewPCG(seed, 0))}
	for i := range comparedRequests {
		at := time.Unix(random.Int64N(4e9), 0).UTC()
		body := []byte(random.text(0, 200))
		scope := volcengine.Scope{Region: random.word(12), Service: random.word(5)}
		c := vendorapi.Credentials{AccessKey: random.word(20), SecretKey: random.text(1, 40)}
		if random.IntN(2) == 0 {
			c.Token = random.word(30)
		}
		ours := random.request(t, body)
		theirs := ours.Clone(t.Context())
		theirs.Body, theirs.Header = http.NoBody, ours.Header.Clone()
		theirs.Body = readCloser{bytes.NewReader(body)}
		theirs.Header.Set("X-Date", at.Format("20060102T150405Z"))

		scope.Sign(ours, body, c, at)
		base.Sign4(theirs, base.Credentials{
			AccessKeyID: c.AccessKey, SecretAccessKey: c.SecretKey, SessionToken: c.Token, Region: scope.Region, Service: scope.Service,
		})
		for _, name := range []string{"Authorization", "X-Date", "X-Content-Sha256", "X-Security-Token"} {
			if got, want := ours.Header.Get(name), theirs.Header.Get(name); got != want {
				t.Fatalf("request %d: %s %s\nheaders %q\nbody %q\n got %s\nwant %s", i, ours.Method, ours.URL, ours.Header, body, got, want)
			}
		}
	}
}

// readCloser is a body that need not be closed.
type readCloser struct{ *bytes.Reader }

func (readCloser) Close() error { return nil }

// generator makes random requests, of the kinds that signing treats apart.
type generator struct{ *rand.Rand }

func (g generator) request(t *testing.T, body []byte) *http.Request {
	t.Helper()
	hosts := []string{"cdn.volcengineapi.com", "cdn.byteplusapi.com:443", "127.0.0.1:8080", "example.com:80"}
	query := url.Values{} // of single values: the SDK does not order others
	for range g.IntN(5) {
		query.Set(g.text(1, 10), g.text(0, 20))
	}
	target := url.URL{Scheme: "https", Host: hosts[g.IntN(len(hosts))], Path: "/" + g.path(), RawQuery: query.Encode()}
	methods := []string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodDelete}
	req, err := http.NewRequestWithContext(t.Context(), methods[g.IntN(len(methods))], target.String(), bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	types := []string{"application/json", "application/json; charset=utf-8", "text/plain"}
	req.Header.Set("Content-Type", types[g.IntN(len(types))])
	if g.IntN(4) == 0 {
		req.Header.Set("Content-Md5", g.word(20))
	}
	for i := range g.IntN(4) {
		req.Header.Set(fmt.Sprintf("X-%s%d", g.word(12), i), g.headerValue())
		req.Header.Set("Y-"+g.word(12), g.headerValue())
	}
	return req
}

func (g generator) path() string {
	segments := make([]string, g.IntN(4))
	for i := range segments {
		segments[i] = strings.ReplaceAll(g.text(0, 12), "/", "")
	}
	return strings.Join(segments, "/")
}

func (g generator) headerValue() string {
	spaces := []string{"", " ", "  "}
	return spaces[g.IntN(3)] + strings.ReplaceAll(g.text(0, 20), "\n", "") + spaces[g.IntN(3)]
}

// word returns at most so many letters and digits, of either case, and at least one.
func (g generator) word(most int) string {
	return g.from([]rune("abcxyzABCXYZ0189"), 1, most)
}

// text returns between least and most characters that are hard to escape right.
func (g generator) text(least, most int) string {
	return g.from([]rune("aZ09-._~ +%/?&=;,:@!$'()*[]{}\"<>\\^`|#éß漢🎬\n"), least, most)
}

func (g generator) from(alphabet []rune, least, most int) string {
	text := make([]rune, least+g.IntN(most-least+1))
	for i := range text {
		text[i] = alphabet[g.IntN(len(alphabet))]
	}
	return string(text)
}
