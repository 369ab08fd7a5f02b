package replica

import (
	"context"
	"log/slog"
	"math"
	"sync"
	"time"

	"prefetch_exporter/prefetch"
	"prefetch_exporter/store"
)

// Store is the store that the replicas share.
type Store interface {
	// Run follows the store and holds this replica's lease until ctx ends, then
	// ends the lease.
	Run(ctx context.Context) error
	// Loaded reports whether the store was read.
	Loaded() bool
	// Register sets what the others read of this replica.
	Register(value []byte)
	// Members is what each live replica has registered, by name.
	Members() map[string][]byte
	// Owners are the replicas that own something, by identity.
	Owners() map[string]string
	// Owns reports whether this replica owns the identity at this moment. It waits
	// for nothing.
	Owns(identity string) bool
	// Claim takes an identity that nobody owns.
	Claim(ctx context.Context, identity string) (bool, error)
	// Resign gives up an identity.
	Resign(ctx context.Context, identity string) error
}

// Poller asks for what this replica owns and follows the rest.
type Poller interface {
	// TakeOver has it ask for the accounts of an identity.
	TakeOver(identity string) error
	// Release asks no more, and returns when nothing is under way and all is stored.
	Release(ctx context.Context, identity string)
	// Depose asks no more at once: another replica may be the owner already.
	Depose(identity string)
	// Reload takes over the whole store.
	Reload()
	// Heard takes in changes of the store, in their order.
	Heard(changes []store.Op)
	// Rewound is told that the store forgot.
	Rewound()
	// Moved is told that owners, replicas or the own lease changed.
	Moved()
	// Limits are what other live replicas state for an identity: the strictest holds.
	Limits(identity string, others []prefetch.Limit)
}

// Submitted are the tasks that were put through the API of any replica.
type Submitted interface {
	// Heard takes in changes of the store, in their order.
	Heard(changes []store.Op)
	// Reload takes over the whole store.
	Reload() error
}

// Options are what a [Group] needs. All are required.
type Options struct {
	// Name is this replica's, which no other has.
	Name string
	// Version is that of the records that this program reads and writes. While
	// replicas differ, only those of the oldest own anything.
	Version int
	Store   Store
	Logger  *slog.Logger
	// Grace bounds the hand-over at the end: calls under way have 5 s to end, and what
	// they told is stored.
	Grace time.Duration
}

// Group is this replica among the others. It is what the store tells of changes: see
// [Group.Heard]. It is safe for concurrent use.
type Group struct {
	Options

	events *queue
	// woken is told when there may be something to decide.
	woken chan struct{}

	mu       sync.Mutex
	services []Service
	value    []byte
	// unreadable are registrations that it was told of that they cannot be read, by
	// member.
	unreadable map[string]string
	// differs are the accounts that another replica has configured differently: the
	// fingerprints of both, by the other's name.
	differs map[string]map[string]string
}

// New returns a replica that serves nothing yet.
func New(o Options) *Group {
	return &Group{
		Options: o,
		woken:   make(chan struct{}, 1), events: newQueue(), value: encode(o.Version, nil), unreadable: map[string]string{},
	}
}

// Serve says what this replica can ask for, from now on. What it owns beyond that, it
// gives up.
func (g *Group) Serve(services []Service) {
	g.mu.Lock()
	g.services, g.value = services, encode(g.Version, services)
	g.mu.Unlock()
	g.wake()
}

func (g *Group) wake() {
	select {
	case g.woken <- struct{}{}:
	default:
	}
}

// Replicas is how many live replicas there are, this one included.
func (g *Group) Replicas() int {
	members := g.Store.Members()
	n := len(members)
	if _, registered := members[g.Name]; !registered {
		n++
	}
	return n
}

// Differs reports whether another live replica has the account configured differently.
func (g *Group) Differs(a prefetch.Account) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return len(g.differs[AccountKey(a)]) > 0
}

// Configured are the accounts and identities that any live replica has configured.
func (g *Group) Configured() (accounts map[prefetch.Account]bool, identities map[string]bool) {
	accounts, identities = map[prefetch.Account]bool{}, map[string]bool{}
	for _, m := range g.members() {
		for _, s := range m.Services {
			identities[s.Identity] = true
			for key := range s.Accounts {
				accounts[accountOf(key)] = true
			}
		}
	}
	return accounts, identities
}

// members are the registrations of the live replicas. This one's is as it should be,
// whether the store says so yet or not. One that cannot be read serves nothing.
func (g *Group) members() map[string]*registration {
	values := g.Store.Members()
	g.mu.Lock()
	defer g.mu.Unlock()
	values[g.Name] = g.value
	members := make(map[string]*registration, len(values))
	for name, value := range values {
		m, err := decode(value)
		if err != nil {
			if g.unreadable[name] != string(value) {
				g.unreadable[name] = string(value)
				g.Logger.Warn("a replica cannot be read, and is taken for one that serves nothing", "replica", name, "err", err)
			}
			m = &registration{Version: math.MaxInt}
		}
		members[name] = m
	}
	return members
}

// compare looks which accounts are configured differently, and tells once of each.
func (g *Group) compare(members map[string]*registration) {
	g.mu.Lock()
	defer g.mu.Unlock()
	before := g.differs
	g.differs = map[string]map[string]string{}
	own := members[g.Name].accounts()
	for name, m := range members {
		for key, fingerprint := range m.accounts() {
			mine, shared := own[key]
			if !shared || mine == fingerprint {
				continue
			}
			if g.differs[key] == nil {
				g.differs[key] = map[string]string{}
			}
			both := mine + " " + fingerprint
			g.differs[key][name] = both
			if before[key][name] != both {
				a := accountOf(key)
				g.Logger.Warn("two replicas have an account configured differently: what its owner has counts, and the strictest limit",
					"provider", a.Provider, "account", a.Name, "replica", g.Name, "other", name)
			}
		}
	}
}
