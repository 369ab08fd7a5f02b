package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"prefetch_exporter/e2e/internal/run"
)

// text is what the demo says, while it is read.
type text struct {
	mu   sync.Mutex
	said bytes.Buffer
}

func (o *text) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.said.Write(p)
}

func (o *text) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.said.String()
}

// TestDemo expects that three exporters show the same tasks, of which each account
// has one owner; that another one takes over from the one that is killed as the
// demo says; and that nothing is left running at its end.
func TestDemo(t *testing.T) {
	t.Parallel()
	path, err := filepath.Abs(run.Exporter(t))
	if err != nil {
		t.Fatal(err)
	}
	ctx, end := context.WithCancel(t.Context())
	out, done := &text{}, make(chan error)
	port := freePorts(t)
	go func() { done <- show(ctx, out, path, port) }()
	urls := make([]string, exporters)
	for n := range urls {
		urls[n] = "http://127.0.0.1:" + strconv.Itoa(port+n)
	}
	const limit = 60 * time.Second
	run.Eventually(t, limit, "every account has one owner and all show the same tasks", func() error { return same(t, urls) })

	said := out.String()
	for n, u := range urls {
		if !strings.Contains(said, u) {
			t.Errorf("%d is not in what it says:\n%s", n, said)
		}
	}
	pids := regexp.MustCompile(`PID (\d+)`).FindAllStringSubmatch(said, -1)
	if len(pids) != exporters+members {
		t.Fatalf("%d PIDs are in what it says:\n%s", len(pids), said)
	}
	first, err := strconv.Atoi(pids[0][1])
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(first, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	run.Eventually(t, limit, "the others own everything", func() error { return same(t, urls[1:]) })
	if said := out.String(); !strings.Contains(said, "replica-a has ended") {
		t.Errorf("it does not say that an exporter ended:\n%s", said)
	}
	end()
	if err := <-done; err != nil {
		t.Error(err)
	}
	for _, pid := range pids {
		n, _ := strconv.Atoi(pid[1])
		if err := syscall.Kill(n, 0); !errors.Is(err, syscall.ESRCH) {
			t.Errorf("process %d is left: %v", n, err)
		}
	}
}

// same reports an account that has not one owner among the exporters, and tasks
// that are not shown by all.
func same(t *testing.T, urls []string) error {
	t.Helper()
	owners, tasks := map[string]int{}, map[string]int{}
	for _, u := range urls {
		body, err := run.Get(t, u+"/metrics")
		if err != nil {
			return err
		}
		for line := range strings.Lines(string(body)) {
			series, value, _ := strings.Cut(strings.TrimSpace(line), "} ")
			switch {
			case strings.HasPrefix(series, "prefetch_account_owner{"):
				n, _ := strconv.Atoi(value)
				owners[series] += n
			case strings.HasPrefix(series, "prefetch_task_info{"):
				tasks[series]++
			}
		}
	}
	const accounts = 4
	if len(owners) != accounts {
		return fmt.Errorf("there are %d accounts", len(owners))
	}
	const least = 20
	if len(tasks) < least {
		return fmt.Errorf("there are %d tasks", len(tasks))
	}
	for series, n := range owners {
		if n != 1 {
			return fmt.Errorf("%s has %d owners", series, n)
		}
	}
	for series, n := range tasks {
		if n != len(urls) {
			return fmt.Errorf("%s is on %d of %d", series, n, len(urls))
		}
	}
	return nil
}

// freePorts returns the first of as many free ports as there are exporters. They
// are below those that are given to outgoing connections, and above etcd's.
func freePorts(t *testing.T) int {
	t.Helper()
	const lowest, highest = 32010, 32760
	for first := lowest; first < highest; first += exporters {
		free := true
		for n := range exporters {
			l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:"+strconv.Itoa(first+n))
			if err != nil {
				free = false
				break
			}
			_ = l.Close()
		}
		if free {
			return first
		}
	}
	t.Fatal("no free ports")
	return 0
}
