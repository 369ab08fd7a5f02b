package stack_test

import (
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"prefetch_exporter/e2e/internal/run"
	"prefetch_exporter/prefetch"
	"prefetch_exporter/vendor_api/simulator"
	simalibabacloud "prefetch_exporter/vendor_api/simulator/alibabacloud"
	simcdnetworks "prefetch_exporter/vendor_api/simulator/cdnetworks"
	simhuaweicloud "prefetch_exporter/vendor_api/simulator/huaweicloud"
)

// The simulated vendors' users.
const (
	project     = "0123456789abcdef0123456789abcdef"
	accessKey   = "AKSTACK"
	lockedKey   = "AKLOCKED"
	username    = "stack"
	rightSecret = "right-secret"
	wrongSecret = "wrong-secret"
)

// The accounts: one at each of two vendors, one at a vendor that tells progress and
// causes, and one whose secret key is wrong at first.
const (
	vodAccount    = "vod"
	edgeAccount   = "edge"
	causeAccount  = "cause"
	lockedAccount = "locked"
)

// The tasks, named by what becomes of them.
const (
	vodWarm     = "launch-warm"
	vodBroken   = "launch-broken" // two of its ten URLs fail, and it ends when told
	vodStuck    = "launch-stuck"  // three of its ten URLs never finish
	edgeWarm    = "item-warm"
	edgeScratch = "item-scratched" // one of its 25 URLs fails
	lockedTask  = "launch-locked"
	causeWarm   = "12719676361"
	vodAgain    = "launch-again" // what failed of vodBroken
	edgeAgain   = "item-again"   // what failed of edgeScratch
)

const (
	vodURLs  = 10
	edgeURLs = 25
	// pace is the time between the ends of two URLs of a task under way.
	pace = time.Second
)

// listed is a task as a discovery file has it.
type listed struct {
	Account  string            `json:"account"`
	ID       string            `json:"id"`
	Created  time.Time         `json:"created"`
	Deadline *time.Time        `json:"deadline,omitempty"`
	Labels   map[string]string `json:"labels"`
}

// site is the vendors and the exporter that watches them.
type site struct {
	vod      *simhuaweicloud.Server
	edge     *simcdnetworks.Server
	cause    *simalibabacloud.Server
	exporter *run.Process

	tasksFile, secretFile string
	tasks                 []listed
	unlocked              bool
}

// newSite starts the vendors with all tasks but one, and the exporter.
func newSite(t *testing.T) *site {
	t.Helper()
	program := run.Exporter(t)
	folder := t.TempDir()
	s := &site{
		vod: simhuaweicloud.New(simhuaweicloud.Options{
			AccessKeys: map[string]string{accessKey: rightSecret, lockedKey: rightSecret},
		}),
		edge:       simcdnetworks.New(simcdnetworks.Options{APIKeys: map[string]string{username: rightSecret}}),
		cause:      simalibabacloud.New(simalibabacloud.Options{AccessKeys: map[string]string{accessKey: rightSecret}}),
		tasksFile:  filepath.Join(folder, "tasks.json"),
		secretFile: filepath.Join(folder, "secret"),
	}
	s.submitAll(time.Now().Truncate(time.Second))
	s.list(t, s.tasks)
	write(t, s.secretFile, wrongSecret)

	vod, edge, cause := httptest.NewServer(s.vod), httptest.NewServer(s.edge), httptest.NewServer(s.cause)
	t.Cleanup(vod.Close)
	t.Cleanup(edge.Close)
	t.Cleanup(cause.Close)
	config := filepath.Join(folder, "config.yml")
	write(t, config, fmt.Sprintf(`
global: {poll_interval: 1s}
accounts:
  - name: %s
    rate_limit: {calls: 100, per: 10s}
    huaweicloud_vod: {endpoint: %q, project_id: %s, access_key: %s, secret_key: %s}
  - name: %s
    rate_limit: {calls: 1, per: 1s}
    cdnetworks: {endpoint: %q, username: %s, api_key: %s, watch_window: true}
  - name: %s
    rate_limit: {calls: 100, per: 10s}
    huaweicloud_vod: {endpoint: %q, project_id: %s, access_key: %s, secret_key_file: %s}
  - name: %s
    rate_limit: {calls: 100, per: 10s}
    alibabacloud_cdn: {endpoint: %q, access_key_id: %s, access_key_secret: %s}
task_discovery: {files: [%s]}
`,
		vodAccount, vod.URL, project, accessKey, rightSecret,
		edgeAccount, edge.URL, username, rightSecret,
		lockedAccount, vod.URL, project, lockedKey, s.secretFile,
		causeAccount, cause.URL, accessKey, rightSecret, s.tasksFile))
	s.exporter = run.Start(t, program,
		"--config.file="+config, "--storage.path="+filepath.Join(folder, "data"), "--web.listen-address=127.0.0.1:0")
	return s
}

