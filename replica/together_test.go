package replica_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"prefetch_exporter/discovery/submitted"
	"prefetch_exporter/poller"
	"prefetch_exporter/prefetch"
	"prefetch_exporter/store/storetest"
	vendorapi "prefetch_exporter/vendor_api"
	"prefetch_exporter/vendor_api/cdnetworks"
	"prefetch_exporter/vendor_api/simulator"
	simcdnetworks "prefetch_exporter/vendor_api/simulator/cdnetworks"
)

// quotas are what the vendor allows to each of three accounts.
func quotas() map[string]prefetch.Limit {
	return map[string]prefetch.Limit{
		"x": {Calls: 1, Per: 20 * time.Second},
		"y": {Calls: 2, Per: 7 * time.Second},
		"z": {Calls: 3, Per: 2 * time.Second},
	}
}

// world is three machines that replicas run on, the store that they share and a vendor
// that counts.
type world struct {
	t        *testing.T
	store    *storetest.Group
	vendors  map[string]*simcdnetworks.Server
	machines []*machine

	mu     sync.Mutex
	random *rand.Rand
	// rough: requests fail and processes are stopped.
	rough bool
	// put are the tasks that were put and acknowledged, configured included.
	put map[submitted.Name]bool
	// submitted is how many tasks and URLs the vendor was given.
	submitted, urls int
	// waits, fetches and finished are what all replicas together observed.
	waits, fetches, finished int
	// accounts are what each replica has configured.
	accounts []poller.Account
}

func (w *world) number(below int) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.random.IntN(below)
}

func (w *world) oneIn(n int) bool { return w.number(n) == 0 }

func (w *world) upTo(longest time.Duration) time.Duration {
	return time.Duration(w.number(int(longest)))
}

func (w *world) isRough() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.rough
}

// fault has requests fail in every way, and processes be stopped in the midst of one.
func (w *world) fault(name, request string) (f storetest.Fault) {
	if !w.isRough() {
		return f
	}
	if request == "charge" && w.oneIn(6) || w.oneIn(300) {
		for _, m := range w.machines {
			if m.name == name {
				m.pause(w.upTo(50 * time.Second))
			}
		}
	}
	switch w.number(25) {
	case 0:
		f.Delay = w.upTo(4 * time.Second)
	case 1:
		f.NoAnswer = true
	case 2:
		f.Lost = true
	}
	return f
}

func (w *world) delay(string) time.Duration {
	if w.isRough() && w.oneIn(20) {
		return w.upTo(3 * time.Second)
	}
	return w.upTo(20 * time.Millisecond)
}

// submit gives the vendor a task and returns it.
func (w *world) submit(account string) prefetch.Task {
	w.mu.Lock()
	w.submitted++
	id, urls := fmt.Sprintf("%032x", w.submitted), 1+w.random.IntN(5)
	w.urls += urls
	w.mu.Unlock()
	task := simulator.Task{ID: id, Owner: "ops"}
	for i := range urls {
		task.URLs = append(task.URLs, simulator.URLPlan{
			URL: fmt.Sprintf("https://example.com/%s/%d", id, i), Wait: w.upTo(30 * time.Second), Fetch: w.upTo(2 * time.Minute),
			Stuck: w.oneIn(6), Fails: w.oneIn(6),
		})
	}
	w.vendors[account].Submit(task)
	return prefetch.Task{Account: account, ID: id, Source: prefetch.SourceConfig}
}

// recorder counts what is observed.
type recorder struct{ *world }

func (recorder) AddAccount(prefetch.Account)                    {}
func (recorder) RemoveAccount(prefetch.Account)                 {}
func (recorder) Called(prefetch.Account, string)                {}
func (recorder) Answered(prefetch.Account, time.Duration)       {}
func (recorder) Failed(prefetch.Account, prefetch.Reason)       {}
func (r recorder) URLWait(prefetch.Account, time.Duration)      { r.count(&r.waits) }
func (r recorder) URLFetch(prefetch.Account, time.Duration)     { r.count(&r.fetches) }
func (r recorder) TaskDuration(prefetch.Account, time.Duration) { r.count(&r.finished) }

func (r recorder) count(n *int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	*n++
}

// newWorld is one with three machines on which nothing runs yet.
func newWorld(t *testing.T, seed uint64) *world {
	t.Helper()
	w := &world{
		t: t, random: rand.New(rand.NewPCG(seed, 14)), vendors: map[string]*simcdnetworks.Server{}, put: map[submitted.Name]bool{},
	}
	w.store = storetest.NewGroup(storetest.GroupOptions{TTL: ttl, Quick: true, Delay: w.delay, Fault: w.fault})
	var configured []prefetch.Task
	for _, name := range slices.Sorted(maps.Keys(quotas())) {
		limit := quotas()[name]
		w.vendors[name] = simcdnetworks.New(simcdnetworks.Options{
			Quota: simulator.Quota(limit), Latency: simulator.Jitter(seed, 1500*time.Millisecond), APIKeys: map[string]string{"ops": "key"},
		})
		c, err := vendorapi.NewClient(vendorapi.ClientOptions{RoundTripper: simulator.Transport(w.vendors[name])})
		if err != nil {
			t.Fatal(err)
		}
		p, err := cdnetworks.New(cdnetworks.Options{
			Endpoint: "http://vendor.test", Client: c, Auth: cdnetworks.APIKey("ops", func() string { return "key" }),
			PageSize: 100, LookBack: 72 * time.Hour,
		})
		if err != nil {
			t.Fatal(err)
		}
		w.accounts = append(w.accounts, poller.Account{
			Account: prefetch.Account{Provider: cdnetworks.Name, Name: name}, Identity: name, Provider: p, Limit: limit,
			PollInterval: time.Second, Retention: 24 * time.Hour, MaxStaleness: time.Hour, TaskLimit: 5000,
		})
		for range 3 {
			task := w.submit(name)
			configured = append(configured, task)
			w.put[submitted.Name{Account: name, ID: task.ID}] = true
		}
	}
	for i, name := range []string{"a", "b", "c"} {
		w.machines = append(w.machines, &machine{
			world: w, name: name, configured: configured, ahead: time.Duration(i-1) * 10 * time.Minute, booted: time.Now().Add(-w.upTo(time.Hour)),
		})
	}
	return w
}

