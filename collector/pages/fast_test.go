package pages_test

import (
	"bytes"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"
	"weak"

	"github.com/prometheus/common/expfmt"

	"prefetch_exporter/collector/pages"
	"prefetch_exporter/prefetch"
)

func TestPageIsThatOfPromhttp(t *testing.T) {
	t.Parallel()
	settled := settledTask()
	settled.ID = "settled"
	stale := staleTask()
	stale.ID = "stale"
	for name, accounts := range map[string][]prefetch.AccountState{
		"nothing":   nil,
		"no task":   {vodAccount()},
		"all kinds": {vodAccount(launch(), settled, stale), tellingAccount(), windowAccount()},
		"hostile":   {hostileAccount(), windowAccount()},
		"failing":   {failingAccount(), windowAccount()},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := handlerOptions(&source{snapshotOf(accounts...)})
			recorded(o.Recorder)
			fast := pages.NewHandler(o)
			for _, r := range requests() {
				samePage(t, r, ordinary(o), fast)
			}
		})
	}
}

// TestPageOfManyTasks has a page of several blocks.
func TestPageOfManyTasks(t *testing.T) {
	t.Parallel()
	o := handlerOptions(&source{snapshotOf(vodAccount(launches(200)...), windowAccount())})
	recorded(o.Recorder)
	fast := pages.NewHandler(o)
	for _, r := range kinds() {
		samePage(t, r, ordinary(o), fast)
	}
}

// TestPageIsInTheOrderOfPromhttp compares bytes. Only prefetch_task_info, which
// promhttp orders by the configured labels first, is in another order.
func TestPageIsInTheOrderOfPromhttp(t *testing.T) {
	t.Parallel()
	o := handlerOptions(&source{snapshotOf(windowAccount(), vodAccount(launches(150)...))})
	recorded(o.Recorder)
	fast := pages.NewHandler(o)
	names := slices.DeleteFunc(stateMetrics(), func(name string) bool { return name == "prefetch_task_info" })
	for _, r := range kinds() {
		r.names = names
		want, got := r.do(ordinary(o)), r.do(fast)
		sameLines(t, r, slices.Collect(strings.Lines(string(body(t, want)))), slices.Collect(strings.Lines(string(body(t, got)))))
	}
}

// TestWithoutAFilter has all families, each once and in order, those of a
// snapshot among those that are live.
func TestWithoutAFilter(t *testing.T) {
	t.Parallel()
	settled := settledTask()
	settled.Deadline = now
	o := handlerOptions(&source{snapshotOf(windowAccount(), vodAccount(settled), tellingAccount())})
	recorded(o.Recorder)
	h := pages.NewHandler(o)
	for _, accept := range []string{acceptText, acceptProtobuf} {
		resp := request{accept: accept, names: unfiltered.names}.do(h)
		names := decodeText(t, expfmt.ResponseFormat(resp.Header), body(t, resp)).Names()
		if accept == acceptProtobuf && !slices.IsSorted(names) {
			t.Errorf("%s: not in order: %v", accept, names)
		}
		slices.Sort(names)
		if len(slices.Compact(slices.Clone(names))) != len(names) {
			t.Errorf("%s: a family stands there twice: %v", accept, names)
		}
		for _, name := range append(stateMetrics(), "go_goroutines", "promhttp_metric_handler_requests_in_flight") {
			if _, ok := slices.BinarySearch(names, name); !ok {
				t.Errorf("%s: %s is missing", accept, name)
			}
		}
	}
}

func TestHeadHasTheHeader(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	o := handlerOptions(&source{snapshotOf(vodAccount(launches(150)...))})
	o.Logger = slog.New(slog.NewTextHandler(&log, nil))
	rec := httptest.NewRecorder()
	pages.NewHandler(o).ServeHTTP(rec, httptest.NewRequestWithContext(t.Context(), http.MethodHead, "/metrics", http.NoBody))
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
	h := pages.NewHandler(o)
	for _, limit := range []time.Duration{time.Hour, time.Second, time.Hour, time.Minute, time.Minute - 1} {
		account.MaxStaleness = limit
		s.snapshot = snapshotOf(account)
		samePage(t, request{}, ordinary(o), h)
	}
}

// TestOwnerIsThatOfTheScrape: ownership ends by the clock, and nobody tells the page.
func TestOwnerIsThatOfTheScrape(t *testing.T) {
	t.Parallel()
	account := vodAccount(launch())
	s := &source{}
	h := pages.NewHandler(handlerOptions(s))
	for _, owned := range []bool{true, false, true} {
		account.Owned = owned
		s.snapshot = snapshotOf(account)
		want := `prefetch_account_owner{account="vod-launches",provider="huaweicloud_vod"} 0`
		if owned {
			want = strings.TrimSuffix(want, "0") + "1"
		}
		if page := text(t, get(t, h, acceptText)); !strings.Contains(page, want+"\n") {
			t.Errorf("the page lacks %s:\n%s", want, page)
		}
	}
}

