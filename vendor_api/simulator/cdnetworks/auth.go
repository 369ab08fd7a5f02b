package cdnetworks

import (
	"crypto/hmac"
	"crypto/sha1" //nolint:gosec // the vendor's API-key authentication is HMAC-SHA1
	"encoding/base64"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"prefetch_exporter/vendor_api/simulator"
)

const (
	// skew is how far a request's time may be off, and how long a
	// signature may not be used again.
	skew = 5 * time.Minute

	cncScheme = "CNC-HMAC-SHA256"
)

// identity is whom the vendor counts a call for: the one that it
// claims to come from.
func identity(r *http.Request) string {
	if usesAccessKey(r) {
		return r.Header.Get("X-Cnc-Accesskey")
	}
	username, _, _ := r.BasicAuth()
	return username
}

// usesAccessKey reports whether the request is signed. Without the header, or
// with "BASIC", it carries an API key.
func usesAccessKey(r *http.Request) bool {
	return strings.EqualFold(r.Header.Get("X-Cnc-Auth-Method"), "AKSK")
}

// authenticate returns who asks. The pages document one refusal, "username is
// invalid" under HTTP 200; every other comes as HTTP 401, which they do not
// tell.
func (s *Server) authenticate(r *http.Request, body []byte, now time.Time) (owner string, refused *refusal) {
	if usesAccessKey(r) {
		return s.checkAccessKey(r, body, now)
	}
	return s.checkAPIKey(r, now)
}

// checkAPIKey verifies Basic authentication, whose password is the HMAC-SHA1 of
// the date header's value under the API key.
func (s *Server) checkAPIKey(r *http.Request, now time.Time) (string, *refusal) {
	username, password, ok := r.BasicAuth()
	if !ok {
		return "", unauthorized("authorization header is missing or malformed")
	}
	key, ok := s.options.APIKeys[username]
	if !ok {
		return "", unknownUser()
	}
	date := r.Header.Get("X-Cnc-Date")
	if date == "" {
		date = r.Header.Get("Date")
	}
	sent, err := http.ParseTime(date)
	if err != nil {
		return "", unauthorized("date header is missing or malformed")
	}
	if now.Sub(sent).Abs() > skew {
		return "", unauthorized("date is expired")
	}
	mac := hmac.New(sha1.New, []byte(key))
	mac.Write([]byte(date))
	wanted := base64.StdEncoding.EncodeToString(mac.Sum(nil))
	if !hmac.Equal([]byte(password), []byte(wanted)) {
		return "", unauthorized("authentication failed")
	}
	return username, nil
}

// checkAccessKey verifies a CNC-HMAC-SHA256 signature.
func (s *Server) checkAccessKey(r *http.Request, body []byte, now time.Time) (string, *refusal) {
	accessKey := r.Header.Get("X-Cnc-Accesskey")
	secret, ok := s.options.AccessKeys[accessKey]
	if !ok {
		return "", unknownUser()
	}
	timestamp := r.Header.Get("X-Cnc-Timestamp")
	seconds, err := strconv.ParseInt(timestamp, 10, 64)
	if err != nil {
		return "", unauthorized("x-cnc-timestamp is missing or malformed")
	}
	if now.Sub(time.Unix(seconds, 0)).Abs() > skew {
		return "", unauthorized("x-cnc-timestamp is expired")
	}
	claim, ok := simulator.ParseSignature(r.Header.Get("Authorization"), cncScheme)
	if !ok || claim["Credential"] != accessKey {
		return "", unauthorized("authorization header is missing or malformed")
	}
	signed := strings.Split(claim["SignedHeaders"], ";")
	if !slices.Contains(signed, "content-type") || !slices.Contains(signed, "host") {
		return "", unauthorized("content-type and host must be signed")
	}
	canonical := cncCanonical(r, body, signed)
	wanted := simulator.HexHMAC(secret, strings.Join([]string{cncScheme, timestamp, simulator.HexSHA256([]byte(canonical))}, "\n"))
	if !hmac.Equal([]byte(claim["Signature"]), []byte(wanted)) {
		return "", unauthorized("signature does not match")
	}
	if !s.replays.first(wanted, now) {
		return "", unauthorized("signature was used before")
	}
	return accessKey, nil
}

// cncCanonical is the canonical form of a POST that its signature covers.
// Header values are signed in lower case, and a POST's query string is not
// signed at all.
func cncCanonical(r *http.Request, body []byte, signed []string) string {
	var headers strings.Builder
	for _, name := range signed {
		value := r.Header.Get(name)
		if name == "host" {
			value = r.Host
		}
		headers.WriteString(name + ":" + strings.ToLower(strings.TrimSpace(value)) + "\n")
	}
	return strings.Join([]string{
		r.Method, r.URL.Path, "", headers.String(), strings.Join(signed, ";"), simulator.HexSHA256(body),
	}, "\n")
}

func unknownUser() *refusal {
	return &refusal{status: http.StatusOK, message: errUser, reason: simulator.RefusedAuth}
}

func unauthorized(message string) *refusal {
	return &refusal{status: http.StatusUnauthorized, message: message, reason: simulator.RefusedAuth}
}

// replays remembers the signatures of the last five minutes: "Identical
// x-cnc-timestamp, within 5 min" may not come twice.
type replays struct {
	mu    sync.Mutex
	seen  map[string]struct{}
	queue []usedSignature
}

type usedSignature struct {
	signature string
	at        time.Time
}

func newReplays() *replays { return &replays{seen: map[string]struct{}{}} }

// first reports whether the signature was not used within the last five
// minutes, and remembers it.
func (p *replays) first(signature string, now time.Time) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	for len(p.queue) > 0 && now.Sub(p.queue[0].at) > skew {
		delete(p.seen, p.queue[0].signature)
		p.queue = p.queue[1:]
	}
	if _, used := p.seen[signature]; used {
		return false
	}
	p.seen[signature] = struct{}{}
	p.queue = append(p.queue, usedSignature{signature, now})
	return true
}
