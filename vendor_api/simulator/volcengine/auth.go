package volcengine

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"prefetch_exporter/vendor_api/simulator"
)

const (
	scheme = "HMAC-SHA256"
	// dateForm is the form of X-Date, in UTC.
	dateForm = "20060102T150405Z"
	// partsOfCredential are the access key, the day, the region, the service and the
	// word request.
	partsOfCredential = 5
)

// claimedKey is the access key that a request claims to come from.
func claimedKey(r *http.Request) string {
	claim, ok := simulator.ParseSignature(r.Header.Get("Authorization"), scheme)
	if !ok {
		return ""
	}
	key, _, _ := strings.Cut(claim["Credential"], "/")
	return key
}

// authenticate returns who asks, by the signature over the headers that the client
// itself names.
func (s *Server) authenticate(r *http.Request, body []byte, now time.Time) (owner string, refused *refusal) {
	header := r.Header.Get("Authorization")
	if header == "" {
		return "", unauthorized(100005, "MissingSignature", "The request has no signature.")
	}
	claim, ok := simulator.ParseSignature(header, scheme)
	credential := strings.Split(claim["Credential"], "/")
	if !ok || len(credential) != partsOfCredential || credential[4] != "request" || !strings.EqualFold(credential[3], "cdn") {
		return "", unauthorized(100003, "MissingAuthenticationToken", "The Authorization header is malformed.")
	}
	owner = credential[0]
	secret, ok := s.options.AccessKeys[owner]
	if !ok {
		return "", unauthorized(100009, "InvalidAccessKey", "The AccessKey "+owner+" is not valid.")
	}
	if token, temporary := s.options.SecurityTokens[owner]; temporary && r.Header.Get("X-Security-Token") != token {
		return "", unauthorized(100009, "InvalidAccessKey", "The security token is not valid.")
	}
	if problem := s.checkDate(r, credential[1], now); problem != "" {
		e := unauthorized(100006, "InvalidTimestamp", problem)
		e.status = http.StatusBadRequest
		return "", e
	}
	signed := strings.Split(claim["SignedHeaders"], ";")
	mismatch := unauthorized(100010, "SignatureDoesNotMatch", "The request signature we calculated does not match the signature you provided.")
	for name := range r.Header {
		name = strings.ToLower(name)
		if (name == "x-date" || name == "x-security-token") && !slices.Contains(signed, name) {
			return "", mismatch
		}
	}
	if s.options.Region != "" && credential[2] != s.options.Region {
		return "", mismatch
	}
	if wanted, err := signature(r, body, signed, secret, credential[1:]); err != nil || !hmac.Equal([]byte(claim["Signature"]), []byte(wanted)) {
		return "", mismatch
	}
	return owner, nil
}

// checkDate says what is wrong with the date of a request.
func (s *Server) checkDate(r *http.Request, dayOfScope string, now time.Time) (problem string) {
	const expired = "The Signature of the request is expired."
	date := r.Header.Get("X-Date")
	sent, err := time.Parse(dateForm, date)
	if err != nil || date[:len("20060102")] != dayOfScope {
		return "X-Date is missing or malformed."
	}
	allowed := s.options.Skew
	if seconds, err := strconv.Atoi(r.URL.Query().Get("X-Expires")); err == nil {
		allowed = time.Duration(seconds) * time.Second
	}
	if now.Sub(sent).Abs() > allowed {
		return expired
	}
	return ""
}

// signature is what the headers that are signed, the query and the body give.
func signature(r *http.Request, body []byte, signed []string, secret string, scope []string) (string, error) {
	hash := simulator.HexSHA256(body)
	if stated := r.Header.Get("X-Content-Sha256"); stated != "" && stated != hash {
		return "", fmt.Errorf("the body's hash is %s, not %s", hash, stated)
	}
	query, err := canonicalQuery(r.URL)
	if err != nil {
		return "", err
	}
	var headers strings.Builder
	for _, name := range signed {
		value := r.Header.Get(name)
		if name == "host" {
			value = r.Host
		}
		headers.WriteString(name + ":" + strings.TrimSpace(value) + "\n")
	}
	canonical := strings.Join([]string{
		r.Method, r.URL.EscapedPath(), query, headers.String(), strings.Join(signed, ";"), hash,
	}, "\n")
	key := []byte(secret)
	for _, part := range scope {
		key = sum(key, part)
	}
	toSign := strings.Join([]string{
		scheme, r.Header.Get("X-Date"), strings.Join(scope, "/"), simulator.HexSHA256([]byte(canonical)),
	}, "\n")
	return hex.EncodeToString(sum(key, toSign)), nil
}

func sum(key []byte, message string) []byte {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(message))
	return mac.Sum(nil)
}

// canonicalQuery sorts the parameters by name and escapes a space as %20.
func canonicalQuery(u *url.URL) (string, error) {
	parameters, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return "", fmt.Errorf("query: %w", err)
	}
	return strings.ReplaceAll(parameters.Encode(), "+", "%20"), nil
}

func unauthorized(number int, code, message string) *refusal {
	return &refusal{http.StatusUnauthorized, number, code, message, simulator.RefusedAuth}
}