// shown is what replicas must show alike.
type shown struct {
	Account         string
	Up              bool
	Phases          [prefetch.NumPhases]int
	Tasks           map[string]prefetch.Counts
	Refreshed       map[string]time.Time
	Owner, LastKind string
}

func show(s prefetch.Snapshot) (all []shown) {
	for _, a := range s.Accounts {
		v := shown{
			Account: a.Account.Name, Up: a.Up, Phases: a.Phases, Owner: a.Owner,
			Tasks: map[string]prefetch.Counts{}, Refreshed: map[string]time.Time{},
		}
		if a.LastQuery != nil {
			v.LastKind = a.LastQuery.Kind
		}
		for _, task := range a.Tasks {
			v.Tasks[task.ID], v.Refreshed[task.ID] = task.Counts, task.LastRefresh
		}
		all = append(all, v)
	}
	return all
}

// checkCalm checks what must hold once everything has been well for a while.
func (w *world) checkCalm() {
	w.t.Helper()
	owners := w.store.Owners()
	if len(owners) != len(w.vendors) {
		w.t.Errorf("owners are %v", owners)
	}
	counts := map[string]int{}
	for _, owner := range owners {
		counts[owner]++
	}
	if len(counts) != len(w.machines) {
		w.t.Errorf("not one identity each: %v", owners)
	}
	for _, m := range w.machines {
		for _, a := range m.now.Snapshot().Accounts {
			if a.Owned != (owners[a.Account.Name] == m.name) {
				w.t.Errorf("%s says of owning %s: %v, the store says %v", m.name, a.Account.Name, a.Owned, owners)
			}
			there := map[string]bool{}
			for _, task := range a.Tasks {
				there[task.ID] = true
			}
			for name := range w.put {
				if name.Account == a.Account.Name && !there[name.ID] {
					w.t.Errorf("%s lost the task %v", m.name, name)
				}
			}
		}
	}
	w.checkEqual()
}

// checkEqual checks that all show the same within two seconds.
func (w *world) checkEqual() {
	w.t.Helper()
	diff := ""
	for range 20 {
		diff = ""
		want := show(w.machines[0].now.Snapshot())
		for _, m := range w.machines[1:] {
			diff += cmp.Diff(want, show(m.now.Snapshot()))
		}
		if diff == "" {
			return
		}
		time.Sleep(100 * time.Millisecond)
	}
	w.t.Errorf("not all show the same: %s", diff)
}

// checkVendor checks what the vendor saw, and returns how many calls that were.
func (w *world) checkVendor() (calls int) {
	w.t.Helper()
	for name, v := range w.vendors {
		stats := v.Stats()
		if stats.OverQuota > 0 {
			w.t.Errorf("%s: %d of %d calls were over the quota", name, stats.OverQuota, stats.Calls)
		}
		calls += stats.Calls
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.waits > w.urls || w.fetches > w.urls || w.finished > w.submitted {
		w.t.Errorf("observed were %d waits and %d fetches of %d URLs, %d of %d tasks", w.waits, w.fetches, w.urls, w.finished, w.submitted)
	}
	return calls
}

// TestTogether has three replicas be killed, stopped, cut off and ended at random,
// with a store whose requests fail in every way: no call is one too many, no task is
// lost, and after a while of calm each account has one owner and all show the same.
func TestTogether(t *testing.T) {
	t.Parallel()
	for seed := range uint64(4) { // 200 passed
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, seed)
				defer func() {
					for _, m := range w.machines {
						m.end(false)
					}
					for _, m := range w.machines {
						m.all.Wait()
					}
				}()
				calls := 0
				for range 3 {
					w.setRough(true)
					for range 40 {
						w.machines[w.number(3)].suffers()
						time.Sleep(w.upTo(4 * time.Second))
					}
					w.setRough(false)
					time.Sleep(time.Minute) // who is paused or cut off comes back
					for _, m := range w.machines {
						if m.now == nil {
							m.run()
						}
					}
					time.Sleep(2 * time.Minute)
					synctest.Wait()
					w.checkCalm()
					calls = w.checkVendor()
				}
				if calls < 100 {
					t.Errorf("only %d calls", calls)
				}
			})
		})
	}
}

func (w *world) setRough(rough bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.rough = rough
}
