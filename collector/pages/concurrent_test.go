package pages_test

import (
	"fmt"
	"math"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/common/expfmt"

	"prefetch_exporter/collector/collectortest"
	"prefetch_exporter/collector/pages"
	"prefetch_exporter/prefetch"
)

// generations is a source whose every snapshot is another one, in all tasks and
// in the account: each carries the number of the snapshot.
type generations struct {
	tasks int
	last  atomic.Int64
}

// urlsOfEach is how many URLs each task has in every generation.
const urlsOfEach = 1_000_000

func (g *generations) Snapshot() prefetch.Snapshot {
	n := int(g.last.Add(1))
	tasks := make([]*prefetch.TaskState, g.tasks)
	for i := range tasks {
		t := launch()
		t.ID = fmt.Sprintf("%08d", i)
		t.Counts = prefetch.Counts{prefetch.Waiting: urlsOfEach - n - 3*i, prefetch.Running: i, prefetch.Succeeded: n, prefetch.Failed: i, prefetch.Unknown: i}
		t.LastRefresh = time.Unix(int64(n), 0)
		if (n+i)%3 == 0 {
			t.Phase, t.Finished = prefetch.Settled, t.LastRefresh
		}
		tasks[i] = t
	}
	a := vodAccount(tasks...)
	a.MaxStaleness = math.MaxInt64
	a.Dropped = n
	return snapshotOf(a)
}

// check asserts that a page shows one generation, which it returns.
func (g *generations) check(t *testing.T, page families) float64 {
	t.Helper()
	generation := page.Value(t, "prefetch_account_tasks_dropped")
	sums := map[string]float64{}
	for _, m := range page.Series("prefetch_task_urls") {
		sums[collectortest.Label(m, "task")] += m.GetGauge().GetValue()
		if value := m.GetGauge().GetValue(); collectortest.Label(m, "status") == "succeeded" && value != generation {
			t.Errorf("the page shows the generations %v and %v", generation, value)
		}
	}
	if len(sums) != g.tasks {
		t.Errorf("%d tasks, want %d", len(sums), g.tasks)
	}
	for task, sum := range sums {
		if sum != urlsOfEach {
			t.Errorf("the statuses of %s sum to %v, want %d", task, sum, urlsOfEach)
		}
	}
	settled := 0.0
	for _, m := range page.Series("prefetch_task_settled") {
		settled += m.GetGauge().GetValue()
	}
	if phase := page.Value(t, "prefetch_account_tasks", "phase", "settled"); phase != settled {
		t.Errorf("the account has %v settled tasks, and %v are", phase, settled)
	}
	for _, m := range page.Series("prefetch_task_last_refresh_timestamp_seconds") {
		if value := m.GetGauge().GetValue(); value != generation {
			t.Errorf("the page shows the generations %v and %v", generation, value)
		}
	}
	return generation
}

// TestScrapesAtOnceSeeOneState has a hundred scrapers while every answer
// changes: each sees one state only, and none that is older than its request.
func TestScrapesAtOnceSeeOneState(t *testing.T) {
	t.Parallel()
	g := &generations{tasks: 100}
	h := pages.NewHandler(handlerOptions(g))
	all := kinds()
	var scrapes sync.WaitGroup
	for i := range 100 {
		scrapes.Go(func() {
			before := g.last.Load()
			resp := all[i%len(all)].do(h)
			format := expfmt.Format(resp.Header.Get("Content-Type"))
			if generation := g.check(t, decodeText(t, format, body(t, resp))); generation <= float64(before) {
				t.Errorf("generation %v is older than the request, which came after %d", generation, before)
			}
		})
	}
	scrapes.Wait()
}

// slowClient does not read before it is let go.
type slowClient struct {
	http.ResponseWriter

	once    sync.Once
	reading chan<- struct{}
	resume  <-chan struct{}
}

func (c *slowClient) Write(p []byte) (int, error) {
	c.once.Do(func() { c.reading <- struct{}{} })
	<-c.resume
	return len(p), nil
}

// TestSlowClientsShareAPage has clients that do not read, each of which
// came after another answer. None waits for the others, and each costs little
// more than what only its own page has: the ages. With promhttp, each would have
// all families and a page.
//
//nolint:paralleltest // measures memory
func TestSlowClientsShareAPage(t *testing.T) {
	const tasks, clients = 3_000, 30
	for _, r := range []request{{names: unfiltered.names}, {encoding: "gzip", names: unfiltered.names}} {
		account := vodAccount(launches(tasks)...)
		s := &answered{source: source{snapshotOf(account)}}
		o := handlerOptions(s)
		h := pages.NewHandler(o)
		page := len(text(t, request{names: unfiltered.names}.do(h)))
		text(t, r.do(h))

		before := heap()
		reading, resume := make(chan struct{}), make(chan struct{})
		var running sync.WaitGroup
		for range clients {
			running.Go(func() {
				h.ServeHTTP(&slowClient{ResponseWriter: httptest.NewRecorder(), reading: reading, resume: resume}, r.to())
			})
			<-reading // before it began to write, the snapshot was taken
			s.answer(1)
		}
		each := (heap() - before) / clients
		close(resume)
		running.Wait()
		t.Logf("%q: %.0f B for each client, a page is of %d B", r.encoding, each, page)
		if each > float64(page)/5 {
			t.Errorf("%q: each client costs %.0f B, a page is of %d B", r.encoding, each, page)
		}
	}
}

// TestLongHeadersAreNotKept has clients that send what would fill the memory if
// it were remembered.
//
//nolint:paralleltest // measures memory
func TestLongHeadersAreNotKept(t *testing.T) {
	const clients, length = 30, 1 << 20
	o := handlerOptions(&source{snapshotOf(vodAccount(launch()))})
	h := pages.NewHandler(o)
	samePage(t, request{}, ordinary(o), h)
	before := heap()
	for i := range clients {
		accept := fmt.Sprintf("%s;q=0.%d;x=%s", acceptText, i+1, strings.Repeat("x", length))
		samePage(t, request{accept: accept}, ordinary(o), h)
	}
	if grown := heap() - before; grown > clients*length/10 {
		t.Errorf("%d headers of %d B left %.0f B", clients, length, grown)
	}
	samePage(t, request{}, ordinary(o), h)
}
