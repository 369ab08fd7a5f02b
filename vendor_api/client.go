package vendorapi

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	promconfig "github.com/prometheus/common/config"

	"prefetch_exporter/internal/foreign"
	"prefetch_exporter/internal/httpanswer"
	"prefetch_exporter/prefetch"
)

const (
	// DefaultTimeout bounds one call, from dialling to the last byte.
	DefaultTimeout = 30 * time.Second
	// DefaultMaxBody bounds the body of an answer.
	DefaultMaxBody = 32 << 20
	// maxRetryAfter bounds what a broken header can do: an account that is left
	// alone for longer is asked once in between.
	maxRetryAfter = time.Hour
	// A Date outside of these years is no clock's.
	firstYear, lastYear = 1990, 2199
)

// ClientOptions are the settings of a [Client]. The zero value is usable.
type ClientOptions struct {
	// HTTP is read for its TLS and proxy settings only.
	HTTP promconfig.HTTPClientConfig
	// RoundTripper replaces the network, for tests; HTTP is then not used.
	RoundTripper http.RoundTripper
	// Through, where set, returns what requests go through on their way to next, such
	// as one that looks at them. It must send each once, as it is.
	Through func(next http.RoundTripper) http.RoundTripper
	// UserAgent is sent with every request.
	UserAgent string
	// Timeout is the limit of one call; [DefaultTimeout] unless positive.
	Timeout time.Duration
	// MaxBody is the limit of a body in bytes; [DefaultMaxBody] unless positive.
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
	// proxySecrets must not be shown.
	proxySecrets []string
}

// Response is a whole answer of a vendor, whatever its HTTP status.
type Response struct {
	Status int
	Header http.Header
	Body   []byte
	// Date is the Date header; zero if there is none that a clock can have made.
	Date time.Time
}

// Success reports whether the HTTP status says that the vendor answered.
func (r *Response) Success() bool {
	return r.Status >= http.StatusOK && r.Status < http.StatusMultipleChoices
}

