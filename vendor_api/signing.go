package vendorapi

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"prefetch_exporter/prefetch"
)

// Credentials are what one request is signed with. Token is empty where the keys
// are not temporary.
type Credentials struct{ AccessKey, SecretKey, Token string }

// Keys is an [Auth] that signs each request with an access key and its secret key.
// The functions are called for every request, because temporary keys are replaced;
// Token is nil, or returns "", where there is none.
type Keys struct {
	AccessKey, SecretKey, Token func() string
	// Sign puts the token and the signature on req, which is sent with body, as of
	// now.
	Sign func(req *http.Request, body []byte, c Credentials, now time.Time)
}

// Authorize signs req.
func (k *Keys) Authorize(_ context.Context, req *http.Request, body []byte, now time.Time) error {
	c := k.read()
	if c.SecretKey == "" {
		return NoCredentials("the secret key is empty")
	}
	if err := CheckCredential("the access key", c.AccessKey); err != nil {
		return err
	}
	if c.Token != "" {
		if err := CheckCredential("the security token", c.Token); err != nil {
			return err
		}
	}
	k.Sign(req, body, c, now)
	return nil
}

// Secrets are the keys and the token.
func (k *Keys) Secrets() []string {
	c := k.read()
	return []string{c.AccessKey, c.SecretKey, c.Token}
}

func (k *Keys) read() Credentials {
	c := Credentials{AccessKey: k.AccessKey(), SecretKey: k.SecretKey()}
	if k.Token != nil {
		c.Token = k.Token()
	}
	return c
}

// CheckCredential refuses what net/http would refuse to send, under the reason that
// it is, and without showing it.
func CheckCredential(what, value string) error {
	switch {
	case value == "":
		return NoCredentials(what + " is empty")
	case strings.ContainsFunc(value, func(r rune) bool { return r <= ' ' || r >= 0x7f }):
		return NoCredentials(what + " holds a space, a line break or another character that no credential has")
	default:
		return nil
	}
}

// NoCredentials is the error of a request that cannot be authorized.
func NoCredentials(text string) error {
	return &Error{Reason: prefetch.ReasonAuth, Unsent: true, Err: errors.New(text)}
}

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
