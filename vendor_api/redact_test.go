package vendorapi_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"html"
	"io"
	"net/url"
	"slices"
	"strings"
	"testing"

	promconfig "github.com/prometheus/common/config"
	"pgregory.net/rapid"

	"prefetch_exporter/prefetch"
	vendorapi "prefetch_exporter/vendor_api"
)

func TestRedactor(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("k", 400)
	client := newClient(t, vendorapi.ClientOptions{})
	for _, tt := range []struct {
		name, text string
		secrets    []string
		want       string
	}{
		{"none", "tok2 is refused", nil, "tok2 is refused"},
		{"short", "token=tok2;", []string{"tok2"}, "token=<secret>;"},
		{"too short to be one", "a row is wrong", []string{"", "a", "row"}, "a row is wrong"},
		{"within a word", "xAKLONGy", []string{"AKLONG"}, "x<secret>y"},
		{"several times", "AKLONG AKLONGAKLONG", []string{"AKLONG"}, "<secret> <secret><secret>"},
		{"the longer first", "Access=AKLONG", []string{"AKLONG", "Access=AKLONG"}, "<secret>"},
		{"JSON", `{"k":"a\u0026b\"c"}`, []string{`a&b"c`}, `{"k":"<secret>"}`},
		{"an address", "/login?k=a%2Fb%2Bc", []string{"a/b+c"}, "/login?k=<secret>"},
		{"JSON in a page", `{&#34;k&#34;:&#34;a\&#34;bc&#34;}`, []string{`a"bc`}, `{&#34;k&#34;:&#34;<secret>&#34;}`},
		{"cut", strings.Repeat("x", 290) + "AKLONGEXAMPLE", []string{"AKLONGEXAMPLE"}, strings.Repeat("x", 290) + "<secret>…"},
		{"cut, the longest part", strings.Repeat("x", 289) + "AKLONGEXAMPLE", []string{"LONGAAAAAAA", "AKLONGEXAMPLE"}, strings.Repeat("x", 289) + "<secret>…"},
		{"longer than what is shown", long, []string{long}, "<secret>…"},
		{"much longer, with what is not shown", strings.Repeat("k\u00ad", 999), []string{strings.Repeat("k\u00ad", 999)}, "<secret>…"},
		{"of two words", "pass\n word", []string{"pass  word"}, "<secret>"},
		{"with a control character in it", "AK\x01LO\u200bNG", []string{"AKLONG"}, "<secret>"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			text := vendorapi.Excerpt([]byte(tt.text))
			r := client.Redactor(tt.secrets...)
			e := r.Error(&vendorapi.Error{Reason: prefetch.ReasonAuth, Code: text, Message: text, RequestID: text, Err: errors.New(tt.text)})
			for _, got := range []string{e.Code, e.Message, e.RequestID, e.Err.Error()} {
				if got != tt.want && len(tt.secrets) > 0 {
					t.Errorf("got  %q\nwant %q", got, tt.want)
				}
			}
			a := r.Answer(vendorapi.Answer{
				URLs: []prefetch.URL{{URL: tt.text}}, UnknownWords: []string{text}, Oddities: []string{text}, RequestID: text,
			})
			if a.UnknownWords[0] != tt.want || a.Oddities[0] != tt.want || a.RequestID != tt.want || a.URLs[0].URL != tt.text {
				t.Errorf("got %+v", a)
			}
		})
	}
}

// What an error is stays, whoever else holds it: only its words change.
func TestRedactedErrorStaysWhatItWas(t *testing.T) {
	t.Parallel()
	e := &vendorapi.Error{
		Reason: prefetch.ReasonThrottled, HTTPStatus: 429, Code: "429 AKLONG", RetryAfter: 7, Unsent: true, Date: now(),
		Err: fmt.Errorf("host: AKLONG: %w", io.ErrUnexpectedEOF),
	}
	got := newClient(t, vendorapi.ClientOptions{}).Redactor("AKLONG").Error(e)
	if got.Error() != "throttled: HTTP 429: 429 <secret>: host: <secret>: unexpected EOF" || !errors.Is(got, io.ErrUnexpectedEOF) ||
		got.RetryAfter != 7 || !got.Unsent || !got.Date.Equal(now()) {
		t.Errorf("got %v", got)
	}
	if e.Code != "429 AKLONG" || !strings.Contains(e.Error(), "host: AKLONG") {
		t.Errorf("the original is changed: %v", e)
	}
	if e := newClient(t, vendorapi.ClientOptions{}).Redactor().Error(io.ErrNoProgress); e.Reason != prefetch.ReasonUnavailable || !errors.Is(e, io.ErrNoProgress) {
		t.Errorf("got %v", e)
	}
}

