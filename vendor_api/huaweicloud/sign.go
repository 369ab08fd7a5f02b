package huaweicloud

import (
	"encoding/hex"
	"net/http"
	"net/url"
	"strings"
	"time"

	"prefetch_exporter/vendor_api/signing"
)

const (
	algorithm           = "SDK-HMAC-SHA256"
	headerSDKDate       = "X-Sdk-Date"
	headerContentSHA256 = "X-Sdk-Content-Sha256"
	headerAuthorization = "Authorization"
	// sdkDateLayout is the form of X-Sdk-Date, always in UTC.
	sdkDateLayout = "20060102T150405Z"
)

// Sign puts a signature SDK-HMAC-SHA256 into req's Authorization header, as the
// vendor's "API Request Signing Guide" and its SDK do: over the method, path,
// query, body and every header that is on the request, except those that begin
// with Content-Type or hold an underscore. The Host is not among them unless it
// is set as a header. body is what will be sent; nil for none. An X-Sdk-Date
// that is missing or not in the vendor's form is set to the current time.
//
// The vendor accepts a signature for 15 minutes around X-Sdk-Date.
func Sign(req *http.Request, body []byte, accessKey, secretKey string) {
	date := req.Header.Get(headerSDKDate)
	if _, err := time.Parse(sdkDateLayout, date); err != nil {
		date = time.Now().UTC().Format(sdkDateLayout)
		req.Header.Set(headerSDKDate, date)
	}
	// A signature cannot cover itself.
	req.Header.Del(headerAuthorization)
	headers, signed := canonicalHeaders(req.Header)
	contentHash := req.Header.Get(headerContentSHA256)
	if contentHash == "" {
		contentHash = signing.SHA256(body)
	}
	canonical := strings.Join([]string{
		req.Method,
		canonicalPath(req.URL),
		signing.CanonicalQuery(req.URL.Query()),
		headers,
		signed,
		contentHash,
	}, "\n")
	mac := signing.HMAC([]byte(secretKey), algorithm+"\n"+date+"\n"+signing.SHA256([]byte(canonical)))
	req.Header.Set(headerAuthorization, algorithm+" Access="+accessKey+
		", SignedHeaders="+signed+", Signature="+hex.EncodeToString(mac))
}

// canonicalPath always ends in a slash although the request does not.
func canonicalPath(u *url.URL) string {
	return strings.TrimSuffix(signing.CanonicalPath(u), "/") + "/"
}

// canonicalHeaders returns the headers that are signed, one a line, and their
// names.
func canonicalHeaders(header http.Header) (lines, names string) {
	signed := map[string][]string{}
	for name, values := range header {
		name = strings.ToLower(name)
		if !strings.HasPrefix(name, "content-type") && !strings.Contains(name, "_") {
			signed[name] = append(signed[name], values...)
		}
	}
	return signing.CanonicalHeaders(signed)
}
