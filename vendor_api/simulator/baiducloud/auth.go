package baiducloud

import (
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
	// timeForm is the form of every time, in UTC.
	timeForm = "2006-01-02T15:04:05Z"
	// skew is how far the time of a signature may be off.
	skew = 30 * time.Minute
	// partsOfSignature are the version, the access key, the time, the seconds that it is
	// good for, the names of the headers and the signature itself.
	partsOfSignature = 6
)

// claim is what an Authorization header says.
type claim struct {
	prefix, key string
	signed      []string
	signature   string
	at          time.Time
	lives       time.Duration
}

func parse(header string) (c claim, ok bool) {
	parts := strings.Split(header, "/")
	if len(parts) != partsOfSignature || parts[0] != "bce-auth-v1" {
		return claim{}, false
	}
	at, err := time.Parse(timeForm, parts[2])
	seconds, secondsErr := strconv.ParseUint(parts[3], 10, 32)
	if err != nil || secondsErr != nil {
		return claim{}, false
	}
	return claim{
		prefix: strings.Join(parts[:4], "/"), key: parts[1], at: at, lives: time.Duration(seconds) * time.Second,
		signed: strings.Split(parts[4], ";"), signature: parts[5],
	}, true
}

// authenticate returns who asks, by the signature over the headers that the client
// itself names.
func (s *Server) authenticate(r *http.Request, now time.Time) (owner string, refused *simulator.Refusal) {
	header := r.Header.Get("Authorization")
	if header == "" {
		return "", simulator.Denied(http.StatusForbidden, "AccessDenied", "Access denied: no authorization.")
	}
	c, ok := parse(header)
	if !ok {
		return "", simulator.Denied(http.StatusBadRequest, "InvalidHTTPAuthHeader", "The HTTP authorization header is invalid.")
	}
	secret, ok := s.options.AccessKeys[c.key]
	if token, temporary := s.options.SessionTokens[c.key]; !ok || temporary && r.Header.Get("X-Bce-Security-Token") != token {
		return "", simulator.Denied(http.StatusForbidden, "InvalidAccessKeyId", "The Access Key ID you provided does not exist in our records.")
	}
	if now.Sub(c.at).Abs() > skew || now.After(c.at.Add(c.lives)) {
		return "", simulator.Denied(http.StatusBadRequest, "RequestExpired", "Request has expired. Timestamp date is "+c.at.Format(timeForm)+".")
	}
	if wanted, err := c.of(r, secret); err != nil || c.signature != wanted {
		return "", simulator.Denied(http.StatusBadRequest, "SignatureDoesNotMatch",
			"The request signature we calculated does not match the signature you provided.")
	}
	return c.key, nil
}

// of is the signature that a request should have. Its host and the vendor's own headers,
// but for the id of the request, must be signed.
func (c *claim) of(r *http.Request, secret string) (string, error) {
	for name := range r.Header {
		name = strings.ToLower(name)
		own := strings.HasPrefix(name, "x-bce-") && name != "x-bce-request-id"
		if own && !slices.Contains(c.signed, name) {
			return "", fmt.Errorf("%s is not signed", name)
		}
	}
	if !slices.Contains(c.signed, "host") {
		return "", fmt.Errorf("%q lacks the host", c.signed)
	}
	parameters, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return "", fmt.Errorf("query: %w", err)
	}
	// They are sorted as they are written, a name with its value.
	pairs := strings.Split(simulator.SortedQuery(parameters), "&")
	slices.Sort(pairs)
	var headers []string
	for _, name := range c.signed {
		headers = append(headers, simulator.Escape(name)+":"+simulator.Escape(strings.TrimSpace(simulator.SignedHeader(r, name))))
	}
	slices.Sort(headers)
	path := strings.ReplaceAll(simulator.Escape(r.URL.Path), "%2F", "/")
	canonical := strings.Join([]string{r.Method, path, strings.Join(pairs, "&"), strings.Join(headers, "\n")}, "\n")
	return simulator.HexHMAC(simulator.HexHMAC(secret, c.prefix), canonical), nil
}
