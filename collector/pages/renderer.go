package pages

import (
	"bytes"
	"fmt"

	dto "github.com/prometheus/client_model/go"

	"prefetch_exporter/collector"
	"prefetch_exporter/collector/pages/internal/exposition"
)

// renderer encodes and compresses the pieces of pages of one format and one
// content encoding. It is not safe for concurrent use.
type renderer struct {
	// families are the metrics on a page, in its order, and columns the series
	// that each task has.
	families []*family
	columns  []column

	// compress is nil where nothing is compressed.
	compress *compressors
	deflate  *exposition.Deflater

	// What follows is used again and again.
	buf     bytes.Buffer
	samples collector.Samples
}

// family is a metric of tasks or accounts.
type family struct {
	*exposition.Family

	metric *collector.Metric
	// from and to bound the family's columns.
	from, to int
	// head is the last head of the family, headText the same uncompressed.
	head     piece
	headText []byte
}

// column is one series of each task.
type column struct {
	*family
	*collector.Series[collector.Task]
}

func newRenderer(metrics []collector.Metric, format exposition.Format, compressed bool) (*renderer, error) {
	r := &renderer{}
	for i := range metrics {
		m := &metrics[i]
		encoder, err := format.NewFamily(m.Name, m.Help)
		if err != nil {
			return nil, fmt.Errorf("render %s: %w", m.Name, err)
		}
		f := &family{Family: encoder, metric: m, from: len(r.columns)}
		for k := range m.Tasks {
			r.columns = append(r.columns, column{f, &m.Tasks[k]})
		}
		f.to = len(r.columns)
		r.families = append(r.families, f)
	}
	if compressed {
		r.deflate, r.compress = exposition.NewDeflater(), &compressors{}
	}
	return r, nil
}

// accounts renders the series of a metric of accounts.
func (r *renderer) accounts(f *family, accounts []*accountBlocks) (piece, error) {
	var samples []*dto.Metric
	for _, a := range accounts {
		samples = append(samples, a.shown.Samples(f.metric)...)
	}
	return r.piece(f, samples)
}

// piece encodes samples.
func (r *renderer) piece(f *family, samples []*dto.Metric) (piece, error) {
	r.buf.Reset()
	if err := f.WriteSamples(&r.buf, samples); err != nil {
		return piece{}, fmt.Errorf("render: %w", err)
	}
	return r.packed(r.buf.Bytes()), nil
}

// head returns what stands before samples of size bytes.
func (r *renderer) head(f *family, size int) piece {
	if text := f.Head(size); !bytes.Equal(text, f.headText) {
		f.head, f.headText = r.packed(text), text
	}
	return f.head
}

// packed returns a copy of text as it is sent.
func (r *renderer) packed(text []byte) piece {
	var data []byte
	switch {
	case len(text) == 0:
	case r.compress == nil:
		data = bytes.Clone(text)
	default:
		var out bytes.Buffer
		r.compress.appendMember(&out, text)
		data = bytes.Clone(out.Bytes())
	}
	return piece{data: data, size: len(text)}
}
