package signing_test

import (
	"bytes"
	"encoding/hex"
	"net/url"
	"strings"
	"testing"

	"prefetch_exporter/vendor_api/signing"
)

// TestHashes has the examples of FIPS 180-2 and RFC 4231.
func TestHashes(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"":    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
		"abc": "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
	} {
		if got := signing.SHA256([]byte(text)); got != want {
			t.Errorf("SHA256 of %q is %s, want %s", text, got, want)
		}
	}
	const want = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
	if got := hex.EncodeToString(signing.HMAC([]byte("Jefe"), "what do ya want for nothing?")); got != want {
		t.Errorf("the HMAC is %s, want %s", got, want)
	}
}

func TestEscape(t *testing.T) {
	t.Parallel()
	const unreserved = "ABCXYZabcxyz0189-._~"
	for text, want := range map[string]string{
		"": "", unreserved: unreserved, "a b+c": "a%20b%2Bc", "/?&=#%": "%2F%3F%26%3D%23%25", "*'()!": "%2A%27%28%29%21",
		"é": "%C3%A9", "\x00\xff\n": "%00%FF%0A",
	} {
		if got := signing.Escape(text); got != want {
			t.Errorf("%q is escaped as %s, want %s", text, got, want)
		}
	}
}

func TestCanonicalQuery(t *testing.T) {
	t.Parallel()
	for query, want := range map[string]string{
		"":                   "",
		"b=2&a=1":            "a=1&b=2",
		"a=2&a=10&a=":        "a=&a=10&a=2",
		"k=a+b&k%20=c%2Fd":   "k=a%20b&k%20=c%2Fd",
		"b=1&B=1&%C3%A9=1":   "B=1&b=1&%C3%A9=1",
		"a%2D=1&a=1&a%21=~1": "a=1&a%21=~1&a-=1", // ordered before they are escaped
	} {
		values, err := url.ParseQuery(query)
		if err != nil {
			t.Fatal(err)
		}
		if got := signing.CanonicalQuery(values); got != want {
			t.Errorf("%q is %s, want %s", query, got, want)
		}
		if strings.Count(query, "=") != strings.Count(want, "=") {
			t.Errorf("the case %q is wrong", query)
		}
	}
}

func TestChainedHMAC(t *testing.T) {
	t.Parallel()
	once := signing.HMAC([]byte("key"), "a")
	if got, want := signing.HMAC([]byte("key"), "a", "b"), signing.HMAC(once, "b"); !bytes.Equal(got, want) {
		t.Errorf("the HMAC of two messages is %x, want %x", got, want)
	}
}

func TestCanonicalPath(t *testing.T) {
	t.Parallel()
	for address, want := range map[string]string{
		"https://example.com":            "/",
		"https://example.com/":           "/",
		"https://example.com/a//b/":      "/a//b/",
		"https://example.com/a%20b/%2F*": "/a%20b/%2F%2A",
	} {
		u, err := url.Parse(address)
		if err != nil {
			t.Fatal(err)
		}
		if got := signing.CanonicalPath(u); got != want {
			t.Errorf("the path of %s is %s, want %s", address, got, want)
		}
	}
}

func TestCanonicalHeaders(t *testing.T) {
	t.Parallel()
	lines, names := signing.CanonicalHeaders(map[string][]string{"x-b": {" 2 ", "1"}, "host": {"example.com"}, "x-a": {""}})
	if want := "host:example.com\nx-a:\nx-b:2\nx-b:1\n"; lines != want || names != "host;x-a;x-b" {
		t.Errorf("got %q, %q, want %q", lines, names, want)
	}
}
