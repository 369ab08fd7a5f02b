package baiducloud_test

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/baidubce/bce-sdk-go/auth"
	bcehttp "github.com/baidubce/bce-sdk-go/http"

	vendorapi "prefetch_exporter/vendor_api"
	"prefetch_exporter/vendor_api/baiducloud"
)

// comparedRequests is how many random requests are signed by both.
const comparedRequests = 1000

// seedFlag repeats a run that failed.
var seedFlag = flag.Uint64("seed", 0, "seed of the random requests; 0 takes one from the clock")

// TestSignEqualsSDK signs random requests with the vendor's SDK and with the exporter:
// the same Authorization header must come out.
func TestSignEqualsSDK(t *testing.T) {
	t.Parallel()
	seed := *seedFlag
	if seed == 0 {
		seed = uint64(time.Now().UnixNano())
	}
	t.Logf("repeat with -seed=%d", seed)
	random := generator{rand.New(rand.NewPCG(seed, 0))}
	for i := range comparedRequests {
		at := time.Unix(1+random.Int64N(4e9), 0)
		c := vendorapi.Credentials{AccessKey: random.word(20), SecretKey: random.text(1, 40)}
		if random.IntN(2) == 0 {
			c.Token = random.word(30)
		}
		ours, theirs := random.request(t)
		theirs.SetHeader("x-bce-date", at.UTC().Format("2006-01-02T15:04:05Z"))

		baiducloud.Sign(ours, nil, c, at)
		(&auth.BceV1Signer{}).Sign(theirs, &auth.BceCredentials{AccessKeyId: c.AccessKey, SecretAccessKey: c.SecretKey, SessionToken: c.Token},
			&auth.SignOptions{HeadersToSign: auth.DEFAULT_HEADERS_TO_SIGN, Timestamp: at.Unix(), ExpireSeconds: auth.DEFAULT_EXPIRE_SECONDS})
		if got, want := ours.Header.Get("Authorization"), theirs.Header("Authorization"); got != want {
			t.Fatalf("request %d: %s %s\nheaders %q\n got %s\nwant %s", i, ours.Method, ours.URL, ours.Header, got, want)
		}
	}
}

// generator makes random requests, of the kinds that signing treats apart.
type generator struct{ *rand.Rand }

// request returns the same request for either signer.
func (g generator) request(t *testing.T) (ours *http.Request, theirs *bcehttp.Request) {
	t.Helper()
	hosts := []string{"cdn.baidubce.com", "127.0.0.1:8080"}
	methods := []string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodDelete}
	host, method, path := hosts[g.IntN(len(hosts))], methods[g.IntN(len(methods))], "/"+g.path()
	query := url.Values{}
	theirs = &bcehttp.Request{}
	theirs.SetMethod(method)
	theirs.SetUri(path)
	theirs.SetHeader("Host", host)
	for range g.IntN(5) {
		key, value := g.text(1, 10), g.text(0, 20)
		query.Set(key, value)
		theirs.SetParam(key, value)
	}
	target := url.URL{Scheme: "https", Host: host, Path: path, RawQuery: query.Encode()}
	ours, err := http.NewRequestWithContext(t.Context(), method, target.String(), http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	set := func(name, value string) {
		ours.Header.Set(name, value)
		theirs.SetHeader(name, value)
	}
	if g.IntN(2) == 0 {
		set("Content-Type", "application/json;charset=utf-8")
	}
	if g.IntN(4) == 0 {
		set("Content-Md5", g.word(20))
	}
	if g.IntN(4) == 0 {
		set("X-Bce-Request-Id", g.word(20))
	}
	for i := range g.IntN(4) {
		set(fmt.Sprintf("X-Bce-%s%d", g.word(12), i), g.headerValue())
		set("Y-"+g.word(12), g.headerValue())
	}
	return ours, theirs
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
