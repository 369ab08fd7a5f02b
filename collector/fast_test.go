package collector_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"log/slog"
	"math"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/common/expfmt"

	"prefetch_exporter/collector"
	"prefetch_exporter/prefetch"
)

// request is one way to ask for a page.
type request struct{ accept, encoding string }

// requests are all formats that can be negotiated, raw and compressed, and some
// wishes that are harder to understand.
func requests() []request {
	all := []request{
		{encoding: "zstd, gzip;q=0.5"},
		{encoding: "identity;q=0"},
		{encoding: "identity;q=0, *;q=0"},
		{encoding: "br;q=1.0, *;q=0.1"},
		{accept: "text/html", encoding: "GZIP"},
	}
	for _, accept := range []string{
		"",
		acceptText + ";escaping=allow-utf-8",
		acceptText + ";escaping=underscores",
		acceptOpenMetrics + ";escaping=dots",
		"application/openmetrics-text;version=0.0.1;escaping=values",
		acceptProtobuf,
		strings.Replace(acceptProtobuf, "delimited", "text", 1),
		strings.Replace(acceptProtobuf, "delimited", "compact-text", 1),
	} {
		all = append(all, request{accept: accept}, request{accept: accept, encoding: "gzip"})
	}
	return all
}

// do asks a handler for the families with the given names.
func (r request) do(h http.Handler, names []string) *http.Response {
	req := httptest.NewRequestWithContext(context.Background(), http.MethodGet,
		"/metrics?"+url.Values{"name[]": names}.Encode(), http.NoBody)
	if r.accept != "" {
		req.Header.Set("Accept", r.accept)
	}
	if r.encoding != "" {
		req.Header.Set("Accept-Encoding", r.encoding)
	}
	rec := httptest.NewRecorder()
	h.ServeHTTP(rec, req)
	return rec.Result()
}

// stateMetrics are the families that come from a snapshot, and some that do
// not and stand between them.
func stateMetrics() []string {
	var names []string
	for _, m := range collector.Metrics() {
		if m.Name != "prefetch_exporter_build_info" {
			names = append(names, m.Name)
		}
	}
	return names
}

// body reads a response whole, and decompresses it.
func body(t failer, resp *http.Response) []byte {
	t.Helper()
	defer resp.Body.Close()
	var r io.Reader = resp.Body
	if resp.Header.Get("Content-Encoding") == "gzip" {
		var err error
		if r, err = gzip.NewReader(resp.Body); err != nil {
			t.Fatalf("read the answer: %v", err)
		}
	}
	text, err := io.ReadAll(r)
	if err != nil {
		t.Fatalf("read the answer: %v", err)
	}
	return text
}

// lines reads a page and returns what it says as the lines of the text format,
// ordered, so that pages in any format can be compared.
func lines(t failer, contentType expfmt.Format, page []byte) []string {
	t.Helper()
	if kind := contentType.FormatType(); kind == expfmt.TypeProtoText || kind == expfmt.TypeProtoCompact {
		return []string{string(page)} // never put together from pieces
	}
	var b strings.Builder
	for _, family := range decodeText(t, contentType, page) {
		if _, err := expfmt.MetricFamilyToText(&b, family); err != nil {
			t.Fatalf("render %s: %v", family.GetName(), err)
		}
	}
	all := slices.Collect(strings.Lines(b.String()))
	slices.Sort(all)
	return all
}

// sameLines fails at the first line that is another one. Pages are too long for
// a diff.
func sameLines(t failer, r request, want, got []string) {
	t.Helper()
	for i := range max(len(want), len(got)) {
		a, b := "nothing", "nothing"
		if i < len(want) {
			a = want[i]
		}
		if i < len(got) {
			b = got[i]
		}
		if a != b {
			t.Fatalf("%+v: line %d of %d is\n%s\nand of promhttp's %d\n%s", r, i, len(got), b, len(want), a)
		}
	}
}

// samePage fails if two handlers do not answer a request alike.
func samePage(t failer, r request, want, got http.Handler) {
	t.Helper()
	wanted, gotten := r.do(want, stateMetrics()), r.do(got, stateMetrics())
	if wanted.StatusCode != gotten.StatusCode {
		t.Fatalf("%+v: status %d, want %d", r, gotten.StatusCode, wanted.StatusCode)
	}
	gotten.Header.Del("Content-Length") // promhttp does not know it
	if diff := cmp.Diff(wanted.Header, gotten.Header); diff != "" {
		t.Fatalf("%+v: headers (-promhttp +handler):\n%s", r, diff)
	}
	contentType := expfmt.Format(wanted.Header.Get("Content-Type"))
	sameLines(t, r, lines(t, contentType, body(t, wanted)), lines(t, contentType, body(t, gotten)))
}

