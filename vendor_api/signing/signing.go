// Package signing is what vendors' signatures of requests are made of: hashes, and
// addresses in the one form that both sides hash. What is signed, and where the
// signature stands, is each vendor's own matter.
package signing

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"net/url"
	"slices"
	"strings"
)

// SHA256 is the hash of data in hexadecimal digits.
func SHA256(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

// HMAC is the HMAC-SHA256 of message under a key, such as another one.
func HMAC(key []byte, message string) []byte {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(message))
	return mac.Sum(nil)
}

// CanonicalQuery is a query as signatures have it: ordered by key and then by value,
// both before they are escaped.
func CanonicalQuery(query url.Values) string {
	keys := make([]string, 0, len(query))
	for key := range query {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	var pairs []string
	for _, key := range keys {
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
