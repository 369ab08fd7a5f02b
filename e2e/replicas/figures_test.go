package replicas_test

import (
	"bytes"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"prefetch_exporter/vendor_api/simulator"
	simhuaweicloud "prefetch_exporter/vendor_api/simulator/huaweicloud"
)

// eager is a vendor that is asked some twenty times a second, so that a gap is
// seen when nobody asks.
func eager(t testing.TB, name string) *identity {
	t.Helper()
	return wide(t, name, simulator.Quota{Calls: 200, Per: time.Second})
}

// wide is a vendor that allows many calls and answers soon.
func wide(t testing.TB, name string, quota simulator.Quota) *identity {
	t.Helper()
	const answer = 20 * time.Millisecond
	i := &identity{
		name: name, accounts: []string{name}, provider: "huaweicloud_vod", limit: quota, owner: project,
		section: fmt.Sprintf("project_id: %s, access_key: AKREPLICAS, secret_key: %s", project, secret),
		vendor: simhuaweicloud.New(simhuaweicloud.Options{
			Quota: quota, Latency: simulator.Jitter(1, answer), AccessKeys: map[string]string{"AKREPLICAS": secret},
		}),
	}
	serve(t, i)
	return i
}

// eagerSite is a group of replicas with an account for each, all of which ask all
// the time.
func eagerSite(b *testing.B) *site {
	b.Helper()
	const tasks = 20
	var vendors []*identity
	for n := range replicas {
		vendors = append(vendors, eager(b, fmt.Sprintf("eager-%d", n)))
	}
	s := newSite(b, *seed, vendors)
	for _, name := range s.names {
		for range tasks {
			s.submit(name, 3, true)
		}
	}
	s.start(b, exporterProgram(b))
	s.calm(b)
	return s
}

// gap is how long after a moment the first call of whoever took over arrived: the
// one behind the longest time without any.
func (i *identity) gap(since time.Time) time.Duration {
	i.mu.Lock()
	defer i.mu.Unlock()
	var first, longest time.Duration
	last := since
	for _, c := range i.calls {
		if c.arrived.Before(since) {
			continue
		}
		if d := c.arrived.Sub(last); d > longest {
			longest, first = d, c.arrived.Sub(since)
		}
		last = c.arrived
	}
	return first
}

// BenchmarkTakeover kills a replica again and again and reports how long its
// account is not asked for; the lease is 5 s.
func BenchmarkTakeover(b *testing.B) {
	s := eagerSite(b)
	var times []time.Duration
	for b.Loop() {
		times = append(times, s.lose(b, func(r *replica) { s.kill(b, r) }))
	}
	reportTimes(b, times)
}

// BenchmarkHandOver terminates a replica again and again and reports how long
// after the signal another one asked for its account.
func BenchmarkHandOver(b *testing.B) {
	s := eagerSite(b)
	var times []time.Duration
	for b.Loop() {
		times = append(times, s.lose(b, func(r *replica) { report(b, r.Terminate(stopLimit)) }))
	}
	reportTimes(b, times)
}

// lose ends a replica, starts it again when others have taken over, and returns
// how long that took.
func (s *site) lose(b *testing.B, end func(*replica)) time.Duration {
	b.Helper()
	r := s.anyone()
	shown, err := r.look(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	var watched *identity
	for name := range shown.owned {
		watched = s.accounts[name].identity
	}
	if watched == nil {
		b.Fatalf("%s owns nothing", r.Name)
	}
	began := time.Now()
	end(r)
	s.takenOver(b, r, 2*leaseTTL)
	s.idle(b, time.Second) // for the calls of who took over
	took := watched.gap(began)
	s.restart(b, r)
	s.calm(b)
	return took
}

// reportTimes reports the median and the worst.
func reportTimes(b *testing.B, times []time.Duration) {
	b.Helper()
	slices.Sort(times)
	b.ReportMetric(times[len(times)/2].Seconds(), "s-median")
	b.ReportMetric(times[len(times)-1].Seconds(), "s-worst")
	b.ReportMetric(0, "ns/op")
}

// BenchmarkCommands reports what etcd has to do: requests for each call to a
// vendor, for each second of each replica that does nothing else, and for each
// scrape.
func BenchmarkCommands(b *testing.B) {
	phase := 15 * time.Second
	if testing.Short() {
		phase = 3 * time.Second
	}
	for b.Loop() {
		s := eagerSite(b)
		calls := s.calls()
		before := s.commands(b)
		s.idle(b, phase)
		busy := s.commands(b).less(before)
		n := float64(s.calls() - calls)
		b.ReportMetric(n/phase.Seconds(), "calls/s")
		b.ReportMetric(busy["Txn"]/n, "transactions/call")
		b.ReportMetric((busy["Range"]+busy["Put"]+busy["DeleteRange"])/n, "other-commands/call")
		b.ReportMetric(busy["LeaseKeepAlive"]/phase.Seconds()/replicas, "renewals/s/replica")

		// Nobody is answered, so that soon all wait and nothing but scrapes happens.
		for _, i := range s.identities {
			i.quiet.Lock()
		}
		s.idle(b, 2*time.Second)
		before = s.commands(b)
		scrapes := s.scrapeFor(b, phase)
		scraped := s.commands(b).less(before)
		for _, i := range s.identities {
			i.quiet.Unlock()
		}
		b.ReportMetric(float64(scrapes)/phase.Seconds(), "scrapes/s")
		b.ReportMetric(scraped.writes()/float64(scrapes), "commands/scrape")
	}
	b.ReportMetric(0, "ns/op")
}

// commands are requests that etcd answered, by method.
type commands map[string]float64

func (c commands) less(before commands) commands {
	d := commands{}
	for method, n := range c {
		d[method] = n - before[method]
	}
	return d
}

// writes are all but those that keep the connection and the lease.
func (c commands) writes() float64 { return c["Txn"] + c["Range"] + c["Put"] + c["DeleteRange"] }

// commands asks all members.
func (s *site) commands(t testing.TB) commands {
	t.Helper()
	sum := commands{}
	for _, m := range s.etcd.Members() {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, m.Endpoint()+"/metrics", http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := (&http.Client{}).Do(req)
		if err != nil {
			t.Fatal(err)
		}
		parser := expfmt.NewTextParser(model.UTF8Validation)
		families, err := parser.TextToMetricFamilies(resp.Body)
		_ = resp.Body.Close()
		if err != nil {
			t.Fatal(err)
		}
		for _, series := range families["grpc_server_handled_total"].GetMetric() {
			sum[label(series, "grpc_method")] += series.GetCounter().GetValue()
		}
	}
	return sum
}

func (s *site) calls() int {
	n := 0
	for _, i := range s.identities {
		n += i.arrivals()
	}
	return n
}

// scrapeFor scrapes all replicas without a pause and returns how often.
func (s *site) scrapeFor(t testing.TB, d time.Duration) int {
	t.Helper()
	end := time.Now().Add(d)
	counts := make([]int, len(s.replicas))
	var done sync.WaitGroup
	for n, r := range s.replicas {
		done.Go(func() {
			for time.Now().Before(end) {
				if _, err := r.scrape(t.Context()); err == nil {
					counts[n]++
				}
			}
		})
	}
	done.Wait()
	sum := 0
	for _, n := range counts {
		sum += n
	}
	return sum
}

// idle lets the group do what it does.
func (s *site) idle(t testing.TB, d time.Duration) {
	t.Helper()
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-t.Context().Done():
	case <-timer.C:
	}
}

