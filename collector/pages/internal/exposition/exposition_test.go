package exposition_test

import (
	"bytes"
	"compress/gzip"
	"io"
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"pgregory.net/rapid"

	"prefetch_exporter/collector/pages/internal/exposition"
)

const (
	name = "prefetch_task_age_seconds"
	help = "A \"help\" text with \\ and\na second line."
)

// contentTypes are those that can be put together.
func contentTypes() []expfmt.Format {
	return []expfmt.Format{
		expfmt.FmtText + "; escaping=underscores",
		expfmt.FmtText + "; escaping=allow-utf-8",
		expfmt.FmtOpenMetrics_0_0_1 + "; escaping=dots",
		expfmt.FmtOpenMetrics_1_0_0 + "; escaping=values",
		expfmt.FmtProtoDelim + "; escaping=underscores",
	}
}

func TestFormatOf(t *testing.T) {
	t.Parallel()
	for _, contentType := range contentTypes() {
		if _, ok := exposition.FormatOf(contentType); !ok {
			t.Errorf("%s is not covered", contentType)
		}
	}
	for _, contentType := range []expfmt.Format{expfmt.FmtProtoText, expfmt.FmtProtoCompact, expfmt.FmtUnknown, ""} {
		if _, ok := exposition.FormatOf(contentType); ok {
			t.Errorf("%q is covered", contentType)
		}
	}
}

type failer interface {
	Helper()
	Fatal(args ...any)
}

func newFamily(t failer, contentType expfmt.Format) (exposition.Format, *exposition.Family) {
	t.Helper()
	format, ok := exposition.FormatOf(contentType)
	if !ok {
		t.Fatal(contentType)
	}
	family, err := format.NewFamily(name, help)
	if err != nil {
		t.Fatal(err)
	}
	return format, family
}

// whole is what the encoder writes of a family at once.
func whole(t failer, contentType expfmt.Format, samples []*dto.Metric) []byte {
	t.Helper()
	var page bytes.Buffer
	metric, text := name, help
	err := expfmt.NewEncoder(&page, contentType).Encode(&dto.MetricFamily{
		Name: &metric, Help: &text, Type: dto.MetricType_GAUGE.Enum(), Metric: samples,
	})
	if err != nil {
		t.Fatal(err)
	}
	return page.Bytes()
}

func anyValue() *rapid.Generator[float64] {
	return rapid.OneOf(
		rapid.Float64(),
		rapid.SampledFrom([]float64{0, math.Copysign(0, -1), 1, -1, 2.7, math.NaN(), math.Inf(1), math.Inf(-1), 1e21, 7200.512, math.SmallestNonzeroFloat64}),
		rapid.Map(rapid.IntRange(-1e6, 1e9), func(i int) float64 { return float64(i) / 1000 }),
	)
}

func anyLabels() *rapid.Generator[[]*dto.LabelPair] {
	value := rapid.OneOf(rapid.SampledFrom([]string{"", "2.7", "NaN", "\n", "\"", "\\", " 2.7\n"}), rapid.String())
	return rapid.Custom(func(t *rapid.T) []*dto.LabelPair {
		account, task := "account", "task"
		accountValue, taskValue := value.Draw(t, "account"), value.Draw(t, "task")
		return []*dto.LabelPair{{Name: &account, Value: &accountValue}, {Name: &task, Value: &taskValue}}
	})
}

func anySamples() *rapid.Generator[[]*dto.Metric] {
	return rapid.SliceOfN(rapid.Custom(func(t *rapid.T) *dto.Metric {
		value := anyValue().Draw(t, "value")
		return &dto.Metric{Label: anyLabels().Draw(t, "labels"), Gauge: &dto.Gauge{Value: &value}}
	}), 1, 12)
}

// TestPiecesAreTheWhole divides samples at random.
func TestPiecesAreTheWhole(t *testing.T) {
	t.Parallel()
	for _, contentType := range contentTypes() {
		t.Run(string(contentType), func(t *testing.T) {
			t.Parallel()
			rapid.Check(t, func(rt *rapid.T) {
				_, family := newFamily(rt, contentType)
				samples := anySamples().Draw(rt, "samples")
				var pieces bytes.Buffer
				for rest := samples; len(rest) > 0; {
					n := rapid.IntRange(0, len(rest)).Draw(rt, "piece")
					if err := family.WriteSamples(&pieces, rest[:n]); err != nil {
						rt.Fatal(err)
					}
					rest = rest[n:]
				}
				page := append(bytes.Clone(family.Head(pieces.Len())), pieces.Bytes()...)
				if diff := cmp.Diff(string(whole(rt, contentType, samples)), string(page)); diff != "" {
					rt.Fatalf("the pieces are not the whole (-whole +pieces):\n%s", diff)
				}
			})
		})
	}
}