// NewClient returns a client whose every request is exactly one request on the
// wire.
func NewClient(opts ClientOptions) (*Client, error) {
	var rt http.RoundTripper = gatedTransport{opts.RoundTripper}
	if opts.RoundTripper == nil {
		var err error
		if rt, err = newTransport(opts.HTTP); err != nil {
			return nil, err
		}
		proxy := opts.HTTP.ProxyConfig
		rt = httpanswer.NameProxy(rt, proxy.Proxy())
	}
	if opts.Through != nil {
		rt = opts.Through(rt)
	}
	c := &Client{
		http: &http.Client{
			Transport: rt,
			// A redirect would carry the credentials to a host that nobody
			// configured, and be a second call.
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
		userAgent: opts.UserAgent,
		timeout:   cmp.Or(max(opts.Timeout, 0), DefaultTimeout),
		maxBody:   cmp.Or(max(opts.MaxBody, 0), DefaultMaxBody),
		now:       opts.Now,

		proxySecrets: foreign.ProxySecrets(&opts.HTTP.ProxyConfig),
	}
	if c.now == nil {
		c.now = time.Now
	}
	return c, nil
}

// Do sends req once and reads the answer whole. The body is always drained (up
// to the limit, and not after a change of protocol) and closed. req itself is
// not changed.
//
// The error is an [*Error]: throttled if the HTTP status says so, timeout if the
// call's limit, the context's deadline or the time of [LeaveBy] passed, decode if
// the body of a success is over the limit or in a coding other than gzip,
// unavailable for everything else, refused redirects included. It names the host
// and never the rest of the URL. Where a response came but cannot be
// used, it is returned beside the error, without a body, for the vendor's id of
// the call; the rest of what its header tells is in the error. An answer with an
// HTTP error status is no error here, even where its body cannot be read in full:
// what it means is for the vendor's client to say.
func (c *Client) Do(ctx context.Context, req *http.Request) (*Response, error) {
	if ctx.Err() != nil {
		e := c.transportError(ctx, ctx, req.URL.Host, context.Cause(ctx))
		e.Unsent = true
		return nil, e
	}
	callCtx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	leaves := newGate(ctx)
	req = req.Clone(leaves.guard(callCtx))
	if req.Header == nil {
		req.Header = http.Header{}
	}
	if c.userAgent != "" && req.Header.Get("User-Agent") == "" {
		req.Header.Set("User-Agent", c.userAgent)
	}
	resp, err := c.http.Do(req)
	if err != nil && leaves.refused() {
		return nil, &Error{Reason: prefetch.ReasonTimeout, Unsent: true, Err: fmt.Errorf("%s: %w", req.URL.Host, ErrTooLate)}
	}
	if err != nil {
		return nil, c.transportError(ctx, callCtx, req.URL.Host, err)
	}
	defer resp.Body.Close()

	r := &Response{Status: resp.StatusCode, Header: resp.Header}
	if d, err := http.ParseTime(resp.Header.Get("Date")); err == nil && d.Year() >= firstYear && d.Year() <= lastYear {
		r.Date = d
	}
	r.Body, err = c.readBody(resp)
	if err != nil {
		e := c.transportError(ctx, callCtx, req.URL.Host, err)
		e.HTTPStatus, e.Date, e.RetryAfter = resp.StatusCode, r.Date, c.RetryAfter(r)
		if resp.StatusCode == http.StatusTooManyRequests {
			// That leaves no doubt, whatever the body would have said.
			e.Reason = prefetch.ReasonThrottled
		}
		return r, e
	}
	return r, nil
}

// readBody reads the body of an answer. The error is an [*Error], whose reason counts,
// where the response cannot be taken for an answer.
func (c *Client) readBody(resp *http.Response) ([]byte, error) {
	if resp.StatusCode == http.StatusSwitchingProtocols {
		// The body is the naked connection, and reading that does not end with
		// the context.
		return nil, &Error{Reason: prefetch.ReasonUnavailable, Err: errors.New("changed the protocol unasked")}
	}
	body, err := httpanswer.Read(resp, c.maxBody)
	if resp.StatusCode >= http.StatusMultipleChoices && resp.StatusCode < http.StatusBadRequest {
		location := Excerpt([]byte(resp.Header.Get("Location")))
		return nil, &Error{Reason: prefetch.ReasonUnavailable, Err: fmt.Errorf("refused to follow a redirect to %q", location)}
	}
	text := ""
	if coding, ok := errors.AsType[*httpanswer.CodingError](err); ok {
		text = coding.Error()
	} else if errors.Is(err, httpanswer.ErrTooLarge) {
		text = fmt.Sprintf("the answer's body is larger than the limit of %d bytes", c.maxBody)
	}
	switch {
	case err == nil:
		return body, nil
	case text == "":
		return nil, fmt.Errorf("reading the answer: %w", err)
	case resp.StatusCode < http.StatusBadRequest:
		return nil, &Error{Reason: prefetch.ReasonDecode, Err: errors.New(text)}
	case len(body) == 0:
		// The status tells what it means for the account; that no word of it can
		// be read must not make it the task's affair.
		return []byte("(" + text + ")"), nil
	default:
		return body, nil
	}
}

// transportError classifies a failure of the network or of the call's limits.
// parent is the caller's context: if it is alive when the call's own context is
// not, then the call's limit passed.
func (c *Client) transportError(parent, callCtx context.Context, host string, err error) *Error {
	if urlErr, ok := errors.AsType[*url.Error](err); ok {
		// It would repeat the whole URL.
		err = urlErr.Err
	}
	reason := prefetch.ReasonUnavailable
	var noAnswer *Error
	var netErr net.Error
	switch {
	case errors.As(err, &noAnswer):
		reason, err = noAnswer.Reason, noAnswer.Err
	case errors.Is(callCtx.Err(), context.DeadlineExceeded), errors.As(err, &netErr) && netErr.Timeout():
		reason = prefetch.ReasonTimeout
		if parent.Err() == nil && callCtx.Err() != nil {
			err = fmt.Errorf("no whole answer within %v: %w", c.timeout, err)
		}
	}
	return &Error{Reason: reason, Err: fmt.Errorf("%s: %w", host, err)}
}

// RetryAfter reads a Retry-After header, in seconds or as a date, of at most an
// hour; 0 if there is none that can be read. A date is read against the answer's
// own Date header where there is one, so that a wrong clock here does not
// matter.
func (c *Client) RetryAfter(r *Response) time.Duration {
	v := strings.TrimSpace(r.Header.Get("Retry-After"))
	if v == "" {
		return 0
	}
	if s, err := strconv.ParseInt(v, 10, 64); err == nil || errors.Is(err, strconv.ErrRange) {
		// ParseInt returns the nearest value for a number out of range.
		return time.Duration(min(max(s, 0), int64(maxRetryAfter/time.Second))) * time.Second
	}
	t, err := http.ParseTime(v)
	if err != nil {
		return 0
	}
	base := r.Date
	if base.IsZero() {
		base = c.now()
	}
	return min(max(t.Sub(base), 0), maxRetryAfter)
}
