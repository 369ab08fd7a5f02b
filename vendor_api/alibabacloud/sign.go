package alibabacloud

import (
	"cmp"
	"crypto/rand"
	"encoding/hex"
	"net/http"
	"strings"
	"time"

	vendorapi "prefetch_exporter/vendor_api"
	"prefetch_exporter/vendor_api/signing"
)

const (
	algorithm         = "ACS3-HMAC-SHA256"
	headerDate        = "X-Acs-Date"
	headerNonce       = "X-Acs-Signature-Nonce"
	headerContentHash = "X-Acs-Content-Sha256"
	headerToken       = "X-Acs-Security-Token" //nolint:gosec // the name of a header, not a token
	headerKeyID       = "X-Acs-Accesskey-Id"
	// dateLayout is the form of x-acs-date and of all times of the API, in UTC.
	dateLayout = "2006-01-02T15:04:05Z"
)

// Keys signs each request with an AccessKey pair. Those of an STS role also have a
// security token; securityToken is nil, or returns "", where there is none. All
// three functions are called for every request, because such keys are replaced.
func Keys(accessKeyID, accessKeySecret, securityToken func() string) vendorapi.Auth {
	return &vendorapi.Keys{AccessKey: accessKeyID, SecretKey: accessKeySecret, Token: securityToken, Sign: sign}
}

// sign dates and signs a request. The nonce may never come twice.
func sign(req *http.Request, body []byte, c vendorapi.Credentials, now time.Time) {
	req.Header.Set(headerDate, now.UTC().Format(dateLayout))
	req.Header.Set(headerNonce, rand.Text())
	req.Header.Set(headerContentHash, signing.SHA256(body))
	if c.Token != "" {
		req.Header.Set(headerToken, c.Token)
		req.Header.Set(headerKeyID, c.AccessKey)
	}
	Sign(req, body, c.AccessKey, c.SecretKey)
}

// Sign puts a signature ACS3-HMAC-SHA256 into req's Authorization header, as the
// vendor's page "V3 version of the request body & signature mechanism" and its SDK
// do: over the method, path, query and body, the host, and of the headers that are
// on the request Content-Type and every x-acs one. body is what will be sent; nil
// for none.
//
// The vendor accepts a signature for 15 minutes around x-acs-date, and a nonce once.
func Sign(req *http.Request, body []byte, accessKeyID, accessKeySecret string) {
	headers, signed := canonicalHeaders(req)
	canonical := strings.Join([]string{
		req.Method,
		cmp.Or(req.URL.EscapedPath(), "/"),
		signing.CanonicalQuery(req.URL.Query()),
		headers,
		signed,
		signing.SHA256(body),
	}, "\n")
	mac := signing.HMAC([]byte(accessKeySecret), algorithm+"\n"+signing.SHA256([]byte(canonical)))
	req.Header.Set("Authorization", algorithm+" Credential="+accessKeyID+
		",SignedHeaders="+signed+",Signature="+hex.EncodeToString(mac))
}

// canonicalHeaders returns the headers that are signed, one a line, and their names.
func canonicalHeaders(req *http.Request) (lines, names string) {
	signed := map[string][]string{"host": {cmp.Or(req.Host, req.URL.Host)}}
	for name, values := range req.Header {
		name = strings.ToLower(name)
		if name == "content-type" || strings.HasPrefix(name, "x-acs-") {
			signed[name] = []string{strings.Join(values, ",")}
		}
	}
	return signing.CanonicalHeaders(signed)
}
