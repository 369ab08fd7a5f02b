package pages_test

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"prefetch_exporter/collector"
	"prefetch_exporter/collector/pages"
	"prefetch_exporter/prefetch"
)

func handlerOptions(s collector.Source) pages.Options {
	return pages.Options{Collector: newCollector(s), Recorder: collector.NewRecorder()}
}

func TestHandlerServesEveryPart(t *testing.T) {
	t.Parallel()
	h := pages.NewHandler(handlerOptions(&source{snapshotOf(vodAccount(launch()))}))
	page := text(t, getPath(t, h, "/metrics", acceptText))
	for _, name := range []string{
		"prefetch_task_urls{", "prefetch_exporter_store_errors_total{", "prefetch_exporter_build_info{",
		"go_goroutines ", "process_start_time_seconds ",
		"promhttp_metric_handler_requests_total{", "promhttp_metric_handler_errors_total{",
	} {
		if !strings.Contains(page, "\n"+name) {
			t.Errorf("the page has no %s", name)
		}
	}
	if strings.Contains(page, "a-url-is-never-a-label") {
		t.Error("a vendor's URL is on the page")
	}
}

func TestHandlerNegotiatesTheFormat(t *testing.T) {
	t.Parallel()
	h := pages.NewHandler(handlerOptions(&source{snapshotOf(vodAccount(launch()))}))
	for accept, want := range map[string]string{
		"":                "text/plain; version=0.0.4",
		acceptText:        "text/plain; version=0.0.4",
		acceptOpenMetrics: "application/openmetrics-text; version=1.0.0",
		acceptProtobuf:    "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited",
	} {
		resp := get(t, h, accept)
		if got := resp.Header.Get("Content-Type"); !strings.HasPrefix(got, want) {
			t.Errorf("Accept %q: Content-Type %q, want %q", accept, got, want)
		}
		if body := text(t, resp); strings.HasSuffix(body, "# EOF\n") != (accept == acceptOpenMetrics) {
			t.Errorf("Accept %q: the page ends with %q", accept, body[len(body)-20:])
		}
	}
}

func TestHandlerCompresses(t *testing.T) {
	t.Parallel()
	h := pages.NewHandler(handlerOptions(&source{snapshotOf(vodAccount(launch()))}))
	req := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/metrics", http.NoBody)
	req.Header.Set("Accept-Encoding", "gzip")
	rec := httptest.NewRecorder()
	h.ServeHTTP(rec, req)
	if got := rec.Header().Get("Content-Encoding"); got != "gzip" {
		t.Fatalf("Content-Encoding %q, want gzip", got)
	}
	r, err := gzip.NewReader(rec.Body)
	if err != nil {
		t.Fatal(err)
	}
	page, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(page, []byte("prefetch_task_urls")) {
		t.Error("the page is empty")
	}
}

func TestNativeHistogramsInProtobuf(t *testing.T) {
	t.Parallel()
	o := handlerOptions(&source{})
	recorded(o.Recorder)
	got := decode(t, get(t, pages.NewHandler(o), acceptProtobuf))
	for _, m := range collector.Metrics() {
		if m.Type != "histogram" {
			continue
		}
		h := got.Series(m.Name)[0].GetHistogram()
		if len(h.GetPositiveSpan()) == 0 || len(h.GetBucket()) == 0 {
			t.Errorf("%s is not both native and classic: %v", m.Name, h)
		}
	}
}

// TestBrokenPartDoesNotEmptyThePage has a defect in the state.
func TestBrokenPartDoesNotEmptyThePage(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	o := handlerOptions(brokenSource{})
	o.Logger = slog.New(slog.NewTextHandler(&log, nil))
	recorded(o.Recorder)
	h := pages.NewHandler(o)
	resp := getPath(t, h, "/metrics", acceptText)
	page := text(t, resp)
	if resp.StatusCode != http.StatusOK || !strings.Contains(page, "prefetch_api_requests_total{") {
		t.Errorf("status %d, page:\n%s", resp.StatusCode, page)
	}
	if !strings.Contains(log.String(), "level=ERROR") || !strings.Contains(log.String(), "the state is broken") {
		t.Errorf("the log does not tell: %s", log.String())
	}
	// An error is counted after its page was gathered: the next page shows it.
	page = text(t, getPath(t, h, "/metrics", acceptText))
	if !strings.Contains(page, `promhttp_metric_handler_errors_total{cause="gathering"} 1`) {
		t.Errorf("the broken scrape is not counted:\n%s", page)
	}
}

