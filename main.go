// Command prefetch_exporter is a Prometheus exporter for the health of CDN
// prefetch tasks.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"regexp"
	"strings"
	"syscall"

	"github.com/alecthomas/kingpin/v2"
	"github.com/prometheus/common/promslog"
	promslogflag "github.com/prometheus/common/promslog/flag"
	"github.com/prometheus/common/version"
	toolkit "github.com/prometheus/exporter-toolkit/web"
	"github.com/prometheus/exporter-toolkit/web/kingpinflag"

	"prefetch_exporter/demo"
	"prefetch_exporter/exporter"
	"prefetch_exporter/remedy"
	"prefetch_exporter/web"
)

const (
	program       = "prefetch_exporter"
	defaultListen = ":10186"
)

func main() {
	ignoreFileSizeLimit()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	if err != nil {
		if _, told := errors.AsType[reported](err); !told {
			fmt.Fprintf(os.Stderr, "%s: %v\n", program, err)
		}
		os.Exit(1)
	}
}

// reported is an error that was logged, so that who reads JSON reads nothing else.
type reported struct{ error }

func (r reported) Unwrap() error { return r.error }

// flags is the command line.
type flags struct {
	configFile    string
	check         bool
	once          bool
	demo          bool
	storagePath   string
	web           *toolkit.FlagConfig
	telemetryPath string
	externalURL   string
	routePrefix   string
	lifecycle     bool
	taskAPI       bool
	autoReload    bool
	profiles      bool
	log           promslog.Config
}

// run is the whole program. It returns nil when ctx ended and everything was
// stopped in order.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	f, done, err := parse(args, stdout, stderr)
	if err != nil || done {
		return err
	}
	f.log.Writer = stderr
	logger := promslog.New(&f.log)

	switch {
	case f.demo:
		err = runDemo(ctx, f, stdout, logger)
	case f.check:
		return check(f.configFile, *f.web.WebConfigFile, stdout, stderr)
	default:
		err = runExporter(ctx, f, stdout, logger)
	}
	if err != nil && f.log.Format.String() == "json" {
		exporter.LogError(logger, "the exporter ends with an error", err)
		return reported{err}
	}
	return err
}

// parse reads the command line. It reports true if that was all there was to
// do, as for --help.
func parse(args []string, stdout, stderr io.Writer) (f *flags, done bool, err error) {
	f = &flags{}
	app := kingpin.New(program, "Prometheus exporter for the health of CDN prefetch tasks.")
	app.UsageWriter(stdout).ErrorWriter(stderr)
	app.Terminate(func(int) { done = true })
	app.HelpFlag.Short('h')
	app.Version(version.Print(program))
	app.VersionFlag.Short('V')

	app.Flag("config.file", "Configuration file.").Default("config.yml").StringVar(&f.configFile)
	app.Flag("config.check", "Validate the configuration and exit.").BoolVar(&f.check)
	app.Flag("config.enable-auto-reload", "Reload when a configuration or secret file changes.").BoolVar(&f.autoReload)
	app.Flag("once", "Make every call that the budget allows now, print the metrics and exit.").BoolVar(&f.once)
	app.Flag("demo", "Watch simulated vendors on loopback; needs no configuration.").BoolVar(&f.demo)
	app.Flag("storage.path", "Folder of the embedded store.").Default("data").StringVar(&f.storagePath)
	app.Flag("web.telemetry-path", "Path under which to expose metrics.").Default("/metrics").StringVar(&f.telemetryPath)
	app.Flag("web.external-url", "The URL under which the exporter is reachable from outside, for links back to itself."+
		" If it has a path, that is the prefix of all HTTP endpoints, unless --web.route-prefix says otherwise.").
		PlaceHolder("<url>").StringVar(&f.externalURL)
	app.Flag("web.route-prefix", "Prefix for the internal routes of all HTTP endpoints. Defaults to the path of --web.external-url.").
		PlaceHolder("<path>").StringVar(&f.routePrefix)
	app.Flag("web.enable-lifecycle", "Allow reloading by POST /-/reload, and ending an account's pause after failures by POST /-/retry.").
		BoolVar(&f.lifecycle)
	app.Flag("web.enable-task-api", "Allow putting and deleting tasks over HTTP.").BoolVar(&f.taskAPI)
	app.Flag("web.enable-pprof", "Serve the runtime's profiles under /debug/pprof/.").BoolVar(&f.profiles)
	f.web = kingpinflag.AddFlags(app, defaultListen)
	promslogflag.AddFlags(app, &f.log)

	if _, err := app.Parse(args); err != nil && !done {
		if near := meant(err, args, app.Model()); near != "" {
			return nil, false, fmt.Errorf("%w; did you mean --%s? See --help", err, near)
		}
		return nil, false, fmt.Errorf("%w, try --help", err)
	}
	return f, done, nil
}

