// Command prefetch_exporter is a Prometheus exporter for the health of CDN
// prefetch tasks.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"github.com/prometheus/common/promslog"
	promslogflag "github.com/prometheus/common/promslog/flag"
	"github.com/prometheus/common/version"
	"github.com/prometheus/exporter-toolkit/web/kingpinflag"

	"prefetch_exporter/demo"
	"prefetch_exporter/exporter"
	"prefetch_exporter/internal/commandline"
	"prefetch_exporter/internal/terminal"
	"prefetch_exporter/logwriter"
	"prefetch_exporter/web"
)

const (
	program       = "prefetch_exporter"
	defaultListen = ":10186"
	// stopWithin is how long the program goes on at most when it was told to stop,
	// and flushWithin how long it then waits for who reads its log: together less
	// than 15 s.
	stopWithin  = 12 * time.Second
	flushWithin = time.Second
)

func main() {
	ignoreFileSizeLimit()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	if err != nil {
		if _, told := errors.AsType[reported](err); !told {
			// Nobody may read that either.
			last := logwriter.New(os.Stderr, func(uint64) {})
			fmt.Fprintf(last, "%s: %v\n", program, err)
			last.Close(flushWithin)
		}
		os.Exit(1)
	}
}

// reported is an error that was logged, so that who reads JSON reads nothing else.
type reported struct{ error }

func (r reported) Unwrap() error { return r.error }

// flags is the command line.
type flags struct {
	exporter.Options

	check       bool
	importFrom  string
	demo        bool
	externalURL string
	logging     promslog.Config
}

// streams are what the program writes to.
type streams struct{ stdout, stderr io.Writer }

// session is one run of the program that polls.
type session struct {
	*flags

	stdout io.Writer
	screen *terminal.Screen // of the demo; nil where nothing can be drawn
}

// run is the whole program. It returns nil when ctx ended and everything was
// stopped in order, or could not be in time.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	return runWith(ctx, args, streams{stdout, stderr}, func(*exporter.Options) {})
}

// runWith is run with options that no flag sets, for tests.
func runWith(ctx context.Context, args []string, to streams, options func(*exporter.Options)) error {
	f, done, err := parse(args, to.stdout, to.stderr)
	if err != nil || done {
		return err
	}
	if f.check && !f.demo {
		return check(f.ConfigFile, *f.Web.WebConfigFile, to.stdout, to.stderr)
	}
	s := &session{flags: f, stdout: to.stdout}
	if f.demo && !f.Once {
		s.screen = terminal.New(to.stdout, os.Getenv)
		if s.screen != nil && terminal.New(to.stderr, os.Getenv) != nil {
			to.stderr = s.screen // the log shares the terminal with what is drawn
		}
	}
	log := logwriter.New(to.stderr, func(dropped uint64) {
		f.Logger.Warn("lines of the log were dropped, since nobody read it", "dropped", dropped)
	})
	defer log.Close(flushWithin)
	f.logging.Writer = log
	f.Logger, f.LogDropped = promslog.New(&f.logging), log.Dropped
	options(&f.Options)
	err = s.inTime(ctx, func() error {
		if f.demo {
			return s.runDemo(ctx)
		}
		return s.runExporter(ctx)
	})
	if err != nil && f.logging.Format.String() == "json" {
		exporter.LogError(f.Logger, "the exporter ends with an error", err)
		return reported{err}
	}
	return err
}

// inTime returns what f does, or nil if it goes on for too long after ctx ended:
// whoever stops the program kills it before long, and nothing waits then but the
// disk.
func (s *session) inTime(ctx context.Context, f func() error) error {
	done := make(chan error, 1)
	go func() { done <- f() }()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
	}
	select {
	case err := <-done:
		return err
	case <-time.After(stopWithin):
		s.Logger.Warn("not everything could be stopped in time; a disk or etcd may hang", "after", stopWithin)
		return nil
	}
}

