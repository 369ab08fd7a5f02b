package freshness_test

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"prefetch_exporter/freshness"
	"prefetch_exporter/poller"
	"prefetch_exporter/poller/clock"
	"prefetch_exporter/prefetch"
	"prefetch_exporter/store/storetest"
	vendorapi "prefetch_exporter/vendor_api"
	"prefetch_exporter/vendor_api/simulator"
)

const (
	accountName = "account"
	// owner is whom the vendor counts: a user name or a project id.
	owner  = "0123456789abcdef0123456789abcdef"
	secret = "secret"
)

// simulated is what all simulated vendors offer.
type simulated interface {
	http.Handler
	Submit(task simulator.Task)
	Counts(id string) prefetch.Counts
	Settled(id string) (time.Time, bool)
	Stats() simulator.Stats
}

// runner lets the real poller work on a workload. It runs in a synctest bubble.
type runner struct {
	t       *testing.T
	w       *freshness.Workload
	vendor  simulated
	poller  *poller.Poller
	ended   chan struct{}
	calls   atomic.Int64
	mu      sync.Mutex
	kinds   map[string]int
	tell    bool // the poller is told the URLs
	began   time.Time
	index   map[string]int
	created int
	listed  []prefetch.Task
	outcome freshness.Outcome
	left    int // items that are not known to be settled
	// states is what the poller showed last of the items that are not known to
	// be settled; nil before they are listed.
	states []*prefetch.TaskState
}

// ours runs the workload and returns what the poller made of it. It fails the
// test where a promise was broken that has nothing to do with speed.
func ours(t *testing.T, w *freshness.Workload, tellURLs bool) freshness.Outcome {
	t.Helper()
	var outcome freshness.Outcome
	synctest.Test(t, func(t *testing.T) {
		r := newRunner(t, w, tellURLs)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- r.poller.Run(ctx) }()
		r.run()
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		r.checkVendor()
		outcome = r.outcome
	})
	return outcome
}

func newRunner(t *testing.T, w *freshness.Workload, tellURLs bool) *runner {
	t.Helper()
	r := &runner{
		t: t, w: w, tell: tellURLs, began: time.Now(), kinds: map[string]int{}, ended: make(chan struct{}, 1),
		index: make(map[string]int, len(w.Items)), left: len(w.Items),
		states: make([]*prefetch.TaskState, len(w.Items)),
		outcome: freshness.Outcome{
			Reported: slices.Repeat([]time.Duration{freshness.Never}, len(w.Items)),
			Answered: slices.Repeat([]time.Duration{freshness.Never}, len(w.Items)),
			Covered:  make([]time.Duration, len(w.Items)),
		},
	}
	provider := r.newVendor()
	for i := range w.Items {
		r.index[w.Items[i].ID] = i
		r.vendor.Submit(r.submission(&w.Items[i]))
	}
	for i := range w.Strangers {
		r.vendor.Submit(r.submission(&w.Strangers[i]))
	}
	random := rand.New(rand.NewPCG(w.Seed, 0))
	r.poller = poller.New(poller.Options{
		Store: storetest.NewMemory(), Recorder: silent{}, Clock: clock.Wall(time.Now),
		Logger: slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelError})),
		Random: random.Float64,
	})
	v := &w.Scenario.Vendor
	err := r.poller.Configure([]poller.Account{{
		Account:  prefetch.Account{Provider: v.Name, Name: accountName},
		Identity: v.Name, Provider: provider, Limit: v.Limit,
		PollInterval: v.PollInterval, Retention: v.Retention, MaxStaleness: time.Hour, TaskLimit: 5000,
		Discover: w.Scenario.Discover,
	}})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// silent is a recorder of nothing.
type silent struct{}

func (silent) AddAccount(prefetch.Account)                  {}
func (silent) RemoveAccount(prefetch.Account)               {}
func (silent) Called(prefetch.Account, string)              {}
func (silent) Answered(prefetch.Account, time.Duration)     {}
func (silent) Failed(prefetch.Account, prefetch.Reason)     {}
func (silent) URLWait(prefetch.Account, time.Duration)      {}
func (silent) URLFetch(prefetch.Account, time.Duration)     {}
func (silent) TaskDuration(prefetch.Account, time.Duration) {}

