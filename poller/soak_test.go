package poller_test

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"prefetch_exporter/poller"
	"prefetch_exporter/prefetch"
	"prefetch_exporter/store"
	"prefetch_exporter/vendor_api/simulator"
	simcdnetworks "prefetch_exporter/vendor_api/simulator/cdnetworks"
	simhuaweicloud "prefetch_exporter/vendor_api/simulator/huaweicloud"
)

var soakDays = flag.Int("soak.days", 2, "how many virtual days TestSoak lasts; memory is judged from 10 on")

const (
	// How many tasks are submitted a day, and of how many URLs. CDNetworks gets
	// what one call in five minutes can well keep up with.
	soakHuaweiTasks, soakHuaweiURLs = 120, 5
	soakEdgeTasks, soakEdgeURLs     = 30, 20
	// soakListed is how long after its creation a pipeline lists a task: a little
	// longer than the exporter keeps one that settled.
	soakListed = 36 * time.Hour
	// soakPatience is how long after the vendor's end a task may be unsettled
	// here. Outages last half an hour at most, and an account backs off after one.
	soakPatience = 4 * time.Hour
	// soakShown is how long after that it must be shown: the retention, less what
	// the clock may be ahead by.
	soakShown = 20 * time.Hour
)

// soak is weeks of ordinary life in virtual time: tasks that come and go at both
// vendors, outages, a wall clock that is set wrong and right again, restarts
// and kills.
type soak struct {
	random   *rand.Rand
	machine  *machine
	store    *memory
	accounts []poller.Account
	sides    []*soakSide
	running  *rigged
	fetched  int // URLs whose fetch was observed, by every process so far
}

// soakSide is one vendor and what is submitted there, by creation.
type soakSide struct {
	vendor

	name  prefetch.Account
	tasks []prefetch.Task
	urls  int
	outage
}

// outage has a vendor answer 503 for a while.
type outage struct {
	mu    sync.Mutex
	until time.Time
}

func (o *outage) fault(*http.Request) (status int, body string, ok bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return http.StatusServiceUnavailable, "", time.Now().Before(o.until)
}

func (o *outage) begin(d time.Duration) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.until = time.Now().Add(d)
}

// TestSoak asks every hour whether the numbers are the vendors', every task is
// known to be settled in time and no call was one too many; and at the end,
// whether anything grew.
func TestSoak(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newSoak(t, *soakDays)
		t.Cleanup(func() { s.running.end() })
		// From then on as many tasks end as begin.
		const settling = 3
		var first, last float64
		for day := 1; day <= *soakDays; day++ {
			for range 24 {
				s.hour(t)
			}
			last = heap()
			if day == settling {
				first = last
			}
			t.Logf("day %2d: %.1f MiB of heap, %d entries in the store, %d and %d calls", day,
				last/(1<<20), s.entries(t), s.sides[0].Stats().Calls, s.sides[1].Stats().Calls)
		}
		s.stop()
		s.checkFetched(t)
		const judged, most = 10, 1.2
		if *soakDays >= judged && last > most*first {
			t.Errorf("the heap grew from %.0f to %.0f bytes", first, last)
		}
	})
}

func newSoak(t *testing.T, days int) *soak {
	t.Helper()
	const seed, latency = 20261126, 8 * time.Second
	vod := soakSide{name: huaweiAccount, urls: soakHuaweiURLs}
	cdn := soakSide{name: edgeAccount, urls: soakEdgeURLs}
	h, e := huaweiOptions(), edgeOptions()
	h.Latency, e.Latency = simulator.Jitter(seed, latency), simulator.Jitter(seed+1, latency)
	huaweiVendor, edgeVendor := simhuaweicloud.New(h), simcdnetworks.New(e)
	huaweiVendor.Fault(vod.fault)
	edgeVendor.Fault(cdn.fault)
	vod.vendor, cdn.vendor = huaweiVendor, edgeVendor
	s := &soak{
		random: rand.New(rand.NewPCG(seed, 0)), machine: newMachine(0), store: newMemory(),
		accounts: []poller.Account{huawei(t, huaweiVendor), edge(t, edgeVendor)},
		sides:    []*soakSide{&vod, &cdn},
	}
	s.submit(&vod, project, days*soakHuaweiTasks, 24*time.Hour/soakHuaweiTasks)
	s.submit(&cdn, user, days*soakEdgeTasks, 24*time.Hour/soakEdgeTasks)
	s.running = rigUp(t, s.store, s.machine.clock, s.accounts, nil)
	return s
}

