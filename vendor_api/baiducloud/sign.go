package baiducloud

import (
	"encoding/hex"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	vendorapi "prefetch_exporter/vendor_api"
	"prefetch_exporter/vendor_api/signing"
)

const (
	headerDate          = "X-Bce-Date"
	headerRequestID     = "X-Bce-Request-Id"
	headerSecurityToken = "X-Bce-Security-Token" //nolint:gosec // the name of a header, not a token
	// dateLayout is the form of all times, in UTC.
	dateLayout = "2006-01-02T15:04:05Z"
	// version and lifetime, in seconds, are parts of each signature.
	version  = "bce-auth-v1"
	lifetime = "1800"
)

// Sign dates a request and signs it with bce-auth-v1, as the vendor's "Authentication"
// (https://cloud.baidu.com/doc/Reference/s/njwvz1yfu) and its SDK do: over the method,
// path and query, the host, what describes the content and every header that begins
// with X-Bce-. A token, where there is one, is such a header. The body is not signed.
func Sign(req *http.Request, _ []byte, c vendorapi.Credentials, now time.Time) {
	date := now.UTC().Format(dateLayout)
	req.Header.Set(headerDate, date)
	if c.Token != "" {
		req.Header.Set(headerSecurityToken, c.Token)
	}
	headers, signed := canonicalHeaders(req)
	canonical := strings.Join([]string{req.Method, signing.CanonicalPath(req.URL), canonicalQuery(req.URL.Query()), headers}, "\n")
	prefix := strings.Join([]string{version, c.AccessKey, date, lifetime}, "/")
	// The key is the hash as it is written.
	key := hex.EncodeToString(signing.HMAC([]byte(c.SecretKey), prefix))
	signature := hex.EncodeToString(signing.HMAC([]byte(key), canonical))
	req.Header.Set("Authorization", prefix+"/"+signed+"/"+signature)
}

// canonicalQuery is ordered by what is written, the sign between key and value
// included.
func canonicalQuery(query url.Values) string {
	var pairs []string
	for key, values := range query {
		for _, value := range values {
			if !strings.EqualFold(key, "authorization") {
				pairs = append(pairs, signing.Escape(key)+"="+signing.Escape(value))
			}
		}
	}
	slices.Sort(pairs)
	return strings.Join(pairs, "&")
}

// canonicalHeaders returns the headers that are signed, and their names.
func canonicalHeaders(req *http.Request) (lines, names string) {
	values := map[string]string{"host": req.Host}
	if req.Host == "" {
		values["host"] = req.URL.Host
	}
	for name, v := range req.Header {
		name = strings.ToLower(name)
		described := name == "content-type" || name == "content-length" || name == "content-md5"
		if described || strings.HasPrefix(name, "x-bce-") && name != "x-bce-request-id" {
			values[name] = v[0]
		}
	}
	var headers, signed []string
	for name, value := range values {
		if value = strings.TrimSpace(value); value != "" {
			headers = append(headers, signing.Escape(name)+":"+signing.Escape(value))
			signed = append(signed, name)
		}
	}
	slices.Sort(headers)
	slices.Sort(signed)
	return strings.Join(headers, "\n"), strings.Join(signed, ";")
}
