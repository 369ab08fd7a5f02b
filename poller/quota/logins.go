package quota

import (
	"context"
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"sync"
	"time"

	"prefetch_exporter/poller/clock"
	"prefetch_exporter/store"
	vendorapi "prefetch_exporter/vendor_api"
)

const (
	// refusedFor is how long a password that was refused is not sent again. Huawei
	// Cloud locks a user after five tries within 15 minutes, unless the account's
	// policy says otherwise (IAM user guide, "Account Security Settings").
	refusedFor = 5 * time.Minute
	// hashRounds makes each guess at a password cost who has stolen the store some
	// tenths of a second; it is OWASP's figure for PBKDF2 with SHA-256.
	hashRounds = 600_000
	saltSize   = 16
	// turnKey is changed with each try where several replicas write: of two that begin
	// at once, one is refused. All other keys are hashes.
	turnKey = "turn"
)

// Logins is a [vendorapi.Logins] over restarts: a try is in the ledger before the
// password leaves, as every call is.
type Logins struct {
	store  Store
	clock  clock.Clock
	rounds int
	// shared: several replicas write the store, and two must not try at once.
	shared bool

	mu    sync.Mutex
	users map[string]*login
}

// NewLogins returns the logins that the store knows.
func NewLogins(st Store, tells clock.Clock) *Logins {
	return &Logins{store: st, clock: tells, rounds: hashRounds, users: map[string]*login{}}
}

// ShareLogins returns the logins that the store knows, which several replicas write.
func ShareLogins(st Store, tells clock.Clock) *Logins {
	l := NewLogins(st, tells)
	l.shared = true
	return l
}

// login is one user. Who has taken busy's value may use the rest.
type login struct {
	scope string
	busy  chan struct{}
	tries []*try
}

// try is one password that was not accepted: one that is under way while Ended is
// nil, else one that was refused. The store has no password, only what tells
// whether one is the same; the process that uses it remembers it.
type try struct {
	Begun   clock.Stamp  `json:"begun"`
	Ended   *clock.Stamp `json:"ended,omitempty"`
	Unheard bool         `json:"unheard,omitempty"`
	Salt    []byte       `json:"salt"`

	hash     string // its key in the ledger
	password string // empty if nobody knows yet
}

// Try implements [vendorapi.Logins].
func (l *Logins) Try(ctx context.Context, user, password string, send func() (refused bool)) (vendorapi.Login, error) {
	u := l.user(user)
	select {
	case <-u.busy:
		defer func() { u.busy <- struct{}{} }()
	case <-ctx.Done():
		return vendorapi.Login{}, fmt.Errorf("waiting for another try of the user: %w", context.Cause(ctx))
	}
	if err := l.load(u); err != nil {
		return vendorapi.Login{}, err
	}
	now := l.clock()
	last, found, err := l.find(u, password, now)
	switch {
	case err != nil:
		return vendorapi.Login{}, err
	case found:
		return vendorapi.Login{Again: now.Wall.Add(refusedFor - last.Ended.Elapsed(now)), Unheard: last.Unheard}, nil
	}
	t, err := l.begin(u, password)
	if err != nil {
		return vendorapi.Login{}, err
	}
	refused := send()
	now = l.clock()
	t.Ended = &now
	if !refused {
		u.tries = slices.DeleteFunc(u.tries, func(o *try) bool { return o == t })
		// If it cannot be deleted, a restart takes it for refused: safe.
		_ = l.store.Write(t.drop(u))
		return vendorapi.Login{Sent: true}, nil
	}
	_ = l.store.Write(t.put(u)) // else a restart dates it later: safe
	return vendorapi.Login{Sent: true, Again: now.Wall.Add(refusedFor)}, nil
}

