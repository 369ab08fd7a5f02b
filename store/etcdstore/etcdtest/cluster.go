// Package etcdtest runs real etcd for tests: members on free loopback ports in a
// temporary folder, which can be killed, stopped, restarted and cut off from their
// clients. The program must not use it.
package etcdtest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"prefetch_exporter/internal/programtest"
)

const (
	// Times of a cluster on one machine, in milliseconds: a new leader within a
	// second, and leases as short as one.
	heartbeat = 60
	election  = 600
	// starting is how long members may take to find a leader.
	starting = 60 * time.Second
	// starts is how often another set of ports is tried.
	starts = 3

	token = "etcdtest"
)

// Options says what cluster to run. The zero value is one member of the current
// release.
type Options struct {
	// Members is how many there are; 0 is one.
	Members int
	// Binary is the etcd to run; empty is the current release, see [Current].
	Binary string
	// Folder keeps the members' data and logs. Empty is a new folder, which is
	// removed with the cluster.
	Folder string
	// TLS is how clients reach the members; nil is http://.
	TLS *Certificate
	// Flags are passed to each member after those that the cluster needs, and so
	// override them.
	Flags []string
}

// Cluster is some etcd members that know each other.
type Cluster struct {
	options   Options
	members   []*Member
	peers     string // the members' names with their addresses for each other
	temporary bool
}

// Start runs a cluster until the test ends, and returns when it has a leader.
func Start(t testing.TB, o Options) *Cluster {
	t.Helper()
	c, err := Run(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Log(c.Logs())
		}
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	return c
}

// Run runs a cluster until it is closed, and returns when it has a leader.
func Run(ctx context.Context, o Options) (*Cluster, error) {
	if o.Members == 0 {
		o.Members = 1
	}
	var err error
	if o.Binary == "" {
		if o.Binary, err = Current("etcd"); err != nil {
			return nil, err
		}
	}
	c := &Cluster{options: o}
	if o.Folder == "" {
		if c.options.Folder, err = os.MkdirTemp("", "etcdtest"); err != nil {
			return nil, fmt.Errorf("a folder for etcd: %w", err)
		}
		c.temporary = true
	}
	for range starts {
		if err = c.begin(ctx); err == nil {
			return c, nil
		}
		err = errors.Join(fmt.Errorf("%w\n%s", err, c.Logs()), c.kill())
		if ctx.Err() != nil {
			break
		}
	}
	return nil, errors.Join(err, c.Close())
}

// begin chooses ports and starts every member on an empty folder.
func (c *Cluster) begin(ctx context.Context) error {
	ports, err := freePorts(ctx, 3*c.options.Members)
	if err != nil {
		return err
	}
	address := func(i int) string { return "127.0.0.1:" + strconv.Itoa(ports[i]) }
	var peers []string
	for i := range c.options.Members {
		peers = append(peers, fmt.Sprintf("m%d=http://%s", i, address(3*i+1)))
	}
	c.members, c.peers = nil, strings.Join(peers, ",")
	for i := range c.options.Members {
		name := "m" + strconv.Itoa(i)
		folder := filepath.Join(c.options.Folder, name)
		if err := os.MkdirAll(folder, 0o700); err != nil {
			return fmt.Errorf("folder of etcd member %s: %w", name, err)
		}
		m := &Member{
			data: filepath.Join(folder, "data"), client: c.scheme() + address(3*i),
			peer: "http://" + address(3*i+1), status: "http://" + address(3*i+2),
		}
		flags := append(c.flags(name, m), c.options.Flags...)
		m.Program = programtest.New(name, filepath.Join(folder, "log"), c.options.Binary, flags...)
		c.members = append(c.members, m)
	}
	return c.launch(ctx, func(*Member) error { return nil })
}

// launch starts every member on an empty folder, once something was prepared there.
func (c *Cluster) launch(ctx context.Context, prepare func(m *Member) error) error {
	for _, m := range c.members {
		if err := os.RemoveAll(m.data); err != nil {
			return fmt.Errorf("emptying the folder of %s: %w", m.Name, err)
		}
		if err := prepare(m); err != nil {
			return err
		}
		if err := m.Start(); err != nil {
			return err
		}
	}
	return c.WaitReady(ctx)
}

func (c *Cluster) scheme() string {
	if c.options.TLS != nil {
		return "https://"
	}
	return "http://"
}

func (c *Cluster) flags(name string, m *Member) []string {
	flags := []string{
		"--name=" + name,
		"--data-dir=" + m.data,
		"--listen-client-urls=" + m.client, "--advertise-client-urls=" + m.client,
		"--listen-peer-urls=" + m.peer, "--initial-advertise-peer-urls=" + m.peer,
		"--listen-metrics-urls=" + m.status,
		"--initial-cluster=" + c.peers,
		"--initial-cluster-token=" + token,
		"--heartbeat-interval=" + strconv.Itoa(heartbeat),
		"--election-timeout=" + strconv.Itoa(election),
		"--logger=zap", "--log-level=warn",
	}
	if tls := c.options.TLS; tls != nil {
		flags = append(flags, "--cert-file="+tls.Cert, "--key-file="+tls.Key,
			"--trusted-ca-file="+tls.Cert, "--client-cert-auth")
	}
	return flags
}

// Members returns every member, the running and the others.
func (c *Cluster) Members() []*Member { return c.members }

// Endpoints returns the members' addresses for clients.
func (c *Cluster) Endpoints() []string {
	var endpoints []string
	for _, m := range c.members {
		endpoints = append(endpoints, m.client)
	}
	return endpoints
}