// newVendor makes the simulated vendor and the real client that asks it.
func (r *runner) newVendor() vendorapi.Provider {
	limit := r.w.Scenario.Vendor.Limit
	vendor, provider, err := vendors[r.w.Scenario.Vendor.Name](r, simulator.Quota{Calls: limit.Calls, Per: limit.Per})
	if err != nil {
		r.t.Fatal(err)
	}
	r.vendor = vendor
	return &watched{Provider: provider, runner: r}
}

func (r *runner) client(h http.Handler) *vendorapi.Client {
	c, err := vendorapi.NewClient(vendorapi.ClientOptions{RoundTripper: simulator.Transport(h)})
	if err != nil {
		r.t.Fatal(err)
	}
	return c
}

// watched is a provider that wakes the runner whenever a call ends.
type watched struct {
	vendorapi.Provider
	runner *runner
}

func (w *watched) Query(ctx context.Context, q vendorapi.Query) (vendorapi.Answer, error) {
	w.runner.calls.Add(1)
	w.runner.count(&q)
	answer, err := w.Provider.Query(ctx, q)
	select {
	case w.runner.ended <- struct{}{}:
	default:
	}
	return answer, err
}

// count counts the calls of each kind, for whoever asks where they go.
func (r *runner) count(q *vendorapi.Query) {
	kind := string(q.Kind)
	switch {
	case q.Status != nil:
		kind += " of what is " + q.Status.String()
	case len(q.Others) > 0:
		kind += "s together"
	case q.Page > 1:
		kind += ", further page"
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.kinds[kind]++
}

func (r *runner) submission(item *freshness.Item) simulator.Task {
	plans := make([]simulator.URLPlan, len(item.URLs))
	for i, u := range item.URLs {
		plans[i] = simulator.URLPlan{URL: urlOf(item, i), Wait: u.Wait, Fetch: u.Fetch, Fails: u.Fails}
	}
	return simulator.Task{ID: item.ID, Owner: owner, Created: r.began.Add(item.Created), URLs: plans}
}

// run lets time pass until every item is known to be settled, or the horizon.
func (r *runner) run() {
	sample := freshness.SampleEvery
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-timer.C:
		case <-r.ended:
		}
		r.listCreated()
		// What the end of a call changes is there once nothing runs any more;
		// no time passes until then.
		synctest.Wait()
		now := time.Since(r.began)
		if now > freshness.Horizon {
			break
		}
		r.observe(now)
		for ; sample <= now; sample += freshness.SampleEvery {
			r.sample(sample)
		}
		if r.left == 0 {
			break
		}
		next := min(sample, freshness.Horizon+time.Nanosecond)
		if r.created < len(r.w.Items) {
			next = min(next, r.w.Items[r.created].Created)
		}
		timer.Reset(next - now)
	}
	r.outcome.Calls = int(r.calls.Load())
	if r.outcome.Samples > 0 {
		r.outcome.CountError /= float64(r.outcome.Samples)
	}
}

// listCreated lists the items that were created by now, as a pipeline would
// that submits them. Of a vendor whose tasks are many it takes those away that
// are known to be settled.
func (r *runner) listCreated() {
	now := time.Since(r.began)
	before := r.created
	for r.created < len(r.w.Items) && r.w.Items[r.created].Created <= now {
		r.created++
	}
	if r.created == before {
		return
	}
	if r.w.Scenario.Discover > 0 {
		if before == 0 {
			r.poller.List(nil)
		}
		return
	}
	listed := make([]prefetch.Task, 0, len(r.listed)+r.created-before)
	for _, task := range r.listed {
		if r.w.Scenario.Unsettled == 0 || r.outcome.Reported[r.index[task.ID]] == freshness.Never {
			listed = append(listed, task)
		}
	}
	for i := before; i < r.created; i++ {
		listed = append(listed, r.task(&r.w.Items[i]))
	}
	r.listed = listed
	r.poller.List(map[string][]prefetch.Task{accountName: listed})
}

