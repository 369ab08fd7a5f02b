package pages_test

import (
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	"prefetch_exporter/collector/pages"
)

// TestOneClientLeavesScrapesToOthers has one client that does not read its pages,
// six of the eight that there may be.
func TestOneClientLeavesScrapesToOthers(t *testing.T) {
	t.Parallel()
	o := handlerOptions(&source{snapshotOf(vodAccount(launch()))})
	o.MaxRequests = 8
	h := pages.NewHandler(o)
	t.Cleanup(h.Close)
	from := func(address string) *http.Request {
		r := request{}.to()
		r.RemoteAddr = address
		return r
	}
	status := func(address string) int {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, from(address))
		return w.Code
	}
	reading, resume := make(chan struct{}), make(chan struct{})
	var running sync.WaitGroup
	for range 6 {
		running.Go(func() {
			h.ServeHTTP(&slowClient{ResponseWriter: httptest.NewRecorder(), reading: reading, resume: resume}, from("192.0.2.1:1000"))
		})
		<-reading
	}
	if got := status("192.0.2.1:2000"); got != http.StatusServiceUnavailable {
		t.Errorf("the client's seventh scrape: %d, want 503", got)
	}
	if got := status("192.0.2.2:1000"); got != http.StatusOK {
		t.Errorf("another client's scrape: %d, want 200", got)
	}
	close(resume)
	running.Wait()
	if got := status("192.0.2.1:2000"); got != http.StatusOK {
		t.Errorf("the client's next scrape: %d, want 200", got)
	}
}
