package alibabacloud_test

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	openapiutil "github.com/alibabacloud-go/darabonba-openapi/v2/utils"
	"github.com/alibabacloud-go/tea/dara"

	"prefetch_exporter/vendor_api/alibabacloud"
	"prefetch_exporter/vendor_api/signing"
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
		keyID, secret := random.word(20), random.text(1, 40)
		ours, body, theirs := random.request(t)
		alibabacloud.Sign(ours, body, keyID, secret)
		want := openapiutil.GetAuthorization(theirs, new("ACS3-HMAC-SHA256"), new(signing.SHA256(body)), &keyID, &secret)
		if got := ours.Header.Get("Authorization"); got != *want {
			t.Fatalf("request %d: %s %s\nheaders %q\nbody %q\n got %s\nwant %s", i, ours.Method, ours.URL, ours.Header, body, got, *want)
		}
	}
}

// generator makes random requests, of the kinds that signing treats apart.
type generator struct{ *rand.Rand }

// request makes one in the forms of both. The SDK does not escape the names of
// parameters, which have nothing to escape.
func (g generator) request(t *testing.T) (ours *http.Request, body []byte, theirs *dara.Request) {
	t.Helper()
	host := g.word(8) + ".aliyuncs.com"
	method := []string{http.MethodGet, http.MethodPost}[g.IntN(2)]
	theirs = dara.NewRequest()
	theirs.Method, theirs.Pathname = &method, new("/")
	theirs.Headers["host"] = &host
	query := url.Values{}
	for range g.IntN(6) {
		name, value := g.word(10), g.text(0, 20)
		query.Set(name, value)
		theirs.Query[name] = &value
	}
	ours, err := http.NewRequestWithContext(t.Context(), method, "https://"+host+"/?"+query.Encode(), http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	header := func(name, value string) {
		ours.Header.Set(name, value)
		theirs.Headers[strings.ToLower(name)] = &value
	}
	header("X-Acs-Date", time.Unix(g.Int64N(4e9), 0).UTC().Format(time.RFC3339))
	for i := range g.IntN(6) {
		spaces := []string{"", " ", "  "}
		value := spaces[g.IntN(3)] + strings.ReplaceAll(g.text(0, 20), "\n", "") + spaces[g.IntN(3)]
		header(fmt.Sprintf("X-Acs-%s%d", g.word(12), i), value)
	}
	if g.IntN(3) == 0 {
		header("Content-Type", "application/json; charset=utf-8")
	}
	header("Accept", "application/json") // which is not signed
	if g.IntN(2) == 0 {
		body = []byte(g.text(0, 200))
	}
	return ours, body, theirs
}

// word returns up to most letters and digits, of either case.
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
