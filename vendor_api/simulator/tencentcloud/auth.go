package tencentcloud

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"prefetch_exporter/vendor_api/simulator"
)

const (
	// skew is how far X-TC-Timestamp may be off.
	skew = 5 * time.Minute

	scheme = "TC3-HMAC-SHA256"
)

// authenticate verifies a signature over the headers that it names. The token of a
// temporary key is not signed, but must be there.
func (s *Server) authenticate(r *http.Request, body []byte, now time.Time) *simulator.Refusal {
	timestamp := r.Header.Get("X-Tc-Timestamp")
	seconds, err := strconv.ParseInt(timestamp, 10, 64)
	if err != nil {
		return unauthorized("InvalidAuthorization", "The X-TC-Timestamp header is missing or invalid.")
	}
	claim, ok := simulator.ParseSignature(r.Header.Get("Authorization"), scheme)
	credential := strings.Split(claim["Credential"], "/")
	const parts = 4 // id, date, service, tc3_request
	if !ok || len(credential) != parts {
		return unauthorized("InvalidAuthorization", "The Authorization header is missing or invalid.")
	}
	id, scope := credential[0], strings.Join(credential[1:], "/")
	secret, known := s.options.SecretKeys[id]
	signed := strings.Split(claim["SignedHeaders"], ";")
	day := time.Unix(seconds, 0).UTC().Format(time.DateOnly)
	switch {
	case !known:
		return unauthorized("SecretIdNotFound", "The SecretId is not found, please ensure that your SecretId is correct.")
	case now.Sub(time.Unix(seconds, 0)).Abs() > skew:
		return unauthorized("SignatureExpire", "The provided credentials could not be validated because they have expired.")
	case !slices.Contains(signed, "content-type") || !slices.Contains(signed, "host"):
		return unauthorized("InvalidAuthorization", "content-type and host must be signed.")
	case scope != day+"/"+s.api.service+"/tc3_request":
		return unauthorized("SignatureFailure", "The credential scope does not match the request.")
	}
	toSign := strings.Join([]string{scheme, timestamp, scope, simulator.HexSHA256([]byte(canonical(r, body, signed)))}, "\n")
	if claim["Signature"] != simulator.HexHMAC("TC3"+secret, day, s.api.service, "tc3_request", toSign) {
		return unauthorized("SignatureFailure", "The provided credentials could not be validated. Please check your signature is correct.")
	}
	if r.Header.Get("X-Tc-Token") != s.options.Tokens[id] {
		return unauthorized("TokenFailure", "The provided token is invalid.")
	}
	return nil
}

// canonical is what a POST's signature covers.
func canonical(r *http.Request, body []byte, signed []string) string {
	lower := func(value string) string { return strings.ToLower(strings.TrimSpace(value)) }
	return strings.Join([]string{
		r.Method, "/", r.URL.RawQuery, simulator.SignedHeaders(r, signed, lower), strings.Join(signed, ";"), simulator.HexSHA256(body),
	}, "\n")
}

func unauthorized(code, message string) *simulator.Refusal {
	return simulator.Denied(0, "AuthFailure."+code, message)
}
