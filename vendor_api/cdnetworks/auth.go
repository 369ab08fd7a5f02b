package cdnetworks

import (
	"context"
	"crypto/hmac"
	"crypto/sha1" //nolint:gosec // The vendor's API-key scheme is HMAC-SHA1.
	"encoding/base64"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	vendorapi "prefetch_exporter/vendor_api"
	"prefetch_exporter/vendor_api/signing"
)

// APIKey returns the vendor's API-key authentication: HTTP Basic whose password
// is the base64 of the HMAC-SHA1 of the Date header under the key
// (documents.cdnetworks.com, "API key authentication"). apiKey is called for
// every request.
func APIKey(username string, apiKey func() string) vendorapi.Auth {
	return &apiKeyAuth{username: username, apiKey: apiKey}
}

type apiKeyAuth struct {
	username string
	apiKey   func() string
}

func (a *apiKeyAuth) Authorize(_ context.Context, req *http.Request, _ []byte, now time.Time) error {
	key := a.apiKey()
	switch {
	case a.username == "":
		return vendorapi.NoCredentials("the username is empty")
	case strings.Contains(a.username, ":"):
		return vendorapi.NoCredentials("the username has a colon, which Basic authentication cannot carry")
	case key == "":
		return vendorapi.NoCredentials("the API key is empty")
	}
	date := now.UTC().Format(http.TimeFormat)
	mac := hmac.New(sha1.New, []byte(key))
	mac.Write([]byte(date))
	req.Header.Set("Date", date)
	req.SetBasicAuth(a.username, base64.StdEncoding.EncodeToString(mac.Sum(nil)))
	return nil
}

func (a *apiKeyAuth) Secrets() []string { return []string{a.apiKey()} }

// AKSK returns the vendor's AK/SK authentication, CNC-HMAC-SHA256
// (documents.cdnetworks.com, "AK/SK authentication"). Both functions are called
// for every request.
//
// The vendor refuses a timestamp that it has seen, so the value never signs two
// requests with the same second, whatever the clock does, among the last 4096:
// far more than an account can make in the 5 minutes that the vendor remembers.
// All calls of one access key must share the value.
func AKSK(accessKey, secretKey func() string) vendorapi.Auth {
	return &vendorapi.Keys{AccessKey: accessKey, SecretKey: secretKey, Sign: (&seconds{used: map[int64]bool{}}).sign}
}

// The scheme and the headers that it signs, in this order.
const (
	akskAlgorithm = "CNC-HMAC-SHA256"
	signedHeaders = "content-type;host"
)

const (
	// headerAccessKey repeats the access key beside the signature.
	headerAccessKey  = "X-Cnc-Accesskey"
	headerAuthMethod = "X-Cnc-Auth-Method"
	headerTimestamp  = "X-Cnc-Timestamp"
)

// maxUsedSeconds bounds the memory of used timestamps.
const maxUsedSeconds = 4096

// seconds are those that requests were dated with.
type seconds struct {
	mu sync.Mutex
	// used and order hold the same seconds; order is from the oldest use to the
	// newest. Remembering them all, and not only the last, keeps a clock that
	// was set back from dating requests into the future until it caught up.
	used  map[int64]bool
	order []int64
}

// sign dates and signs a request.
func (s *seconds) sign(req *http.Request, body []byte, c vendorapi.Credentials, now time.Time) {
	timestamp := strconv.FormatInt(s.unused(now), 10)
	toSign := akskAlgorithm + "\n" + timestamp + "\n" + signing.SHA256(canonicalRequest(req, body))
	req.Header.Set(headerAuthMethod, "AKSK")
	req.Header.Set(headerAccessKey, c.AccessKey)
	req.Header.Set(headerTimestamp, timestamp)
	req.Header.Set("Authorization", fmt.Sprintf("%s Credential=%s, SignedHeaders=%s, Signature=%x",
		akskAlgorithm, c.AccessKey, signedHeaders, signing.HMAC([]byte(c.SecretKey), toSign)))
}

// unused is the first second from now on that was never returned before.
func (s *seconds) unused(now time.Time) int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	second := now.Unix()
	for s.used[second] {
		second++
	}
	s.used[second] = true
	s.order = append(s.order, second)
	if len(s.order) > maxUsedSeconds {
		delete(s.used, s.order[0])
		s.order = s.order[1:]
	}
	return second
}

// canonicalRequest is what AK/SK signs of a POST: its query is always empty.
func canonicalRequest(req *http.Request, body []byte) []byte {
	return []byte(strings.Join([]string{
		req.Method,
		req.URL.EscapedPath(),
		"",
		"content-type:" + strings.ToLower(req.Header.Get("Content-Type")),
		"host:" + strings.ToLower(req.Host),
		"",
		signedHeaders,
		signing.SHA256(body),
	}, "\n"))
}
