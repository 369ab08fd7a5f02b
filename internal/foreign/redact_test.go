package foreign_test

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	promconfig "github.com/prometheus/common/config"

	"prefetch_exporter/internal/foreign"
)

// TestHide has each way in which a server may write what it was sent. That all of
// them together hide whatever secret there is, vendor_api shows with drawn ones.
func TestHide(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, text, secret, want string }{
		{"as it is", "no AKLONG here", "AKLONG", "no <secret> here"},
		{"none", "no AKLONG here", "", "no AKLONG here"},
		{"too short to be one", "a row is wrong", "row", "a row is wrong"},
		{"JSON", `{"k":"a\u0026b\"c"}`, `a&b"c`, `{"k":"<secret>"}`},
		{"an address", "/login?k=a%2Fb%2Bc", "a/b+c", "/login?k=<secret>"},
		{"a page", "<p>a&amp;bc</p>", "a&bc", "<p><secret></p>"},
		{"cut", strings.Repeat("x", 290) + "AKLONGEXAMPLE", "AKLONGEXAMPLE", strings.Repeat("x", 290) + "<secret>…"},
		{"longer than what is shown", strings.Repeat("k", 400), strings.Repeat("k", 400), "<secret>…"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got := foreign.NewRedactor(tt.secret).Hide(foreign.Excerpt([]byte(tt.text))); got != tt.want {
				t.Errorf("got  %q\nwant %q", got, tt.want)
			}
		})
	}
	if got := (foreign.Redactor{}).Hide("AKLONG"); got != "AKLONG" {
		t.Errorf("the zero value: %q", got)
	}
}

func TestCarried(t *testing.T) {
	t.Parallel()
	basic := http.Request{Header: http.Header{}}
	basic.SetBasicAuth("user", "a-password")
	for name, test := range map[string]struct {
		header http.Header
		want   []string
	}{
		"a password": {basic.Header, []string{"a-password", basic.Header.Get("Authorization")[6:], basic.Header.Get("Authorization")}},
		"a token":    {http.Header{"Authorization": {"Bearer tok"}}, []string{"tok", "Bearer tok"}},
		"a signature": {
			http.Header{"Authorization": {"SDK Access=AK, SignedHeaders=host, Signature=0123"}, "X-Key": {"k1", "k2"}},
			[]string{"AK", "0123", "k1", "k2"},
		},
		"a signature in a path": {http.Header{"Authorization": {"v1/AK/time/1800/host/0123"}}, []string{"0123", "v1/AK/time/1800/host/0123"}},
	} {
		got := foreign.Carried(test.header, "Authorization", "X-Key")
		for _, want := range test.want {
			if !slices.Contains(got, want) {
				t.Errorf("%s: %q has no %q", name, got, want)
			}
		}
		if slices.Contains(got, "host") {
			t.Errorf("%s: the names of headers are no secret: %q", name, got)
		}
	}
}

func TestProxySecrets(t *testing.T) {
	t.Parallel()
	proxy := &promconfig.ProxyConfig{
		ProxyURL:           promconfig.URL{URL: &url.URL{Scheme: "http", Host: "proxy", User: url.UserPassword("user", "a-password")}},
		ProxyConnectHeader: promconfig.ProxyHeader{"Proxy-Authorization": {"Bearer tok"}},
	}
	got := foreign.ProxySecrets(proxy)
	for _, want := range []string{"a-password", "dXNlcjphLXBhc3N3b3Jk", "Bearer tok"} {
		if !slices.Contains(got, want) {
			t.Errorf("%q has no %q", got, want)
		}
	}
	if got := foreign.ProxySecrets(&promconfig.ProxyConfig{}); len(got) > 0 {
		t.Errorf("without a proxy: %q", got)
	}
}