// blockedSource holds the first scrape until the test lets it go.
type blockedSource struct {
	blocked          atomic.Bool
	entered, release chan struct{}
}

func (s *blockedSource) Snapshot() prefetch.Snapshot {
	if s.blocked.CompareAndSwap(false, true) {
		close(s.entered)
		<-s.release
	}
	return prefetch.Snapshot{}
}

func TestHandlerLimitsScrapes(t *testing.T) {
	t.Parallel()
	s := &blockedSource{entered: make(chan struct{}), release: make(chan struct{})}
	o := handlerOptions(s)
	o.MaxRequests = 1
	h := pages.NewHandler(o)
	first := make(chan int)
	go func() {
		rec := httptest.NewRecorder()
		h.ServeHTTP(rec, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/metrics", http.NoBody))
		first <- rec.Code
	}()
	<-s.entered
	if resp := getPath(t, h, "/metrics", acceptText); resp.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("the second scrape at once got %d, want 503", resp.StatusCode)
	}
	close(s.release)
	if code := <-first; code != http.StatusOK {
		t.Errorf("the first scrape got %d, want 200", code)
	}
}

// TestHandlerLimitsSlowClients has as many clients that do not read as are let
// in, whether their page is kept or rendered by promhttp.
func TestHandlerLimitsSlowClients(t *testing.T) {
	t.Parallel()
	const most = 200
	h := pages.NewHandler(handlerOptions(&source{snapshotOf(vodAccount(launch()))}))
	reading, resume := make(chan struct{}), make(chan struct{})
	var running sync.WaitGroup
	for i := range most {
		running.Go(func() {
			r := []request{{}, {accept: acceptProtobuf}}[i%2].to()
			h.ServeHTTP(&slowClient{ResponseWriter: httptest.NewRecorder(), reading: reading, resume: resume}, r)
		})
		<-reading
	}
	if resp := getPath(t, h, "/metrics", acceptText); resp.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("one client too many got %d, want 503", resp.StatusCode)
	}
	close(resume)
	running.Wait()
	if resp := getPath(t, h, "/metrics", acceptText); resp.StatusCode != http.StatusOK {
		t.Errorf("after the slow clients are gone: %d, want 200", resp.StatusCode)
	}
}

func TestWriteText(t *testing.T) {
	t.Parallel()
	o := handlerOptions(&source{snapshotOf(vodAccount(launch()))})
	var page strings.Builder
	if err := pages.WriteText(&page, o); err != nil {
		t.Fatal(err)
	}
	served := text(t, get(t, pages.NewHandler(o), acceptText))
	for line := range strings.Lines(served) {
		if !strings.Contains(page.String(), line) {
			t.Errorf("only the handler has %s", line)
		}
	}
}

func TestWriteTextOfABrokenPart(t *testing.T) {
	t.Parallel()
	var page strings.Builder
	err := pages.WriteText(&page, handlerOptions(brokenSource{}))
	if err == nil || !strings.Contains(err.Error(), "the state is broken") {
		t.Errorf("error %v does not tell", err)
	}
	if !strings.Contains(page.String(), "prefetch_exporter_store_errors_total") {
		t.Errorf("the other parts are missing:\n%s", page.String())
	}
}

var errFull = errors.New("the disk is full")

type fullWriter struct{}

func (fullWriter) Write([]byte) (int, error) { return 0, errFull }

func TestWriteTextToAFullDisk(t *testing.T) {
	t.Parallel()
	if err := pages.WriteText(fullWriter{}, handlerOptions(&source{})); !errors.Is(err, errFull) {
		t.Errorf("error %v, want %v", err, errFull)
	}
}

func TestHandlerFiltersByName(t *testing.T) {
	t.Parallel()
	h := pages.NewHandler(handlerOptions(&source{snapshotOf(vodAccount(launch()))}))
	got := decode(t, getPath(t, h, "/metrics?name[]=prefetch_task_up", acceptText)).Names()
	if !slices.Equal(got, []string{"prefetch_task_up"}) {
		t.Errorf("families %v", got)
	}
}