// parse reads the command line. It reports true if that was all there was to
// do, as for --help.
func parse(args []string, stdout, stderr io.Writer) (f *flags, done bool, err error) {
	f = &flags{}
	app := commandline.New(program, "Prometheus exporter for the health of CDN prefetch tasks.", stdout, stderr,
		commandline.Group{Title: "Configuration", Prefixes: []string{"config."}},
		commandline.Group{Title: "Other ways to run", Prefixes: []string{"once", "demo"}},
		commandline.Group{Title: "State", Prefixes: []string{"storage.", "replica."}},
		commandline.Group{Title: "HTTP", Prefixes: []string{"web."}},
		commandline.Group{Title: "Log", Prefixes: []string{"log."}},
		commandline.Group{Title: "Other"},
	)

	app.Flag("config.file", "Configuration file.").Default("config.yml").StringVar(&f.ConfigFile)
	app.Flag("config.check", "Validate the configuration and exit.").BoolVar(&f.check)
	app.Flag("config.enable-auto-reload", "Reload when a configuration or secret file changes.").BoolVar(&f.AutoReload)
	app.Flag("once", "Make every call that the budget allows now, print the metrics and exit.").BoolVar(&f.Once)
	app.Flag("demo", "Watch simulated vendors on loopback; needs no configuration.").BoolVar(&f.demo)
	app.Flag("storage.path", "Folder of the embedded store.").Default("data").StringVar(&f.StoragePath)
	app.Flag("storage.import", "Copy the embedded store in this folder into the configured storage.etcd, where nothing may be yet, and exit.").
		PlaceHolder("<path>").StringVar(&f.importFrom)
	app.Flag("replica.name", "Name of this replica among those that share storage.etcd; without it, the host's.").
		PlaceHolder("<name>").StringVar(&f.Replica)
	app.Flag("web.telemetry-path", "Path under which to expose metrics.").Default("/metrics").StringVar(&f.TelemetryPath)
	app.Flag("web.max-connections", "Most connections that clients may hold open together, over all listeners."+
		" 0 means half of the files that may be open, at most 512.").Default("0").IntVar(&f.MaxConnections)
	app.Flag("web.external-url", "The URL under which the exporter is reachable from outside, for links back to itself."+
		" If it has a path, that is the prefix of all HTTP endpoints, unless --web.route-prefix says otherwise.").
		PlaceHolder("<url>").StringVar(&f.externalURL)
	app.Flag("web.route-prefix", "Prefix for the internal routes of all HTTP endpoints. Defaults to the path of --web.external-url.").
		PlaceHolder("<path>").StringVar(&f.RoutePrefix)
	app.Flag("web.enable-lifecycle", "Allow reloading by POST /-/reload, and ending an account's pause after failures by POST /-/retry.").
		BoolVar(&f.Lifecycle)
	app.Flag("web.enable-task-api", "Allow putting and deleting tasks over HTTP.").BoolVar(&f.TaskAPI)
	app.Flag("web.enable-pprof", "Serve the runtime's profiles under /debug/pprof/.").BoolVar(&f.Profiles)
	f.Web = kingpinflag.AddFlags(app.Application, defaultListen)
	promslogflag.AddFlags(app.Application, &f.logging)

	if _, done, err = app.Parse(args); err == nil && f.importFrom != "" && (f.check || f.Once || f.demo) {
		err = errors.New("--storage.import copies and ends; it cannot be given with --config.check, --once or --demo")
	}
	return f, done, err
}

// check validates the configuration files for --config.check.
func check(file, webConfig string, stdout, stderr io.Writer) error {
	warnings, err := exporter.Check(file, webConfig)
	for _, w := range warnings {
		fmt.Fprintln(stderr, "warning: "+w)
	}
	if err != nil {
		return fmt.Errorf("the configuration is not valid:\n%w", err)
	}
	fmt.Fprintf(stdout, "%s is valid\n", file)
	return nil
}

// runExporter polls and serves until ctx ends, or asks once.
func (s *session) runExporter(ctx context.Context) (err error) {
	f := s.flags
	external, err := web.ExternalURL(f.externalURL, hostname(), (*f.Web.WebListenAddresses)[0])
	if err != nil {
		return fmt.Errorf("--web.external-url: %w", err)
	}
	if f.RoutePrefix == "" {
		f.RoutePrefix = external.Path
	}
	f.Logger.Info("starting "+program, "version", version.Info())
	f.Logger.Info("build context", "build_context", version.BuildContext())
	if f.importFrom != "" {
		return exporter.Import(ctx, f.Options, f.importFrom)
	}
	reloads := make(chan os.Signal, 1)
	signal.Notify(reloads, syscall.SIGHUP)
	defer signal.Stop(reloads)
	f.Reloads = reloads
	e, err := exporter.New(f.Options) //nolint:contextcheck // loops begin with Serve, and live as long as it does
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, e.Close()) }()
	if f.Once {
		return e.Once(ctx, s.stdout)
	}
	if s.screen != nil {
		live, stop := context.WithCancel(ctx)
		var drawing sync.WaitGroup
		drawing.Go(func() { demo.Live(live, s.screen, e.Snapshot) })
		defer drawing.Wait()
		defer stop()
	}
	return e.Serve(ctx)
}

// runDemo starts the simulated vendors and the real exporter against them, with
// a store that is thrown away after.
func (s *session) runDemo(ctx context.Context) (err error) {
	f := s.flags
	folder, err := os.MkdirTemp("", "prefetch_exporter-demo-")
	if err != nil {
		return fmt.Errorf("demo: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(folder)) }()
	d, err := demo.Start(ctx, folder)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.Close()) }()
	f.ConfigFile, f.StoragePath = d.ConfigFile, folder
	if !f.Once {
		tellStory(s.stdout, (*f.Web.WebListenAddresses)[0], f.TelemetryPath)
	}
	return s.runExporter(ctx)
}

// tellStory says where to look and what one will see.
func tellStory(w io.Writer, address, telemetryPath string) {
	host, port, err := net.SplitHostPort(address)
	if err != nil || host == "" || host == "0.0.0.0" || host == "::" {
		host = "localhost"
	}
	base := "http://" + net.JoinHostPort(host, port)
	fmt.Fprintf(w, `
Four simulated vendors run on loopback, and the real exporter asks them, 60 calls a
minute each; but CDNetworks, whose quota is scaled: one call in 2 seconds (really
one in 5 minutes). Nothing leaves this machine.

  %s/
  %s%s

Each of these launches is on four CDNs. Nobody named those of the account cn-demo:
its vendor lists them.

`, base, base, telemetryPath)
	for _, line := range demo.Story() {
		fmt.Fprintln(w, "  "+line)
	}
	fmt.Fprintf(w, `
Watch one:  curl -sS %s%s | grep 'prefetch_task_urls.*launch-succeeds'
Stop it with Ctrl-C.

`, base, telemetryPath)
}

func hostname() string {
	name, err := os.Hostname()
	if err != nil {
		return "localhost"
	}
	return name
}
