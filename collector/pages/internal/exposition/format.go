package exposition

import (
	"bytes"
	"encoding/binary"
	"fmt"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
)

// Format is an exposition format whose pages can be put together from pieces.
// The zero Format is none.
type Format struct {
	encoding expfmt.Format
	kind     expfmt.FormatType
}

// delimited: a family is a message behind its length (protobuf). If it is not, a
// family is a head and samples, one after the other.
func (f Format) delimited() bool { return f.kind == expfmt.TypeProtoDelim }

// FormatOf returns the format of a negotiated content type. It reports false
// for those that cannot be put together: protobuf as text.
//
// The escaping scheme of the content type makes no difference: it is for names,
// and those of [Family] are valid in every scheme.
func FormatOf(contentType expfmt.Format) (Format, bool) {
	kind := contentType.FormatType()
	switch kind {
	case expfmt.TypeTextPlain, expfmt.TypeOpenMetrics, expfmt.TypeProtoDelim:
		return Format{encoding: expfmt.NewFormat(kind).WithEscapingScheme(model.NoEscaping), kind: kind}, true
	default:
		return Format{}, false
	}
}

// encode encodes one family as it would stand on a page.
func (f Format) encode(family *dto.MetricFamily) ([]byte, error) {
	var buf bytes.Buffer
	if err := expfmt.NewEncoder(&buf, f.encoding).Encode(family); err != nil {
		return nil, fmt.Errorf("encode %s: %w", family.GetName(), err)
	}
	return buf.Bytes(), nil
}

// Family encodes the gauges of one metric family. It is not safe for concurrent
// use.
type Family struct {
	format Format
	name   string
	// encoder writes samples to buf. Making one costs more than encoding some
	// samples.
	encoder expfmt.Encoder
	samples dto.MetricFamily
	buf     bytes.Buffer
	// head is what stands once before all samples.
	head []byte
	// skip is what the encoder writes before the samples of a family without
	// help.
	skip int
}

// NewFamily returns the family of gauges with a name and a help text. The name,
// and those of all labels, must match [a-zA-Z_][a-zA-Z0-9_]*.
func (f Format) NewFamily(name, help string) (*Family, error) {
	family := &Family{format: f, name: name}
	family.encoder = expfmt.NewEncoder(&family.buf, f.encoding)
	if !f.delimited() {
		family.samples.Name, family.samples.Type = &family.name, dto.MetricType_GAUGE.Enum()
	}
	described := &dto.MetricFamily{Name: &name, Help: &help, Type: dto.MetricType_GAUGE.Enum()}
	if f.delimited() {
		message, err := f.encode(described)
		if err != nil {
			return nil, err
		}
		family.head = message[prefixLength(message):]
		return family, nil
	}
	page, length, err := f.head(described)
	if err != nil {
		return nil, err
	}
	family.head = page[:length]
	_, family.skip, err = f.head(&dto.MetricFamily{Name: &name, Type: described.Type})
	return family, err
}

// head measures what the encoder writes before the samples of a family: one
// sample makes the page as much longer as the next one does. It returns a page
// that begins with that head.
func (f Format) head(family *dto.MetricFamily) (page []byte, length int, err error) {
	sample := &dto.Metric{Gauge: &dto.Gauge{Value: new(float64)}}
	family.Metric = []*dto.Metric{sample}
	one, err := f.encode(family)
	if err != nil {
		return nil, 0, err
	}
	family.Metric = []*dto.Metric{sample, sample}
	two, err := f.encode(family)
	if err != nil {
		return nil, 0, err
	}
	return one, 2*len(one) - len(two), nil
}

// prefixLength is how long the length before a message is.
func prefixLength(message []byte) int {
	_, n := binary.Uvarint(message)
	return n
}

// Head returns what stands before samples that are size bytes in all.
func (f *Family) Head(size int) []byte {
	if !f.format.delimited() {
		return f.head
	}
	prefix := binary.AppendUvarint(nil, uint64(len(f.head)+size)) //nolint:gosec // a size is not negative
	return append(prefix, f.head...)
}

// WriteSamples appends samples to buf without their family's head. Pieces of
// one family that stand behind each other are one piece. No samples are no
// bytes.
func (f *Family) WriteSamples(buf *bytes.Buffer, samples []*dto.Metric) error {
	if len(samples) == 0 {
		return nil
	}
	f.buf.Reset()
	f.samples.Metric = samples
	err := f.encoder.Encode(&f.samples)
	f.samples.Metric = nil
	if err != nil {
		return fmt.Errorf("encode %s: %w", f.name, err)
	}
	skip := f.skip
	if f.format.delimited() {
		skip = prefixLength(f.buf.Bytes())
	}
	buf.Write(f.buf.Bytes()[skip:])
	return nil
}
