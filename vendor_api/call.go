package vendorapi

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"prefetch_exporter/internal/foreign"
	"prefetch_exporter/prefetch"
)

// Auth proves to a vendor who asks. It is safe for concurrent use.
type Auth interface {
	// Authorize puts the credentials on req, which is otherwise complete and will
	// be sent with body; now is the time of the call. Secrets are read anew for
	// every request, as they may have changed. An error means that req must not be
	// sent.
	Authorize(ctx context.Context, req *http.Request, body []byte, now time.Time) error
	// Secrets are what Authorize uses now and nobody must see.
	Secrets() []string
}

// Call is what every vendor's client does to have a question answered: build the
// request, authorize and send it, read the answer, and hide the credentials in
// what comes back, failures included.
type Call struct {
	Client *Client
	Auth   Auth
	// Now is the clock that requests are dated with; nil means time.Now.
	Now func() time.Time
	// Public names the headers of Auth that hold nothing secret, as net/http writes
	// them. Every other that it puts on a request is hidden wherever it shows.
	Public []string
	// RequestID names the header with the vendor's id of a call.
	RequestID string
}

// Build returns a request that lacks nothing but its credentials, and its body.
// The error says why the vendor cannot be asked this.
type Build func() (req *http.Request, body []byte, err error)

// Read makes an answer, or an [*Error], of what the vendor said to req. What the
// header of the response tells (the HTTP status, the id of the call, the vendor's
// time, Retry-After) is not its matter.
type Read func(req *http.Request, resp *Response) (Answer, error)

// Do makes one request, unless that cannot be built or authorized. The error is
// always an [*Error].
func (c *Call) Do(ctx context.Context, build Build, read Read) (Answer, error) {
	req, body, err := build()
	if err != nil {
		return Answer{}, &Error{Reason: prefetch.ReasonInvalid, Unsent: true, Err: err}
	}
	now := time.Now
	if c.Now != nil {
		now = c.Now
	}
	secrets, before := c.Auth.Secrets(), req.Header.Clone()
	if err := c.Auth.Authorize(ctx, req, body, now()); err != nil {
		e := c.Client.Redactor(secrets...).Error(err)
		e.Unsent = true
		return Answer{}, e
	}
	var private []string
	for name, values := range req.Header {
		if !slices.Contains(c.Public, name) && !slices.Equal(values, before[name]) {
			private = append(private, name)
		}
	}
	redactor := c.Client.Redactor(slices.Concat(secrets, foreign.Carried(req.Header, private...))...)
	answer, err := c.send(ctx, req, read)
	if err != nil {
		return Answer{}, redactor.Error(err)
	}
	return redactor.Answer(answer), nil
}

// send makes the request, reads its answer, and adds to that, or to its error, what
// the header says.
func (c *Call) send(ctx context.Context, req *http.Request, read Read) (Answer, error) {
	resp, err := c.Client.Do(ctx, req)
	var a Answer
	if err == nil {
		a, err = read(req, resp)
	}
	if resp == nil {
		return Answer{}, err
	}
	id := Excerpt([]byte(resp.Header.Get(c.RequestID)))
	if err == nil {
		a.RequestID, a.Date = cmp.Or(id, Excerpt([]byte(a.RequestID))), resp.Date
		return a, nil
	}
	e := *AsError(err)
	e.HTTPStatus, e.Date = resp.Status, resp.Date
	// A vendor's own hint is not in the header that the client knows.
	e.RetryAfter = max(e.RetryAfter, c.Client.RetryAfter(resp))
	e.RequestID = cmp.Or(id, Excerpt([]byte(e.RequestID)))
	return Answer{}, &e
}

// ParseEndpoint reads the address of a vendor's API, which is a scheme and a host
// and nothing else. Its error shows no password that the text may hold.
func ParseEndpoint(endpoint string) (*url.URL, error) {
	u, err := url.Parse(endpoint)
	if err != nil {
		return nil, errors.New("endpoint is not a URL")
	}
	switch {
	case u.Scheme != "https" && u.Scheme != "http", u.Host == "":
		return nil, errors.New("endpoint must begin with https:// or http:// and name a host")
	case u.User != nil, strings.Trim(u.Path, "/") != "", u.RawQuery != "", u.ForceQuery, u.Fragment != "":
		return nil, fmt.Errorf("endpoint must be scheme and host only: %s://%s", u.Scheme, u.Host)
	}
	return &url.URL{Scheme: u.Scheme, Host: u.Host}, nil
}
