package pages_test

import (
	"crypto/md5"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"prefetch_exporter/collector"
	"prefetch_exporter/collector/pages"
	"prefetch_exporter/prefetch"
)

// launches returns n tasks of 13 series each, ordered by id. The ids are as
// random as the vendors', and no two tasks are of the same age: both are what
// makes a page hard to compress.
func launches(n int) []*prefetch.TaskState {
	tasks := make([]*prefetch.TaskState, n)
	for i := range tasks {
		id := md5.Sum([]byte(strconv.Itoa(i)))
		t := launch()
		t.ID = hex.EncodeToString(id[:])
		t.Created = ago(time.Duration(i) * 1234 * time.Millisecond)
		t.LastRefresh = ago(time.Duration(i%1800) * time.Second)
		tasks[i] = t
	}
	slices.SortFunc(tasks, func(a, b *prefetch.TaskState) int { return strings.Compare(a.ID, b.ID) })
	return tasks
}

// plain is how an exporter usually does it: a vector of gauges for each
// metric, in a registry, served by promhttp.
func plain(tasks []*prefetch.TaskState) http.Handler {
	registry := prometheus.NewRegistry()
	gauge := func(name string, labels ...string) *prometheus.GaugeVec {
		vec := prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: name, Help: "Help of " + name},
			append([]string{"provider", "account", "task"}, labels...))
		registry.MustRegister(vec)
		return vec
	}
	info := gauge("prefetch_task_info", "title", "region")
	urls := gauge("prefetch_task_urls", "status")
	var others []*prometheus.GaugeVec
	for _, name := range []string{"success_ratio", "age_seconds", "created_timestamp_seconds", "deadline_timestamp_seconds", "settled", "up", "last_refresh_timestamp_seconds"} {
		others = append(others, gauge("prefetch_task_"+name))
	}
	for _, t := range tasks {
		info.WithLabelValues(huawei.Provider, huawei.Name, t.ID, "launch", "ap-southeast-3").Set(1)
		for i, status := range prefetch.Statuses() {
			urls.WithLabelValues(huawei.Provider, huawei.Name, t.ID, status.String()).Set(float64(t.Counts[i]))
		}
		for i, vec := range others {
			vec.WithLabelValues(huawei.Provider, huawei.Name, t.ID).Set(float64(t.Created.Unix() + int64(i)))
		}
	}
	return promhttp.HandlerFor(registry, promhttp.HandlerOpts{EnableOpenMetrics: true})
}

// static serves a page from memory.
func static(page []byte) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", strconv.Itoa(len(page)))
		_, _ = w.Write(page)
	})
}

// ticking is a clock on which every scrape is at another time: a page whose
// ages are the same could be served again.
func ticking() func() time.Time {
	t := now
	return func() time.Time {
		t = t.Add(15*time.Second + 7*time.Millisecond)
		return t
	}
}

func benchmarkOptions(tasks []*prefetch.TaskState) pages.Options {
	account := vodAccount(tasks...)
	// On the clock of these benchmarks days pass.
	account.MaxStaleness = 1e6 * time.Hour
	return optionsOf(&source{snapshotOf(account)})
}

func optionsOf(s collector.Source) pages.Options {
	recorder := collector.NewRecorder()
	recorded(recorder)
	recorder.AddAccount(huawei)
	return pages.Options{
		Collector: collector.New(collector.Options{Source: s, Now: ticking()}),
		Recorder:  recorder,
	}
}

// sizes are how many tasks there are; with -short few, to see that the
// benchmarks work.
func sizes() []int {
	if testing.Short() {
		return []int{100}
	}
	return []int{100, 1_000, 10_000, 50_000}
}

// BenchmarkScrape compares, at ever more tasks of 13 series, the handler with
// what it is measured by: an ordinary exporter (plain), the same collector
// behind promhttp (promhttp), and the finished page in memory (static). It goes
// over a real connection on the loopback, the client included, which reads all
// and decodes nothing.
func BenchmarkScrape(b *testing.B) {
	for _, n := range sizes() {
		tasks := launches(n)
		for _, encoding := range []string{"identity", "gzip"} {
			handlers := []struct {
				name    string
				handler func() http.Handler
			}{
				{"plain", func() http.Handler { return plain(tasks) }},
				{"promhttp", func() http.Handler { return ordinary(benchmarkOptions(tasks)) }},
				{"handler", func() http.Handler { return pages.NewHandler(benchmarkOptions(tasks)) }},
				{"static", func() http.Handler {
					return static(scraped(b, pages.NewHandler(benchmarkOptions(tasks)), encoding))
				}},
			}
			for _, h := range handlers {
				b.Run(fmt.Sprintf("tasks=%d/%s/%s", n, encoding, h.name), func(b *testing.B) {
					overLoopback(b, h.handler(), encoding)
				})
			}
		}
	}
}

