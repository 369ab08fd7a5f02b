package vendorapi

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"time"

	"prefetch_exporter/prefetch"
)

// Credentials are what one request is signed with. Token is empty where the keys
// are not temporary.
type Credentials struct{ AccessKey, SecretKey, Token string }

// Keys is an [Auth] that signs each request with an access key and its secret key.
// The functions are called for every request, because temporary keys are replaced;
// Token is nil, or returns "", where there is none.
type Keys struct {
	AccessKey, SecretKey, Token func() string
	// Sign puts the token and the signature on req, which is sent with body, as of
	// now.
	Sign func(req *http.Request, body []byte, c Credentials, now time.Time)
}

// Authorize signs req.
func (k *Keys) Authorize(_ context.Context, req *http.Request, body []byte, now time.Time) error {
	c := k.read()
	if err := CheckCredential("the access key", c.AccessKey); err != nil {
		return err
	}
	if c.SecretKey == "" {
		return NoCredentials("the secret key is empty")
	}
	if c.Token != "" {
		if err := CheckCredential("the security token", c.Token); err != nil {
			return err
		}
	}
	k.Sign(req, body, c, now)
	return nil
}

// Secrets are the keys and the token.
func (k *Keys) Secrets() []string {
	c := k.read()
	return []string{c.AccessKey, c.SecretKey, c.Token}
}

func (k *Keys) read() Credentials {
	c := Credentials{AccessKey: k.AccessKey(), SecretKey: k.SecretKey()}
	if k.Token != nil {
		c.Token = k.Token()
	}
	return c
}

// CheckCredential refuses what net/http would refuse to send, under the reason that
// it is, and without showing it.
func CheckCredential(what, value string) error {
	switch {
	case value == "":
		return NoCredentials(what + " is empty")
	case strings.ContainsFunc(value, func(r rune) bool { return r <= ' ' || r >= 0x7f }):
		return NoCredentials(what + " holds a space, a line break or another character that no credential has")
	default:
		return nil
	}
}

// NoCredentials is the error of a request that cannot be authorized.
func NoCredentials(text string) error {
	return &Error{Reason: prefetch.ReasonAuth, Unsent: true, Err: errors.New(text)}
}
