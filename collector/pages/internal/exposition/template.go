package exposition

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"strconv"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
)

// The values that find out where the value of a sample stands: encoded, they
// are of the same length and differ in every byte, in all formats. So where two
// encodings differ that are the same but for these values, there is the value,
// and nothing else.
const findingValue = 2.7

func findingOther() float64 { return math.NaN() }

// errNotFound: the values do not stand where they can be found, or are written in
// another way. It tells of an encoder that writes a format in another way than all
// that are known.
var errNotFound = errors.New("the encoder does not write values where and as they are looked for")

// Template is the samples of some series of a family with all values left out.
// It is immutable.
type Template struct {
	format Format
	text   []byte
	// holes are where values stand in text, in order.
	holes []int
}

// NewTemplate returns the template of samples, whose labels are ordered by name. It
// overwrites their values.
func (f *Family) NewTemplate(samples []*dto.Metric) (Template, error) {
	value := findingValue
	for _, s := range samples {
		s.Gauge = &dto.Gauge{Value: &value}
	}
	var text, other bytes.Buffer
	if err := f.WriteSamples(&text, samples); err != nil {
		return Template{}, err
	}
	value = findingOther()
	if err := f.WriteSamples(&other, samples); err != nil {
		return Template{}, err
	}
	t, ok := cut(text.Bytes(), other.Bytes())
	t.format = f.format
	number := f.format.appendNumber(nil, findingValue)
	if !ok || len(t.holes) != len(samples) || text.Len() != len(t.text)+len(samples)*len(number) ||
		len(samples) > 0 && !bytes.HasPrefix(text.Bytes()[t.holes[0]:], number) {
		return Template{}, fmt.Errorf("template of %s: %w", f.name, errNotFound)
	}
	return t, nil
}

// cut takes out of a all that differs from b.
func cut(a, b []byte) (Template, bool) {
	if len(a) != len(b) {
		return Template{}, false
	}
	var t Template
	kept := 0
	for i := 0; i < len(a); {
		if a[i] == b[i] {
			i++
			continue
		}
		t.text = append(t.text, a[kept:i]...)
		t.holes = append(t.holes, len(t.text))
		for i < len(a) && a[i] != b[i] {
			i++
		}
		kept = i
	}
	t.text = append(t.text, a[kept:]...)
	return t, true
}

// Samples are encoded samples.
type Samples struct {
	Text []byte
	// Ends are where each value ends in Text: what stands between two of them
	// resembles what stands between the next two.
	Ends []int
}

// AppendTo appends the samples, the one at i with the value that value returns.
func (t *Template) AppendTo(s *Samples, value func(i int) float64) {
	from := 0
	for i, hole := range t.holes {
		s.Text = append(s.Text, t.text[from:hole]...)
		s.Text = t.format.appendNumber(s.Text, value(i))
		s.Ends = append(s.Ends, len(s.Text))
		from = hole
	}
	s.Text = append(s.Text, t.text[from:]...)
}

// appendNumber appends a value as it stands in a sample.
func (f Format) appendNumber(dst []byte, value float64) []byte {
	if f.kind == expfmt.TypeProtoDelim {
		return binary.LittleEndian.AppendUint64(dst, math.Float64bits(value))
	}
	if value == 0 {
		value = 0 // without a sign
	}
	start := len(dst)
	dst = strconv.AppendFloat(dst, value, 'g', -1, 64)
	if f.kind == expfmt.TypeOpenMetrics && !bytes.ContainsAny(dst[start:], ".eNI") {
		dst = append(dst, ".0"...)
	}
	return dst
}