// WaitReady returns when every member that runs knows of a leader.
func (c *Cluster) WaitReady(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, starting)
	defer cancel()
	for _, m := range c.members {
		if err := m.waitReady(ctx); err != nil {
			return err
		}
	}
	return nil
}

// Leader returns the member that leads, waiting for one if there is none.
func (c *Cluster) Leader(ctx context.Context) (*Member, error) {
	ctx, cancel := context.WithTimeout(ctx, starting)
	defer cancel()
	for {
		for _, m := range c.members {
			if value, err := m.Metric(ctx, "etcd_server_is_leader"); err == nil && value == 1 {
				return m, nil
			}
		}
		if err := pause(ctx); err != nil {
			return nil, fmt.Errorf("no etcd member leads: %w", err)
		}
	}
}

// Ctl runs etcdctl against the members and returns what it prints.
func (c *Cluster) Ctl(ctx context.Context, args ...string) (string, error) {
	return c.ctl(ctx, c.Endpoints(), args...)
}

// Snapshot saves what the first member has into a file, for [Cluster.Restore].
func (c *Cluster) Snapshot(ctx context.Context, file string) error {
	_, err := c.ctl(ctx, c.Endpoints()[:1], "snapshot", "save", file)
	return err
}

func (c *Cluster) ctl(ctx context.Context, endpoints []string, args ...string) (string, error) {
	flags := []string{"--endpoints=" + strings.Join(endpoints, ","), "--dial-timeout=5s", "--command-timeout=10s"}
	if tls := c.options.TLS; tls != nil {
		flags = append(flags, "--cacert="+tls.Cert, "--cert="+tls.Cert, "--key="+tls.Key)
	}
	return command(ctx, "etcdctl", append(flags, args...)...)
}

// Restore stops every member, gives all of them the content of a snapshot, as
// one does after a disaster, and starts them again.
func (c *Cluster) Restore(ctx context.Context, snapshot string) error {
	if err := c.kill(); err != nil {
		return err
	}
	return c.launch(ctx, func(m *Member) error {
		_, err := command(ctx, "etcdutl", "snapshot", "restore", snapshot, "--name="+m.Name, "--data-dir="+m.data,
			"--initial-cluster="+c.peers, "--initial-cluster-token="+token, "--initial-advertise-peer-urls="+m.peer)
		return err
	})
}

// Logs returns the ends of the members' logs.
func (c *Cluster) Logs() string {
	var logs strings.Builder
	for _, m := range c.members {
		fmt.Fprintf(&logs, "--- %s of %s\n%s\n", m.Name, c.options.Binary, m.log())
	}
	return logs.String()
}

// Close kills the members and removes what they left.
func (c *Cluster) Close() error {
	err := c.kill()
	if c.temporary {
		err = errors.Join(err, os.RemoveAll(c.options.Folder))
	}
	return err
}

func (c *Cluster) kill() error {
	var errs []error
	for _, m := range c.members {
		errs = append(errs, m.Kill())
	}
	return errors.Join(errs...)
}

// Current returns a program of etcd's current release (etcd, etcdctl, etcdutl) as
// `make etcd` builds it.
func Current(name string) (string, error) { return built("current", name) }

// Installed returns the etcd of Debian: as it is installed, or as `make etcd`
// unpacks it.
func Installed() (string, error) {
	if path, err := exec.LookPath("etcd"); err == nil {
		return path, nil
	}
	return built("bin", "etcd")
}

// built finds a program in the repository's .build, from wherever in the
// repository the test runs.
func built(folder, name string) (string, error) {
	at, err := os.Getwd()
	if err != nil {
		return "", fmt.Errorf("finding %s: %w", name, err)
	}
	for {
		path := filepath.Join(at, ".build", folder, name)
		if _, err := os.Stat(path); err == nil {
			return path, nil
		}
		if at == filepath.Dir(at) {
			return "", fmt.Errorf("%s is missing in .build/%s: run `make etcd`", name, folder)
		}
		at = filepath.Dir(at)
	}
}

func command(ctx context.Context, name string, args ...string) (string, error) {
	path, err := Current(name)
	if err != nil {
		return "", err
	}
	out, err := exec.CommandContext(ctx, path, args...).CombinedOutput() //nolint:gosec // a tool of the repository's own
	if err != nil {
		return string(out), fmt.Errorf("%s %s: %w: %s", name, strings.Join(args, " "), err, out)
	}
	return string(out), nil
}

// freePorts returns ports that nobody listens on. They are below those that the
// system gives to outgoing connections: else the client of a member that was
// killed may be given the member's port.
func freePorts(ctx context.Context, n int) ([]int, error) {
	const (
		lowest, ports = 12000, 20000
		tries         = 1000
	)
	var free []int
	var held []net.Listener
	defer func() {
		for _, l := range held {
			_ = l.Close()
		}
	}()
	for range tries {
		port := lowest + rand.IntN(ports) //nolint:gosec // any port does
		l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:"+strconv.Itoa(port))
		if err != nil {
			continue
		}
		held = append(held, l)
		if free = append(free, port); len(free) == n {
			return free, nil
		}
	}
	return nil, errors.New("no free ports")
}

// pause waits a moment before something is looked at again.
func pause(ctx context.Context) error {
	const moment = 20 * time.Millisecond
	select {
	case <-time.After(moment):
		return nil
	case <-ctx.Done():
		return context.Cause(ctx) //nolint:wrapcheck // the caller says what it waited for
	}
}
