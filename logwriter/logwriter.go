// Package logwriter keeps whoever logs from waiting for whoever reads the log.
//
// It owns the queue between both. It must not know what is logged, or how.
package logwriter

import (
	"io"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// room is how much may wait to be written, in bytes: some thousand lines.
	room = 1 << 20
	// kept is how much memory is kept for that while nothing waits.
	kept = 64 << 10
)

// Writer hands on what is written to it in the background, in order and line by
// line. It is safe for concurrent use.
type Writer struct {
	out io.Writer
	// resumed is told how many lines were dropped in a row, when there is room again.
	resumed func(dropped uint64)

	dropped atomic.Uint64

	mu      sync.Mutex
	waiting []byte
	gap     uint64 // lines dropped since it was last told
	closed  bool
	wake    sync.Cond     // told of lines that wait, and of the end
	done    chan struct{} // closed when everything is written
}

// New returns a writer to out, whose lines nobody else may interrupt. resumed is
// called in the background whenever out takes lines again after some were dropped;
// it may write to the writer.
func New(out io.Writer, resumed func(dropped uint64)) *Writer {
	w := &Writer{out: out, resumed: resumed, done: make(chan struct{})}
	w.wake.L = &w.mu
	go w.run()
	return w
}

// Write queues a line. It never waits and never fails: where there is no room, the
// line is dropped and counted.
func (w *Writer) Write(line []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed || len(w.waiting)+len(line) > room {
		w.gap++
		w.dropped.Add(1)
		return len(line), nil
	}
	w.waiting = append(w.waiting, line...)
	w.wake.Signal()
	return len(line), nil
}

// Dropped returns how many lines were dropped, ever.
func (w *Writer) Dropped() uint64 { return w.dropped.Load() }

// Close waits until everything is written, but no longer than patience. What is
// written from then on is dropped.
func (w *Writer) Close(patience time.Duration) {
	w.mu.Lock()
	w.closed = true
	w.wake.Signal()
	w.mu.Unlock()
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case <-w.done:
	case <-timer.C:
	}
}

// run writes until the writer is closed and nothing is left.
func (w *Writer) run() {
	defer close(w.done)
	var lines []byte
	for {
		w.mu.Lock()
		for len(w.waiting) == 0 && !w.closed {
			w.wake.Wait()
		}
		lines, w.waiting = w.waiting, lines[:0]
		gap := w.gap
		w.gap = 0
		w.mu.Unlock()
		if len(lines) == 0 {
			return
		}
		_, _ = w.out.Write(lines) // there is nobody to tell
		if cap(lines) > kept {
			lines = nil
		}
		if gap > 0 {
			w.resumed(gap)
		}
	}
}
