package vendorapi_test

import (
	"bytes"
	"compress/gzip"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"prefetch_exporter/prefetch"
	vendorapi "prefetch_exporter/vendor_api"
)

// TestCoding reads bodies with a coding that nobody asked for. The limit is that
// of the decoded body, and the status of an error counts for more than its words.
func TestCoding(t *testing.T) {
	t.Parallel()
	zip := func(text string) string {
		var b bytes.Buffer
		w := gzip.NewWriter(&b)
		if _, err := io.WriteString(w, text); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		return b.String()
	}
	const brotli = `the body has the coding "br", and none but gzip is understood`
	bomb := zip(strings.Repeat("0", 1<<24))
	for name, tt := range map[string]struct {
		status       int
		coding, body string
		want         string // the body
		reason       prefetch.Reason
		text         string // of the error
	}{
		"gzip":               {200, "gzip", zip("ok"), "ok", "", ""},
		"gzip, an error":     {403, "gzip", zip("no"), "no", "", ""},
		"bomb":               {200, "gzip", bomb, "", prefetch.ReasonDecode, "larger than the limit of 1000 bytes"},
		"bomb, an error":     {503, "gzip", bomb, strings.Repeat("0", 1000), "", ""},
		"brotli":             {200, "br", "x", "", prefetch.ReasonDecode, brotli},
		"brotli, an error":   {401, "br", "x", "(" + brotli + ")", "", ""},
		"brotli, throttled":  {429, "br", "x", "(" + brotli + ")", "", ""},
		"brotli, a redirect": {302, "br", "x", "", prefetch.ReasonUnavailable, "refused to follow a redirect"},
		"no gzip":            {200, "gzip", "ok", "", prefetch.ReasonDecode, "the body is not the gzip that its header announces"},
		"no gzip, an error":  {500, "gzip", "no", "(the body is not the gzip that its header announces: unexpected EOF)", "", ""},
		"large error":        {500, "", strings.Repeat("1", 5000), strings.Repeat("1", 1000), "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				if tt.coding != "" {
					w.Header().Set("Content-Encoding", tt.coding)
				}
				w.WriteHeader(tt.status)
				_, _ = io.WriteString(w, tt.body)
			}))
			defer server.Close()
			r, err := newClient(t, vendorapi.ClientOptions{MaxBody: 1000}).Do(t.Context(), get(t, server.URL))
			if tt.reason != "" {
				if e := wantReason(t, err, tt.reason); !strings.Contains(e.Error(), tt.text) || r.Body != nil {
					t.Errorf("got %v and %q", e, r.Body)
				}
			} else if err != nil || r.Status != tt.status || string(r.Body) != tt.want {
				t.Errorf("got %v: %+v", err, r)
			}
		})
	}
}