func (r *runner) task(item *freshness.Item) prefetch.Task {
	task := prefetch.Task{Account: accountName, ID: item.ID, Source: prefetch.SourceAPI}
	if r.w.Scenario.OnlyIDs {
		return task
	}
	task.Created = r.began.Add(item.Created)
	if item.Deadline > 0 {
		task.Deadline = r.began.Add(item.Deadline)
	}
	if r.tell {
		for i := range item.URLs {
			task.URLs = append(task.URLs, urlOf(item, i))
		}
	}
	return task
}

// observe looks at what the poller shows now.
func (r *runner) observe(now time.Duration) {
	for _, state := range r.poller.Snapshot().Accounts[0].Tasks {
		i := r.index[state.ID]
		if r.outcome.Reported[i] != freshness.Never {
			if !state.Settled() {
				r.t.Errorf("%s: was settled and is %v", state.ID, state.Phase)
			}
			continue
		}
		r.states[i] = state
		if state.Answered {
			r.outcome.Answered[i] = min(r.outcome.Answered[i], now)
		}
		refreshed := state.LastRefresh.Sub(r.began)
		if deadline := r.w.Items[i].Deadline; deadline > 0 && r.outcome.Covered[i] == 0 &&
			!state.LastRefresh.IsZero() && refreshed-freshness.Latency >= deadline {
			r.outcome.Covered[i] = refreshed
		}
		if state.Settled() {
			r.settled(i, now)
		}
	}
}

// settled takes down that an item is known to be settled, and checks it.
func (r *runner) settled(i int, now time.Duration) {
	state := r.states[i]
	r.outcome.Reported[i] = now
	r.left--
	at, ok := r.vendor.Settled(state.ID)
	if !ok {
		r.t.Errorf("%s: shown as settled at %v, which it is not", state.ID, now)
	} else if want := r.w.Items[i].Settled(); (want - at.Sub(r.began)).Truncate(time.Millisecond) != 0 { // as exact as some vendor's creation
		r.t.Errorf("%s: the vendor settled it at %v, the workload at %v", state.ID, at.Sub(r.began), want)
	}
	if truth := r.vendor.Counts(state.ID); state.Counts != truth {
		r.t.Errorf("%s: settled with %v, the vendor has %v", state.ID, state.Counts, truth)
	}
	r.states[i] = nil
}

// sample compares the shown counts with the truth. That is the workload's own,
// which is fast; once an hour the vendor confirms it.
func (r *runner) sample(at time.Duration) {
	for i := range r.created {
		if r.outcome.Reported[i] != freshness.Never {
			continue
		}
		truth := r.w.Counts(i, at)
		if at%time.Hour == 0 {
			if vendor := r.vendor.Counts(r.w.Items[i].ID); vendor != truth {
				r.t.Errorf("%s at %v: the vendor has %v, the workload %v", r.w.Items[i].ID, at, vendor, truth)
			}
		}
		var shown prefetch.Counts
		if r.states[i] != nil {
			shown = r.states[i].Counts
		}
		r.outcome.CountError += freshness.CountError(shown, truth)
		r.outcome.Samples++
	}
}

// checkVendor asks the vendor whether the poller kept to its rules.
func (r *runner) checkVendor() {
	stats := r.vendor.Stats()
	r.t.Logf("calls by kind: %v", r.kinds)
	if stats.OverQuota != 0 {
		r.t.Errorf("%d calls over the quota", stats.OverQuota)
	}
	if len(stats.Refused) != 0 {
		r.t.Errorf("the vendor refused calls: %v", stats.Refused)
	}
	if stats.Calls != r.outcome.Calls {
		r.t.Errorf("%d calls were made, the vendor saw %d", r.outcome.Calls, stats.Calls)
	}
}
