package account

import (
	"log/slog"
	"sync"
	"time"

	"prefetch_exporter/poller/answers"
	"prefetch_exporter/poller/clock"
	"prefetch_exporter/poller/dialect"
	"prefetch_exporter/poller/discover"
	"prefetch_exporter/poller/health"
	"prefetch_exporter/poller/journal"
	"prefetch_exporter/poller/lookback"
	"prefetch_exporter/poller/planner"
	"prefetch_exporter/poller/progress"
	"prefetch_exporter/poller/published"
	"prefetch_exporter/poller/quota"
	"prefetch_exporter/poller/record"
	"prefetch_exporter/poller/recovered"
	"prefetch_exporter/poller/roster"
	"prefetch_exporter/poller/task"
	"prefetch_exporter/prefetch"
)

// Account is one account's tasks and health. It is safe for concurrent use. Its loop
// is in loop.go.
type Account struct {
	name   prefetch.Account
	store  quota.Store
	record Recorder
	log    *slog.Logger
	clock  clock.Clock
	random func() float64
	// group is nil where nobody shares the store. An account that does not ask shows
	// what the owner stores.
	group Group
	asks  bool
	// changed tells that something was published.
	changed func()
	// wake tells the loop that something changed; it has room for one signal.
	wake chan struct{}

	// mu guards everything the loop and the calls change. It is held while a
	// change is made durable, so a scrape must never need it.
	mu       sync.Mutex
	settings Settings
	budget   *quota.Budget
	tasks    map[string]*planner.Candidate
	planner  planner.Planner // which question is worth the most
	hasty    bool            // every call that is allowed is made now, and none later
	begun    time.Time       // since when
	noWindow time.Time       // until then windows are not asked for
	listing  roster.Listing  // what the sources list now
	known    bool            // that was told: before, no task is watched or forgotten
	dropped  int
	health   health.Health
	dialect  dialect.Dialect   // what the vendor can be asked
	identity string            // whom the vendor counted when that was learned
	removed  bool              // the account is not configured any more, or was made anew
	retired  bool              // it was made anew
	resting  bool              // it lets no call leave, and is quiet when none is under way
	quiet    chan struct{}     // closed when a resting account has no call under way
	guests   map[string]bool   // the tasks of a follower that are listed here and not stored
	said     *record.Shown     // what followers were told last
	unowned  bool              // nobody asked for the account when a follower last looked
	unsaved  record.Changes    // what the store does not have yet
	watch    lookback.LookBack // everything in the look-back
	finder   discover.Listing  // which tasks the vendor lists
	backlog  time.Duration     // how long the limit needs for the unsettled tasks
	inFlight int
	// gathering: the loop will be woken for changes of single tasks.
	gathering bool
	began     time.Time       // when this process began with the account
	looked    clock.Stamp     // the last look at our clock
	latency   planner.Latency // how long calls take
	paged     bool            // the last call was for the next page of a task
	swept     time.Time       // when the tasks were swept last
	sweepAt   time.Time       // when they are to be swept next
	last      *prefetch.QueryState
	next      *prefetch.QueryState
	failing   recovered.Waiting // failed URLs that no later task has warmed
	answers   answers.Account   // what answers change of all this
	journal   *journal.Journal  // what is logged, in measure

	// progress says whether the loop moves; scrapes look at it too.
	progress progress.Progress

	// published is what scrapes see.
	published published.Board
}

// New returns the account of that name without tasks, state or settings:
// [Account.Load] and [Account.Configure] come before anything else.
func New(name prefetch.Account, o Options) *Account {
	now := o.Clock()
	a := &Account{
		began: now.Wall, looked: now,
		name: name, store: o.Store, record: o.Recorder, log: o.Logger, group: o.Group, asks: o.Asks,
		clock: o.Clock, random: o.Random, changed: o.Changed,
		wake: make(chan struct{}, 1), tasks: map[string]*planner.Candidate{},
		failing: recovered.Waiting{}, guests: map[string]bool{}, quiet: make(chan struct{}),
		journal: journal.New(o.Logger, func() time.Time { return o.Clock().Wall }),
	}
	a.answers = answers.Account{
		Dialect: &a.dialect, Planner: &a.planner, Watch: &a.watch, Health: &a.health, Journal: a.journal,
		NoWindow: &a.noWindow, SweepAt: &a.sweepAt,
	}
	a.progress.Moves(0, false)
	return a
}