// user returns the user's login. Names are kept hashed, and apart from whom the
// vendor counts.
func (l *Logins) user(name string) *login {
	sum := sha256.Sum256([]byte(name))
	scope := "login " + hex.EncodeToString(sum[:])
	l.mu.Lock()
	defer l.mu.Unlock()
	u := l.users[scope]
	if u == nil {
		u = &login{scope: scope, busy: make(chan struct{}, 1)}
		u.busy <- struct{}{}
		l.users[scope] = u
	}
	return u
}

// load reads what the store has, which an earlier process left, or another replica
// wrote. A try that nobody here heard the answer of counts as refused now; a record
// that cannot be read says nothing of any password.
func (l *Logins) load(u *login) error {
	now := l.clock()
	var tries []*try
	var ops []store.Op
	err := l.store.ScanScope(store.Ledger, u.scope, func(key string, value []byte) error {
		if i := slices.IndexFunc(u.tries, func(t *try) bool { return t.hash == key && t.Ended != nil }); i >= 0 {
			tries = append(tries, u.tries[i])
			return nil
		}
		t := &try{hash: key}
		if key != turnKey && json.Unmarshal(value, t) == nil {
			tries = append(tries, t)
			switch anew := t.restore(now); {
			case !l.shared && anew:
				ops = append(ops, t.put(u))
			case l.shared && t.Begun.Boot != now.Boot:
				t.Ended = &now // its replica's clock tells nothing here
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("tries of passwords: %w", err)
	}
	if len(ops) > 0 {
		_ = l.store.Write(ops...) // else the next restart does the same
	}
	u.tries = tries
	return nil
}

// restore dates the try of an earlier process on the present boot's clock, and
// reports whether that says something new.
func (t *try) restore(now clock.Stamp) (anew bool) {
	if t.Ended == nil {
		t.Ended, t.Unheard = &now, true
		return true
	}
	ended, anew := t.Ended.Restamp(now)
	t.Ended = &ended
	return anew
}

// find returns the try of the password that is too recent, if there is one.
func (l *Logins) find(u *login, password string, now clock.Stamp) (t *try, found bool, err error) {
	for _, t := range u.tries {
		if t.Ended.Elapsed(now) >= refusedFor {
			continue
		}
		if t.password == "" {
			hash, err := l.hash(password, t.Salt)
			if err != nil {
				return nil, false, err
			}
			if hash == t.hash {
				t.password = password
			}
		}
		if t.password == password {
			return t, true, nil
		}
	}
	return nil, false, nil
}

// begin makes it durable that the password is being tried, in place of tries that
// say nothing any more.
func (l *Logins) begin(u *login, password string) (*try, error) {
	now := l.clock()
	t := &try{Begun: now, Salt: make([]byte, saltSize), password: password}
	_, _ = rand.Read(t.Salt) // never fails
	var err error
	if t.hash, err = l.hash(password, t.Salt); err != nil {
		return nil, err
	}
	ops, left := []store.Op{t.put(u)}, []*try{t}
	if l.shared {
		turn := &try{Begun: now, Salt: t.Salt, hash: turnKey}
		ops = append(ops, turn.put(u))
	}
	for _, o := range u.tries {
		if o.Ended.Elapsed(now) >= refusedFor {
			ops = append(ops, o.drop(u))
		} else {
			left = append(left, o)
		}
	}
	if err := l.store.Write(ops...); err != nil {
		return nil, fmt.Errorf("a password is not sent while that cannot be recorded: %w", err)
	}
	u.tries = left
	return t, nil
}

func (t *try) put(u *login) store.Op { return put(u.scope, t.hash, t) }

func (t *try) drop(u *login) store.Op {
	return store.Op{Table: store.Ledger, Scope: u.scope, Key: t.hash}
}

// hash tells passwords apart, and takes long for each that is guessed.
func (l *Logins) hash(password string, salt []byte) (string, error) {
	hash, err := pbkdf2.Key(sha256.New, password, salt, l.rounds, sha256.Size)
	if err != nil {
		return "", fmt.Errorf("hashing a password: %w", err)
	}
	return hex.EncodeToString(hash), nil
}
