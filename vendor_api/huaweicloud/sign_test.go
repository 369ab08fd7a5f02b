package huaweicloud_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"sort"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"prefetch_exporter/vendor_api/huaweicloud"
)

const vectorURL = "https://vod.cn-north-4.myhuaweicloud.com/v1.0/0123456789abcdef0123456789abcdef/asset/preheating" +
	"?task_id=a%20b%2F%2B%C3%A9"

// The vectors were computed with the vendor's SDK v0.1.207 and, apart from it,
// with a signer in another language.
func TestSignVectors(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name    string
		headers map[string]string
		want    string
	}{
		{
			name: "date only",
			want: "SDK-HMAC-SHA256 Access=AKEXAMPLE, SignedHeaders=x-sdk-date, " +
				"Signature=bf04e1cb90db0dce4b9d76dd274418d57fd6c96afacfef00af1383cfad58258b",
		},
		{
			name: "temporary key",
			headers: map[string]string{
				"X-Project-Id":     "0123456789abcdef0123456789abcdef",
				"X-Security-Token": "TOKEN",
			},
			want: "SDK-HMAC-SHA256 Access=AKEXAMPLE, SignedHeaders=x-project-id;x-sdk-date;x-security-token, " +
				"Signature=555d47ac27caed43e6ce13be12592231a041d4f5073ac66d218e7580ea3a17f2",
		},
		{
			name:    "host",
			headers: map[string]string{"Host": "vod.cn-north-4.myhuaweicloud.com"},
			want: "SDK-HMAC-SHA256 Access=AKEXAMPLE, SignedHeaders=host;x-sdk-date, " +
				"Signature=ea6a148aa9bc97b537db009184c4121a886d4f584ec0c61361faf904c2813943",
		},
		{
			name: "neither content type nor underscore nor an older signature",
			headers: map[string]string{
				"Content-Type": "application/json", "Content-Type-Options": "x", "X_Odd": "1", "Authorization": "old",
			},
			want: "SDK-HMAC-SHA256 Access=AKEXAMPLE, SignedHeaders=x-sdk-date, " +
				"Signature=bf04e1cb90db0dce4b9d76dd274418d57fd6c96afacfef00af1383cfad58258b",
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			req := newRequest(t, vectorURL)
			req.Header.Set("X-Sdk-Date", "20260101T000000Z")
			for k, v := range tt.headers {
				req.Header[k] = []string{v}
			}
			huaweicloud.Sign(req, nil, "AKEXAMPLE", "SKEXAMPLE")
			if got := req.Header.Get("Authorization"); got != tt.want {
				t.Errorf("Authorization:\n got %s\nwant %s", got, tt.want)
			}
		})
	}
}

func TestSignSetsTheDate(t *testing.T) {
	t.Parallel()
	for _, date := range []string{"", "yesterday", "2026-01-01T00:00:00Z"} {
		req := newRequest(t, vectorURL)
		req.Header.Set("X-Sdk-Date", date)
		huaweicloud.Sign(req, nil, "AK", "SK")
		if got := req.Header.Get("X-Sdk-Date"); !regexp.MustCompile(`^\d{8}T\d{6}Z$`).MatchString(got) {
			t.Errorf("X-Sdk-Date %q became %q", date, got)
		}
		if err := verify(req, nil, "AK", "SK"); err != nil {
			t.Errorf("X-Sdk-Date %q: %v", date, err)
		}
	}
}