// submitAll gives the vendors the first tasks, as they are at start.
func (s *site) submitAll(start time.Time) {
	long, short := start.Add(-40*time.Minute), start.Add(-2*time.Minute)
	passed := start.Add(-time.Minute)
	// Nearer than the stuck task is projected to finish, and not near.
	soon := start.Add(14 * time.Minute)

	done := plan(vodURLs, time.Minute, 0)
	s.submit(vodAccount, vodWarm, short, &passed, done)
	s.submit(edgeAccount, edgeWarm, short, &passed, plan(edgeURLs, time.Minute, 0))
	s.submit(causeAccount, causeWarm, short, &passed, plan(edgeURLs, time.Minute, 0))
	s.submit(lockedAccount, lockedTask, start.Add(-20*time.Minute), nil, done)

	far := start.Add(time.Hour)
	s.submit(vodAccount, vodBroken, short, &far, broken(true))

	stuck := slices.Clone(done)
	for i := range 3 {
		stuck[i].Stuck = true
	}
	s.submit(vodAccount, vodStuck, long, &soon, stuck)
}

// launch lets a task begin while everybody watches: what it takes is seen as an
// increase.
func (s *site) launch(t *testing.T) {
	t.Helper()
	start := time.Now().Truncate(time.Second)
	// Old enough that an answer proves what it shows.
	created := start.Add(-2 * time.Minute)
	scratched := plan(edgeURLs, start.Sub(created)+5*time.Second, pace)
	scratched[0].Fails, scratched[0].Rate = true, 40
	s.submit(edgeAccount, edgeScratch, created, nil, scratched)
	s.list(t, s.tasks)
}

// broken is two failed URLs, and others that still run or succeeded.
func broken(running bool) []simulator.URLPlan {
	urls := plan(vodURLs, time.Minute, 0)
	for i := range urls {
		urls[i].Fails = i < 2
		urls[i].Stuck = running && !urls[i].Fails
	}
	return urls
}

// plan is n URLs of which the first ends at first after the creation, and each
// other step later.
func plan(n int, first, step time.Duration) []simulator.URLPlan {
	const fetch = 20 * time.Second
	urls := make([]simulator.URLPlan, n)
	for i := range urls {
		urls[i] = simulator.URLPlan{
			URL:  fmt.Sprintf("https://video.example.com/part-%02d.mp4", i),
			Wait: first + time.Duration(i)*step - fetch, Fetch: fetch,
		}
	}
	return urls
}

func (s *site) submit(account, id string, created time.Time, deadline *time.Time, urls []simulator.URLPlan) {
	switch account {
	case edgeAccount:
		s.edge.Submit(simulator.Task{ID: id, Owner: username, Created: created, URLs: urls})
	case causeAccount:
		s.cause.Submit(simulator.Task{ID: id, Owner: accessKey, Created: created, URLs: urls})
	default:
		s.vod.Submit(simulator.Task{ID: id, Owner: project, Created: created, URLs: urls})
	}
	s.tasks = append(s.tasks, listed{
		Account: account, ID: id, Created: created, Deadline: deadline, Labels: map[string]string{"title": titleOf(id)},
	})
}

