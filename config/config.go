package config

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/prometheus/common/model"
	"go.yaml.in/yaml/v3"

	"prefetch_exporter/config/form"
	"prefetch_exporter/config/secret"
	"prefetch_exporter/config/vendors"
	"prefetch_exporter/prefetch"
)

const (
	day  = 24 * time.Hour
	year = 365 * day

	// shortest is the lower limit of what is waited for between two events.
	shortest = 100 * time.Millisecond

	maxTaskLimit = 1_000_000
)

// Config is a whole configuration with every default filled in. One that [Load]
// returned is valid; it must not be changed.
type Config struct {
	Global        Global        `yaml:"global"`
	Accounts      []Account     `yaml:"accounts"`
	Storage       Storage       `yaml:"storage,omitempty"`
	TaskDiscovery TaskDiscovery `yaml:"task_discovery,omitempty"`
	// Warnings are what the user should know and what is no error, such as an
	// endpoint without TLS; sorted by line.
	Warnings form.Errors `yaml:"-"`

	file    string         // as the user gave it, for messages
	storage map[string]int // the lines of the storage's keys
	masked  []byte
	secrets []*secret.Secret
}

// Global are the settings of all accounts.
type Global struct {
	// PollInterval is how soon an unfinished task may be asked for again.
	PollInterval model.Duration `yaml:"poll_interval"`
	// Retention is how long a finished task stays.
	Retention model.Duration `yaml:"retention"`
	// MaxStaleness is how old the numbers of an unsettled task may become.
	MaxStaleness model.Duration `yaml:"max_staleness"`
	// TaskLimit is how many tasks are watched per account.
	TaskLimit int `yaml:"task_limit"`
}

// Account is one set of credentials at one vendor.
type Account struct {
	// Name is the `account` label, unique in the configuration.
	Name string `yaml:"name"`
	// RateLimit is how many calls the exporter may make.
	RateLimit RateLimit `yaml:"rate_limit,flow"`
	// PollInterval is the account's own, else the global one.
	PollInterval model.Duration `yaml:"poll_interval"`
	// Discover is how young a task that only the vendor lists must be to be watched;
	// 0 watches none.
	Discover model.Duration `yaml:"discover,omitempty"`
	// Vendor is the section of its provider, under that provider's name.
	Vendor vendors.Vendor `yaml:"vendor"`
	// Tasks are the tasks of the configuration file, in its order, with
	// Account and Source filled in and times in UTC.
	Tasks []prefetch.Task `yaml:"tasks,omitempty"`

	provider string
}

// vendorKey stands for the provider's name in the tag of [Account.Vendor].
const vendorKey = "vendor"

// RateLimit is a number of calls in any period of a length.
type RateLimit struct {
	Calls int            `yaml:"calls"`
	Per   model.Duration `yaml:"per"`
	// Group names whom the vendor counts, for accounts that it counts together
	// whatever their keys; empty if it counts the keys.
	Group string `yaml:"group,omitempty"`
}

// Load reads the configuration file at path and every secret file that it
// names, fills in the defaults and checks everything.
//
// Either the configuration is returned or an error, never both. The error is an
// [Errors] with every problem that was found, sorted by line.
func Load(path string) (*Config, error) {
	c, _, err := Read(path)
	return c, err
}

// Read is [Load] that also tells which files it read: the configuration file and
// every secret and certificate file that it names, each an absolute path. The
// globs of task discovery are not among them.
//
// They come with an error as well, those that cannot be read included: the error
// may be over as soon as one of them changes.
func Read(path string) (*Config, []string, error) {
	r := &form.Reader{File: path, Levels: levels()}
	absolute, err := filepath.Abs(path)
	if err != nil {
		r.Failf(1, form.WholeDocument, "cannot be read: %w", err)
		return nil, nil, r.Errs
	}
	r.Dir = filepath.Dir(absolute)
	c := read(r)
	slices.Sort(r.Files)
	files := append([]string{absolute}, slices.Compact(r.Files)...)
	if len(r.Errs) > 0 {
		r.Errs.Sort()
		return nil, files, r.Errs
	}
	r.Warnings.Sort()
	c.Warnings, c.secrets, c.file = r.Warnings, r.Secrets, r.File
	return c, files, nil
}

// read reads the whole file; what it returns is valid unless errors were found.
func read(r *form.Reader) *Config {
	// Unlike a secret it is read only once, so it may be a pipe.
	data, err := os.ReadFile(r.File)
	if errors.Is(err, fs.ErrNotExist) {
		r.Failf(1, form.WholeDocument, "cannot be read: %w; config.example.yml is one to begin with, and --demo needs none", err)
		return nil
	}
	if err != nil {
		r.Failf(1, form.WholeDocument, "cannot be read: %w", err)
		return nil
	}
	root := r.Document(data)
	if root == nil {
		return nil
	}
	c := readConfig(r, root)
	if len(r.Errs) > 0 {
		return nil
	}
	if c.masked, err = encode(c); err != nil {
		r.Failf(1, form.WholeDocument, "cannot be shown: %w", err)
	}
	return c
}

// Masked returns the effective configuration as YAML: defaults filled in, paths
// absolute, and <secret> instead of every secret.
func (c *Config) Masked() []byte { return slices.Clone(c.masked) }

// TellOfSecrets sets the hooks of every secret of the accounts and of the storage.
func (c *Config) TellOfSecrets(hooks secret.Hooks) {
	for _, secret := range c.secrets {
		secret.Tell(hooks)
	}
}

func readConfig(r *form.Reader, root *yaml.Node) *Config {
	c := &Config{}
	m, ok := form.Value{R: r, Node: root, Line: root.Line, Field: ""}.Mapping()
	if !ok {
		return c
	}
	c.Global = readGlobal(m.Get("global"))
	c.Accounts = readAccounts(m.Get("accounts"), c.Global)
	c.Storage, c.storage = readStorage(m.Get("storage"))
	c.TaskDiscovery = readTaskDiscovery(m.Get("task_discovery"))
	return c
}

// pollIntervals are the limits of poll_interval, whose default depends on where
// it stands.
func pollIntervals(def time.Duration) form.Span[time.Duration] {
	return form.Span[time.Duration]{Def: def, Low: shortest, High: day}
}

func readGlobal(v form.Value) Global {
	m, _ := v.Mapping()
	g := Global{
		PollInterval: m.Get("poll_interval").Duration(pollIntervals(time.Minute)),
		Retention:    m.Get("retention").Duration(form.Span[time.Duration]{Def: day, Low: time.Second, High: year}),
		MaxStaleness: m.Get("max_staleness").Duration(form.Span[time.Duration]{Def: time.Hour, Low: time.Second, High: year}),
		TaskLimit:    m.Get("task_limit").Integer(form.Span[int]{Def: 5000, Low: 1, High: maxTaskLimit}),
	}
	warnIfStale(m.Get("max_staleness"), g.PollInterval, g.MaxStaleness)
	return g
}

// warnIfStale warns of numbers that would be withdrawn before they are renewed.
func warnIfStale(v form.Value, pollInterval, maxStaleness model.Duration) {
	if maxStaleness <= pollInterval {
		v.Warnf("poll_interval %s is not shorter than max_staleness %s: a task's numbers are withdrawn before it is asked for again",
			pollInterval, maxStaleness)
	}
}

// String returns the limit as people say it, such as "50 calls per 1m".
func (l RateLimit) String() string {
	return fmt.Sprintf("%d per %s", l.Calls, l.Per)
}
