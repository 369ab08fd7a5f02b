//go:build linux

package store_test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"prefetch_exporter/store"
)

// TestFullDisk fills a real file system of 1 MiB. It is mounted in a namespace
// of the child's own, so that it needs no rights and leaves nothing behind.
func TestFullDisk(t *testing.T) {
	t.Parallel()
	cmd := child(t.Context(), "tmpfs", t.TempDir())
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWUSER | syscall.CLONE_NEWNS,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}},
	}
	if err := cmd.Start(); err != nil {
		t.Skipf("no user namespaces here: %v", err)
	}
	finish(t, cmd)
}

// TestFileSizeLimit meets a limit instead of a full disk.
func TestFileSizeLimit(t *testing.T) {
	t.Parallel()
	cmd := child(t.Context(), "limit", t.TempDir())
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	finish(t, cmd)
}

// TestTruncatedWhileOpen takes the file away under a store's memory map, which
// would be a fatal fault. A child does it, for the map stays.
func TestTruncatedWhileOpen(t *testing.T) {
	t.Parallel()
	cmd := child(t.Context(), "truncate", t.TempDir())
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	finish(t, cmd)
}

// cannotMount is how a child says that it could not set up its test.
const cannotMount = 77

func finish(t *testing.T, cmd *exec.Cmd) {
	t.Helper()
	err := cmd.Wait()
	if cmd.ProcessState.ExitCode() == cannotMount {
		t.Skip("cannot mount a file system here")
	}
	if err != nil {
		t.Fatal(err)
	}
}

func writeOnFullDisk(folder string) error {
	if err := syscall.Mount("tmpfs", folder, "tmpfs", 0, "size=1m"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(cannotMount)
	}
	ballast := folder + "/ballast"
	return writeUntilItFails(folder, syscall.ENOSPC,
		func() error { return os.WriteFile(ballast, make([]byte, 200<<10), 0o600) },
		func() error { return os.Remove(ballast) })
}

func writeUnderLimit(folder string) error {
	// The signal that comes with the error would end the process.
	signal.Ignore(syscall.SIGXFSZ)
	var before syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &before); err != nil {
		return err
	}
	limit := func(bytes uint64) func() error {
		return func() error {
			return syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: bytes, Max: before.Max})
		}
	}
	return writeUntilItFails(folder, syscall.EFBIG, limit(600<<10), limit(before.Cur))
}

// huge is the size of a value that fits no full disk of these tests.
const huge = 400 << 10

// writeUntilItFails writes until the disk is full, looks at what is left, makes
// room, and writes on.
func writeUntilItFails(folder string, want error, fill, free func() error) error {
	o := observe(folder)
	now := o.Now()
	o.Now = func() time.Time { return now }
	db, err := store.Open(o.Options)
	if err != nil {
		return err
	}
	if err := fill(); err != nil {
		return err
	}
	written, err := writeMany(db, 0)
	if !isOrSays(err, want) {
		return fmt.Errorf("after %d writes: got error %w, want %w", written, err, want)
	}
	for range 3 {
		// Nothing is broken: reading works, and so do changes that fit.
		if err := expect(db, written); err != nil {
			return fmt.Errorf("on a full disk: %w", err)
		}
		// One page may find room among those that earlier writes gave back; this does not.
		if err := db.Write(put(store.Tasks, "account", "huge", strings.Repeat("x", huge))); !isOrSays(err, want) {
			return fmt.Errorf("got error %w, want %w", err, want)
		}
		// Small writes that succeed between the large ones, more than a minute
		// apart, do not mean that writing works.
		now = now.Add(2 * time.Minute)
		if err := db.Write(put(store.Ledger, "account", "call", "1"), store.Op{Table: store.Ledger, Scope: "account", Key: "call"}); err != nil {
			return fmt.Errorf("a small write on a full disk: %w", err)
		}
	}
	if log := o.log.String(); strings.Count(log, "level=ERROR") != 1 || strings.Contains(log, "works again") {
		return fmt.Errorf("logged %q, want one error and nothing else", log)
	}
	if !slices.Equal(o.errors, []string{"write", "write", "write", "write"}) {
		return fmt.Errorf("told %q", o.errors)
	}
	if err := free(); err != nil {
		return err
	}
	for i := range 10 {
		if log := o.log.String(); i < 6 && strings.Contains(log, "works again") {
			return fmt.Errorf("logged %q after %d writes, want it after a minute", log, i)
		}
		if err := db.Write(bigValue(written + i)); err != nil {
			return fmt.Errorf("with room again: %w", err)
		}
		now = now.Add(10 * time.Second)
	}
	if log := o.log.String(); strings.Count(log, "works again") != 1 {
		return fmt.Errorf("logged %q, want that writing works again", log)
	}
	for range 2 {
		if err := errors.Join(expect(db, written+10), db.Close()); err != nil {
			return err
		}
		if db, err = store.Open(o.Options); err != nil {
			return err
		}
		if db.State() != store.Existing {
			return fmt.Errorf("reopened store is %v", db.State())
		}
	}
	return db.Close()
}

// isOrSays reports whether an error is the wanted one. bbolt does not wrap the
// one of growing the file.
func isOrSays(err, want error) bool {
	return errors.Is(err, want) || err != nil && strings.Contains(err.Error(), want.Error())
}

func bigValue(i int) store.Op {
	return put(store.Tasks, "account", fmt.Sprintf("%05d", i), strings.Repeat("x", 4096))
}

// writeMany writes until it fails and returns how many writes did not.
func writeMany(db *store.DB, from int) (int, error) {
	const tooMany = 10_000
	for i := from; i < tooMany; i++ {
		if err := db.Write(bigValue(i)); err != nil {
			return i, err
		}
	}
	return tooMany, nil
}

// expect says whether exactly n values are there.
func expect(db *store.DB, n int) error {
	i := 0
	err := db.Scan(store.Tasks, func(_, key string, value []byte) error {
		if key != fmt.Sprintf("%05d", i) || len(value) != 4096 {
			return fmt.Errorf("value %d has key %s and %d bytes", i, key, len(value))
		}
		i++
		return nil
	})
	if err == nil && i != n {
		err = fmt.Errorf("%d values, want %d", i, n)
	}
	return err
}

func writeTruncated(folder string) error {
	o := observe(folder)
	db, err := store.Open(o.Options)
	if err != nil {
		return err
	}
	for i := range 100 {
		if err := db.Write(bigValue(i)); err != nil {
			return err
		}
	}
	if err := os.Truncate(file(folder), 0); err != nil {
		return err
	}
	for range 3 {
		if err := expect(db, 100); !errors.Is(err, store.ErrBroken) {
			return fmt.Errorf("scan: got error %w", err)
		}
		if err := db.Write(bigValue(100)); !errors.Is(err, store.ErrBroken) {
			return fmt.Errorf("write: got error %w", err)
		}
	}
	if !slices.Equal(o.errors, []string{"read", "write", "read", "write", "read", "write"}) {
		return fmt.Errorf("told %q", o.errors)
	}
	if err := db.Close(); err != nil {
		return err
	}
	if db, err = store.Open(o.Options); err != nil {
		return err
	}
	if db.State() != store.Recovered {
		return fmt.Errorf("reopened store is %v", db.State())
	}
	return db.Close()
}