// A proxy is sent credentials of its own, and may show them too.
func TestProxyCredentialsAreHidden(t *testing.T) {
	t.Parallel()
	u, err := url.Parse("http://ops:pass%2Fword@proxy.example:3128")
	if err != nil {
		t.Fatal(err)
	}
	c := newClient(t, vendorapi.ClientOptions{HTTP: promconfig.HTTPClientConfig{ProxyConfig: promconfig.ProxyConfig{
		ProxyURL: promconfig.URL{URL: u}, ProxyConnectHeader: promconfig.ProxyHeader{"X-Proxy-Key": {"proxykey"}},
	}}})
	req := get(t, "https://vod.example/")
	req.SetBasicAuth("ops", "pass/word")
	text := "pass/word, " + req.Header.Get("Authorization") + ", proxykey, ops"
	if got := c.Redactor().Answer(vendorapi.Answer{RequestID: text}).RequestID; got != "<secret>, Basic <secret>, <secret>, ops" {
		t.Errorf("got %s", got)
	}
}

// A secret never comes through, whatever surrounds it and however it is written.
func TestSecretsNeverComeThrough(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		surrounding := rapid.OneOf(rapid.StringOfN(secretLetter(), 0, 8, -1), rapid.String(), fillers())
		secrets, texts := echo(rt, newClient(t, vendorapi.ClientOptions{}), surrounding)
		for _, text := range texts {
			for _, secret := range secrets {
				if len(secret) >= 4 && strings.Contains(text, secret) {
					rt.Fatalf("%q shows %q", text, secret)
				}
			}
		}
	})
}

// Where a text is cut, the beginning of a secret does not come through either.
func TestNoBeginningOfASecretComesThrough(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		secrets, texts := echo(rt, newClient(t, vendorapi.ClientOptions{}), fillers())
		for _, text := range texts {
			heads := strings.Split(text, "…")
			for _, secret := range secrets {
				for n := 4; n < len(secret); n++ {
					if slices.ContainsFunc(heads[:len(heads)-1], func(head string) bool { return strings.HasSuffix(head, secret[:n]) }) {
						rt.Fatalf("%q shows %q of %q", text, secret[:n], secret)
					}
				}
			}
		}
	})
}

// secretLetter leaves out the letters of <secret>, of which a neighbour could
// make another secret.
func secretLetter() *rapid.Generator[rune] {
	return rapid.RuneFrom([]rune(`ABC019"&\+/=%-. é` + "\u00ad"))
}

// fillers come close to where an excerpt is cut.
func fillers() *rapid.Generator[string] {
	return rapid.Custom(func(rt *rapid.T) string {
		return strings.Repeat("x", rapid.OneOf(rapid.IntRange(0, 3), rapid.IntRange(270, 300)).Draw(rt, "fill"))
	})
}

// echo returns secrets, as a line of text has them, and what is shown of an
// answer that is made of them and of what surrounds them.
func echo(rt *rapid.T, client *vendorapi.Client, surrounding *rapid.Generator[string]) (secrets, texts []string) {
	writings := []func(string) string{
		func(s string) string { return s }, html.EscapeString, url.QueryEscape, url.PathEscape,
		func(s string) string {
			b, _ := json.Marshal(s) //nolint:errchkjson // a text always has a form in JSON
			return string(b)
		},
	}
	secrets = rapid.SliceOfN(rapid.StringOfN(secretLetter(), 4, 400, -1), 1, 3).Draw(rt, "secrets")
	var b strings.Builder
	for _, secret := range rapid.SliceOfN(rapid.SampledFrom(secrets), 1, 3).Draw(rt, "shown") {
		b.WriteString(surrounding.Draw(rt, "before") + rapid.SampledFrom(writings).Draw(rt, "writing")(secret))
	}
	text := vendorapi.Excerpt([]byte(b.String() + surrounding.Draw(rt, "after")))
	r := client.Redactor(secrets...)
	e := r.Error(&vendorapi.Error{Message: text, Err: fmt.Errorf("a redirect to %q", text)})
	a := r.Answer(vendorapi.Answer{Oddities: []string{"rate " + text + " is no number"}})
	for i, secret := range secrets {
		secrets[i] = strings.TrimSuffix(vendorapi.Excerpt([]byte(secret)), "…")
	}
	return secrets, []string{e.Message, e.Err.Error(), a.Oddities[0]}
}
