package exposition

import (
	"bytes"
	"errors"
	"fmt"
	"math"

	dto "github.com/prometheus/client_model/go"
)

// The values that find out where the value of a sample stands: encoded, they
// are of the same length and differ in every byte, in all formats. So where two
// encodings differ that are the same but for these values, there is the value,
// and nothing else.
const findingValue = 2.7

func findingOther() float64 { return math.NaN() }

// errNotFound: the values do not stand where they can be found. It tells of an
// encoder that writes a format in another way than all that are known.
var errNotFound = errors.New("the encoder does not write values where they can be found")

// Template is the samples of some series of a family with all values left out.
// It is immutable.
type Template struct {
	text []byte
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
	if !ok || len(t.holes) != len(samples) {
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

// AppendTo appends the samples with the next values of numbers, one for each
// series.
func (t *Template) AppendTo(s *Samples, numbers *Numbers) error {
	from := 0
	for _, hole := range t.holes {
		number, err := numbers.next()
		if err != nil {
			return err
		}
		s.Text = append(s.Text, t.text[from:hole]...)
		s.Text = append(s.Text, number...)
		s.Ends = append(s.Ends, len(s.Text))
		from = hole
	}
	s.Text = append(s.Text, t.text[from:]...)
	return nil
}

// Numbers encodes values as they stand in samples of a format. It is not safe
// for concurrent use.
type Numbers struct {
	// family is one whose samples have no labels, so that a sample is little
	// more than its value.
	family *Family
	// before and after stand around each value.
	before int
	after  []byte
	// width is how long each value is; 0 if it ends where after begins.
	width int

	samples []*dto.Metric
	buf     bytes.Buffer
	// rest are the samples that next did not return yet.
	rest []byte
}

// NewNumbers returns an encoder of values.
func (f Format) NewNumbers() (*Numbers, error) {
	family, err := f.NewFamily("x", "")
	if err != nil {
		return nil, err
	}
	t, err := family.NewTemplate([]*dto.Metric{{}})
	if err != nil {
		return nil, err
	}
	n := &Numbers{family: family, before: t.holes[0], after: t.text[t.holes[0]:]}
	if len(n.after) == 0 {
		if err := n.Encode([]float64{findingValue}); err != nil {
			return nil, err
		}
		n.width = len(n.rest) - n.before
	}
	return n, nil
}

// Encode encodes the values for the templates that are to be filled in next, in
// place of those that are left of the last ones. Many at once cost less than
// one by one.
func (n *Numbers) Encode(values []float64) error {
	for len(n.samples) < len(values) {
		n.samples = append(n.samples, &dto.Metric{Gauge: &dto.Gauge{Value: new(float64)}})
	}
	for i, value := range values {
		*n.samples[i].Gauge.Value = value
	}
	n.buf.Reset()
	err := n.family.WriteSamples(&n.buf, n.samples[:len(values)])
	n.rest = n.buf.Bytes()
	return err
}

// next returns the next value as it stands in a sample.
func (n *Numbers) next() ([]byte, error) {
	if len(n.rest) < n.before+n.width {
		return nil, errNotFound
	}
	number := n.rest[n.before:]
	length := n.width
	if length == 0 {
		if length = bytes.Index(number, n.after); length < 0 {
			return nil, errNotFound
		}
	}
	n.rest = number[length+len(n.after):]
	return number[:length], nil
}
