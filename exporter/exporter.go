package exporter

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	toolkit "github.com/prometheus/exporter-toolkit/web"

	"prefetch_exporter/collector"
	"prefetch_exporter/collector/pages"
	"prefetch_exporter/config"
	"prefetch_exporter/discovery"
	"prefetch_exporter/discovery/submitted"
	"prefetch_exporter/poller"
	"prefetch_exporter/poller/clock"
	"prefetch_exporter/poller/quota"
	"prefetch_exporter/store"
)

// Options are what the command line decides.
type Options struct {
	ConfigFile  string
	StoragePath string
	// Replica is this replica's name; empty for that of the host. It is for a store
	// that replicas share only.
	Replica string
	// suffix is added to the name of the host, where that is the replica's.
	suffix string
	// Once has the exporter be used by [Exporter.Once] only.
	Once bool
	// Web is exporter-toolkit's part: addresses, TLS, authentication.
	Web           *toolkit.FlagConfig
	TelemetryPath string
	// MaxConnections is how many connections clients may hold open together; 0
	// means the default of [web.NewServer].
	MaxConnections int
	RoutePrefix    string
	// Lifecycle allows reloading over HTTP and ending pauses, TaskAPI putting tasks.
	Lifecycle, TaskAPI bool
	// AutoReload reloads when a file of the configuration changed, Reloads
	// whenever it gets a value; nil is allowed.
	AutoReload bool
	Reloads    <-chan os.Signal
	// Profiles serves the runtime's profiles.
	Profiles bool
	Logger   *slog.Logger
	// LogDropped counts the lines that the log dropped; nil is allowed.
	LogDropped func() uint64
	// RoundTripper replaces the network towards the vendors, Clock the system's, and
	// BeforeCommit lets the store's disk hang, for tests.
	RoundTripper http.RoundTripper
	Clock        clock.Clock
	BeforeCommit func()
}

// Exporter is a whole exporter that was configured and has not begun.
type Exporter struct {
	options Options
	log     *slog.Logger
	store   storage
	logins  *quota.Logins
	// shares is nil where no other replica has the store.
	shares    *shares
	poller    *poller.Poller
	discovery *discovery.Manager
	submitted *submitted.Tasks
	listing   shared
	recorder  *collector.Recorder
	metrics   pages.Options
	handler   *pages.Handler
	providers *providers
	config    atomic.Pointer[config.Config]

	// reloading guards what follows: the files that belong to the
	// configuration, and what they were when it was loaded.
	reloading sync.Mutex
	watched   []string
	seen      [sha256.Size]byte
}

// ErrCallFailed is returned by [Exporter.Once] if a vendor call failed.
var ErrCallFailed = errors.New("a vendor call failed")

// Check validates a configuration file, the files with tasks that it names, and
// the file of --web.config.file, if that is not empty. It returns what is only
// odd, or an error that tells everything that is wrong.
func Check(path, webConfig string) (warnings []string, err error) {
	webErr := checkWebConfig(webConfig)
	cfg, err := config.Load(path)
	if err != nil {
		return nil, errors.Join(err, webErr)
	}
	for _, w := range cfg.Warnings {
		warnings = append(warnings, w.Error())
	}
	errs := []error{usable(cfg)}
	u := update(cfg)
	wrong, odd := discovery.CheckFiles(u.Files, u.Accounts)
	for _, text := range wrong {
		errs = append(errs, errors.New(text))
	}
	return append(warnings, odd...), errors.Join(append(errs, webErr)...)
}

// usable reports what in a valid configuration cannot be used.
func usable(cfg *config.Config) error {
	u := update(cfg)
	return discovery.Check(u.Files, u.HTTP)
}

// New loads the configuration, opens the store and restores what it has. The
// exporter must be closed.
func New(o Options) (*Exporter, error) {
	e := &Exporter{
		options: o, log: o.Logger, recorder: collector.NewRecorder(),
	}
	cfg, err := e.load()
	if err != nil {
		return nil, err
	}
	if o.LogDropped != nil {
		e.recorder.CountLogDropped(o.LogDropped)
	}
	if err := e.openStore(cfg); err != nil {
		return nil, err
	}
	e.providers = &providers{ClientOptions: ClientOptions{RoundTripper: o.RoundTripper, Logins: e.logins}}
	options := poller.Options{
		Store: e.store, Recorder: e.recorder, Logger: o.Logger, Clock: o.Clock,
		Changed: func() { e.handler.Refresh() },
	}
	if e.shares != nil {
		options.Group = e.shares
	}
	e.poller = poller.New(options)
	e.metrics = pages.Options{
		Collector: collector.New(collector.Options{Source: e}),
		Recorder:  e.recorder, Logger: o.Logger,
	}
	e.handler = pages.NewHandler(e.metrics)
	if err := e.start(cfg); err != nil {
		return nil, errors.Join(err, e.store.Close())
	}
	return e, nil
}

// start brings the first configuration into force.
func (e *Exporter) start(cfg *config.Config) error {
	e.listing.run = e.list
	var err error
	e.submitted, err = submitted.New(submitted.Options{
		Keeper: e.store, Room: e.poller.Room,
		Alone:  func(account, id string) bool { _, alone := e.discovery.Submitted(account, id); return alone },
		Listed: e.listing.do, Snapshot: e.Snapshot,
		Retention: func() time.Duration { return time.Duration(e.config.Load().Global.Retention) }, Logger: e.log,
	})
	if err != nil {
		return err
	}
	e.discovery = discovery.New(discovery.Options{
		Submitted: e.submitted, UserAgent: UserAgent(), Reporter: e.recorder, Logger: e.log,
	})
	if err := e.apply(cfg); err != nil {
		return err
	}
	e.recorder.ConfigReloaded(true, time.Now())
	// Reading the store leaves as much garbage as state; nobody else would
	// give it back before the heap has doubled.
	debug.FreeOSMemory()
	return nil
}

// Close closes the store. Nothing may run any more. A disk that hangs is no error:
// what it did not take was never durable.
func (e *Exporter) Close() error {
	e.handler.Close()
	err := e.store.Close()
	if errors.Is(err, store.ErrHangs) {
		e.log.Warn("the store was not closed in order", "err", err)
		return nil
	}
	return err
}

// Once makes every vendor call that the budget allows now, and writes the
// metrics to w. The error is [ErrCallFailed] if a call failed; the metrics are
// written then too.
func (e *Exporter) Once(ctx context.Context, w io.Writer) error {
	if e.shares == nil {
		return e.once(ctx, w)
	}
	leave, err := e.visit(ctx)
	if err != nil {
		return err
	}
	return errors.Join(e.once(ctx, w), leave())
}

func (e *Exporter) once(ctx context.Context, w io.Writer) error {
	if err := e.discoverOnce(ctx); err != nil {
		return err
	}
	failed := e.poller.Once(ctx)
	var text bytes.Buffer
	if err := pages.WriteText(&text, e.metrics); err != nil {
		return err
	}
	if _, err := w.Write(text.Bytes()); err != nil {
		return fmt.Errorf("write metrics: %w", err)
	}
	if failed {
		return ErrCallFailed
	}
	return nil
}
