package simulator

import (
	"compress/gzip"
	"maps"
	"net/http"
)

// Compressing returns h behind a CDN or a proxy that compresses every answer with
// gzip, whether the caller accepts that or not, and opens the text with a
// byte-order mark.
func Compressing(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		rec := &recorder{header: http.Header{}}
		h.ServeHTTP(rec, r)
		rec.WriteHeader(http.StatusOK)
		maps.Copy(w.Header(), rec.sent)
		w.Header().Set("Content-Encoding", "gzip")
		w.Header().Del("Content-Length")
		w.WriteHeader(rec.status)
		// A caller that has gone needs no answer, and nobody else could be told.
		zip := gzip.NewWriter(w)
		_, _ = zip.Write([]byte("\uFEFF"))
		_, _ = zip.Write(rec.body.Bytes())
		_ = zip.Close()
	})
}