// titleOf is what a task is called.
func titleOf(id string) string { return "The launch of " + id }

// list makes tasks all that the exporter is to watch.
func (s *site) list(t *testing.T, tasks []listed) {
	t.Helper()
	s.tasks = tasks
	text, err := json.Marshal(tasks)
	if err != nil {
		t.Fatal(err)
	}
	write(t, s.tasksFile, string(text))
}

// miss sets the deadline of the stuck task to a moment ago.
func (s *site) miss(t *testing.T) {
	t.Helper()
	tasks := slices.Clone(s.tasks)
	i := slices.IndexFunc(tasks, func(l listed) bool { return l.ID == vodStuck })
	passed := time.Now().Truncate(time.Second)
	tasks[i].Deadline = &passed
	s.list(t, tasks)
}

// finish ends the broken task.
func (s *site) finish() {
	i := slices.IndexFunc(s.tasks, func(l listed) bool { return l.ID == vodBroken })
	s.vod.Submit(simulator.Task{ID: vodBroken, Owner: project, Created: s.tasks[i].Created, URLs: broken(false)})
}

// repair submits again what failed of the two tasks that have ended.
func (s *site) repair(t *testing.T) {
	t.Helper()
	start := time.Now().Truncate(time.Second)
	done := plan(vodURLs, 30*time.Second, 0)
	// Old enough that an answer proves what it shows, and later than what failed.
	s.submit(vodAccount, vodAgain, start.Add(-time.Minute), nil, done[:2])
	s.submit(edgeAccount, edgeAgain, start.Add(-time.Minute), nil, done[:1])
	s.list(t, s.tasks)
}

// arrive ends the stuck task at last.
func (s *site) arrive() {
	i := slices.IndexFunc(s.tasks, func(l listed) bool { return l.ID == vodStuck })
	s.vod.Submit(simulator.Task{ID: vodStuck, Owner: project, Created: s.tasks[i].Created, URLs: plan(vodURLs, time.Minute, 0)})
}

// unlock corrects the secret key of the locked account.
func (s *site) unlock(t *testing.T) {
	t.Helper()
	s.unlocked = true
	write(t, s.secretFile, rightSecret)
}

// leave takes every task from the list that is in trouble.
func (s *site) leave(t *testing.T) {
	t.Helper()
	s.list(t, slices.DeleteFunc(slices.Clone(s.tasks), func(l listed) bool {
		return slices.Contains([]string{vodBroken, vodStuck, edgeScratch}, l.ID)
	}))
}

// truth is what Prometheus must have of the tasks, by account, task and metric
// or status: what their vendors know now.
func (s *site) truth() map[string]float64 {
	truth := map[string]float64{}
	for _, l := range s.tasks {
		key := l.Account + "/" + l.ID + " "
		truth[key+"prefetch_task_settled"] = 0
		if l.Account == lockedAccount && !s.unlocked {
			continue
		}
		counts, settled := s.vod.Counts(l.ID), s.vod.Settled
		switch l.Account {
		case edgeAccount:
			counts, settled = s.edge.Counts(l.ID), s.edge.Settled
		case causeAccount:
			counts, settled = s.cause.Counts(l.ID), s.cause.Settled
		}
		if _, ok := settled(l.ID); ok {
			truth[key+"prefetch_task_settled"] = 1
		}
		total := 0
		for _, status := range prefetch.Statuses() {
			truth[key+status.String()] = float64(counts[status])
			total += counts[status]
		}
		truth[key+"prefetch_task_success_ratio"] = float64(counts[prefetch.Succeeded]) / float64(total)
	}
	return truth
}

// write replaces a file as a whole, as whoever writes for a program that
// watches should.
func write(t *testing.T, path, text string) {
	t.Helper()
	fresh := path + ".fresh"
	if err := os.WriteFile(fresh, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(fresh, path); err != nil {
		t.Fatal(err)
	}
}
