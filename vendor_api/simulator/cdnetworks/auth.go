package cdnetworks

import (
	"cmp"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"prefetch_exporter/vendor_api/simulator"
)

const (
	// skew is how far a request's time may be off, and how long a signature may not be
	// used again: "Identical x-cnc-timestamp, within 5 min" may not come twice.
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
func (s *Server) authenticate(r *http.Request, body []byte, now time.Time) (owner string, refused *simulator.Refusal) {
	if usesAccessKey(r) {
		return s.checkAccessKey(r, body, now)
	}
	return s.checkAPIKey(r, now)
}

// checkAPIKey verifies Basic authentication, whose password is the HMAC-SHA1 of
// the date header's value under the API key.
func (s *Server) checkAPIKey(r *http.Request, now time.Time) (string, *simulator.Refusal) {
	username, password, ok := r.BasicAuth()
	if !ok {
		return "", unauthorized("authorization header is missing or malformed")
	}
	key, ok := s.options.APIKeys[username]
	if !ok {
		return "", unknownUser()
	}
	date := cmp.Or(r.Header.Get("X-Cnc-Date"), r.Header.Get("Date"))
	sent, err := http.ParseTime(date)
	if err != nil {
		return "", unauthorized("date header is missing or malformed")
	}
	if now.Sub(sent).Abs() > skew {
		return "", unauthorized("date is expired")
	}
	if password != simulator.Base64HMACSHA1(key, date) {
		return "", unauthorized("authentication failed")
	}
	return username, nil
}

// checkAccessKey verifies a CNC-HMAC-SHA256 signature.
func (s *Server) checkAccessKey(r *http.Request, body []byte, now time.Time) (string, *simulator.Refusal) {
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
	if claim["Signature"] != wanted {
		return "", unauthorized("signature does not match")
	}
	if !s.used.First(wanted, now) {
		return "", unauthorized("signature was used before")
	}
	return accessKey, nil
}

// cncCanonical is the canonical form of a POST that its signature covers.
// Header values are signed in lower case, and a POST's query string is not
// signed at all.
func cncCanonical(r *http.Request, body []byte, signed []string) string {
	lower := func(value string) string { return strings.ToLower(strings.TrimSpace(value)) }
	return strings.Join([]string{
		r.Method, r.URL.Path, "", simulator.SignedHeaders(r, signed, lower), strings.Join(signed, ";"), simulator.HexSHA256(body),
	}, "\n")
}

func unknownUser() *simulator.Refusal {
	return simulator.Denied(http.StatusOK, "", errUser)
}

func unauthorized(message string) *simulator.Refusal {
	return simulator.Denied(http.StatusUnauthorized, "", message)
}
