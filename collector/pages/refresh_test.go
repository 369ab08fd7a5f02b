package pages_test

import (
	"bytes"
	"log/slog"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
	"weak"

	"github.com/prometheus/common/expfmt"
	"go.uber.org/goleak"

	"prefetch_exporter/collector/pages"
	"prefetch_exporter/prefetch"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// atRest is longer than a refresh waits.
const atRest = time.Second

// lookedAt is a source that counts its snapshots, that may be answered while it
// is read, and that breaks on demand.
type lookedAt struct {
	mu       sync.Mutex
	snapshot prefetch.Snapshot
	looks    int
	broken   bool
}

func (s *lookedAt) Snapshot() prefetch.Snapshot {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.looks++
	if s.broken {
		panic("the state is broken")
	}
	return s.snapshot
}

// taken returns how many snapshots were taken since it was called last.
func (s *lookedAt) taken() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := s.looks
	s.looks = 0
	return n
}

func (s *lookedAt) breaks(broken bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.broken = broken
}

// answer publishes an answer to one task, and returns the task as it was.
func (s *lookedAt) answer(i int) weak.Pointer[prefetch.TaskState] {
	s.mu.Lock()
	defer s.mu.Unlock()
	account := s.snapshot.Accounts[0]
	account.Tasks = slices.Clone(account.Tasks)
	i %= len(account.Tasks)
	before := account.Tasks[i]
	after := *before
	after.Counts[prefetch.Succeeded]++
	account.Tasks[i] = &after
	s.snapshot = snapshotOf(account)
	return weak.Make(before)
}

func newLookedAt(tasks int) *lookedAt {
	return &lookedAt{snapshot: snapshotOf(vodAccount(launches(tasks)...))}
}

// TestAnAnswerIsRenderedWithoutAScrape has nothing on the page refer to the
// task as it was, though nobody scraped since; and the next page is right.
func TestAnAnswerIsRenderedWithoutAScrape(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newLookedAt(150)
		o := handlerOptions(s)
		h := pages.NewHandler(o)
		for _, r := range kinds() {
			samePage(t, r, ordinary(o), h)
		}
		s.taken()

		before := s.answer(3)
		h.Refresh()
		synctest.Wait()
		if n := s.taken(); n != 0 {
			t.Errorf("%d snapshots at once", n)
		}
		time.Sleep(atRest)
		synctest.Wait()
		if n := s.taken(); n != len(kinds()) {
			t.Errorf("%d snapshots for %d kinds of pages", n, len(kinds()))
		}
		runtime.GC()
		if before.Value() != nil {
			t.Error("the page still shows the task as it was")
		}
		for _, r := range kinds() {
			samePage(t, r, ordinary(o), h)
		}
	})
}

// TestWhatIsRefreshedCostsTheScrapeNothing compares what scrapes allocate: after
// no answer, after answers in every block, and after as many that were refreshed.
//
//nolint:paralleltest // measures memory
func TestWhatIsRefreshedCostsTheScrapeNothing(t *testing.T) {
	const tasks, answers = 1_000, 300
	s := newLookedAt(tasks)
	h := pages.NewHandler(handlerOptions(s))
	answer := func() {
		for i := range answers {
			s.answer(i * (tasks / answers))
		}
	}
	scrape := func() uint64 {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		body(t, request{encoding: "gzip"}.do(h))
		runtime.ReadMemStats(&after)
		return after.Mallocs - before.Mallocs
	}
	scrape()
	unchanged := scrape()
	answer()
	changed := scrape()
	answer()
	pages.RefreshNow(h)
	refreshed := scrape()
	t.Logf("allocations: %d, after %d answers %d, refreshed %d", unchanged, answers, changed, refreshed)
	const small = 4 // a share of what the answers cost
	if changed < unchanged+answers || refreshed > unchanged+(changed-unchanged)/small {
		t.Error("a scrape pays for what was rendered before it")
	}
}

// TestChangesAreRenderedTogether has a thousand answers within ten seconds.
func TestChangesAreRenderedTogether(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const answers, most = 1_000, 40
		s := newLookedAt(20)
		o := handlerOptions(s)
		h := pages.NewHandler(o)
		body(t, request{}.do(h))
		s.taken()
		for i := range answers {
			s.answer(i)
			h.Refresh()
			time.Sleep(10 * time.Millisecond)
		}
		time.Sleep(atRest)
		synctest.Wait()
		if n := s.taken(); n < most/2 || n > most+1 {
			t.Errorf("%d answers in ten seconds: rendered %d times, want about %d", answers, n, most)
		}
		for i := range answers { // and all at once
			s.answer(i)
			h.Refresh()
		}
		time.Sleep(atRest)
		synctest.Wait()
		if n := s.taken(); n != 1 {
			t.Errorf("%d answers at once: rendered %d times", answers, n)
		}
		samePage(t, request{}, ordinary(o), h)
	})
}