// scraped returns a page as it is sent.
func scraped(b *testing.B, h http.Handler, encoding string) []byte {
	b.Helper()
	req := httptest.NewRequestWithContext(b.Context(), http.MethodGet, "/metrics", http.NoBody)
	req.Header.Set("Accept-Encoding", encoding)
	rec := httptest.NewRecorder()
	h.ServeHTTP(rec, req)
	return rec.Body.Bytes()
}

func overLoopback(b *testing.B, h http.Handler, encoding string) {
	b.Helper()
	server := httptest.NewServer(h)
	defer server.Close()
	length := scrapeOnce(b, server.Client(), server.URL, encoding)
	b.ReportAllocs()
	for b.Loop() {
		length = scrapeOnce(b, server.Client(), server.URL, encoding)
	}
	b.ReportMetric(float64(length), "bytes/page")
}

// scrapeOnce reads a page and returns its length as it was sent.
func scrapeOnce(b *testing.B, client *http.Client, url, encoding string) int64 {
	b.Helper()
	req, err := http.NewRequestWithContext(b.Context(), http.MethodGet, url, http.NoBody)
	if err != nil {
		b.Error(err)
		return 0
	}
	req.Header.Set("Accept-Encoding", encoding)
	resp, err := client.Do(req)
	if err != nil {
		b.Error(err)
		return 0
	}
	defer resp.Body.Close()
	length, err := io.Copy(io.Discard, resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		b.Errorf("status %d, %v", resp.StatusCode, err)
	}
	return length
}

// BenchmarkScrapeInMemory is the handler alone: what it writes is counted and
// thrown away.
func BenchmarkScrapeInMemory(b *testing.B) {
	for _, n := range sizes() {
		for _, format := range []struct{ name, accept string }{
			{"text", acceptText}, {"openmetrics", acceptOpenMetrics}, {"protobuf", acceptProtobuf},
		} {
			for _, encoding := range []string{"identity", "gzip"} {
				b.Run(fmt.Sprintf("tasks=%d/%s/%s", n, format.name, encoding), func(b *testing.B) {
					h := pages.NewHandler(benchmarkOptions(launches(n)))
					scrape := inMemory(b, h, format.accept, encoding)
					b.ReportAllocs()
					var length int
					for b.Loop() {
						length = scrape()
					}
					b.ReportMetric(float64(length), "bytes/page")
				})
			}
		}
	}
}

// discard is a response that keeps only its length.
type discard struct {
	header http.Header
	length int
}

func (d *discard) Header() http.Header { return d.header }
func (*discard) WriteHeader(int)       {}
func (d *discard) Write(p []byte) (int, error) {
	d.length += len(p)
	return len(p), nil
}

// inMemory scrapes once and returns a function that scrapes again.
func inMemory(b *testing.B, h http.Handler, accept, encoding string) func() int {
	b.Helper()
	req := httptest.NewRequestWithContext(b.Context(), http.MethodGet, "/metrics", http.NoBody)
	req.Header.Set("Accept", accept)
	req.Header.Set("Accept-Encoding", encoding)
	scrape := func() int {
		page := &discard{header: http.Header{}}
		h.ServeHTTP(page, req)
		return page.length
	}
	scrape()
	return scrape
}

// answered is a source whose tasks are answered one after the other.
type answered struct {
	source
	next int
}

// answer publishes another state of n tasks, at random places.
func (s *answered) answer(n int) {
	account := s.snapshot.Accounts[0]
	account.Tasks = slices.Clone(account.Tasks)
	for range n {
		const step = 7919 // a prime: no task comes again soon
		s.next += step
		i := s.next % len(account.Tasks)
		t := *account.Tasks[i]
		t.Counts[prefetch.Waiting]++
		t.Counts[prefetch.Succeeded]++
		t.LastRefresh = t.LastRefresh.Add(time.Minute)
		account.Tasks[i] = &t
	}
	s.snapshot = snapshotOf(account)
}

