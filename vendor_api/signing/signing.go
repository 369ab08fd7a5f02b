// Package signing is what vendors' signatures of requests are made of: hashes, and
// addresses in the one form that both sides hash. What is signed, and where the
// signature stands, is each vendor's own matter.
package signing

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"maps"
	"net/url"
	"slices"
	"strings"
)

// SHA256 is the hash of data in hexadecimal digits.
func SHA256(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

// HMAC is the HMAC-SHA256 of a message under a key; of several, each is under that of
// the one before.
func HMAC(key []byte, messages ...string) []byte {
	for _, message := range messages {
		mac := hmac.New(sha256.New, key)
		mac.Write([]byte(message))
		key = mac.Sum(nil)
	}
	return key
}

// CanonicalPath is the path of u, never empty, with each of its segments escaped.
func CanonicalPath(u *url.URL) string {
	segments := strings.Split("/"+strings.TrimPrefix(u.EscapedPath(), "/"), "/")
	for i, s := range segments {
		if plain, err := url.PathUnescape(s); err == nil {
			s = plain
		}
		segments[i] = Escape(s)
	}
	return strings.Join(segments, "/")
}

// CanonicalHeaders are the headers that are signed, whose names are in lower case, one
// value a line, and their names.
func CanonicalHeaders(headers map[string][]string) (lines, names string) {
	signed := slices.Sorted(maps.Keys(headers))
	var b strings.Builder
	for _, name := range signed {
		for _, value := range slices.Sorted(slices.Values(headers[name])) {
			b.WriteString(name + ":" + strings.TrimSpace(value) + "\n")
		}
	}
	return b.String(), strings.Join(signed, ";")
}

// CanonicalQuery is a query as signatures have it: ordered by key and then by value,
// both before they are escaped.
func CanonicalQuery(query url.Values) string {
	var pairs []string
	for _, key := range slices.Sorted(maps.Keys(query)) {
		for _, value := range slices.Sorted(slices.Values(query[key])) {
			pairs = append(pairs, Escape(key)+"="+Escape(value))
		}
	}
	return strings.Join(pairs, "&")
}

// Escape percent-encodes every byte but RFC 3986's unreserved characters. A space
// is %20 and never "+", which url.QueryEscape would make of it.
func Escape(s string) string {
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
