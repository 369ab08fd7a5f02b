package pages

import (
	"bytes"
	"fmt"
	"io"
	"sync"

	"github.com/klauspost/compress/gzip"
)

// compressors compress pieces of pages. A compressor holds far more memory than
// a response, and is needed for a moment only: so they are shared, and there
// are about as many as processors, however many clients there are and however
// slowly they read. The zero value is ready; it is safe for concurrent use.
type compressors struct{ pool sync.Pool }

// appendMember appends text to out as one member of a gzip file.
func (c *compressors) appendMember(out *bytes.Buffer, text []byte) error {
	w, ok := c.pool.Get().(*gzip.Writer)
	if !ok {
		var err error
		if w, err = gzip.NewWriterLevel(io.Discard, gzip.BestSpeed); err != nil {
			return fmt.Errorf("compress: %w", err)
		}
	}
	w.Reset(out)
	if _, err := w.Write(text); err != nil {
		return fmt.Errorf("compress: %w", err)
	}
	if err := w.Close(); err != nil {
		return fmt.Errorf("compress: %w", err)
	}
	w.Reset(io.Discard) // lets go of out
	c.pool.Put(w)
	return nil
}