// now is the wall time.
func (a *Account) now() time.Time { return a.clock().Wall }

// Configure takes over new settings. State, budget and loop stay; but what was
// learned of one vendor's host says nothing of another's.
func (a *Account) Configure(s Settings, b *quota.Budget) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.budget != nil && a.budget != b {
		a.budget.Leave(a.name.Name)
	}
	a.settings, a.budget = s, b
	a.dialect.Capabilities = s.Provider.Capabilities()
	b.Join(a.name.Name, s.Limit, a.Signal)
	if a.identity != s.Identity {
		a.anotherHost(s.Identity)
	}
	if !s.WatchWindow && len(a.watch.Segments) > 0 {
		a.watch, a.unsaved.Account = lookback.LookBack{}, true
	}
	a.refresh(a.now())
	a.Signal()
}

// anotherHost forgets what was learned of the host that was asked before. What is
// known of tasks stays, but for what was begun there.
func (a *Account) anotherHost(identity string) {
	a.identity, a.unsaved.Account = identity, true
	a.dialect.Learned, a.planner.Knowledge = dialect.Learned{}, planner.Knowledge{}
	a.watch, a.finder = lookback.LookBack{}, discover.Listing{}
	a.health.Forgive()
	for _, t := range a.tasks {
		t.Forget()
		if t.Reading != nil {
			t.StopReading()
			a.touch(t)
		}
	}
}

// Remove ends the account: from here on nothing is stored of it.
func (a *Account) Remove() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.save()
	a.removed = true
	a.budget.Leave(a.name.Name)
}

// refresh brings the set of watched tasks up to date, makes that durable and
// publishes it. It is called with the lock held.
func (a *Account) refresh(now time.Time) {
	if !a.asks {
		a.showListed(now)
		a.publishAll()
		return
	}
	a.sweepAt = time.Time{}
	if a.known {
		a.reconcile(now)
	}
	a.save()
	a.publishAll()
}

// unsettled is how many tasks are watched that are not over.
func (a *Account) unsettled() (n int) {
	for _, t := range a.tasks {
		if t.Listed && !t.Ended && (t.Phase == prefetch.Pending || t.Phase == prefetch.Active) {
			n++
		}
	}
	return n
}

// each calls yield for every task until that says to stop.
func (a *Account) each(yield func(t *task.Task) bool) {
	for _, t := range a.tasks {
		if !yield(&t.Task) {
			return
		}
	}
}

// Signal wakes the loop.
func (a *Account) Signal() {
	select {
	case a.wake <- struct{}{}:
	default:
	}
}

// List takes over what the sources list now.
func (a *Account) List(tasks []prefetch.Task, pending []string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	found := a.listing.Found
	if found == nil {
		found = map[string]prefetch.Task{}
	}
	a.listing, a.known = roster.Listing{Tasks: make(map[string]prefetch.Task, len(tasks)), Pending: pending, Found: found}, true
	for _, spec := range tasks {
		if _, twice := a.listing.Tasks[spec.ID]; !twice {
			a.listing.Tasks[spec.ID] = spec
		}
	}
	a.refresh(a.now())
	a.Signal()
}

// rules are those by which tasks are watched.
func (a *Account) rules() roster.Rules {
	return roster.Rules{
		TaskLimit: a.settings.TaskLimit, Retention: a.settings.Retention, Discover: a.settings.Discover, Ahead: a.dialect.Offset,
	}
}

// reconcile makes the watched tasks those that are listed, as far as the task
// limit lets it. It is called with the lock held.
func (a *Account) reconcile(now time.Time) {
	out := roster.Reconcile(a.tasks, a.listing, a.rules(), now)
	for _, t := range out.Changed {
		a.touch(t)
	}
	for _, t := range out.Forgotten {
		a.forget(t)
	}
	a.dropped = out.Dropped
	a.journal.Listed(out.Came, out.Gone)
	if a.dropped > 0 {
		a.journal.Warn(journal.TaskLimit, "", "tasks dropped: more are listed than task_limit allows",
			"dropped", a.dropped, "task_limit", a.settings.TaskLimit)
	}
}

// forget removes a task for good.
func (a *Account) forget(t *planner.Candidate) {
	delete(a.tasks, t.ID)
	delete(a.failing, &t.Task)
	a.unsaved.Forget(t.ID)
}
