package vendorapi

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	promconfig "github.com/prometheus/common/config"

	"prefetch_exporter/prefetch"
)

const (
	// DefaultTimeout bounds one call, from dialling to the last byte.
	DefaultTimeout = 30 * time.Second
	// DefaultMaxBody bounds the body of an answer.
	DefaultMaxBody = 32 << 20
	// maxMessage bounds a vendor's words in an [Error].
	maxMessage = 300
)

// ClientOptions are the settings of a [Client]. The zero value is usable.
type ClientOptions struct {
	// HTTP is read for its TLS and proxy settings only.
	HTTP promconfig.HTTPClientConfig
	// RoundTripper replaces the network, for tests; HTTP is then not used.
	RoundTripper http.RoundTripper
	// UserAgent is sent with every request.
	UserAgent string
	// Timeout is the limit of one call; 0 means [DefaultTimeout].
	Timeout time.Duration
	// MaxBody is the limit of a body in bytes; 0 means [DefaultMaxBody].
	MaxBody int64
	// Now is the clock; nil means time.Now.
	Now func() time.Time
}

// Client sends single HTTP requests to a vendor. It is safe for concurrent use.
type Client struct {
	http      *http.Client
	userAgent string
	timeout   time.Duration
	maxBody   int64
	now       func() time.Time
}

// Response is a whole answer of a vendor, whatever its HTTP status.
type Response struct {
	Status int
	Header http.Header
	Body   []byte
	// Date is the Date header; zero if there is none that can be read.
	Date time.Time
}

// NewClient returns a client whose every request is exactly one request on the
// wire.
//
// Connections are not kept alive and HTTP/2 is off, because net/http silently
// repeats a GET when a kept connection turns out to be closed, and again when
// an HTTP/2 stream is refused: each would be a call that no budget knows of.
func NewClient(opts ClientOptions) (*Client, error) {
	rt := opts.RoundTripper
	if rt == nil {
		var err error
		rt, err = promconfig.NewRoundTripperFromConfig(opts.HTTP, "vendor",
			promconfig.WithKeepAlivesDisabled(), promconfig.WithHTTP2Disabled())
		if err != nil {
			return nil, fmt.Errorf("HTTP client: %w", err)
		}
	}
	c := &Client{
		http: &http.Client{
			Transport: rt,
			// A redirect would carry the credentials to a host that nobody
			// configured, and be a second call.
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
		userAgent: opts.UserAgent,
		timeout:   opts.Timeout,
		maxBody:   opts.MaxBody,
		now:       opts.Now,
	}
	if c.timeout == 0 {
		c.timeout = DefaultTimeout
	}
	if c.maxBody == 0 {
		c.maxBody = DefaultMaxBody
	}
	if c.now == nil {
		c.now = time.Now
	}
	return c, nil
}

// Do sends req once and reads the answer whole. The body is always drained (up
// to the limit) and closed.
//
// The error is an [*Error]: timeout if the call's limit or the context's
// deadline passed, decode if the body is over the limit, unavailable for
// everything else, refused redirects included. An answer with an HTTP error
// status is no error here: what it means is for the vendor's client to say.
func (c *Client) Do(ctx context.Context, req *http.Request) (*Response, error) {
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	req = req.WithContext(ctx)
	if c.userAgent != "" && req.Header.Get("User-Agent") == "" {
		req.Header.Set("User-Agent", c.userAgent)
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, c.transportError(ctx, err)
	}
	defer resp.Body.Close()

	r := &Response{Status: resp.StatusCode, Header: resp.Header}
	if d, err := http.ParseTime(resp.Header.Get("Date")); err == nil {
		r.Date = d
	}
	if resp.StatusCode >= 300 && resp.StatusCode < 400 {
		return nil, &Error{
			Reason: prefetch.ReasonUnavailable, HTTPStatus: resp.StatusCode, Date: r.Date,
			Err: fmt.Errorf("refused to follow a redirect to %q", Excerpt([]byte(resp.Header.Get("Location")))),
		}
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, c.maxBody+1))
	if err != nil {
		e := c.transportError(ctx, err)
		e.HTTPStatus, e.Date = resp.StatusCode, r.Date
		return nil, e
	}
	if int64(len(body)) > c.maxBody {
		return nil, &Error{
			Reason: prefetch.ReasonDecode, HTTPStatus: resp.StatusCode, Date: r.Date,
			Err: fmt.Errorf("the answer's body is larger than the limit of %d bytes", c.maxBody),
		}
	}
	r.Body = body
	return r, nil
}

func (c *Client) transportError(ctx context.Context, err error) *Error {
	reason := prefetch.ReasonUnavailable
	var netErr net.Error
	switch {
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &netErr) && netErr.Timeout():
		reason = prefetch.ReasonTimeout
		if ctx.Err() != nil {
			err = fmt.Errorf("no whole answer within %v: %w", c.timeout, err)
		}
	}
	return &Error{Reason: reason, Err: err}
}

// RetryAfter reads a Retry-After header, in seconds or as a date; 0 if there is
// none that can be read. A date is read against the answer's own Date header
// where there is one, so that a wrong clock here does not matter.
func (c *Client) RetryAfter(r *Response) time.Duration {
	v := strings.TrimSpace(r.Header.Get("Retry-After"))
	if v == "" {
		return 0
	}
	if s, err := strconv.ParseInt(v, 10, 64); err == nil {
		if s < 0 {
			return 0
		}
		// A day is longer than any vendor's window, and bounds what a broken
		// header can do.
		return time.Duration(min(s, int64(24*time.Hour/time.Second))) * time.Second
	}
	t, err := http.ParseTime(v)
	if err != nil {
		return 0
	}
	base := r.Date
	if base.IsZero() {
		base = c.now()
	}
	return min(max(t.Sub(base), 0), 24*time.Hour)
}

// Excerpt returns the beginning of a vendor's text for an error or a log: on
// one line, valid UTF-8, without control characters, at most 300 bytes.
func Excerpt(text []byte) string {
	if len(text) > 4*maxMessage {
		text = text[:4*maxMessage]
	}
	s := strings.Join(strings.Fields(strings.ToValidUTF8(string(bytes.TrimSpace(text)), "\uFFFD")), " ")
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return -1
		}
		return r
	}, s)
	if len(s) <= maxMessage {
		return s
	}
	cut := maxMessage
	for !utf8.RuneStart(s[cut]) {
		cut--
	}
	return s[:cut] + "…"
}
