package vendorapi

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
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

// Exchange is one question to a vendor and what came back.
type Exchange struct {
	// Notes are what is odd about the answer. They become a part of it.
	Notes

	// Query is the question, with what was filled in to ask it.
	Query    Query
	Request  *http.Request
	Response *Response
	// Dated is when the request was authorized, by the clock here, to the second.
	Dated time.Time
	// RequestID is the vendor's id of the call as the body tells it. That of the
	// header counts before it.
	RequestID string
}

// Build returns the request of a question, which lacks nothing but its credentials,
// and its body. It may fill in what the question leaves open. The error says why the
// vendor cannot be asked this.
type Build func(ctx context.Context, q *Query) (req *http.Request, body []byte, err error)

// Read makes an answer of what the vendor said. The error is an [*Error], or says why
// the body cannot be read. What the header of the response tells (the HTTP status, the
// id of the call, the vendor's time, Retry-After) is not its matter.
type Read func(x *Exchange) (Answer, error)

// Do puts q to the vendor with one request, unless that cannot be built or authorized.
// The error is always an [*Error].
func (c *Call) Do(ctx context.Context, q Query, build Build, read Read) (Answer, error) {
	req, body, err := build(ctx, &q)
	if err != nil {
		return Answer{}, &Error{Reason: prefetch.ReasonInvalid, Unsent: true, Err: err}
	}
	now := c.Time()
	secrets, before := c.Auth.Secrets(), req.Header.Clone()
	if err := c.Auth.Authorize(ctx, req, body, now); err != nil {
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
	answer, err := c.send(ctx, &Exchange{Query: q, Request: req, Dated: now.Truncate(time.Second)}, read)
	if err != nil {
		return Answer{}, redactor.Error(err)
	}
	return redactor.Answer(answer), nil
}

// Time is what the call's clock says.
func (c *Call) Time() time.Time {
	if c.Now == nil {
		return time.Now()
	}
	return c.Now()
}

// send makes the request, reads its answer, and adds to that, or to its error, what
// the header says.
func (c *Call) send(ctx context.Context, x *Exchange, read Read) (a Answer, err error) {
	x.Response, err = c.Client.Do(ctx, x.Request)
	if x.Response == nil {
		return Answer{}, err
	}
	if err == nil {
		a, err = read(x)
	}
	id := cmp.Or(Excerpt([]byte(x.Response.Header.Get(c.RequestID))), Excerpt([]byte(x.RequestID)))
	if err == nil {
		a.RequestID, a.Date = id, x.Response.Date
		a.UnknownWords, a.Oddities = x.UnknownWords, x.Oddities
		return a, nil
	}
	e := Error{Reason: prefetch.ReasonDecode, Message: Excerpt(x.Response.Body), Err: err}
	if classified, ok := errors.AsType[*Error](err); ok {
		e = *classified
	}
	e.HTTPStatus, e.Date, e.RequestID = x.Response.Status, x.Response.Date, id
	// A vendor's own hint is not in the header that the client knows.
	e.RetryAfter = max(e.RetryAfter, c.Client.RetryAfter(x.Response))
	return Answer{}, &e
}

// NewRequest returns a request for what is at target, and its body: v in JSON, or none
// if v is nil.
func NewRequest(ctx context.Context, method string, target *url.URL, v any) (req *http.Request, body []byte, err error) {
	if v != nil {
		if body, err = json.Marshal(v); err != nil {
			return nil, nil, fmt.Errorf("encode the request: %w", err)
		}
	}
	req, err = http.NewRequestWithContext(ctx, method, target.String(), bytes.NewReader(body))
	if err != nil {
		return nil, nil, fmt.Errorf("build the request: %w", err)
	}
	return req, body, nil
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