func TestLengthIsThatOfTheBody(t *testing.T) {
	t.Parallel()
	h := pages.NewHandler(handlerOptions(&source{snapshotOf(vodAccount(launches(150)...))}))
	for _, encoding := range []string{"", "gzip"} {
		resp := request{encoding: encoding, names: unfiltered.names}.do(h)
		if got, want := resp.Header.Get("Content-Length"), strconv.Itoa(len(text(t, resp))); got != want {
			t.Errorf("%q: Content-Length %s, the body has %s", encoding, got, want)
		}
	}
}

// TestNothingIsWanted has an empty page that is nevertheless a gzip file.
func TestNothingIsWanted(t *testing.T) {
	t.Parallel()
	h := pages.NewHandler(handlerOptions(&source{snapshotOf(vodAccount(launch()))}))
	for _, r := range requests() {
		r.names = []string{"no_such_metric"}
		resp := r.do(h)
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
	h := pages.NewHandler(o)
	samePage(t, request{}, ordinary(o), h)
	s.broken = true
	if page := string(body(t, unfiltered.do(h))); strings.Contains(page, "prefetch_task_up{") {
		t.Error("a broken state is served from what was kept")
	}
	s.broken = false
	s.snapshot = snapshotOf(vodAccount(launches(130)...))
	samePage(t, request{}, ordinary(o), h)
}

// TestPagesNobodyAsksForAreLetGo has a page, and the state that it was rendered
// from, stay for the next scrape, and not for ever if none comes.
func TestPagesNobodyAsksForAreLetGo(t *testing.T) {
	t.Parallel()
	for _, r := range []request{{}, {encoding: "gzip"}, {accept: acceptProtobuf}} {
		synctest.Test(t, func(t *testing.T) {
			s := &source{snapshotOf(vodAccount(launches(2)...))}
			o := handlerOptions(s)
			h := pages.NewHandler(o)
			task := weak.Make(s.snapshot.Accounts[0].Tasks[0])
			for range 2 {
				samePage(t, r, ordinary(o), h)
				time.Sleep(9 * time.Minute)
				runtime.GC()
			}
			s.snapshot = prefetch.Snapshot{}
			runtime.GC()
			if task.Value() == nil {
				t.Errorf("%+v: the state was let go too soon", r)
			}
			time.Sleep(2 * time.Minute)
			synctest.Wait()
			runtime.GC()
			if task.Value() != nil {
				t.Errorf("%+v: the state is kept though nobody asks for it", r)
			}
			samePage(t, r, ordinary(o), h)
		})
	}
}

// TestWhatIsGoneIsLetGo has the next scrape let go of an account that went, and
// of the details of a task that changed.
func TestWhatIsGoneIsLetGo(t *testing.T) {
	t.Parallel()
	changed := launch()
	s := &source{snapshotOf(vodAccount(changed), windowAccount())}
	o := handlerOptions(s)
	h := pages.NewHandler(o)
	samePage(t, request{}, ordinary(o), h)
	before, account := weak.Make(changed), weak.Make(s.snapshot.Accounts[1].Tasks[0])
	after := *changed
	after.Up = false
	s.snapshot = snapshotOf(vodAccount(&after))
	samePage(t, request{}, ordinary(o), h)
	runtime.GC()
	if before.Value() != nil || account.Value() != nil {
		t.Errorf("kept: the task as it was: %t, the account that went: %t", before.Value() != nil, account.Value() != nil)
	}
	runtime.KeepAlive(h)
}

// TestClientThatHangsUp counts what could not be sent, once.
func TestClientThatHangsUp(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	o := handlerOptions(&source{snapshotOf(vodAccount(launches(150)...))})
	o.Logger = slog.New(slog.NewTextHandler(&log, nil))
	h := pages.NewHandler(o)
	h.ServeHTTP(goneClient{httptest.NewRecorder()}, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/metrics", http.NoBody))
	if !strings.Contains(log.String(), errFull.Error()) {
		t.Errorf("the log does not tell: %s", log.String())
	}
	if page := text(t, unfiltered.do(h)); !strings.Contains(page, `promhttp_metric_handler_errors_total{cause="encoding"} 1`) {
		t.Error("the error is not counted")
	}
}

type goneClient struct{ http.ResponseWriter }

func (goneClient) Write([]byte) (int, error) { return 0, errFull }