// TestTemplateIsTheWhole fills templates with values.
func TestTemplateIsTheWhole(t *testing.T) {
	t.Parallel()
	for _, contentType := range contentTypes() {
		t.Run(string(contentType), func(t *testing.T) {
			t.Parallel()
			rapid.Check(t, func(rt *rapid.T) {
				_, family := newFamily(rt, contentType)
				samples := anySamples().Draw(rt, "samples")
				got := filled(rt, family, samples)
				var want bytes.Buffer
				if err := family.WriteSamples(&want, samples); err != nil {
					rt.Fatal(err)
				}
				if diff := cmp.Diff(want.String(), string(got.Text)); diff != "" {
					rt.Fatalf("the filled template differs (-want +got):\n%s", diff)
				}
				if len(got.Ends) != len(samples) {
					rt.Fatalf("%d ends of %d samples", len(got.Ends), len(samples))
				}
			})
		})
	}
}

// filled renders samples by two templates.
func filled(t failer, family *exposition.Family, samples []*dto.Metric) *exposition.Samples {
	t.Helper()
	got := &exposition.Samples{}
	half := len(samples) / 2
	for _, part := range [][]*dto.Metric{samples[:half], samples[half:]} {
		empty := make([]*dto.Metric, len(part))
		for i, s := range part {
			empty[i] = &dto.Metric{Label: s.GetLabel()}
		}
		template, err := family.NewTemplate(empty)
		if err != nil {
			t.Fatal(err)
		}
		template.AppendTo(got, func(i int) float64 { return part[i].GetGauge().GetValue() })
	}
	return got
}

func TestFamilyWithoutName(t *testing.T) {
	t.Parallel()
	for _, contentType := range contentTypes()[:3] {
		format, _ := newFamily(t, contentType)
		if _, err := format.NewFamily("", help); err == nil || !strings.Contains(err.Error(), "no name") {
			t.Errorf("%s: error %v", contentType, err)
		}
	}
}

// FuzzDeflater asserts that what is compressed is what comes out, whatever the
// bytes and wherever a sample ends.
func FuzzDeflater(f *testing.F) {
	f.Add([]byte("x 1\nx 2\nx 3\n"), uint8(4))
	f.Add([]byte(strings.Repeat("prefetch_task_age_seconds{task=\"a\"} 1\n", 40)), uint8(38))
	f.Add(bytes.Repeat([]byte{0xff, 0x8f, 0x90}, 300), uint8(200))
	f.Add(make([]byte, 5000), uint8(0))
	f.Add([]byte{}, uint8(1))
	d := exposition.NewDeflater()
	f.Fuzz(func(t *testing.T, text []byte, every uint8) {
		s := &exposition.Samples{Text: text}
		for end := int(every) + 1; end <= len(text); end += 1 + int(every)*(1+len(s.Ends)%3) {
			s.Ends = append(s.Ends, end)
		}
		inflated(t, d, s)
	})
}

// inflated returns what the standard library reads of compressed samples, twice
// in one file, and how long they were.
func inflated(t *testing.T, d *exposition.Deflater, s *exposition.Samples) int {
	t.Helper()
	member := d.AppendMember([]byte{}, s)
	file := d.AppendMember(bytes.Clone(member), s)
	r, err := gzip.NewReader(bytes.NewReader(file))
	if err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	if want := append(bytes.Clone(s.Text), s.Text...); !bytes.Equal(want, got) {
		t.Fatalf("compressed and back:\n%q\nwas\n%q", got, want)
	}
	return len(member)
}

// TestDeflaterOfLongDistances has samples that are longer than a reference
// reaches, and references of every length.
func TestDeflaterOfLongDistances(t *testing.T) {
	t.Parallel()
	d := exposition.NewDeflater()
	random := make([]byte, 40<<10)
	for i := range random {
		random[i] = byte(i * i >> 7)
	}
	for _, length := range []int{1, 2, 3, 4, 5, 24, 25, 100, 257, 32767, 32768, 32769, 40 << 10} {
		s := &exposition.Samples{}
		for range 3 {
			s.Text = append(s.Text, random[:length]...)
			s.Ends = append(s.Ends, len(s.Text))
		}
		inflated(t, d, s)
	}
	for same := range 600 {
		line := strings.Repeat("a", same)
		s := &exposition.Samples{Text: []byte(line + "b" + line + "c")}
		s.Ends = []int{same + 1, 2*same + 2}
		inflated(t, d, s)
	}
}

func TestDeflaterCompresses(t *testing.T) {
	t.Parallel()
	s := &exposition.Samples{}
	for range 100 {
		s.Text = append(s.Text, "prefetch_task_age_seconds{account=\"vod-launches\",task=\"8ff1d0f7b2b04bd8b4b6b9f2f2a4c4f1\"} 1\n"...)
		s.Ends = append(s.Ends, len(s.Text)-1)
	}
	if n := inflated(t, exposition.NewDeflater(), s); n > len(s.Text)/10 {
		t.Errorf("%d bytes became %d", len(s.Text), n)
	}
}
