package volcengine

import (
	"net/http"
	"net/url"
	"slices"
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
func (s *Server) authenticate(r *http.Request, body []byte, now time.Time) (owner string, refused *simulator.Refusal) {
	by, ok := parse(r.Header.Get("Authorization"))
	if !ok {
		if r.Header.Get("Authorization") == "" {
			return "", simulator.Denied(http.StatusUnauthorized, "MissingSignature", "The request has no signature.")
		}
		return "", simulator.Denied(http.StatusUnauthorized, "MissingAuthenticationToken", "The Authorization header is malformed.")
	}
	secret, ok := s.options.AccessKeys[by.key]
	if token, temporary := s.options.SecurityTokens[by.key]; !ok || temporary && r.Header.Get("X-Security-Token") != token {
		return "", simulator.Denied(http.StatusUnauthorized, "InvalidAccessKey", "The AccessKey or its token is not valid.")
	}
	date := r.Header.Get("X-Date")
	switch sent, err := time.Parse(dateForm, date); {
	case err != nil || date[:len("20060102")] != by.scope[0]:
		return "", simulator.Denied(http.StatusBadRequest, "InvalidTimestamp", "X-Date is missing or malformed.")
	case now.Sub(sent).Abs() > s.options.Skew:
		return "", simulator.Denied(http.StatusBadRequest, "InvalidTimestamp", "The Signature of the request is expired.")
	case !s.matches(r, body, by, secret):
		return "", simulator.Denied(http.StatusUnauthorized, "SignatureDoesNotMatch",
			"The request signature we calculated does not match the signature you provided.")
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
	hash := simulator.HexSHA256(body)
	stated := r.Header.Get("X-Content-Sha256")
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil || stated != "" && stated != hash || s.options.Region != "" && by.scope[1] != s.options.Region {
		return false
	}
	canonical := strings.Join([]string{
		r.Method, r.URL.EscapedPath(), simulator.SortedQuery(query), simulator.SignedHeaders(r, by.signed, strings.TrimSpace),
		strings.Join(by.signed, ";"), hash,
	}, "\n")
	toSign := strings.Join([]string{
		scheme, r.Header.Get("X-Date"), strings.Join(by.scope, "/"), simulator.HexSHA256([]byte(canonical)),
	}, "\n")
	return by.signature == simulator.HexHMAC(secret, append(slices.Clone(by.scope), toSign)...)
}
