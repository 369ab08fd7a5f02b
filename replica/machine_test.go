package replica_test

import (
	"context"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"prefetch_exporter/discovery/submitted"
	"prefetch_exporter/poller"
	"prefetch_exporter/poller/clock"
	"prefetch_exporter/poller/quota"
	"prefetch_exporter/prefetch"
	"prefetch_exporter/replica"
	"prefetch_exporter/store/storetest"
	vendorapi "prefetch_exporter/vendor_api"
)

// machine is one that a replica runs on, one process at a time, with a clock of its own.
type machine struct {
	*world

	name       string
	ahead      time.Duration
	booted     time.Time
	configured []prefetch.Task

	// now is the process that runs; nil if none does.
	now *running
	// stopped is until when the process is: nothing leaves it, and nothing arrives.
	stopped time.Time
	// all are the processes that ran.
	all sync.WaitGroup
}

// running is a whole replica.
type running struct {
	*storetest.Member
	*poller.Poller

	tasks  *submitted.Tasks
	killed context.CancelFunc
}

// shared is the group as the poller sees it.
type shared struct {
	*storetest.Member

	replicas *replica.Group
}

func (s shared) Owned(identity string) quota.Store { return s.Member.Owned(identity) }

func (s shared) Configured() (accounts map[prefetch.Account]bool, identities map[string]bool) {
	return s.replicas.Configured()
}

// tells is a clock whose date is wrong.
func (m *machine) tells() clock.Clock {
	return func() clock.Stamp {
		return clock.Stamp{Wall: time.Now().Add(m.ahead), Boot: m.name, Up: time.Since(m.booted)}
	}
}

func (m *machine) run() {
	member := m.store.Join(m.name)
	group := replica.New(replica.Options{
		Name: m.name, Version: 1, Store: member, Logger: slog.New(slog.DiscardHandler), Grace: 7 * time.Second,
	})
	p := poller.New(poller.Options{
		Store: member, Recorder: recorder{m.world}, Group: shared{member, group}, Clock: m.tells(),
	})
	accounts := slices.Clone(m.accounts)
	for i := range accounts {
		accounts[i].Provider = held{accounts[i].Provider, m}
	}
	if err := p.Configure(accounts); err != nil {
		m.t.Fatal(err)
	}
	var tasks *submitted.Tasks
	var listing sync.Mutex
	list := func(...submitted.Name) {
		listing.Lock()
		defer listing.Unlock()
		listed := map[string][]prefetch.Task{}
		for _, task := range append(tasks.List(), m.configured...) {
			listed[task.Account] = append(listed[task.Account], task)
		}
		p.List(listed)
	}
	tasks, err := submitted.New(submitted.Options{
		Keeper: member, Room: func(string) (left, limit int) { return 1000, 1000 }, Alone: func(string, string) bool { return true },
		Listed: list, Snapshot: p.Snapshot, Retention: func() time.Duration { return time.Hour }, Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		m.t.Fatal(err)
	}
	list()
	member.Follow(group)
	var services []replica.Service
	for _, a := range m.accounts {
		services = append(services, replica.Service{
			Identity: a.Identity, Calls: a.Limit.Calls, Per: a.Limit.Per, Accounts: map[string]string{replica.AccountKey(a.Account): "print"},
		})
	}
	group.Serve(services)
	ctx, cancel := context.WithCancel(context.WithoutCancel(m.t.Context()))
	m.now = &running{Member: member, Poller: p, tasks: tasks, killed: cancel}
	m.all.Go(func() {
		if err := p.Run(ctx); err != nil {
			m.t.Error(err)
		}
	})
	m.all.Go(func() {
		if err := group.Run(ctx, p, tasks); err != nil {
			m.t.Error(err)
		}
	})
}

// end ends the process, by a signal that it heeds or one that it cannot.
func (m *machine) end(kill bool) {
	if m.now == nil {
		return
	}
	if kill {
		m.now.Kill()
	}
	m.now.killed()
	m.now = nil
}

// pause stops the process for a while, calls that were charged included. What it does
// meanwhile by itself, nobody hears of.
func (m *machine) pause(d time.Duration) {
	m.mu.Lock()
	now := m.now
	m.stopped = time.Now().Add(d)
	m.mu.Unlock()
	if now != nil {
		now.Cut()
		time.AfterFunc(d, now.Mend)
	}
}

// held is a vendor that is asked once the process is not stopped.
type held struct {
	vendorapi.Provider

	machine *machine
}

func (h held) Query(ctx context.Context, q vendorapi.Query) (vendorapi.Answer, error) {
	for {
		h.machine.mu.Lock()
		left := time.Until(h.machine.stopped)
		h.machine.mu.Unlock()
		if left <= 0 {
			return h.Provider.Query(ctx, q)
		}
		time.Sleep(left)
	}
}

// submits puts a task on this replica, as a pipeline does: until it is acknowledged.
func (m *machine) submits(account string) {
	task := m.submit(account)
	task.Source = prefetch.SourceAPI
	tasks := m.now.tasks
	m.all.Go(func() {
		if _, err := tasks.Put(task); err == nil {
			m.mu.Lock()
			defer m.mu.Unlock()
			m.put[submitted.Name{Account: account, ID: task.ID}] = true
		}
	})
}

// suffers has something happen to the machine.
func (m *machine) suffers() {
	now := m.now
	if now == nil {
		m.run()
		return
	}
	switch m.number(8) {
	case 0:
		m.end(true)
	case 1:
		m.end(false)
	case 2:
		m.pause(m.upTo(60 * time.Second))
	case 3:
		now.Cut()
		time.AfterFunc(m.upTo(20*time.Second), now.Mend)
	case 4:
		m.store.Revoke(m.name)
	case 5:
		now.LoseWatch()
	default:
		m.submits(slices.Sorted(maps.Keys(m.vendors))[m.number(len(m.vendors))])
	}
}
