package poller

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"prefetch_exporter/poller/account"
	"prefetch_exporter/poller/dialect"
	"prefetch_exporter/poller/quota"
	"prefetch_exporter/prefetch"
	"prefetch_exporter/store"
)

// Poller watches the tasks of all accounts. It is safe for concurrent use.
type Poller struct {
	options Options

	// change serializes what changes the set of accounts, disk included.
	change     sync.Mutex
	budgets    map[string]*quota.Budget
	configured []Account
	owned      map[string]bool // the identities that this replica asks for, in a group
	found      store.State     // what was said of the store
	rewound    bool            // the store forgot, and was not read again

	// mu guards the rest, and is never held for longer than a look: a scrape
	// needs it.
	mu       sync.RWMutex
	accounts map[prefetch.Account]*running
	ctx      context.Context //nolint:containedctx // the life of the loops that a reload may add; nil before Run
	loops    sync.WaitGroup
}

// running is an account and the way to end its loop.
type running struct {
	*account.Account
	cancel context.CancelFunc
}

// New returns a poller without accounts. It warns where the store is new or was
// damaged, since that decides what the budgets believe was spent.
func New(o Options) *Poller {
	p := &Poller{
		options: o.withDefaults(), accounts: map[prefetch.Account]*running{},
		budgets: map[string]*quota.Budget{}, owned: map[string]bool{},
	}
	p.tellState()
	return p
}

// tellState warns once of a store that does not know of all calls.
func (p *Poller) tellState() {
	before := p.found
	p.found = p.options.Store.State()
	if p.found == before {
		return
	}
	switch p.found {
	case store.Fresh:
		p.options.Logger.Warn("the store is new: calls that were made before are unknown, the whole quota counts as unspent")
	case store.Recovered:
		p.options.Logger.Warn("the store was damaged: calls that were made before are unknown, the whole quota counts as spent")
	case store.Existing:
	}
}

// Configure makes accounts the watched ones. An account that is there already
// keeps its tasks, state, budget and loop; one that is not named any more is
// gone from the next snapshot on, and what is known of its tasks stays in the
// store. Nothing is changed if the error is not nil.
func (p *Poller) Configure(accounts []Account) error {
	p.change.Lock()
	defer p.change.Unlock()
	fresh, err := p.load(accounts)
	if err != nil {
		for name := range fresh {
			if r := p.accounts[name]; r != nil {
				r.Resume()
			}
		}
		return err
	}
	next := make(map[prefetch.Account]*running, len(accounts))
	var retired []*running
	for _, o := range accounts {
		r := p.accounts[o.Account]
		switch a := fresh[o.Account]; {
		case r == nil:
			r = &running{Account: a}
			p.options.Recorder.AddAccount(o.Account)
		case a != nil: // it was another identity's
			r.Leave()
			retired = append(retired, r)
			r = &running{Account: a}
		}
		r.Configure(o, p.budgets[o.Identity])
		next[o.Account] = r
	}
	p.mu.Lock()
	before := p.accounts
	p.accounts = next
	for _, r := range next {
		p.start(r)
	}
	p.mu.Unlock()
	p.options.Changed()
	for _, r := range retired {
		r.end()
	}
	for name, r := range before {
		if next[name] == nil {
			p.remove(name, r)
		}
	}
	p.configured = slices.Clone(accounts)
	p.purge(false)
	return nil
}

// load reads what the store has of the accounts and budgets that are new. After an
// error, it returns the accounts that it has read until then.
func (p *Poller) load(accounts []Account) (map[prefetch.Account]*account.Account, error) {
	fresh := map[prefetch.Account]*account.Account{}
	budgets := map[string]*quota.Budget{}
	for _, o := range accounts {
		if p.budgets[o.Identity] == nil && budgets[o.Identity] == nil {
			b, err := p.openBudget(o.Identity)
			if err != nil {
				return fresh, err
			}
			if b.Damaged() {
				p.options.Logger.Warn("the ledger is not whole: the whole quota counts as spent", "account", o.Name)
			}
			budgets[o.Identity] = b
		}
		r := p.accounts[o.Account]
		if r != nil && (p.options.Group == nil || r.Asks() == p.asks(o.Identity) && r.Identity() == o.Identity) {
			continue // whoever owns another identity may not store by this one
		}
		a := p.newAccount(o.Account, o.Identity)
		read := a.Load
		if r != nil {
			read = func() error { return a.Replace(r.Account) }
		}
		if err := read(); err != nil {
			return fresh, err
		}
		fresh[o.Account] = a
	}
	maps.Copy(p.budgets, budgets)
	return fresh, nil
}

func (p *Poller) newAccount(name prefetch.Account, identity string) *account.Account {
	return account.New(name, account.Options{
		Store: p.storeOf(identity), Recorder: p.options.Recorder,
		Logger: p.options.Logger.With("provider", name.Provider, "account", name.Name),
		Group:  p.options.Group, Asks: p.asks(identity),
		Clock: p.options.Clock, Random: p.options.Random, Changed: p.options.Changed,
	})
}

// start starts an account's loop once the poller runs. It is called with the
// lock held.
func (p *Poller) start(r *running) {
	if p.ctx == nil || p.ctx.Err() != nil || r.cancel != nil {
		return
	}
	ctx, cancel := context.WithCancel(p.ctx)
	r.cancel = cancel
	p.loops.Go(func() { r.Run(ctx) })
}

