package huaweicloud

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"time"

	"prefetch_exporter/prefetch"
	vendorapi "prefetch_exporter/vendor_api"
)

const (
	headerAuthToken     = "X-Auth-Token" //nolint:gosec // the name of a header, not a token
	headerSecurityToken = "X-Security-Token"
	headerRequestID     = "X-Request-Id"
)

// Auth proves to the vendor who is asking. [AKSK], [Token] and [IAM] are the
// ways that the vendor offers. It is safe for concurrent use.
type Auth interface {
	vendorapi.Auth
	// Refused tells that the vendor refused the credentials that Authorize put
	// on req.
	Refused(req *http.Request)
}

// AKSK signs each request with an access key and its secret key.
//
// Temporary keys also have a security token; securityToken is nil, or returns
// "", where there is none. All three functions are called for every request,
// because temporary keys live 15 minutes to 24 hours and are replaced.
func AKSK(accessKey, secretKey, securityToken func() string) Auth {
	return &aksk{accessKey: accessKey, secretKey: secretKey, securityToken: securityToken}
}

type aksk struct {
	accessKey, secretKey, securityToken func() string
}

func (a *aksk) Authorize(_ context.Context, req *http.Request, body []byte, now time.Time) error {
	accessKey, secretKey := a.accessKey(), a.secretKey()
	if secretKey == "" {
		return noCredentials("the secret key is empty")
	}
	if err := checkHeaderValue("the access key", accessKey); err != nil {
		return err
	}
	if a.securityToken != nil {
		if token := a.securityToken(); token != "" {
			if err := checkHeaderValue("the security token", token); err != nil {
				return err
			}
			req.Header.Set(headerSecurityToken, token)
		}
	}
	req.Header.Set(headerSDKDate, now.UTC().Format(sdkDateLayout))
	Sign(req, body, accessKey, secretKey)
	return nil
}

func (a *aksk) Secrets() []string {
	secrets := []string{a.accessKey(), a.secretKey()}
	if a.securityToken != nil {
		secrets = append(secrets, a.securityToken())
	}
	return secrets
}

// Refused does nothing: the keys are read anew for the next request anyway.
func (*aksk) Refused(*http.Request) {}

// Token sends a ready X-Auth-Token. The function is called for every request,
// since tokens end after 24 hours and are replaced by whoever provides them.
func Token(token func() string) Auth { return &readyToken{token: token} }

type readyToken struct {
	token func() string
}

func (t *readyToken) Authorize(_ context.Context, req *http.Request, _ []byte, _ time.Time) error {
	token := t.token()
	if err := checkHeaderValue("the token", token); err != nil {
		return err
	}
	req.Header.Set(headerAuthToken, token)
	return nil
}

func (t *readyToken) Secrets() []string { return []string{t.token()} }

// Refused does nothing: the token is read anew for the next request anyway.
func (*readyToken) Refused(*http.Request) {}

// checkHeaderValue refuses what net/http would refuse to send, under the
// reason that it is, and without showing it.
func checkHeaderValue(what, value string) error {
	switch {
	case value == "":
		return noCredentials(what + " is empty")
	case strings.ContainsFunc(value, func(r rune) bool { return r <= ' ' || r >= 0x7f }):
		return noCredentials(what + " holds a space, a line break or another character that no credential has")
	default:
		return nil
	}
}

func noCredentials(text string) error {
	return &vendorapi.Error{Reason: prefetch.ReasonAuth, Unsent: true, Err: errors.New(text)}
}