// BenchmarkTenThousandTasks reports memory and CPU of who asks for 10,000 tasks of
// ten URLs each, and of those that follow.
func BenchmarkTenThousandTasks(b *testing.B) {
	tasks, urls, phase := 10_000, 10, 60*time.Second
	if testing.Short() {
		tasks, phase = 200, 5*time.Second
	}
	for b.Loop() {
		vendor := wide(b, "many", simulator.Quota{Calls: 400, Per: time.Second})
		s := newSite(b, *seed, []*identity{vendor})
		s.taskLimit, s.pollInterval = tasks, time.Minute
		var list strings.Builder
		for n := range tasks {
			p := s.submit("many", urls, n%2 == 0)
			fmt.Fprintf(&list, "- {account: many, id: %s}\n", p.id)
		}
		s.tasksFile = filepath.Join(s.folder, "tasks.yml")
		if err := os.WriteFile(s.tasksFile, []byte(list.String()), 0o600); err != nil {
			b.Fatal(err)
		}
		s.start(b, exporterProgram(b))
		s.answered(b, "many")
		calls, before := s.calls(), s.used(b)
		s.idle(b, phase)
		after := s.used(b)
		b.ReportMetric(float64(s.calls()-calls)/phase.Seconds(), "calls/s")
		for n := range s.replicas {
			who := "follower"
			if after[n].owner {
				who = "owner"
			}
			b.ReportMetric(after[n].memory/(1<<20), "MiB-"+who)
			b.ReportMetric(100*(after[n].cpu-before[n].cpu)/phase.Seconds(), "%CPU-"+who)
		}
	}
	b.ReportMetric(0, "ns/op")
}

// answered waits until all replicas show an answer for every task of an account.
func (s *site) answered(b *testing.B, name string) {
	b.Helper()
	const limit, look = 15 * time.Minute, 2 * time.Second // looking costs the exporters' time, too
	for end := time.Now().Add(limit); time.Now().Before(end); s.idle(b, look) {
		pending := 0
		for _, r := range s.replicas {
			body, err := r.get(b.Context(), "/api/v1/tasks?phase=pending&account="+name)
			if err != nil || !bytes.Contains(body, []byte(`"data":[]`)) {
				pending++
			}
		}
		if pending == 0 {
			return
		}
	}
	b.Fatalf("not every task is answered within %v", limit)
}

// resources are what a process has used.
type resources struct {
	memory, cpu float64
	owner       bool
}

func (s *site) used(t testing.TB) []resources {
	t.Helper()
	var all []resources
	for _, r := range s.replicas {
		var families map[string]*dto.MetricFamily
		body, err := r.get(t.Context(), "/metrics")
		if err == nil {
			parser := expfmt.NewTextParser(model.UTF8Validation)
			families, err = parser.TextToMetricFamilies(bytes.NewReader(body))
		}
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, resources{
			memory: first(families, "process_resident_memory_bytes"),
			cpu:    families["process_cpu_seconds_total"].GetMetric()[0].GetCounter().GetValue(),
			owner:  first(families, "prefetch_account_owner") == 1,
		})
	}
	return all
}