// submit submits all tasks of the side, so that the simulator does not grow. Nobody
// sees them before they are created.
func (s *soak) submit(side *soakSide, owner string, n int, every time.Duration) {
	began := time.Now().Truncate(time.Second)
	for i := range n {
		id := fmt.Sprintf("task-%05d", i)
		created := began.Add(time.Duration(i) * every).Add(time.Duration(s.random.IntN(600)) * time.Second)
		plans := make([]simulator.URLPlan, side.urls)
		for u := range plans {
			plans[u] = simulator.URLPlan{
				URL:   fmt.Sprintf("https://example.com/%s/%d", id, u),
				Wait:  time.Duration(s.random.IntN(300)) * time.Second,
				Fetch: time.Duration(s.random.ExpFloat64() * float64(5*time.Minute)).Truncate(time.Second),
				Fails: s.random.IntN(50) == 0,
			}
		}
		side.Submit(simulator.Task{ID: id, Owner: owner, Created: created, URLs: plans})
		task := configured(side.name, id)
		task.Created = created
		side.tasks = append(side.tasks, task)
	}
}

// hour is an hour of whatever happens.
func (s *soak) hour(t *testing.T) {
	t.Helper()
	const steps = 12
	for range steps {
		s.list()
		switch s.random.IntN(100) {
		case 0:
			s.sides[s.random.IntN(len(s.sides))].begin(time.Duration(s.random.IntN(30)) * time.Minute)
		case 1:
			s.machine.step(time.Duration(s.random.IntN(14400)-7200) * time.Second)
		case 2, 3, 4, 5:
			s.machine.set()
		case 6:
			s.stop()
			s.running = rigUp(t, s.store, s.machine.clock, s.accounts, s.listed())
		case 7:
			s.store = s.kill()
			s.running = rigUp(t, s.store, s.machine.clock, s.accounts, s.listed())
		default:
		}
		wait(time.Hour / steps)
	}
	s.check(t)
}

// listed is what pipelines list now.
func (s *soak) listed() (tasks []prefetch.Task) {
	for _, side := range s.sides {
		for _, task := range side.tasks {
			if age := time.Since(task.Created); age >= 0 && age < soakListed {
				tasks = append(tasks, task)
			}
		}
	}
	return tasks
}

func (s *soak) list() {
	listed := map[string][]prefetch.Task{}
	for _, task := range s.listed() {
		listed[task.Account] = append(listed[task.Account], task)
	}
	s.running.List(listed)
}

func (s *soak) stop() {
	s.running.end()
	s.fetched += len(s.running.recorder.fetch)
}

// kill ends the process as SIGKILL does, and returns what its disk has.
func (s *soak) kill() *memory {
	left := s.running.kill(s.store)
	s.fetched += len(s.running.recorder.fetch)
	return left
}

// check compares what is shown with the truth.
func (s *soak) check(t *testing.T) {
	t.Helper()
	for _, state := range s.running.Snapshot().Accounts {
		side := s.sides[0]
		if state.Account != side.name {
			side = s.sides[1]
		}
		if over := side.Stats().OverQuota; over != 0 {
			t.Fatalf("%s: %d calls over the quota", state.Account.Name, over)
		}
		shown := map[string]*prefetch.TaskState{}
		for _, task := range state.Tasks {
			shown[task.ID] = task
			if want := side.Counts(task.ID); task.Settled() && task.Counts != want {
				t.Errorf("%s settled with %v, the vendor has %v", task.ID, task.Counts, want)
			}
			if at, ok := side.Settled(task.ID); task.Settled() && (!ok || time.Now().Before(at)) {
				t.Errorf("%s is settled here and not at the vendor", task.ID)
			}
		}
		for _, task := range side.tasks {
			at, ok := side.Settled(task.ID)
			due := ok && time.Since(at) > soakPatience && time.Since(at) < soakShown
			if got := shown[task.ID]; due && (got == nil || !got.Settled()) {
				t.Errorf("%s ended %v ago and is not known to be settled: %+v", task.ID, time.Since(at), got)
			}
		}
	}
	if t.Failed() {
		t.FailNow()
	}
}

// checkFetched compares how often a fetch was observed with how many there were:
// each is observed once, but for what a killed process had not written yet.
func (s *soak) checkFetched(t *testing.T) {
	t.Helper()
	fetched, settled := 0, 0
	for _, task := range s.sides[1].tasks { // the first vendor tells no times
		counts := s.sides[1].Counts(task.ID)
		fetched += counts.Final()
		if at, ok := s.sides[1].Settled(task.ID); ok && time.Since(at) > soakPatience {
			settled += counts.Final()
		}
	}
	const least = 0.98
	if s.fetched > fetched || float64(s.fetched) < least*float64(settled) {
		t.Errorf("%d fetches were observed, of %d that ended, %d of them long ago", s.fetched, fetched, settled)
	}
	t.Logf("%d fetches were observed, of %d that ended, %d of them long ago", s.fetched, fetched, settled)
}

// entries is how many entries the store has.
func (s *soak) entries(t *testing.T) (n int) {
	t.Helper()
	for _, table := range []store.Table{store.Ledger, store.Tasks, store.Accounts} {
		if err := s.store.Scan(table, func(string, string, []byte) error { n++; return nil }); err != nil {
			t.Fatal(err)
		}
	}
	return n
}