var (
	unknownLong  = regexp.MustCompile(`^unknown long flag '--(.*)'$`)
	unknownShort = regexp.MustCompile(`^unknown short flag '-`)
)

// meant returns the flag that somebody probably meant whose command line has an
// error; "" if nobody can tell.
func meant(err error, args []string, app *kingpin.ApplicationModel) string {
	var known []string
	for _, f := range app.Flags {
		known = append(known, f.Name)
	}
	wrong := ""
	if parts := unknownLong.FindStringSubmatch(err.Error()); parts != nil {
		wrong = parts[1]
	} else if unknownShort.MatchString(err.Error()) {
		// One dash begins letters, each of them a flag.
		for _, arg := range args {
			if name, one := strings.CutPrefix(arg, "-"); one && len(name) > 1 && name[0] != '-' {
				wrong, _, _ = strings.Cut(name, "=")
				break
			}
		}
	}
	return remedy.Nearest(wrong, known)
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
func runExporter(ctx context.Context, f *flags, stdout io.Writer, logger *slog.Logger) (err error) {
	external, err := web.ExternalURL(f.externalURL, hostname(), (*f.web.WebListenAddresses)[0])
	if err != nil {
		return fmt.Errorf("--web.external-url: %w", err)
	}
	if f.routePrefix == "" {
		f.routePrefix = external.Path
	}
	logger.Info("starting "+program, "version", version.Info())
	logger.Info("build context", "build_context", version.BuildContext())
	reloads := make(chan os.Signal, 1)
	signal.Notify(reloads, syscall.SIGHUP)
	defer signal.Stop(reloads)
	//nolint:contextcheck // loops begin with Serve, and live as long as it does
	e, err := exporter.New(exporter.Options{
		ConfigFile: f.configFile, StoragePath: f.storagePath,
		Web: f.web, TelemetryPath: f.telemetryPath, RoutePrefix: f.routePrefix,
		Lifecycle: f.lifecycle, TaskAPI: f.taskAPI, AutoReload: f.autoReload, Reloads: reloads,
		Profiles: f.profiles, Logger: logger,
	})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, e.Close()) }()
	if f.once {
		return e.Once(ctx, stdout)
	}
	return e.Serve(ctx)
}

// runDemo starts the simulated vendors and the real exporter against them, with
// a store that is thrown away after.
func runDemo(ctx context.Context, f *flags, stdout io.Writer, logger *slog.Logger) (err error) {
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
	f.configFile, f.storagePath = d.ConfigFile, folder
	if !f.once {
		tellStory(stdout, (*f.web.WebListenAddresses)[0], f.telemetryPath)
	}
	return runExporter(ctx, f, stdout, logger)
}

// tellStory says where to look and what one will see.
func tellStory(w io.Writer, address, telemetryPath string) {
	host, port, err := net.SplitHostPort(address)
	if err != nil || host == "" || host == "0.0.0.0" || host == "::" {
		host = "localhost"
	}
	base := "http://" + net.JoinHostPort(host, port)
	fmt.Fprintf(w, `
Two simulated vendors run on loopback, and the real exporter asks them.
The quotas are scaled: Huawei Cloud VOD 100 calls a minute, CDNetworks one call in
2 seconds (really one in 5 minutes). Nothing leaves this machine.

  %s/
  %s%s

Each of these launches exists at both vendors:

`, base, base, telemetryPath)
	for _, line := range demo.Story() {
		fmt.Fprintln(w, "  "+line)
	}
	fmt.Fprintf(w, `
Watch one:  curl -s %s%s | grep 'prefetch_task_urls.*launch-succeeds'
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
