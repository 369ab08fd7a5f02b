package collector

import (
	"bytes"
	"fmt"

	dto "github.com/prometheus/client_model/go"

	"prefetch_exporter/collector/internal/exposition"
	"prefetch_exporter/prefetch"
)

// renderer encodes and compresses the pieces of pages of one format and one
// content encoding. It is not safe for concurrent use.
type renderer struct {
	series   []series[taskAt]
	families map[string]*family

	// compress is nil where nothing is compressed.
	compress *compressors
	deflate  *exposition.Deflater

	// What follows is used again and again.
	buf     bytes.Buffer
	slots   []*slot
	samples []*dto.Metric
}

// family is a metric of tasks or accounts.
type family struct {
	*exposition.Family
	// head is the last head of the family, headText the same uncompressed.
	head     piece
	headText []byte
}

// slot is a sample that is filled in again and again.
type slot struct {
	metric dto.Metric
	value  float64
	// id is the value of the label of the task.
	id     string
	task   dto.LabelPair
	labels []*dto.LabelPair
}

func newSlot() *slot {
	name := labelTask
	s := &slot{}
	s.task.Name, s.task.Value = &name, &s.id
	s.metric.Gauge = &dto.Gauge{Value: &s.value}
	return s
}

// label gives the sample the labels in base, which are ordered by name, and one
// more if it is not nil.
func (s *slot) label(base []*dto.LabelPair, added *dto.LabelPair) {
	s.labels = appendWithLabel(s.labels[:0], base, added)
	s.metric.Label = s.labels
}

// sharedLabels are the labels that all series of an account have, ordered by
// name.
type sharedLabels []*dto.LabelPair

func newRenderer(c *Collector, format exposition.Format, compressed bool) (*renderer, error) {
	r := &renderer{series: c.tasks, families: map[string]*family{}}
	table := newTable()
	for name := range c.descs {
		f, err := format.NewFamily(name, table[name].Help)
		if err != nil {
			return nil, fmt.Errorf("render %s: %w", name, err)
		}
		r.families[name] = &family{Family: f}
	}
	if compressed {
		r.deflate, r.compress = exposition.NewDeflater(), &compressors{}
	}
	return r, nil
}

// add adds the next sample of the piece that is being rendered.
func (r *renderer) add(id string, value float64) *slot {
	n := len(r.samples)
	if n == len(r.slots) {
		r.slots = append(r.slots, newSlot())
	}
	s := r.slots[n]
	s.id, s.value = id, value
	r.samples = append(r.samples, &s.metric)
	return s
}

// part renders one series of some tasks.
func (r *renderer) part(k int, account sharedLabels, tasks []*prefetch.TaskState, m moment) (piece, error) {
	series := &r.series[k]
	r.samples = r.samples[:0]
	common := withLabel(account, series.label)
	for _, t := range tasks {
		value, ok := series.value(m.of(t))
		if !ok {
			continue
		}
		s := r.add(validText(t.ID), value)
		s.label(common, &s.task)
	}
	return r.piece(series.metric)
}

// accounts renders the series of a metric of accounts.
func (r *renderer) accounts(all []series[*prefetch.AccountState], accounts []*accountBlocks) (piece, error) {
	r.samples = r.samples[:0]
	for _, a := range accounts {
		if a.state.hidden {
			continue
		}
		for _, s := range all {
			if value, ok := s.value(a.state.AccountState); ok {
				r.add("", value).label(a.labels, s.label)
			}
		}
	}
	return r.piece(all[0].metric)
}

// info renders prefetch_task_info, and counts the labels that cannot be shown.
func (r *renderer) info(account sharedLabels, tasks []*prefetch.TaskState) (piece, int, error) {
	r.samples = r.samples[:0]
	unusable := 0
	for _, t := range tasks {
		names := usableNames(t.Labels)
		unusable += len(t.Labels) - len(names)
		s := r.add(validText(t.ID), 1)
		s.metric.Label = withConfigured(withLabel(account, &s.task), names, t.Labels)
	}
	p, err := r.piece(nameTaskInfo)
	return p, unusable, err
}

// ages renders prefetch_task_age_seconds without the values.
func (r *renderer) ages(account sharedLabels, tasks []*prefetch.TaskState) (exposition.Template, error) {
	var labels [][]*dto.LabelPair
	for _, t := range tasks {
		if !t.Created.IsZero() {
			labels = append(labels, withLabel(account, pair(labelTask, validText(t.ID))))
		}
	}
	return r.families[nameTaskAge].NewTemplate(labels)
}

// piece encodes the samples that were added.
func (r *renderer) piece(metric string) (piece, error) {
	r.buf.Reset()
	if err := r.families[metric].WriteSamples(&r.buf, r.samples); err != nil {
		return piece{}, fmt.Errorf("render: %w", err)
	}
	return r.packed(r.buf.Bytes())
}

// head returns what stands before samples of size bytes.
func (r *renderer) head(f *family, size int) (piece, error) {
	text := f.Head(size)
	if bytes.Equal(text, f.headText) {
		return f.head, nil
	}
	var err error
	f.headText = text
	f.head, err = r.packed(text)
	return f.head, err
}

// packed returns a copy of text as it is sent.
func (r *renderer) packed(text []byte) (piece, error) {
	if len(text) == 0 {
		return piece{}, nil
	}
	if r.compress == nil {
		return piece{data: bytes.Clone(text), size: len(text)}, nil
	}
	var out bytes.Buffer
	if err := r.compress.appendMember(&out, text); err != nil {
		return piece{}, err
	}
	return piece{data: bytes.Clone(out.Bytes()), size: len(text)}, nil
}
