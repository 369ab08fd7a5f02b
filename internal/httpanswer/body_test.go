package httpanswer_test

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"prefetch_exporter/internal/httpanswer"
)

const limit = 1000

var errNetwork = errors.New("connection reset by peer")

func zipped(t *testing.T, text string) string {
	t.Helper()
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

// broken fails after the text, as a connection does.
type broken struct{ text io.Reader }

func (b broken) Read(p []byte) (int, error) {
	n, err := b.text.Read(p)
	if errors.Is(err, io.EOF) {
		err = errNetwork
	}
	return n, err
}

func TestRead(t *testing.T) {
	t.Parallel()
	const text = `{"status":"succeed"}`
	plain := func(body string) io.Reader { return strings.NewReader(body) }
	half := zipped(t, text)[:20]
	for name, c := range map[string]struct {
		coding []string
		body   io.Reader
		want   string
		err    string
	}{
		"plain":           {nil, plain(text), text, ""},
		"identity":        {[]string{"identity"}, plain(text), text, ""},
		"empty header":    {[]string{""}, plain(text), text, ""},
		"gzip":            {[]string{"gzip"}, plain(zipped(t, text)), text, ""},
		"other case":      {[]string{" GZip "}, plain(zipped(t, text)), text, ""},
		"x-gzip":          {[]string{"x-gzip"}, plain(zipped(t, text)), text, ""},
		"nothing first":   {[]string{"identity, gzip"}, plain(zipped(t, text)), text, ""},
		"nothing in turn": {[]string{"identity", "gzip", ""}, plain(zipped(t, text)), text, ""},
		"two members":     {[]string{"gzip"}, plain(zipped(t, text[:5]) + zipped(t, text[5:])), text, ""},
		"no byte":         {[]string{"gzip"}, plain(""), "", ""},
		"no text":         {[]string{"gzip"}, plain(zipped(t, "")), "", ""},

		"mark":            {nil, plain("\uFEFF" + text), text, ""},
		"mark, gzip":      {[]string{"gzip"}, plain(zipped(t, "\uFEFF"+text)), text, ""},
		"mark in the end": {nil, plain(text + "\uFEFF"), text + "\uFEFF", ""},

		"deflate":    {[]string{"deflate"}, plain("x"), "", `the body has the coding "deflate", and none but gzip is understood`},
		"brotli":     {[]string{"br"}, plain("x"), "", `the body has the coding "br", and none but gzip is understood`},
		"zstd":       {[]string{"ZSTD"}, plain("x"), "", `the body has the coding "zstd", and none but gzip is understood`},
		"twice":      {[]string{"gzip, gzip"}, plain("x"), "", `the body has the coding "gzip, gzip", and none but gzip is understood`},
		"two lines":  {[]string{"gzip", "br"}, plain("x"), "", `the body has the coding "gzip, br", and none but gzip is understood`},
		"unbounded":  {[]string{strings.Repeat("ö", 5000)}, plain("x"), "", `the body has the coding "` + strings.Repeat("ö", 32) + `…", and none but gzip is understood`},
		"no gzip":    {[]string{"gzip"}, plain(text), "", "the body is not the gzip that its header announces: gzip: invalid header"},
		"cut gzip":   {[]string{"gzip"}, plain(half), `{"status"`, "the body is not the gzip that its header announces: unexpected EOF"},
		"gzip, more": {[]string{"gzip"}, plain(zipped(t, text) + "more than that"), text, "the body is not the gzip that its header announces: gzip: invalid header"},

		"at the limit":       {nil, plain(strings.Repeat("a", limit)), strings.Repeat("a", limit), ""},
		"over the limit":     {nil, plain(strings.Repeat("a", limit+1)), strings.Repeat("a", limit), "the body is over the limit"},
		"at the limit, gzip": {[]string{"gzip"}, plain(zipped(t, strings.Repeat("a", limit))), strings.Repeat("a", limit), ""},
		"bomb":               {[]string{"gzip"}, plain(zipped(t, strings.Repeat("a", 1<<20))), strings.Repeat("a", limit), "the body is over the limit"},
		"endless nothing":    {[]string{"gzip"}, plain(strings.Repeat(zipped(t, ""), 1000)), "", "the body is over the limit"},

		"no network":       {nil, broken{plain("a")}, "a", "connection reset by peer"},
		"no network, gzip": {[]string{"gzip"}, broken{plain(half)}, `{"status"`, "connection reset by peer"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			resp := &http.Response{Header: http.Header{"Content-Encoding": c.coding}, Body: io.NopCloser(c.body)}
			body, err := httpanswer.Read(resp, limit)
			got := ""
			if err != nil {
				got = err.Error()
			}
			if string(body) != c.want || got != c.err {
				t.Errorf("got %q, %q; want %q, %q", body, got, c.want, c.err)
			}
			var coding *httpanswer.CodingError
			if errors.As(err, &coding) != strings.Contains(c.err, "gzip") {
				t.Errorf("%v is of the wrong type", err)
			}
		})
	}
}

// Whatever a server sends, what comes back is no larger than allowed.
func FuzzRead(f *testing.F) {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, _ = w.Write(bytes.Repeat([]byte("0"), 1<<16))
	_ = w.Close()
	for _, coding := range []string{"", "gzip", "x-gzip", "identity", "br, gzip"} {
		f.Add(coding, b.Bytes())
		f.Add(coding, []byte(`{"a":1}`))
	}
	f.Fuzz(func(t *testing.T, coding string, body []byte) {
		resp := &http.Response{
			Header: http.Header{"Content-Encoding": {coding}}, Body: io.NopCloser(bytes.NewReader(body)),
		}
		got, err := httpanswer.Read(resp, limit)
		if len(got) > limit {
			t.Fatalf("%d bytes", len(got))
		}
		if err == nil && coding == "" && len(body) > limit {
			t.Fatal("a body over the limit was taken")
		}
	})
}
