package pages

import (
	"bytes"
	"errors"
	"runtime"
	"sync"
	"time"

	"prefetch_exporter/collector"
	"prefetch_exporter/collector/pages/internal/exposition"
)

// blocksPerWriter is how many blocks are worth another writer of ages.
const blocksPerWriter = 32

// ageWriters render the ages of tasks, which are other ones in each scrape and
// most of its work. They share it between the processors.
type ageWriters struct {
	// deflate is nil where nothing is compressed.
	deflate *exposition.Deflater
	all     []*ageWriter
}

// ageWriter renders the ages of some tasks. All it has is memory that is used
// again.
type ageWriter struct {
	samples    exposition.Samples
	compressed []byte
}

// pieces returns the ages of all tasks in some blocks.
func (w *ageWriters) pieces(blocks []*block, now time.Time) ([]piece, error) {
	n := max(1, min(len(blocks)/blocksPerWriter, runtime.GOMAXPROCS(0)))
	for len(w.all) < n {
		w.all = append(w.all, &ageWriter{})
	}
	pieces, errs := make([]piece, n), make([]error, n)
	var running sync.WaitGroup
	for i := range n {
		mine := blocks[len(blocks)*i/n : len(blocks)*(i+1)/n]
		running.Go(func() { pieces[i], errs[i] = w.all[i].write(mine, now, w.deflate) })
	}
	running.Wait()
	return pieces, errors.Join(errs...)
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
	for _, b := range blocks {
		b.ages.AppendTo(&w.samples, func(i int) float64 { return collector.Seconds(b.since[i], now) })
	}
	size := len(w.samples.Text)
	if size == 0 || deflate == nil {
		return piece{data: w.samples.Text, size: size}, nil
	}
	w.compressed = deflate.AppendMember(w.compressed[:0], &w.samples)
	return piece{data: bytes.Clone(w.compressed), size: size}, nil
}
