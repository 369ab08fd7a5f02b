package store

import (
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"
)

// Table separates what is kept.
type Table string

// The tables.
const (
	// Ledger is the vendor calls made, by the identity that the vendor counts.
	Ledger Table = "ledger"
	// Tasks is what is known of each task, by account.
	Tasks Table = "tasks"
	// Accounts is what was learned of each account's vendor.
	Accounts Table = "accounts"
	// Submitted is the tasks put through the task API, by account.
	Submitted Table = "submitted"
)

// Tables returns every table, in a fixed order.
func Tables() [4]Table { return [4]Table{Ledger, Tasks, Accounts, Submitted} }

// Known reports whether it is one of the tables.
func (t Table) Known() bool {
	tables := Tables()
	return slices.Contains(tables[:], t)
}

// Keeper is what those need of a store who keep something in it; [DB] is one.
type Keeper interface {
	// Write applies the changes, all or none, and returns when they are durable.
	Write(ops ...Op) error
	// Scan calls f for every value of a table, ordered by scope and key. The value is
	// valid during the call only, and f must not write.
	Scan(t Table, f func(scope, key string, value []byte) error) error
	// ScanScope is Scan for one scope.
	ScanScope(t Table, scope string, f func(key string, value []byte) error) error
}

// Limits of one [Op], in bytes.
const (
	// MaxName is the most that a scope or a key may have; it is bbolt's limit.
	MaxName = 32768
	// MaxValue is the most that a value may have.
	MaxValue = 64 << 20
)

// Op is one change: it sets the value under (Table, Scope, Key), or deletes it
// where Value is nil. An empty value that is not nil is kept as such.
//
// Scope and Key are arbitrary bytes, neither of them empty; Scope is an
// account's name or a ledger's identity.
type Op struct {
	Table      Table
	Scope, Key string
	Value      []byte
	// Was has the change left out, without an error, unless the value is this when the
	// write is applied; nil for whatever it is.
	Was []byte
}

// validate says what is wrong with the change itself, so that a bad one never
// reaches a transaction that it shares with others.
func (o Op) validate() error {
	if !o.Table.Known() {
		return fmt.Errorf("unknown table %q", string(o.Table))
	}
	if err := validateName("scope", o.Scope); err != nil {
		return fmt.Errorf("table %s: %w", o.Table, err)
	}
	if err := validateName("key", o.Key); err != nil {
		return fmt.Errorf("table %s, scope %.64q: %w", o.Table, o.Scope, err)
	}
	if len(o.Value) > MaxValue {
		return fmt.Errorf("table %s, scope %.64q, key %.64q: value has %d bytes, at most %d are kept",
			o.Table, o.Scope, o.Key, len(o.Value), MaxValue)
	}
	return nil
}

func validateName(what, name string) error {
	switch {
	case name == "":
		return fmt.Errorf("%s is empty", what)
	case len(name) > MaxName:
		return fmt.Errorf("%s has %d bytes, at most %d are kept", what, len(name), MaxName)
	default:
		return nil
	}
}

// Validate says which of the changes of a write no store takes, and why.
func Validate(ops ...Op) error {
	for i, op := range ops {
		if err := op.validate(); err != nil {
			return fmt.Errorf("store: change %d of %d: %w", i+1, len(ops), err)
		}
	}
	return nil
}

// Migration returns a record of one version as the next one keeps it, under another
// scope or key if need be; one without a value is left out. An error leaves the
// store as it was.
type Migration func(record Op) (Op, error)

// Migrate returns a record of a version as the newest has it, of which there is one more
// than steps; without a value if they leave it out.
func Migrate(record Op, version int, steps []Migration) (Op, error) {
	for i, step := range steps[version-1:] {
		var err error
		if record, err = step(record); err != nil {
			return record, fmt.Errorf("migrating from version %d to %d: %w", version+i, version+i+1, err)
		}
		if record.Value == nil {
			break
		}
	}
	return record, nil
}

// State is what [Open] found.
type State uint8

// The states.
const (
	// Existing: there was a store, and it is whole.
	Existing State = iota
	// Fresh: there was none.
	Fresh
	// Recovered: there was a corrupt one. It was moved aside, and this one
	// begins empty.
	Recovered
)

// String returns the state's name, such as "recovered".
func (s State) String() string {
	switch s {
	case Existing:
		return "existing"
	case Fresh:
		return "fresh"
	case Recovered:
		return "recovered"
	default:
		return fmt.Sprintf("State(%d)", uint8(s))
	}
}

// Reasons with which [Options.OnError] is called: the `reason` label of
// prefetch_exporter_store_errors_total.
const (
	// ReasonCorrupt: the store was corrupt when it was opened.
	ReasonCorrupt = "corrupt"
	// ReasonRead: something could not be read.
	ReasonRead = "read"
	// ReasonWrite: a transaction failed, a write waited for the disk for too long, or
	// it was refused since it is out of bounds. The writes that shared a transaction count once.
	ReasonWrite = "write"
)

// Errors that callers tell apart.
var (
	// ErrInUse: another process, or another [DB] in this one, has the store open.
	ErrInUse = errors.New("store is in use")
	// ErrNewer: a newer version of this program wrote the store.
	ErrNewer = errors.New("store has a newer format")
	// ErrClosed: the store was closed.
	ErrClosed = errors.New("store is closed")
	// ErrBroken: reading the file failed in a way that leaves the process
	// without a usable store; see [DB.Write].
	ErrBroken = errors.New("store is broken until restart")
	// ErrHangs: the disk did not write within the time that anybody waits for it.
	ErrHangs = errors.New("the disk hangs")
	// ErrDamaged: a value is not what was written.
	ErrDamaged = errors.New("store is damaged")
)

// Options says where the store is and who is told what becomes of it.
type Options struct {
	// Path is the folder, created if it is missing.
	Path string
	// MustExist has [Open] refuse a folder without a store, and one that is corrupt,
	// instead of beginning a new one.
	MustExist bool
	// Logger is told what happened to the store as a whole; nil logs nothing.
	Logger *slog.Logger
	// OnError is called for every error with one of the reasons above, from
	// the goroutine that met it; nil is allowed.
	OnError func(reason string)
	// Migrations make of each record of version 1 that of version 2, and so on; the
	// current version is one more than there are. They belong to whoever knows what
	// records mean.
	Migrations []Migration
	// Now is the clock that dates a store and tells how long writing works again;
	// nil is [time.Now].
	Now func() time.Time
	// BeforeCommit is called before each transaction, which waits for it: a test
	// lets the disk hang with it. Nil is allowed.
	BeforeCommit func()
}

func (o Options) withDefaults() Options {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.OnError == nil {
		o.OnError = func(string) {}
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.BeforeCommit == nil {
		o.BeforeCommit = func() {}
	}
	return o
}

// Stats is what the store did since it was opened.
type Stats struct {
	// Commits is how many transactions were committed. Each costs two syncs
	// of the file (its pages, then the page that makes them count), and one
	// more where the file grew.
	Commits uint64
	// Writes is how many calls of Write these transactions carried.
	Writes uint64
	// FileSize is the size of the file in bytes, holes included.
	FileSize int64
}