// What is signed can be verified from the wire by someone who only knows the
// vendor's guide.
func TestSignIsVerifiable(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		query := url.Values{}
		for _, key := range rapid.SliceOfN(rapid.StringN(1, 8, -1), 0, 4).Draw(t, "keys") {
			query[key] = rapid.SliceOfN(rapid.String(), 1, 3).Draw(t, "values")
		}
		target := url.URL{
			Scheme: "https", Host: "vod.example",
			Path:     "/" + rapid.StringMatching(`[a-zA-Z0-9é /%+~._*-]{0,20}`).Draw(t, "path"),
			RawQuery: query.Encode(),
		}
		body := rapid.SliceOf(rapid.Byte()).Draw(t, "body")
		req, err := http.NewRequestWithContext(t.Context(), rapid.SampledFrom([]string{"GET", "POST", "PUT"}).Draw(t, "method"),
			target.String(), http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("X-Sdk-Date", "20260101T000000Z")
		req.Header["X-Many"] = rapid.SliceOfN(rapid.StringMatching(`[ a-z]{0,5}`), 1, 3).Draw(t, "header")
		if rapid.Bool().Draw(t, "hashed") {
			req.Header.Set("X-Sdk-Content-Sha256", "UNSIGNED-PAYLOAD")
		}
		huaweicloud.Sign(req, body, "AK", "SK")
		if err := verify(req, body, "AK", "SK"); err != nil {
			t.Fatal(err)
		}
		if verify(req, append(body, 'x'), "AK", "SK") == nil && req.Header.Get("X-Sdk-Content-Sha256") == "" {
			t.Fatal("another body has the same signature")
		}
		if verify(req, body, "AK", "SK2") == nil {
			t.Fatal("another key has the same signature")
		}
	})
}

// verify checks a signature the way a server does: it signs what the
// Authorization header lists, and shares no code with the signer.
func verify(req *http.Request, body []byte, accessKey, secretKey string) error {
	m := regexp.MustCompile(`^SDK-HMAC-SHA256 Access=(\S+), SignedHeaders=(\S+), Signature=([0-9a-f]{64})$`).
		FindStringSubmatch(req.Header.Get("Authorization"))
	if m == nil || m[1] != accessKey {
		return fmt.Errorf("not a signature by %s: %q", accessKey, req.Header.Get("Authorization"))
	}
	path, rawQuery, _ := strings.Cut(req.URL.RequestURI(), "?")
	canonical := req.Method + "\n"
	for segment := range strings.SplitSeq(strings.TrimSuffix(path, "/"), "/") {
		plain, err := url.PathUnescape(segment)
		if err != nil {
			return fmt.Errorf("path: %w", err)
		}
		canonical += percent(plain) + "/"
	}
	query, err := url.ParseQuery(rawQuery)
	if err != nil {
		return fmt.Errorf("query: %w", err)
	}
	var pairs [][2]string
	for k, values := range query {
		for _, v := range values {
			pairs = append(pairs, [2]string{k, v})
		}
	}
	sort.Slice(pairs, func(i, j int) bool {
		return pairs[i][0] < pairs[j][0] || pairs[i][0] == pairs[j][0] && pairs[i][1] < pairs[j][1]
	})
	canonical += "\n"
	for i, p := range pairs {
		if i > 0 {
			canonical += "&"
		}
		canonical += percent(p[0]) + "=" + percent(p[1])
	}
	canonical += "\n"
	for name := range strings.SplitSeq(m[2], ";") {
		values := append([]string(nil), req.Header.Values(name)...)
		sort.Strings(values)
		for _, v := range values {
			canonical += name + ":" + strings.TrimSpace(v) + "\n"
		}
	}
	hash := fmt.Sprintf("%x", sha256.Sum256(body))
	if h := req.Header.Get("X-Sdk-Content-Sha256"); h != "" {
		hash = h
	}
	canonical += "\n" + m[2] + "\n" + hash
	mac := hmac.New(sha256.New, []byte(secretKey))
	fmt.Fprintf(mac, "SDK-HMAC-SHA256\n%s\n%x", req.Header.Get("X-Sdk-Date"), sha256.Sum256([]byte(canonical)))
	if got := hex.EncodeToString(mac.Sum(nil)); got != m[3] {
		return fmt.Errorf("signature %s, want %s over\n%s", m[3], got, canonical)
	}
	return nil
}

// percent is RFC 3986's encoding, had from the library's other one.
func percent(s string) string { return strings.ReplaceAll(url.QueryEscape(s), "+", "%20") }

func newRequest(t *testing.T, target string) *http.Request {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, target, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	return req
}
