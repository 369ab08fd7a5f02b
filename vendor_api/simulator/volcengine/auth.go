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

// signedBy is what an Authorization header says.
type signedBy struct {
	key, signature string
	// scope is the day, the region, the service and the word request.
	scope  []string
	signed []string
}

// parse reads the header. The service may be named in either way.
func parse(header string) (by signedBy, ok bool) {
	claim, ok := simulator.ParseSignature(header, scheme)
	credential := strings.Split(claim["Credential"], "/")
	if !ok || len(credential) != partsOfCredential || !strings.EqualFold(credential[3], "cdn") || credential[4] != "request" {
		return by, false
	}
	return signedBy{credential[0], claim["Signature"], credential[1:], strings.Split(claim["SignedHeaders"], ";")}, true
}

// authenticate returns who asks, by the signature over the headers that the client
// itself names.
func (s *Server) authenticate(r *http.Request, body []byte, now time.Time) (owner string, refused *refusal) {
	by, ok := parse(r.Header.Get("Authorization"))
	if !ok {
		if r.Header.Get("Authorization") == "" {
			return "", &refusal{http.StatusUnauthorized, 100005, "MissingSignature", "The request has no signature.", simulator.RefusedAuth}
		}
		return "", &refusal{
			http.StatusUnauthorized, 100003, "MissingAuthenticationToken", "The Authorization header is malformed.", simulator.RefusedAuth,
		}
	}
	secret, ok := s.options.AccessKeys[by.key]
	if token, temporary := s.options.SecurityTokens[by.key]; !ok || temporary && r.Header.Get("X-Security-Token") != token {
		return "", &refusal{
			http.StatusUnauthorized, 100009, "InvalidAccessKey", "The AccessKey or its token is not valid.", simulator.RefusedAuth,
		}
	}
	if problem := s.checkDate(r, by.scope[0], now); problem != "" {
		return "", &refusal{http.StatusBadRequest, 100006, "InvalidTimestamp", problem, simulator.RefusedAuth}
	}
	if !s.matches(r, body, by, secret) {
		return "", &refusal{
			http.StatusUnauthorized, 100010, "SignatureDoesNotMatch",
			"The request signature we calculated does not match the signature you provided.", simulator.RefusedAuth,
		}
	}
	return by.key, nil
}

// matches reports whether the signature is the one of the request, whose date and
// token must be signed.
func (s *Server) matches(r *http.Request, body []byte, by signedBy, secret string) bool {
	for _, name := range []string{"X-Date", "X-Security-Token"} {
		if r.Header.Get(name) != "" && !slices.Contains(by.signed, strings.ToLower(name)) {
			return false
		}
	}
	if s.options.Region != "" && by.scope[1] != s.options.Region {
		return false
	}
	wanted, err := by.of(r, body, secret)
	return err == nil && hmac.Equal([]byte(by.signature), []byte(wanted))
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

// of is the signature that the headers which are signed, the query and the body give.
func (by *signedBy) of(r *http.Request, body []byte, secret string) (string, error) {
	hash := simulator.HexSHA256(body)
	if stated := r.Header.Get("X-Content-Sha256"); stated != "" && stated != hash {
		return "", fmt.Errorf("the body's hash is %s, not %s", hash, stated)
	}
	query, err := canonicalQuery(r.URL)
	if err != nil {
		return "", err
	}
	var headers strings.Builder
	for _, name := range by.signed {
		value := r.Header.Get(name)
		if name == "host" {
			value = r.Host
		}
		headers.WriteString(name + ":" + strings.TrimSpace(value) + "\n")
	}
	canonical := strings.Join([]string{
		r.Method, r.URL.EscapedPath(), query, headers.String(), strings.Join(by.signed, ";"), hash,
	}, "\n")
	key := []byte(secret)
	for _, part := range by.scope {
		key = sum(key, part)
	}
	toSign := strings.Join([]string{
		scheme, r.Header.Get("X-Date"), strings.Join(by.scope, "/"), simulator.HexSHA256([]byte(canonical)),
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