// BenchmarkScrapeAfterAnswers scrapes 10,000 tasks of which some were answered
// since the last scrape, as text compressed by gzip: those that no refresh
// rendered (found), those that one did (refreshed), and what that refresh takes
// in the background (refresh).
func BenchmarkScrapeAfterAnswers(b *testing.B) {
	tasks := launches(slices.Max(sizes()[:min(3, len(sizes()))]))
	for _, n := range []int{0, 1, 10, 25, 100, 1_000} {
		for _, what := range []string{"found", "refreshed", "refresh"} {
			b.Run(fmt.Sprintf("answers=%d/%s", n, what), func(b *testing.B) {
				account := vodAccount(tasks...)
				account.MaxStaleness = 1e6 * time.Hour
				s := &answered{source: source{snapshotOf(account)}}
				h := pages.NewHandler(optionsOf(s))
				scrape := inMemory(b, h, acceptText, "gzip")
				b.ReportAllocs()
				for b.Loop() {
					b.StopTimer()
					s.answer(n)
					if what == "refreshed" {
						pages.RefreshNow(h)
					}
					b.StartTimer()
					if what == "refresh" {
						pages.RefreshNow(h)
					} else {
						scrape()
					}
				}
			})
		}
	}
}

// BenchmarkScrapersAtOnce has many scrapers ask for 10,000 tasks in the same
// moment, over real connections, while a hundred answers a second arrive. An
// operation is that all of them were served, and ns/scrape the share of each.
// B/op is what all of them and the clients allocate, so that no heap can grow
// more by them.
func BenchmarkScrapersAtOnce(b *testing.B) {
	tasks := launches(slices.Max(sizes()[:min(3, len(sizes()))]))
	for _, encoding := range []string{"identity", "gzip"} {
		for _, scrapers := range []int{1, 10, 100} {
			b.Run(fmt.Sprintf("%s/scrapers=%d", encoding, scrapers), func(b *testing.B) {
				account := vodAccount(tasks...)
				account.MaxStaleness = 1e6 * time.Hour
				s := &answeredAtOnce{answered: answered{source: source{snapshotOf(account)}}}
				o := optionsOf(s)
				o.Collector = collector.New(collector.Options{Source: s})
				scrapeAtOnce(b, pages.NewHandler(o), s, encoding, scrapers)
			})
		}
	}
}

func scrapeAtOnce(b *testing.B, h http.Handler, s *answeredAtOnce, encoding string, scrapers int) {
	b.Helper()
	server := httptest.NewServer(h)
	defer server.Close()
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: scrapers}}
	defer client.CloseIdleConnections()
	round := func() {
		var running sync.WaitGroup
		for range scrapers {
			running.Go(func() { scrapeOnce(b, client, server.URL, encoding) })
		}
		running.Wait()
	}
	round()
	stop := make(chan struct{})
	var answers sync.WaitGroup
	answers.Go(func() { s.answerUntil(stop) })
	b.ReportAllocs()
	for b.Loop() {
		round()
	}
	close(stop)
	answers.Wait()
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*scrapers), "ns/scrape")
}

// answerUntil publishes a hundred answers a second.
func (s *answeredAtOnce) answerUntil(stop <-chan struct{}) {
	ticker := time.NewTicker(10 * time.Millisecond)
	defer ticker.Stop()
	for {
		select {
		case <-stop:
			return
		case <-ticker.C:
			s.answer(1)
		}
	}
}

// answeredAtOnce may be answered and read at once.
type answeredAtOnce struct {
	mu sync.Mutex
	answered
}

func (s *answeredAtOnce) answer(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.answered.answer(n)
}

func (s *answeredAtOnce) Snapshot() prefetch.Snapshot {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.snapshot
}

// BenchmarkKeptPages is what the handler keeps of each task from scrape to
// scrape, for one format and compression; the task itself is not counted.
func BenchmarkKeptPages(b *testing.B) {
	n := slices.Max(sizes()[:min(3, len(sizes()))])
	tasks := launches(n)
	for _, format := range []struct{ name, accept string }{{"text", acceptText}, {"protobuf", acceptProtobuf}} {
		for _, encoding := range []string{"identity", "gzip"} {
			b.Run(format.name+"/"+encoding, func(b *testing.B) {
				for b.Loop() {
					o := benchmarkOptions(tasks)
					before := heap()
					h := pages.NewHandler(o)
					inMemory(b, h, format.accept, encoding)
					b.ReportMetric((heap()-before)/float64(n), "B/task")
					runtime.KeepAlive(h)
				}
			})
		}
	}
}

// heap returns how many bytes are in use.
func heap() float64 {
	for range 3 { // a pool lets go of what it has in the second
		runtime.GC()
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return float64(m.HeapAlloc)
}
