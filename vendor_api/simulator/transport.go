package simulator

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
)

// errCut is what a caller sees of a connection that ended without an answer.
var errCut = errors.New("simulated connection was cut before an answer")

// Transport returns a transport that hands every request to h in process:
// there is no network, so it works in a testing/synctest bubble.
//
// It keeps what matters of a real one: the handler sees a request as it would
// come over the wire, with a context that ends when the caller's does; a
// caller whose context ends gets the context's error at once, without waiting
// for the handler; a handler that panics with [http.ErrAbortHandler] is a
// connection that was cut, which matches [io.EOF].
func Transport(h http.Handler) http.RoundTripper { return transport{handler: h} }

type transport struct{ handler http.Handler }

// RoundTrip implements [http.RoundTripper].
func (t transport) RoundTrip(req *http.Request) (*http.Response, error) {
	ctx := req.Context()
	serverCtx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	received, err := receive(serverCtx, req)
	if err != nil {
		cancel()
		return nil, err
	}
	if ctx.Err() != nil {
		cancel()
		return nil, context.Cause(ctx) //nolint:wrapcheck // as net/http's own transport does
	}
	rec := &recorder{header: http.Header{}}
	done := make(chan error, 1)
	go func() {
		defer cancel()
		done <- serveOne(t.handler, rec, received)
	}()
	select {
	case <-ctx.Done():
		cancel()
		return nil, context.Cause(ctx) //nolint:wrapcheck // as net/http's own transport does
	case err := <-done:
		if err != nil {
			return nil, err
		}
		return rec.response(req), nil
	}
}

// receive turns a client's request into the one that a server would read, with
// the server's context. It closes the client's body.
func receive(ctx context.Context, req *http.Request) (*http.Request, error) {
	var body []byte
	if req.Body != nil {
		var err error
		body, err = io.ReadAll(req.Body)
		err = errors.Join(err, req.Body.Close())
		if err != nil {
			return nil, fmt.Errorf("read request body: %w", err)
		}
	}
	if req.URL == nil || req.URL.Host == "" {
		return nil, errors.New("request has no host")
	}
	received := req.Clone(ctx)
	received.RequestURI = req.URL.RequestURI()
	target, err := url.ParseRequestURI(received.RequestURI)
	if err != nil {
		return nil, fmt.Errorf("request URI: %w", err)
	}
	received.URL = target
	if received.Host == "" {
		received.Host = req.URL.Host
	}
	if received.Header == nil {
		received.Header = http.Header{}
	}
	if _, set := received.Header["User-Agent"]; !set {
		received.Header.Set("User-Agent", "Go-http-client/1.1")
	}
	received.RemoteAddr = "127.0.0.1:0"
	received.Body = io.NopCloser(bytes.NewReader(body))
	received.ContentLength = int64(len(body))
	received.GetBody = nil
	return received, nil
}

// serveOne runs the handler; any panic but the one that cuts the connection is
// a defect and goes on.
func serveOne(h http.Handler, w http.ResponseWriter, r *http.Request) (err error) {
	defer func() {
		switch p := recover(); p {
		case nil:
		case http.ErrAbortHandler:
			err = fmt.Errorf("%w: %w", errCut, io.EOF)
		default:
			panic(p)
		}
	}()
	h.ServeHTTP(w, r)
	return nil
}

// recorder keeps what a handler writes. One goroutine writes it, and it is
// read only after that has ended.
type recorder struct {
	header http.Header
	sent   http.Header
	status int
	body   bytes.Buffer
}

// Header implements [http.ResponseWriter].
func (w *recorder) Header() http.Header { return w.header }

// WriteHeader implements [http.ResponseWriter].
func (w *recorder) WriteHeader(status int) {
	if w.sent == nil {
		w.status, w.sent = status, w.header.Clone()
	}
}

// Write implements [http.ResponseWriter].
func (w *recorder) Write(p []byte) (int, error) {
	w.WriteHeader(http.StatusOK)
	return w.body.Write(p) //nolint:wrapcheck // a buffer's Write never fails
}

func (w *recorder) response(req *http.Request) *http.Response {
	w.WriteHeader(http.StatusOK)
	w.sent.Set("Content-Length", strconv.Itoa(w.body.Len()))
	return &http.Response{
		Status:        fmt.Sprintf("%d %s", w.status, http.StatusText(w.status)),
		StatusCode:    w.status,
		Proto:         "HTTP/1.1",
		ProtoMajor:    1,
		ProtoMinor:    1,
		Header:        w.sent,
		Body:          io.NopCloser(bytes.NewReader(w.body.Bytes())),
		ContentLength: int64(w.body.Len()),
		Request:       req,
	}
}
