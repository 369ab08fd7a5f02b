package simulator

import (
	"crypto/hmac"
	"crypto/sha1" //nolint:gosec // older signatures of vendors are HMAC-SHA1
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"
)

// ParseSignature reads the form of the vendors' Authorization headers: a
// scheme, a space, and pairs of a name and a value with commas in between.
func ParseSignature(header, scheme string) (map[string]string, bool) {
	rest, ok := strings.CutPrefix(header, scheme+" ")
	if !ok {
		return nil, false
	}
	claim := map[string]string{}
	for part := range strings.SplitSeq(rest, ",") {
		name, value, found := strings.Cut(strings.TrimSpace(part), "=")
		if _, twice := claim[name]; !found || twice {
			return nil, false
		}
		claim[name] = value
	}
	return claim, true
}

// HexSHA256 is the hash of data in hexadecimal digits.
func HexSHA256(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

// HexHMAC is the HMAC-SHA256 of message in hexadecimal digits. Of several messages,
// the HMAC of each is the key for the next.
func HexHMAC(secret string, messages ...string) string {
	key := []byte(secret)
	for _, message := range messages {
		mac := hmac.New(sha256.New, key)
		mac.Write([]byte(message))
		key = mac.Sum(nil)
	}
	return hex.EncodeToString(key)
}

// Base64HMACSHA1 is the HMAC-SHA1 of message in base64.
func Base64HMACSHA1(secret, message string) string {
	mac := hmac.New(sha1.New, []byte(secret))
	mac.Write([]byte(message))
	return base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

// Escape escapes everything but the unreserved characters of RFC 3986; a space is %20.
func Escape(s string) string { return strings.ReplaceAll(url.QueryEscape(s), "+", "%20") }

// SortedQuery writes parameters so escaped, sorted by name; the values of a name keep
// their order.
func SortedQuery(parameters url.Values) string {
	return strings.ReplaceAll(parameters.Encode(), "+", "%20")
}

// SignedHeader is the value of a header that is signed, as it was sent. A server has
// the host apart from the others.
func SignedHeader(r *http.Request, name string) string {
	if name == "host" {
		return r.Host
	}
	return r.Header.Get(name)
}

// SignedHeaders writes the headers of these names, each in a line, with their values
// in a form.
func SignedHeaders(r *http.Request, names []string, form func(value string) string) string {
	var lines strings.Builder
	for _, name := range names {
		lines.WriteString(name + ":" + form(SignedHeader(r, name)) + "\n")
	}
	return lines.String()
}

// Once remembers what may not come twice within a time. It is safe for concurrent use.
type Once struct {
	Within time.Duration

	mu    sync.Mutex
	seen  map[string]time.Time
	queue []string
}

// First reports whether text did not come within that time, and remembers it.
func (o *Once) First(text string, now time.Time) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	for len(o.queue) > 0 && now.Sub(o.seen[o.queue[0]]) > o.Within {
		delete(o.seen, o.queue[0])
		o.queue = o.queue[1:]
	}
	if _, again := o.seen[text]; again {
		return false
	}
	if o.seen == nil {
		o.seen = map[string]time.Time{}
	}
	o.seen[text] = now
	o.queue = append(o.queue, text)
	return true
}
