package pages

import (
	"bytes"
	"io"
	"sync"

	"github.com/klauspost/compress/gzip"
)

// compressors compress pieces of pages. A compressor holds far more memory than
// a response, and is needed for a moment only: so they are shared, and there
// are about as many as processors, however many clients there are and however
// slowly they read. The zero value is ready; it is safe for concurrent use.
type compressors struct{ pool sync.Pool }

// appendMember appends text to out as one member of a gzip file. Memory takes every
// byte, so that nothing can fail.
func (c *compressors) appendMember(out *bytes.Buffer, text []byte) {
	w, ok := c.pool.Get().(*gzip.Writer)
	if !ok {
		w, _ = gzip.NewWriterLevel(io.Discard, gzip.BestSpeed)
	}
	w.Reset(out)
	_, _ = w.Write(text)
	_ = w.Close()
	w.Reset(io.Discard) // lets go of out
	c.pool.Put(w)
}
