package huaweicloud_test

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"net/http"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/huaweicloud/huaweicloud-sdk-go-v3/core/auth/signer"
	"github.com/huaweicloud/huaweicloud-sdk-go-v3/core/request"

	"prefetch_exporter/vendor_api/huaweicloud"
)

// comparedRequests is how many random requests are signed by both.
const comparedRequests = 5000

// seedFlag repeats a run that failed.
var seedFlag = flag.Uint64("seed", 0, "seed of the random requests; 0 takes one from the clock")

// TestSignEqualsSDK signs random requests with the vendor's SDK and with the
// exporter: the same Authorization header must come out.
func TestSignEqualsSDK(t *testing.T) {
	t.Parallel()

	seed := *seedFlag
	if seed == 0 {
		seed = uint64(time.Now().UnixNano())
	}
	t.Logf("repeat with -seed=%d", seed)
	random := generator{rand.New(rand.NewPCG(seed, 0))}

	for i := range comparedRequests {
		accessKey, secretKey := random.word(1, 20), random.text(1, 40)
		theirs := random.request()
		added, err := signer.Sign(theirs, accessKey, secretKey)
		if err != nil {
			t.Fatalf("request %d: the SDK does not sign it: %v", i, err)
		}
		// What the SDK would send, with every header that it signed.
		ours, err := theirs.ConvertRequest()
		if err != nil {
			t.Fatalf("request %d: the SDK does not build it: %v", i, err)
		}
		body, err := theirs.GetBodyToBytes()
		if err != nil {
			t.Fatalf("request %d: the SDK does not encode its body: %v", i, err)
		}

		huaweicloud.Sign(ours, body.Bytes(), accessKey, secretKey)

		if got, want := ours.Header.Get(signer.HeaderAuthorization), added[signer.HeaderAuthorization]; got != want {
			t.Fatalf("request %d: %s %s\nheaders %q\nbody %q\n got %s\nwant %s",
				i, ours.Method, ours.URL, ours.Header, body, got, want)
		}
	}
}

// generator makes random requests, of the kinds that signing treats apart.
type generator struct{ *rand.Rand }

func (g generator) request() *request.DefaultHttpRequest {
	const host = "vod.ap-southeast-3.myhuaweicloud.com"
	methods := []string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodDelete, http.MethodPatch}
	builder := request.NewHttpRequestBuilder().
		WithEndpoint("https://"+host).
		WithMethod(methods[g.IntN(len(methods))]).
		WithPath(g.path()).
		AddHeaderParam(signer.HeaderXDate, time.Unix(g.Int64N(4e9), 0).UTC().Format(signer.BasicDateFormat))
	for range g.IntN(5) {
		name := g.text(1, 10)
		if g.IntN(3) == 0 {
			values := make([]string, g.IntN(4))
			for i := range values {
				values[i] = g.text(0, 10)
			}
			builder.AddQueryParam(name, reflect.ValueOf(values))
		} else {
			builder.AddQueryParam(name, reflect.ValueOf(g.text(0, 20)))
		}
	}
	for i := range g.IntN(5) {
		// The number tells apart what differs in case only.
		builder.AddHeaderParam(fmt.Sprintf("X-%s%d", g.word(1, 12), i), g.headerValue())
	}
	// Headers that have rules of their own: the host can be signed, one with
	// an underscore is not, nor is the type of the content, which, if it is not
	// JSON, also leaves the body unsigned.
	if g.IntN(4) == 0 {
		builder.AddHeaderParam("Host", host)
	}
	if g.IntN(4) == 0 {
		builder.AddHeaderParam("X_"+g.word(1, 5), g.headerValue())
	}
	if types := []string{"", "application/json", "application/json;charset=UTF-8", "text/plain"}; g.IntN(2) == 0 {
		builder.AddHeaderParam("Content-Type", types[g.IntN(len(types))])
	}
	if g.IntN(2) == 0 {
		builder.WithBody("", g.text(0, 200))
	}
	return builder.Build()
}

func (g generator) path() string {
	var b strings.Builder
	for range g.IntN(6) {
		fmt.Fprintf(&b, "/%s", strings.ReplaceAll(g.text(0, 12), "/", ""))
	}
	if b.Len() == 0 || g.IntN(3) == 0 {
		b.WriteByte('/')
	}
	return b.String()
}

func (g generator) headerValue() string {
	spaces := []string{"", " ", "  "}
	return spaces[g.IntN(3)] + strings.ReplaceAll(g.text(0, 20), "\n", "") + spaces[g.IntN(3)]
}

// word returns between least and most letters and digits, of either case.
func (g generator) word(least, most int) string {
	return g.from([]rune("abcxyzABCXYZ0189"), least, most)
}

// text returns between least and most characters that are hard to escape
// right.
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