func (p *Poller) remove(name prefetch.Account, r *running) {
	r.end()
	r.Remove()
	p.options.Recorder.RemoveAccount(name)
}

// List makes listed, by account, the tasks that are listed now; their order does
// not matter. A task that came from one of the pending sources before a restart
// stays, listed or not: that source was not read yet, and may list it still.
func (p *Poller) List(listed map[string][]prefetch.Task, pending ...string) {
	p.change.Lock()
	defer p.change.Unlock()
	for name, r := range p.accounts {
		r.List(listed[name.Name], pending)
	}
}

// Relist takes over, by account, what the sources say of single tasks now. It costs
// the same for any number of tasks that are watched, unless one is not listed any
// more, comes back, or finds no room.
func (p *Poller) Relist(changes map[string][]Change) {
	p.change.Lock()
	defer p.change.Unlock()
	for name, r := range p.accounts {
		if c := changes[name.Name]; len(c) > 0 {
			r.Relist(c)
		}
	}
}

// Room is how many more tasks an account can watch, and the limit that says so.
// Settled tasks make room, and a task that is listed and not watched takes it. It
// waits for no call and no disk. An account that does not exist has none.
func (p *Poller) Room(account string) (room, limit int) {
	p.mu.RLock()
	defer p.mu.RUnlock()
	for name, r := range p.accounts {
		if name.Name == account {
			return r.Room()
		}
	}
	return 0, 0
}

// Run polls until ctx ends, and returns nil when no call is under way any more.
func (p *Poller) Run(ctx context.Context) error {
	p.mu.Lock()
	if p.ctx != nil {
		p.mu.Unlock()
		return errors.New("the poller runs already")
	}
	p.ctx = ctx
	for _, r := range p.accounts {
		p.start(r) //nolint:contextcheck // it takes the one that was just set
	}
	p.mu.Unlock()
	p.loops.Go(func() { p.options.Clock.Watch(ctx, dialect.LeastSet, p.jumped) })
	p.purgeDaily(ctx)
	p.loops.Wait()
	return nil
}

// jumped wakes every loop after the wall clock was set, or the machine slept.
func (p *Poller) jumped(by, asleep time.Duration) {
	p.options.Logger.Warn("the wall clock was set, or the machine was asleep; every account looks at once what is due",
		"set_by", by.Round(time.Millisecond), "asleep", asleep.Round(time.Millisecond))
	p.mu.RLock()
	defer p.mu.RUnlock()
	for _, r := range p.accounts {
		r.Signal()
	}
}

// Ready reports whether every account's state is restored and its loop runs.
func (p *Poller) Ready() bool {
	p.mu.RLock()
	defer p.mu.RUnlock()
	return p.ctx != nil && (p.options.Group == nil || p.options.Group.Loaded())
}

// AskNow ends the backoff of the account of that name, of every account if it is
// empty, as somebody does who has mended what made its calls fail. It asks again as
// soon as the budget allows. It reports whether there is such an account.
func (p *Poller) AskNow(account string) (found bool) {
	p.mu.RLock()
	var named []*running
	for name, r := range p.accounts {
		if account == "" || name.Name == account {
			named = append(named, r)
		}
	}
	p.mu.RUnlock()
	for _, r := range named {
		r.AskNow()
	}
	return account == "" || len(named) > 0
}

// Once makes every call that the budgets allow now and returns when all have
// ended. It reports whether one of them failed.
func (p *Poller) Once(ctx context.Context) (failed bool) {
	p.change.Lock()
	defer p.change.Unlock()
	var (
		wg sync.WaitGroup
		mu sync.Mutex
	)
	for _, r := range p.accounts {
		wg.Go(func() {
			f := r.Once(ctx)
			mu.Lock()
			failed = failed || f
			mu.Unlock()
		})
	}
	wg.Wait()
	return failed
}

// Snapshot is what is known now. It waits for no call and no disk.
func (p *Poller) Snapshot() prefetch.Snapshot {
	p.mu.RLock()
	defer p.mu.RUnlock()
	s := prefetch.Snapshot{Accounts: make([]prefetch.AccountState, 0, len(p.accounts))}
	for _, r := range p.accounts {
		s.Accounts = append(s.Accounts, r.Snapshot())
	}
	sortAccounts(s.Accounts)
	return s
}

// Stuck says of which accounts the loop has not moved for longer than a time, and
// for how long; nothing if there is none. It waits for no disk.
func (p *Poller) Stuck(longer time.Duration) []string {
	p.mu.RLock()
	defer p.mu.RUnlock()
	var stuck []string
	for name, r := range p.accounts {
		if late := r.Late(); late > longer {
			stuck = append(stuck, fmt.Sprintf("the loop of account %q has not moved for %v", name.Name, late.Truncate(time.Second)))
		}
	}
	slices.Sort(stuck)
	return stuck
}

func sortAccounts(states []prefetch.AccountState) {
	slices.SortFunc(states, func(x, y prefetch.AccountState) int {
		return cmp.Or(strings.Compare(x.Account.Provider, y.Account.Provider),
			strings.Compare(x.Account.Name, y.Account.Name))
	})
}
