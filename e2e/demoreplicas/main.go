package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"prefetch_exporter/demo"
	"prefetch_exporter/internal/programtest"
	"prefetch_exporter/store/etcdstore/etcdtest"
)

const (
	members   = 3
	exporters = 3
	leaseTTL  = 5 * time.Second
	// restartAfter is how long what was killed stays away: long enough to see others
	// take over.
	restartAfter = 20 * time.Second
	stopLimit    = 15 * time.Second
)

func main() {
	path := flag.String("exporter", "", "the exporter's program")
	port := flag.Int("port", 10186, "port of the first exporter; the others have the next ones") //nolint:mnd // the exporter's default
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := show(ctx, os.Stdout, *path, *port); err != nil {
		fmt.Fprintln(os.Stderr, "demo-replicas:", err)
		stop()
		os.Exit(1) //nolint:gocritic // stop was called
	}
}

// group is everything that runs.
type group struct {
	out       io.Writer
	etcd      *etcdtest.Cluster
	exporters []*programtest.Program
	urls      []string

	wait sync.WaitGroup
}

// show runs the demo until the context ends, and ends all that it started.
func show(ctx context.Context, out io.Writer, path string, port int) (err error) {
	folder, err := os.MkdirTemp("", "demo-replicas-")
	if err != nil {
		return fmt.Errorf("a folder for the demo: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(folder)) }()
	vendors, err := demo.Start(ctx, folder)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, vendors.Close()) }()
	etcd, err := etcdtest.Run(ctx, etcdtest.Options{
		Members: members, Folder: folder,
		// As everybody must, see docs/high-availability.md.
		Flags: []string{"--auto-compaction-mode=periodic", "--auto-compaction-retention=10m"},
	})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, etcd.Close()) }()
	g := &group{out: out, etcd: etcd}
	config, err := g.config(vendors.ConfigFile, folder)
	if err != nil {
		return err
	}
	for n := range exporters {
		name := fmt.Sprintf("replica-%c", 'a'+n)
		address := "127.0.0.1:" + strconv.Itoa(port+n)
		g.urls = append(g.urls, "http://"+address)
		g.exporters = append(g.exporters, programtest.New(name, filepath.Join(folder, name+".log"), path,
			"--config.file="+config, "--replica.name="+name, "--web.listen-address="+address, "--web.enable-task-api",
			"--storage.path="+filepath.Join(folder, name)))
	}
	defer func() { err = errors.Join(err, g.stop()) }()
	for _, e := range g.exporters {
		if err := e.Start(); err != nil {
			return err
		}
	}
	g.tell(folder)
	g.restart(ctx)
	<-ctx.Done()
	g.wait.Wait()
	return nil
}

// config appends the etcd cluster to the demo's configuration.
func (g *group) config(demoConfig, folder string) (string, error) {
	text, err := os.ReadFile(demoConfig)
	if err != nil {
		return "", fmt.Errorf("demo configuration: %w", err)
	}
	text = fmt.Appendf(text, "storage:\n  etcd: {endpoints: [%s], lease_ttl: %v}\n", strings.Join(g.etcd.Endpoints(), ", "), leaseTTL)
	config := filepath.Join(folder, "replicas.yml")
	if err := os.WriteFile(config, text, 0o600); err != nil { //nolint:gosec // in a folder of its own
		return "", fmt.Errorf("demo configuration: %w", err)
	}
	return config, nil
}

// tell says what runs, what to do with it, and where to look.
func (g *group) tell(folder string) {
	var b strings.Builder
	b.WriteString("\nThree exporters share one quota. Each account has one owner, which asks the vendor; all three show everything:\n\n")
	for n, e := range g.exporters {
		fmt.Fprintf(&b, "  %-10s PID %-8d %s/tasks\n", e.Name, e.PID(), g.urls[n])
	}
	for _, m := range g.etcd.Members() {
		fmt.Fprintf(&b, "  etcd %-5s PID %-8d %s\n", m.Name, m.PID(), m.Endpoint())
	}
	first := g.exporters[0].PID()
	fmt.Fprintf(&b, `
Who owns what:
  curl -s %s/api/v1/accounts
  for port in %s; do curl -s localhost:$port/metrics | grep ^prefetch_account_owner; done

Then, in another terminal:
  kill -9 %[3]d     an exporter dies: another one asks for its accounts when its lease of %[4]v has run out
  kill %[3]d        it hands over at once
  kill -STOP %[3]d; sleep 10; kill -CONT %[3]d     it wakes and finds that others took over
  kill -9 %[5]d     a member of etcd dies: nothing changes; without two of them nobody asks, and everything goes on when they are back

What was killed starts again after %[6]v. Logs are in %[7]s until Ctrl-C ends everything.
`, g.urls[0], g.ports(), first, leaseTTL, g.etcd.Members()[0].PID(), restartAfter, folder)
	_, _ = io.WriteString(g.out, b.String())
}

func (g *group) ports() string {
	var ports []string
	for _, u := range g.urls {
		ports = append(ports, u[strings.LastIndex(u, ":")+1:])
	}
	return strings.Join(ports, " ")
}

// restart starts again what ends, until the context does.
func (g *group) restart(ctx context.Context) {
	for _, e := range g.exporters {
		g.wait.Go(func() { g.keep(ctx, e.Name, e) })
	}
	for _, m := range g.etcd.Members() {
		g.wait.Go(func() { g.keep(ctx, "etcd "+m.Name, m.Program) })
	}
}

// keep starts a program again whenever it ends. What an exporter logged last says why it
// ended by itself.
func (g *group) keep(ctx context.Context, name string, p *programtest.Program) {
	say := func(what string) {
		_, _ = fmt.Fprintf(g.out, "%s  %s%s\n", time.Now().Format(time.TimeOnly), name, what)
	}
	for {
		select {
		case <-ctx.Done():
			return
		case <-p.Ended():
		}
		say(fmt.Sprintf(" has ended and starts again in %v", restartAfter))
		if text, err := os.ReadFile(p.LogFile); err == nil && slices.Contains(g.exporters, p) {
			lines := strings.Split(strings.TrimSpace(string(text)), "\n")
			_, _ = fmt.Fprintf(g.out, "          it logged last: %s\n", lines[len(lines)-1])
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(restartAfter):
		}
		if err := p.Start(); err != nil {
			say(": " + err.Error())
			return
		}
		say(fmt.Sprintf(" runs again, PID %d", p.PID()))
	}
}

// stop ends the exporters one after the other, each handing over to the next, and
// then what is left.
func (g *group) stop() error {
	var errs []error
	for _, e := range g.exporters {
		errs = append(errs, e.Signal(syscall.SIGCONT), e.Terminate(stopLimit))
	}
	return errors.Join(errs...)
}
