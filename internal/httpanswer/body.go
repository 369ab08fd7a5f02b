// Package httpanswer reads what an HTTP server answered: its body within a
// limit, with the coding taken off that a proxy or a CDN on the way put on. It is
// what calls to vendors and questions to task sources share; it must not know
// what an answer means.
package httpanswer

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
)

// ErrTooLarge is the error of a body that is over the limit, as it came or once
// it was decoded.
var ErrTooLarge = errors.New("the body is over the limit")

// CodingError is the error of a body that came whole and cannot be decoded.
type CodingError struct{ text string }

func (e *CodingError) Error() string { return e.text }

// byteOrderMark is what some programs open a text in UTF-8 with. It says nothing,
// and no parser of JSON takes it.
const byteOrderMark = "\uFEFF"

// maxForeign bounds what an error repeats of a header or a status, in bytes.
const maxForeign = 64

// Read returns the body of resp, decoded and without a byte-order mark at its
// beginning, of at most limit bytes. The limit counts decoded bytes too, so that
// a few kilobytes that become gigabytes are cut there.
//
// Gzip is decoded although nobody asks for it: whatever stands between here and
// the server may put it on. What comes beside an error is the beginning of the
// body, as far as it could be read. The error is [ErrTooLarge], a [*CodingError],
// or the network's.
func Read(resp *http.Response, limit int64) ([]byte, error) {
	network := &source{reader: io.LimitReader(resp.Body, limit+1)}
	var body []byte
	var err error
	switch coding := codingOf(resp.Header); coding {
	case "":
		body, err = io.ReadAll(network)
	case "gzip", "x-gzip":
		body, err = unzip(network, limit)
	default:
		return nil, &CodingError{fmt.Sprintf("the body has the coding %q, and none but gzip is understood", cut(coding))}
	}
	if int64(len(body)) > limit {
		body, err = body[:limit], ErrTooLarge
	}
	body = bytes.TrimPrefix(body, []byte(byteOrderMark))
	switch {
	case network.count > limit:
		return body, ErrTooLarge
	case network.err != nil:
		// A stream that ends too early is broken to the decoder as well.
		return body, network.err
	case err == nil, errors.Is(err, ErrTooLarge):
		return body, err
	default:
		return body, &CodingError{fmt.Sprintf("the body is not the gzip that its header announces: %v", err)}
	}
}

// unzip decodes at most one byte more than the limit. No byte at all is an empty
// body, whatever the header says of it.
func unzip(compressed *source, limit int64) ([]byte, error) {
	decoder, err := gzip.NewReader(compressed)
	switch {
	case errors.Is(err, io.EOF) && compressed.count == 0:
		return nil, nil
	case err != nil:
		return nil, err //nolint:wrapcheck // the caller says whose it is
	}
	return io.ReadAll(io.LimitReader(decoder, limit+1)) //nolint:wrapcheck // as above
}

// source remembers how much was read of the network and how that failed, which a
// decoder does not pass on.
type source struct {
	reader io.Reader
	count  int64
	err    error
}

func (s *source) Read(p []byte) (int, error) {
	n, err := s.reader.Read(p)
	s.count += int64(n)
	if err != nil && !errors.Is(err, io.EOF) {
		s.err = err
	}
	return n, err //nolint:wrapcheck // io.Reader's contract wants io.EOF as it is
}

// codingOf returns the codings of a body in the order in which they were put on,
// separated by ", "; "" for none.
func codingOf(header http.Header) string {
	var codings []string
	for _, line := range header.Values("Content-Encoding") {
		for coding := range strings.SplitSeq(line, ",") {
			coding = strings.ToLower(strings.TrimSpace(coding))
			if coding != "" && coding != "identity" {
				codings = append(codings, coding)
			}
		}
	}
	return strings.Join(codings, ", ")
}

func cut(text string) string {
	if len(text) <= maxForeign {
		return text
	}
	return strings.ToValidUTF8(text[:maxForeign], "") + "…"
}
