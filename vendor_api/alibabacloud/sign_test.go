package alibabacloud_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"prefetch_exporter/vendor_api/alibabacloud"
	"prefetch_exporter/vendor_api/signing"
)

// The vectors were computed with the vendor's SDK (darabonba-openapi v2.1.13) and,
// apart from it, with a signer in another language.
func TestSignVectors(t *testing.T) {
	t.Parallel()
	const headers = "host;x-acs-action;x-acs-content-sha256;x-acs-date;x-acs-signature-nonce;x-acs-version"
	for i, tt := range []struct {
		target, version, action string
		query                   url.Values
		keyID, token            string
		signed, want            string
	}{
		{
			target: "POST https://cdn.aliyuncs.com/", version: "2018-05-10", action: "DescribeRefreshTaskById",
			query: url.Values{"TaskId": {"12719676361,12719676362"}}, signed: headers,
			want: "1a9900299bca382194ec13bf101c9f355c1587182a3ae668269840364b953b1c",
		},
		{
			target: "POST https://cdn.aliyuncs.com/", version: "2018-05-10", action: "DescribeRefreshTasks",
			query: url.Values{
				"ObjectType": {"preload"}, "StartTime": {"2025-12-31T00:00:00Z"}, "EndTime": {"2026-01-01T00:00:00Z"},
				"PageNumber": {"1"}, "PageSize": {"100"},
			}, signed: headers,
			want: "9a2b33b2a40fd6506b634c45adb577ebb21aeaa247c5105a40a341b0c182ffe1",
		},
		{
			target: "POST https://cdn.ap-southeast-1.aliyuncs.com/", version: "2018-05-10", action: "DescribeRefreshTasks",
			query:  url.Values{"ObjectPath": {"http://example.com/a b/+é*~.mp4?x=1&y=2"}, "ObjectType": {"preload"}, "Status": {""}},
			signed: headers,
			want:   "e4363ce5c7ccd1c995decbff469ef05f763f4d2f5859acbe82b6b4ac23d08a5f",
		},
		{
			target: "POST https://cdn.aliyuncs.com/", version: "2018-05-10", action: "DescribeRefreshTaskById",
			query: url.Values{"TaskId": {"12719676361"}}, keyID: "STS.AKEXAMPLE", token: "TOKEN+/=",
			signed: "host;x-acs-accesskey-id;x-acs-action;x-acs-content-sha256;x-acs-date;x-acs-security-token;x-acs-signature-nonce;x-acs-version",
			want:   "9012668d9b90afc8d36c7f05118ccb18669bcb5938752c2af39fe7620811af1e",
		},
		{
			target: "GET https://dcdn.aliyuncs.com/", version: "2018-01-15", action: "DescribeDcdnRefreshTaskById",
			query: url.Values{"TaskId": {"12719676361"}}, signed: headers,
			want: "d7597926d74c82a14ce01958b95077647d1e704a881bf6674a023b0261d40f36",
		},
	} {
		method, target, _ := strings.Cut(tt.target, " ")
		req := newRequest(t, method, target+"?"+tt.query.Encode())
		for name, value := range map[string]string{
			"x-acs-action": tt.action, "x-acs-version": tt.version, "x-acs-date": "2026-01-01T00:00:00Z",
			"x-acs-signature-nonce": fmt.Sprintf("%032d", i+1), "x-acs-content-sha256": signing.SHA256(nil),
			"Accept": "application/json", "User-Agent": "nobody's matter",
		} {
			req.Header.Set(name, value)
		}
		keyID := "AKEXAMPLE"
		if tt.token != "" {
			keyID = tt.keyID
			req.Header.Set("x-acs-accesskey-id", tt.keyID)
			req.Header.Set("x-acs-security-token", tt.token)
		}
		alibabacloud.Sign(req, nil, keyID, "SKEXAMPLE")
		want := "ACS3-HMAC-SHA256 Credential=" + keyID + ",SignedHeaders=" + tt.signed + ",Signature=" + tt.want
		if got := req.Header.Get("Authorization"); got != want {
			t.Errorf("vector %d:\n got %s\nwant %s", i+1, got, want)
		}
	}
}

// What is signed can be verified from the wire by someone who only knows the
// vendor's page.
func TestSignIsVerifiable(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		query := url.Values{}
		for _, key := range rapid.SliceOfN(rapid.StringN(1, 8, -1), 0, 4).Draw(t, "keys") {
			query.Set(key, rapid.String().Draw(t, "value"))
		}
		body := rapid.SliceOf(rapid.Byte()).Draw(t, "body")
		req := newRequest(t, rapid.SampledFrom([]string{"GET", "POST"}).Draw(t, "method"), "https://cdn.example/?"+query.Encode())
		req.Header.Set("X-Acs-Many", rapid.StringMatching(`[ a-z]{0,5}`).Draw(t, "header"))
		if rapid.Bool().Draw(t, "typed") {
			req.Header.Set("Content-Type", "application/json")
		}
		alibabacloud.Sign(req, body, "AK", "SK")
		if err := verify(req, body, "AK", "SK"); err != nil {
			t.Fatal(err)
		}
		if verify(req, append(body, 'x'), "AK", "SK") == nil || verify(req, body, "AK", "SK2") == nil {
			t.Fatal("another body or key has the same signature")
		}
	})
}

// verify checks a signature the way a server does: it signs what the Authorization
// header lists, and shares no code with the signer.
func verify(req *http.Request, body []byte, keyID, secret string) error {
	m := regexp.MustCompile(`^ACS3-HMAC-SHA256 Credential=(\S+),SignedHeaders=(\S+),Signature=([0-9a-f]{64})$`).
		FindStringSubmatch(req.Header.Get("Authorization"))
	if m == nil || m[1] != keyID {
		return fmt.Errorf("not a signature by %s: %q", keyID, req.Header.Get("Authorization"))
	}
	_, rawQuery, _ := strings.Cut(req.URL.RequestURI(), "?")
	query, err := url.ParseQuery(rawQuery)
	if err != nil {
		return fmt.Errorf("query: %w", err)
	}
	keys := make([]string, 0, len(query))
	for k := range query {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	for i, k := range keys {
		keys[i] = percent(k) + "=" + percent(query.Get(k))
	}
	canonical := req.Method + "\n/\n" + strings.Join(keys, "&") + "\n"
	for name := range strings.SplitSeq(m[2], ";") {
		value := req.Header.Get(name)
		if name == "host" {
			value = req.URL.Host
		}
		canonical += name + ":" + strings.TrimSpace(value) + "\n"
	}
	canonical += "\n" + m[2] + "\n" + fmt.Sprintf("%x", sha256.Sum256(body))
	mac := hmac.New(sha256.New, []byte(secret))
	fmt.Fprintf(mac, "ACS3-HMAC-SHA256\n%x", sha256.Sum256([]byte(canonical)))
	if got := fmt.Sprintf("%x", mac.Sum(nil)); got != m[3] {
		return fmt.Errorf("signature %s, want %s over\n%s", m[3], got, canonical)
	}
	return nil
}

// percent is RFC 3986's encoding, had from the library's other one.
func percent(s string) string { return strings.ReplaceAll(url.QueryEscape(s), "+", "%20") }

type fataler interface {
	Helper()
	Fatal(args ...any)
}

func newRequest(t fataler, method, target string) *http.Request {
	t.Helper()
	req, err := http.NewRequest(method, target, http.NoBody) //nolint:noctx // never sent
	if err != nil {
		t.Fatal(err)
	}
	return req
}
