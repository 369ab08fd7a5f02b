package huaweicloud

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
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
		contentHash = sha256Hex(body)
	}
	canonical := strings.Join([]string{
		req.Method,
		canonicalPath(req.URL),
		canonicalQuery(req.URL.Query()),
		headers,
		signed,
		contentHash,
	}, "\n")
	mac := hmac.New(sha256.New, []byte(secretKey))
	mac.Write([]byte(algorithm + "\n" + date + "\n" + sha256Hex([]byte(canonical))))
	req.Header.Set(headerAuthorization, algorithm+" Access="+accessKey+
		", SignedHeaders="+signed+", Signature="+hex.EncodeToString(mac.Sum(nil)))
}

// canonicalPath escapes each segment, and always ends in a slash although the
// request does not.
func canonicalPath(u *url.URL) string {
	segments := strings.Split(u.EscapedPath(), "/")
	for i, s := range segments {
		if plain, err := url.PathUnescape(s); err == nil {
			s = plain
		}
		segments[i] = escape(s)
	}
	path := strings.Join(segments, "/")
	if !strings.HasSuffix(path, "/") {
		path += "/"
	}
	return path
}

// canonicalQuery orders by key and then by value, both before they are escaped.
func canonicalQuery(query url.Values) string {
	keys := make([]string, 0, len(query))
	for key := range query {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	var pairs []string
	for _, key := range keys {
		for _, value := range slices.Sorted(slices.Values(query[key])) {
			pairs = append(pairs, escape(key)+"="+escape(value))
		}
	}
	return strings.Join(pairs, "&")
}

// canonicalHeaders returns the headers that are signed, one a line, and their
// names.
func canonicalHeaders(header http.Header) (lines, names string) {
	values := make(map[string][]string, len(header))
	for name, v := range header {
		name = strings.ToLower(name)
		if !strings.HasPrefix(name, "content-type") && !strings.Contains(name, "_") {
			values[name] = append(values[name], v...)
		}
	}
	signed := make([]string, 0, len(values))
	for name := range values {
		signed = append(signed, name)
	}
	slices.Sort(signed)
	var b strings.Builder
	for _, name := range signed {
		for _, v := range slices.Sorted(slices.Values(values[name])) {
			b.WriteString(name + ":" + strings.TrimSpace(v) + "\n")
		}
	}
	return b.String(), strings.Join(signed, ";")
}

func sha256Hex(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// escape percent-encodes every byte but RFC 3986's unreserved characters. A
// space is %20 and never "+", which url.QueryEscape would make of it.
func escape(s string) string {
	const upperHex = "0123456789ABCDEF"
	var b strings.Builder
	b.Grow(len(s))
	for i := range len(s) {
		switch c := s[i]; {
		case 'A' <= c && c <= 'Z', 'a' <= c && c <= 'z', '0' <= c && c <= '9', strings.IndexByte("-._~", c) >= 0:
			b.WriteByte(c)
		default:
			b.Write([]byte{'%', upperHex[c>>4], upperHex[c&0xF]})
		}
	}
	return b.String()
}