func TestPageIsThatOfPromhttp(t *testing.T) {
	t.Parallel()
	settled := settledTask()
	settled.ID = "settled"
	// In order, and yet of the same label.
	twins := launches(2)
	twins[0].ID, twins[1].ID = "a\xfe", "a\xff"
	for name, accounts := range map[string][]prefetch.AccountState{
		"same label":  {vodAccount(twins...)},
		"nothing":     nil,
		"no task":     {vodAccount()},
		"many tasks":  {vodAccount(launches(150)...), windowAccount()},
		"hostile":     {hostileAccount(), windowAccount()},
		"not ordered": {vodAccount(settled, launch(), staleTask()), vodAccount(pendingTask()), windowAccount()},
		"failing":     {failingAccount(), vodAccount(settled, staleTask())},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := handlerOptions(&source{snapshotOf(accounts...)})
			recorded(o.Recorder)
			fast := collector.Handler(o)
			for _, r := range requests() {
				samePage(t, r, ordinary(o), fast)
			}
		})
	}
}

// TestPageIsInTheOrderOfPromhttp compares bytes. Only prefetch_task_info, which
// promhttp orders by the configured labels first, is in another order.
func TestPageIsInTheOrderOfPromhttp(t *testing.T) {
	t.Parallel()
	o := handlerOptions(&source{snapshotOf(windowAccount(), vodAccount(launches(150)...))})
	recorded(o.Recorder)
	fast := collector.Handler(o)
	names := slices.DeleteFunc(stateMetrics(), func(name string) bool { return name == "prefetch_task_info" })
	for _, r := range requests() {
		want, got := r.do(ordinary(o), names), r.do(fast, names)
		sameLines(t, r, slices.Collect(strings.Lines(string(body(t, want)))), slices.Collect(strings.Lines(string(body(t, got)))))
	}
}

// TestWhatIsNotShownIsLogged has the log say the same whoever renders.
func TestWhatIsNotShownIsLogged(t *testing.T) {
	t.Parallel()
	logs := map[string]string{}
	for _, name := range []string{"promhttp", "handler"} {
		var log bytes.Buffer
		drop := func(_ []string, a slog.Attr) slog.Attr {
			if a.Key == slog.TimeKey {
				return slog.Attr{}
			}
			return a
		}
		o := handlerOptions(&source{snapshotOf(hostileAccount(), hostileAccount())})
		o.Collector = collector.New(collector.Options{
			Source: &source{snapshotOf(hostileAccount(), hostileAccount())}, Now: clock,
			Logger: slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{ReplaceAttr: drop})),
		})
		h := ordinary(o)
		if name == "handler" {
			h = collector.Handler(o)
		}
		for range 3 {
			body(t, request{}.do(h, nil))
		}
		logs[name] = log.String()
	}
	if logs["handler"] == "" || logs["handler"] != logs["promhttp"] {
		t.Errorf("promhttp: %shandler: %s", logs["promhttp"], logs["handler"])
	}
}

func TestHeadHasTheHeader(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	o := handlerOptions(&source{snapshotOf(vodAccount(launches(150)...))})
	o.Logger = slog.New(slog.NewTextHandler(&log, nil))
	rec := httptest.NewRecorder()
	collector.Handler(o).ServeHTTP(rec, httptest.NewRequestWithContext(t.Context(), http.MethodHead, "/metrics", http.NoBody))
	if n, err := strconv.Atoi(rec.Header().Get("Content-Length")); err != nil || n < 150*1000 || rec.Code != http.StatusOK {
		t.Errorf("status %d, length %d, %v", rec.Code, n, err)
	}
	// The server would refuse a body, which is no error of anybody.
	if rec.Body.Len() > 0 || log.Len() > 0 {
		t.Errorf("a body of %d bytes, log: %s", rec.Body.Len(), log.String())
	}
}

// TestAnotherLimitOfStaleness changes nothing else.
func TestAnotherLimitOfStaleness(t *testing.T) {
	t.Parallel()
	account := vodAccount(launch())
	s := &source{}
	o := handlerOptions(s)
	h := collector.Handler(o)
	for _, limit := range []time.Duration{time.Hour, time.Second, time.Hour, time.Minute, time.Minute - 1} {
		account.MaxStaleness = limit
		s.snapshot = snapshotOf(account)
		samePage(t, request{}, ordinary(o), h)
	}
}

func TestLengthIsThatOfTheBody(t *testing.T) {
	t.Parallel()
	h := collector.Handler(handlerOptions(&source{snapshotOf(vodAccount(launches(150)...))}))
	for _, encoding := range []string{"", "gzip"} {
		resp := request{encoding: encoding}.do(h, nil)
		if got, want := resp.Header.Get("Content-Length"), strconv.Itoa(len(text(t, resp))); got != want {
			t.Errorf("%q: Content-Length %s, the body has %s", encoding, got, want)
		}
	}
}

// TestNothingIsWanted has an empty page that is nevertheless a gzip file.
func TestNothingIsWanted(t *testing.T) {
	t.Parallel()
	h := collector.Handler(handlerOptions(&source{snapshotOf(vodAccount(launch()))}))
	for _, r := range requests() {
		resp := r.do(h, []string{"no_such_metric"})
		if got := string(body(t, resp)); resp.StatusCode != http.StatusOK || strings.TrimSuffix(got, "# EOF\n") != "" {
			t.Errorf("%+v: status %d, page %q", r, resp.StatusCode, got)
		}
	}
}

