package huaweicloud

import (
	"context"
	"net/http"
	"time"

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
	return &aksk{vendorapi.Keys{AccessKey: accessKey, SecretKey: secretKey, Token: securityToken, Sign: sign}}
}

type aksk struct{ vendorapi.Keys }

// sign signs a request that is sent at a time.
func sign(req *http.Request, body []byte, c vendorapi.Credentials, now time.Time) {
	if c.Token != "" {
		req.Header.Set(headerSecurityToken, c.Token)
	}
	req.Header.Set(headerSDKDate, now.UTC().Format(sdkDateLayout))
	Sign(req, body, c.AccessKey, c.SecretKey)
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
	if err := vendorapi.CheckCredential("the token", token); err != nil {
		return err
	}
	req.Header.Set(headerAuthToken, token)
	return nil
}

func (t *readyToken) Secrets() []string { return []string{t.token()} }

// Refused does nothing: the token is read anew for the next request anyway.
func (*readyToken) Refused(*http.Request) {}
