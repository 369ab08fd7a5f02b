package pages

import (
	"bytes"
	"fmt"
	"runtime"
	"sync"
	"time"

	"prefetch_exporter/collector"
	"prefetch_exporter/collector/pages/internal/exposition"
)

const (
	// encodeAtOnce is of how many tasks ages are encoded at once.
	encodeAtOnce = 1024
	// blocksPerWriter is how many blocks are worth another writer of ages.
	blocksPerWriter = 32
)

// ageWriters render the ages of tasks, which are other ones in each scrape and
// most of its work. They share it between the processors.
type ageWriters struct {
	format  exposition.Format
	deflate *exposition.Deflater
	all     []*ageWriter
}

// ageWriter renders the ages of some tasks. All it has is memory that is used
// again.
type ageWriter struct {
	numbers    *exposition.Numbers
	values     []float64
	samples    exposition.Samples
	compressed []byte
}

// newAgeWriters returns writers of ages in a format, compressed if there is a
// deflater.
func newAgeWriters(format exposition.Format, deflate *exposition.Deflater) *ageWriters {
	return &ageWriters{format: format, deflate: deflate}
}

// pieces returns the ages of all tasks in some blocks.
func (w *ageWriters) pieces(blocks []*block, now time.Time) ([]piece, error) {
	n := max(1, min(len(blocks)/blocksPerWriter, runtime.GOMAXPROCS(0)))
	for len(w.all) < n {
		numbers, err := w.format.NewNumbers()
		if err != nil {
			return nil, fmt.Errorf("render ages: %w", err)
		}
		w.all = append(w.all, &ageWriter{numbers: numbers})
	}
	pieces, errs := make([]piece, n), make([]error, n)
	var running sync.WaitGroup
	for i := range n {
		mine := blocks[len(blocks)*i/n : len(blocks)*(i+1)/n]
		running.Go(func() { pieces[i], errs[i] = w.all[i].write(mine, now, w.deflate) })
	}
	running.Wait()
	for _, err := range errs {
		if err != nil {
			return nil, fmt.Errorf("render ages: %w", err)
		}
	}
	return pieces, nil
}

// write renders the ages of the tasks in some blocks.
func (w *ageWriter) write(blocks []*block, now time.Time, deflate *exposition.Deflater) (done piece, err error) {
	defer func() {
		if cause := recover(); cause != nil {
			err = panicked(cause)
		}
	}()
	w.samples.Ends = w.samples.Ends[:0]
	if deflate == nil {
		// The text itself becomes a part of the page.
		const spare = 8
		w.samples.Text = make([]byte, 0, len(w.samples.Text)+len(w.samples.Text)/spare)
	} else {
		w.samples.Text = w.samples.Text[:0]
	}
	for len(blocks) > 0 {
		if blocks, err = w.some(blocks, now); err != nil {
			return piece{}, err
		}
	}
	size := len(w.samples.Text)
	if size == 0 || deflate == nil {
		return piece{data: w.samples.Text, size: size}, nil
	}
	w.compressed = deflate.AppendMember(w.compressed[:0], &w.samples)
	return piece{data: bytes.Clone(w.compressed), size: size}, nil
}

// some renders the ages of some blocks and returns the others.
func (w *ageWriter) some(blocks []*block, now time.Time) ([]*block, error) {
	w.values = w.values[:0]
	n := 0
	for ; n < len(blocks) && len(w.values) < encodeAtOnce; n++ {
		for _, since := range blocks[n].since {
			w.values = append(w.values, collector.Seconds(since, now))
		}
	}
	if err := w.numbers.Encode(w.values); err != nil {
		return nil, err
	}
	for _, b := range blocks[:n] {
		if err := b.ages.AppendTo(&w.samples, w.numbers); err != nil {
			return nil, err
		}
	}
	return blocks[n:], nil
}