// brittleSource is a source that breaks and is whole again.
type brittleSource struct {
	source
	broken bool
}

func (s *brittleSource) Snapshot() prefetch.Snapshot {
	if s.broken {
		panic("the state is broken")
	}
	return s.source.Snapshot()
}

func TestPageAfterAPanic(t *testing.T) {
	t.Parallel()
	s := &brittleSource{source: source{snapshotOf(vodAccount(launches(150)...))}}
	o := handlerOptions(s)
	h := collector.Handler(o)
	samePage(t, request{}, ordinary(o), h)
	s.broken = true
	if page := string(body(t, request{}.do(h, nil))); strings.Contains(page, "prefetch_task_up{") {
		t.Error("a broken state is served from what was kept")
	}
	s.broken = false
	s.snapshot = snapshotOf(vodAccount(launches(130)...))
	samePage(t, request{}, ordinary(o), h)
}

// TestPagesNobodyAsksForAreLetGo goes on after the time for which they are
// kept.
func TestPagesNobodyAsksForAreLetGo(t *testing.T) {
	t.Parallel()
	at := now
	o := handlerOptions(nil)
	o.Collector = collector.New(collector.Options{
		Source: &source{snapshotOf(vodAccount(launch()))}, Now: func() time.Time { return at },
	})
	h := collector.Handler(o)
	for range 2 {
		for _, r := range []request{{}, {encoding: "gzip"}, {accept: acceptOpenMetrics}} {
			samePage(t, r, ordinary(o), h)
			at = at.Add(7 * time.Minute)
		}
	}
}

// TestClientThatHangsUp counts what could not be sent, once.
func TestClientThatHangsUp(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	o := handlerOptions(&source{snapshotOf(vodAccount(launches(150)...))})
	o.Logger = slog.New(slog.NewTextHandler(&log, nil))
	h := collector.Handler(o)
	h.ServeHTTP(goneClient{httptest.NewRecorder()}, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/metrics", http.NoBody))
	if !strings.Contains(log.String(), errFull.Error()) {
		t.Errorf("the log does not tell: %s", log.String())
	}
	if page := text(t, request{}.do(h, nil)); !strings.Contains(page, `promhttp_metric_handler_errors_total{cause="encoding"} 1`) {
		t.Error("the error is not counted")
	}
}

type goneClient struct{ http.ResponseWriter }

func (goneClient) Write([]byte) (int, error) { return 0, errFull }

// generations is a source whose every task and account carries the number of
// the snapshot, which grows with each.
type generations struct {
	tasks int
	last  atomic.Int64
}

func (g *generations) Snapshot() prefetch.Snapshot {
	n := int(g.last.Add(1))
	tasks := make([]*prefetch.TaskState, g.tasks)
	for i := range tasks {
		t := launch()
		t.ID = fmt.Sprintf("%08d", i)
		t.Counts = prefetch.Counts{prefetch.Succeeded: n}
		t.LastRefresh = time.Unix(int64(n), 0)
		tasks[i] = t
	}
	a := vodAccount(tasks...)
	a.MaxStaleness = math.MaxInt64
	a.Dropped = n
	return snapshotOf(a)
}

// TestScrapesAtOnceSeeOneState has a hundred scrapers while every answer
// changes: each sees one state only, and none that is older than its request.
func TestScrapesAtOnceSeeOneState(t *testing.T) {
	t.Parallel()
	g := &generations{tasks: 200}
	o := handlerOptions(g)
	h := collector.Handler(o)
	all := requests()[:5]
	for _, accept := range []string{acceptText, acceptOpenMetrics, acceptProtobuf} {
		all = append(all, request{accept: accept}, request{accept: accept, encoding: "gzip"})
	}
	var scrapes sync.WaitGroup
	for i := range 100 {
		scrapes.Go(func() {
			r := all[i%len(all)]
			before := g.last.Load()
			resp := r.do(h, stateMetrics())
			got := decodeText(t, expfmt.Format(resp.Header.Get("Content-Type")), body(t, resp))
			generation := got.value(t, "prefetch_account_tasks_dropped")
			if generation <= float64(before) {
				t.Errorf("generation %v is older than the request, which came after %d", generation, before)
			}
			succeeded := got.series("prefetch_task_urls", "status", "succeeded")
			refreshed := got.series("prefetch_task_last_refresh_timestamp_seconds")
			if len(succeeded) != g.tasks || len(refreshed) != g.tasks {
				t.Errorf("%d and %d tasks, want %d", len(succeeded), len(refreshed), g.tasks)
			}
			for _, m := range slices.Concat(succeeded, refreshed) {
				if v := m.GetGauge().GetValue(); v != generation {
					t.Errorf("one page shows the generations %v and %v", generation, v)
					return
				}
			}
		})
	}
	scrapes.Wait()
}
