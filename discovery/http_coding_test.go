package discovery_test

import (
	"bytes"
	"compress/gzip"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
)

// Whatever stands before a source may compress its answers though nobody asked.
func TestHTTPCompressed(t *testing.T) {
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
	bomb := zip(strings.Repeat(" ", 32<<20+1))
	synctest.Test(t, func(t *testing.T) {
		p := poll(t, response(http.StatusOK, zip("\uFEFF"+list("a/1")), "Content-Encoding", "gzip"))
		run(t, p.manager)
		synctest.Wait()
		wantIDs(t, p.manager, "a/1 http")
		for _, c := range []struct{ coding, body, want string }{
			{"br", "x", `the body has the coding \"br\", and none but gzip is understood`},
			{"gzip, gzip", "x", `the body has the coding \"gzip, gzip\", and none but gzip is understood`},
			{"gzip", list("a/2"), "the body is not the gzip that its header announces: gzip: invalid header"},
			{"gzip", bomb, "is larger than the limit of 33554432 bytes"},
		} {
			p.server.set(response(http.StatusOK, c.body, "Content-Encoding", c.coding))
			pass(1)
			wantIDs(t, p.manager, "a/1 http")
			if p.reports.up(tasksAs) || p.logs.count(tasksAs+": "+c.want) != 1 {
				t.Errorf("%s: up is %v, logged:\n%s", c.coding, p.reports.up(tasksAs), p.logs)
			}
		}
		p.server.set(response(http.StatusOK, zip(list("a/2")), "Content-Encoding", "x-gzip"))
		pass(1)
		wantIDs(t, p.manager, "a/2 http")
	})
}
