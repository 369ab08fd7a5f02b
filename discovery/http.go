package discovery

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"time"

	promconfig "github.com/prometheus/common/config"

	"prefetch_exporter/internal/foreign"
	"prefetch_exporter/internal/httpanswer"
	"prefetch_exporter/prefetch"
)

const (
	// maxFetchTime bounds one question to an HTTP source, whatever its interval.
	maxFetchTime = 30 * time.Second
	// jitterPart is how much of its interval a source is asked later at most, so
	// that exporters started together do not ask together for ever.
	jitterPart = 0.1
	// maxDrained bounds what is read of a body that nobody wants, for the sake
	// of keeping its connection.
	maxDrained = 64 << 10
)

// HTTPSource is a URL that answers GET with a list as [tasklist.Parse] reads it.
type HTTPSource struct {
	// Name is what reports and logs call the source, unique among all.
	Name string
	// URL is http or https. Its user, password and query are sent, and appear in
	// no report and no log.
	URL string
	// RefreshInterval is how long after an answer the source is asked again,
	// plus up to a tenth.
	RefreshInterval time.Duration
	// ClientConfig makes the client. Note that its zero value, unlike
	// promconfig.DefaultHTTPClientConfig, follows no redirects.
	ClientConfig promconfig.HTTPClientConfig
	// Client, where set, is used instead of what ClientConfig would make, but that
	// it follows redirects within the address of the source only.
	Client *http.Client
}

// httpSource is one HTTP source at work. Of its fields only state and failing
// change, and the manager's lock guards them.
type httpSource struct {
	HTTPSource

	client *http.Client
	state  httpState
	// failing: the log says that it cannot be read.
	failing bool
}

// httpState is what is known of an HTTP source after its last answer.
type httpState struct {
	content *content
	// asked: there was an answer, or the lack of one.
	asked       bool
	lastSuccess time.Time
	// etag and lastModified belong to the content, and are empty unless it was
	// good: a "not modified" must never make a broken document good.
	etag, lastModified string
	// redactor hides what the last question carried.
	redactor foreign.Redactor
}

// newHTTPClient returns the client of a source, which follows redirects within its
// address at most.
func newHTTPClient(source *HTTPSource) (*http.Client, error) {
	if source.Client != nil {
		client := *source.Client
		client.CheckRedirect = followWithin
		return &client, nil
	}
	client, err := promconfig.NewClientFromConfig(source.ClientConfig, "task_discovery")
	if err != nil {
		return nil, err //nolint:wrapcheck // it is told as the source's
	}
	if source.ClientConfig.FollowRedirects {
		client.CheckRedirect = followWithin
	}
	// A copy, since Proxy keeps a function, and then no source is the same as before.
	settings := source.ClientConfig
	client.Transport = httpanswer.NameProxy(client.Transport, settings.Proxy())
	return client, nil
}

// fetch asks the source once and returns what is known after that. before is
// what was known before; it is not changed.
func (s *httpSource) fetch(ctx context.Context, userAgent string, before httpState) httpState {
	after := before
	after.asked = true
	sent := &carried{header: http.Header{}}
	body, header, err := s.get(sent.watch(ctx), userAgent, before)
	// What the server says may repeat what it was sent.
	after.redactor = foreign.NewRedactor(sent.secrets(&s.HTTPSource)...)
	if err != nil {
		text := after.redactor.Hide(foreign.Excerpt([]byte(err.Error())))
		after.content = before.content.fail(fmt.Errorf("%s: %s", s.Name, text))
		return after
	}
	if header == nil {
		after.lastSuccess = time.Now()
		after.content = before.content.again()
		return after
	}
	after.content = before.content.read(body, s.Name, prefetch.SourceHTTP, after.redactor.Hide)
	after.etag, after.lastModified = "", ""
	if after.content.err == nil {
		after.lastSuccess = time.Now()
		after.etag, after.lastModified = header.Get("ETag"), header.Get("Last-Modified")
	}
	return after
}

// get returns an answer that can be used, if its body can; neither if the source says
// that nothing was modified.
func (s *httpSource) get(ctx context.Context, userAgent string, before httpState) (body []byte, header http.Header, err error) {
	ctx, cancel := context.WithTimeout(ctx, min(s.RefreshInterval, maxFetchTime))
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.URL, http.NoBody)
	if err != nil {
		return nil, nil, bareError(err)
	}
	req.Header.Set("Accept", "application/json, application/yaml;q=0.9, */*;q=0.1")
	req.Header.Set("User-Agent", userAgent)
	req.Header.Set("X-Prometheus-Refresh-Interval-Seconds", strconv.FormatFloat(s.RefreshInterval.Seconds(), 'f', -1, 64))
	if before.etag != "" {
		req.Header.Set("If-None-Match", before.etag)
	}
	if before.lastModified != "" {
		req.Header.Set("If-Modified-Since", before.lastModified)
	}
	conditional := before.etag != "" || before.lastModified != ""

	resp, err := s.client.Do(req)
	if err != nil {
		return nil, nil, bareError(err)
	}
	defer func() {
		// What a connection still holds decides only whether it can be kept.
		_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, maxDrained))
		_ = resp.Body.Close()
	}()
	if resp.StatusCode == http.StatusNotModified && conditional {
		return nil, nil, nil
	}
	if resp.StatusCode < http.StatusOK || resp.StatusCode >= http.StatusMultipleChoices {
		return nil, nil, fmt.Errorf("the server answered %d %s", resp.StatusCode, http.StatusText(resp.StatusCode))
	}
	body, err = httpanswer.Read(resp, maxDocument)
	switch {
	case errors.Is(err, httpanswer.ErrTooLarge):
		return nil, nil, fmt.Errorf("is larger than the limit of %d bytes", maxDocument)
	case err != nil:
		return nil, nil, bareError(err)
	}
	return body, resp.Header, nil
}

// bareError returns the error without the URL, which can hold credentials, and
// without the local port, which would make every error a new one.
func bareError(err error) error {
	if urlErr, ok := errors.AsType[*url.Error](err); ok {
		return bareError(urlErr.Err)
	}
	if opErr, ok := errors.AsType[*net.OpError](err); ok {
		bare := *opErr
		bare.Source = nil
		return &bare
	}
	return err
}