// TestWhatNobodyAsksForIsNotRefreshed has no scrape yet, and then none for ten
// minutes, in which refreshes do not count.
func TestWhatNobodyAsksForIsNotRefreshed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newLookedAt(20)
		h := pages.NewHandler(handlerOptions(s))
		refreshed := func() bool {
			s.answer(1)
			h.Refresh()
			time.Sleep(atRest)
			synctest.Wait()
			return s.taken() > 0
		}
		if refreshed() {
			t.Error("a page was rendered for nobody")
		}
		body(t, request{}.do(h))
		s.taken()
		for range 9 {
			if !refreshed() {
				t.Error("a page that was asked for lately is not refreshed")
			}
			time.Sleep(time.Minute)
		}
		time.Sleep(time.Minute)
		if refreshed() {
			t.Error("a page was rendered that nobody asked for in ten minutes")
		}
		body(t, request{}.do(h))
		s.taken()
		if !refreshed() {
			t.Error("a page that is asked for again is not refreshed")
		}
	})
}

// TestNothingIsRefreshedAfterClose has a refresh due and one under way.
func TestNothingIsRefreshedAfterClose(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newLookedAt(20)
		o := handlerOptions(s)
		h := pages.NewHandler(o)
		body(t, request{}.do(h))
		s.taken()
		h.Refresh()
		h.Close()
		h.Refresh()
		time.Sleep(atRest)
		if n := s.taken(); n != 0 {
			t.Errorf("%d snapshots after the end", n)
		}
		samePage(t, request{}, ordinary(o), h)
	})
}

// heldSource holds every snapshot after the first until the test lets it go.
type heldSource struct {
	lookedAt

	hold             bool
	entered, release chan struct{}
}

func (s *heldSource) Snapshot() prefetch.Snapshot {
	if s.hold {
		s.entered <- struct{}{}
		<-s.release
	}
	return s.lookedAt.Snapshot()
}

// TestCloseWaitsForARefresh has changes arrive while one is under way, too.
func TestCloseWaitsForARefresh(t *testing.T) {
	t.Parallel()
	for _, closed := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			s := &heldSource{entered: make(chan struct{}), release: make(chan struct{})}
			h := pages.NewHandler(handlerOptions(s))
			body(t, request{}.do(h))
			s.taken()
			s.hold = true
			h.Refresh()
			<-s.entered
			h.Refresh()
			ended := make(chan struct{})
			if closed {
				go func() {
					defer close(ended)
					h.Close()
				}()
				synctest.Wait()
				select {
				case <-ended:
					t.Error("closed while a refresh is under way")
				default:
				}
			}
			s.release <- struct{}{}
			want := 1
			if !closed {
				<-s.entered // for what changed in between
				s.release <- struct{}{}
				want++
				h.Close()
			} else {
				<-ended
			}
			time.Sleep(atRest)
			if n := s.taken(); n != want {
				t.Errorf("closed %t: refreshed %d times, want %d", closed, n, want)
			}
		})
	}
}

// TestARefreshThatFails is logged once and costs the page nothing.
func TestARefreshThatFails(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		s := newLookedAt(90)
		o := handlerOptions(s)
		o.Logger = slog.New(slog.NewTextHandler(&log, nil))
		h := pages.NewHandler(o)
		samePage(t, request{}, ordinary(o), h)
		s.breaks(true)
		for range 3 {
			h.Refresh()
			time.Sleep(atRest)
		}
		synctest.Wait()
		if n := strings.Count(log.String(), "level=ERROR"); n != 1 || !strings.Contains(log.String(), "the state is broken") {
			t.Errorf("%d errors are logged, want one:\n%s", n, log.String())
		}
		s.breaks(false)
		s.answer(1)
		samePage(t, request{}, ordinary(o), h)
	})
}

// TestScrapersWhilePagesAreRefreshed has each scraper see one state only, and
// none that is older than its request.
func TestScrapersWhilePagesAreRefreshed(t *testing.T) {
	t.Parallel()
	g := &generations{tasks: 70}
	h := pages.NewHandler(handlerOptions(g))
	all := kinds()
	var running sync.WaitGroup
	stop := make(chan struct{})
	running.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
				h.Refresh()
				pages.RefreshNow(h)
			}
		}
	})
	var scrapes sync.WaitGroup
	for i := range 30 {
		scrapes.Go(func() {
			before := g.last.Load()
			resp := all[i%len(all)].do(h)
			page := decodeText(t, expfmt.ResponseFormat(resp.Header), body(t, resp))
			if generation := g.check(t, page); generation <= float64(before) {
				t.Errorf("generation %v is older than the request, which came after %d", generation, before)
			}
		})
	}
	scrapes.Wait()
	close(stop)
	running.Wait()
	h.Close()
}
