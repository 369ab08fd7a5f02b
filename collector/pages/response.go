package pages

import (
	"bufio"
	"bytes"
	"fmt"
	"io"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
)

// writeSize is how much is written at once. A client reads larger writes
// faster, up to about this size.
const writeSize = 128 << 10

// response is the body of one answer. It is used again for another one after
// reset, and not safe for concurrent use.
type response struct {
	parts []part
	// text are the live families, packed the same compressed.
	text, packed bytes.Buffer
	compressors  *compressors
	out          *bufio.Writer
}

// part is a piece of a kept page, or what stands from start to end in the
// buffer of what is live.
type part struct {
	data       []byte
	start, end int
}

func newResponse(c *compressors) *response {
	return &response{compressors: c, out: bufio.NewWriterSize(io.Discard, writeSize)}
}

// reset lets go of everything but memory that is worth keeping.
func (r *response) reset() {
	clear(r.parts)
	r.parts = r.parts[:0]
	r.text.Reset()
	r.packed.Reset()
	r.out.Reset(io.Discard)
}

// render puts the wanted families of a page together with live ones, which are
// ordered by name and of which the page has none. A family that cannot be encoded is
// left out.
func (r *response) render(a agreement, kept page, live []*dto.MetricFamily, wanted func(metric string) bool) []error {
	var errs []error
	encoder := expfmt.NewEncoder(&r.text, a.contentType)
	encodeUntil := func(last bool, name string) {
		start := r.text.Len()
		for ; len(live) > 0 && (last || live[0].GetName() < name); live = live[1:] {
			if err := r.encode(encoder, live[0], wanted); err != nil {
				errs = append(errs, err)
			}
		}
		if closer, ok := encoder.(expfmt.Closer); ok && last {
			// The end of a page of OpenMetrics is marked.
			if err := closer.Close(); err != nil {
				errs = append(errs, fmt.Errorf("end the page: %w", err))
			}
		}
		if end := r.text.Len(); end > start {
			r.parts = append(r.parts, part{start: start, end: end})
		}
	}
	for _, f := range kept {
		if !wanted(f.name) {
			continue
		}
		encodeUntil(false, f.name)
		for _, data := range f.pieces {
			r.parts = append(r.parts, part{data: data})
		}
	}
	encodeUntil(true, "")
	if a.compressed {
		r.pack()
	}
	return errs
}

func (r *response) encode(encoder expfmt.Encoder, family *dto.MetricFamily, wanted func(string) bool) error {
	if !wanted(family.GetName()) {
		return nil
	}
	start := r.text.Len()
	if err := encoder.Encode(family); err != nil {
		r.text.Truncate(start)
		return fmt.Errorf("encode %s: %w", family.GetName(), err)
	}
	return nil
}

// pack compresses what is live. Even nothing is a member: a file of none is no
// gzip file.
func (r *response) pack() {
	if len(r.parts) == 0 {
		r.parts = append(r.parts, part{})
	}
	for i := range r.parts {
		p := &r.parts[i]
		if p.data != nil {
			continue
		}
		start := r.packed.Len()
		r.compressors.appendMember(&r.packed, r.text.Bytes()[p.start:p.end])
		p.start, p.end = start, r.packed.Len()
	}
	r.text, r.packed = r.packed, r.text
}

// length is the size of the body in bytes.
func (r *response) length() int {
	n := 0
	for _, p := range r.parts {
		n += len(p.data) + p.end - p.start
	}
	return n
}

// writeTo writes the body.
func (r *response) writeTo(w io.Writer) error {
	r.out.Reset(w)
	for _, p := range r.parts {
		data := p.data
		if data == nil {
			data = r.text.Bytes()[p.start:p.end]
		}
		_, _ = r.out.Write(data) // Flush tells of an error
	}
	if err := r.out.Flush(); err != nil {
		return fmt.Errorf("write the page: %w", err)
	}
	return nil
}
