package volcengine

import (
	"cmp"
	"encoding/hex"
	"net/http"
	"strings"
	"time"

	vendorapi "prefetch_exporter/vendor_api"
	"prefetch_exporter/vendor_api/signing"
)

const (
	algorithm           = "HMAC-SHA256"
	headerDate          = "X-Date"
	headerContentSHA256 = "X-Content-Sha256"
	headerSecurityToken = "X-Security-Token"
	// dateLayout is the form of X-Date, always in UTC, and dayLayout its first part.
	dateLayout = "20060102T150405Z"
	dayLayout  = "20060102"
)

// Scope is what a signature is good for, besides its day.
type Scope struct{ Region, Service string }

// Sign dates a request, which is sent with body, and signs it as the vendor's "Signature
// method" (https://www.volcengine.com/docs/6369/67269) and its SDK do: over the
// method, path, query and body, the host, the type of the content and every header
// that begins with X-. A token, where there is one, is such a header.
func (s Scope) Sign(req *http.Request, body []byte, c vendorapi.Credentials, now time.Time) {
	now = now.UTC()
	hash := signing.SHA256(body)
	req.Header.Set(headerDate, now.Format(dateLayout))
	req.Header.Set(headerContentSHA256, hash)
	if c.Token != "" {
		req.Header.Set(headerSecurityToken, c.Token)
	}
	headers, signed := canonicalHeaders(req)
	canonical := strings.Join([]string{
		req.Method, signing.CanonicalPath(req.URL), signing.CanonicalQuery(req.URL.Query()), headers, signed, hash,
	}, "\n")
	scope := strings.Join([]string{now.Format(dayLayout), s.Region, s.Service, "request"}, "/")
	key := signing.HMAC([]byte(c.SecretKey), strings.Split(scope, "/")...)
	mac := signing.HMAC(key, strings.Join([]string{
		algorithm, now.Format(dateLayout), scope, signing.SHA256([]byte(canonical)),
	}, "\n"))
	req.Header.Set("Authorization", algorithm+" Credential="+c.AccessKey+"/"+scope+
		", SignedHeaders="+signed+", Signature="+hex.EncodeToString(mac))
}

// canonicalHeaders returns the headers that are signed, one a line, and their names.
func canonicalHeaders(req *http.Request) (lines, names string) {
	signed := map[string][]string{"host": {canonicalHost(req)}}
	for name, values := range req.Header {
		if strings.HasPrefix(name, "X-") || name == "Content-Type" || name == "Content-Md5" {
			signed[strings.ToLower(name)] = values[:1]
		}
	}
	return signing.CanonicalHeaders(signed)
}

// canonicalHost is the host without the port that its scheme has anyway.
func canonicalHost(req *http.Request) string {
	host := cmp.Or(req.Host, req.URL.Host)
	for _, port := range []string{":80", ":443"} {
		if plain, ok := strings.CutSuffix(host, port); ok && !strings.HasSuffix(plain, ":") {
			return plain
		}
	}
	return host
}
