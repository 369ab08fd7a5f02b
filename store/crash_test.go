//go:build linux

package store_test

import (
	"bufio"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"prefetch_exporter/store"
)

// writeForEver continues the count that it finds in the store, in values that
// make the file grow and shrink, and prints each number once it was written.
func writeForEver(folder string) error {
	db, err := store.Open(store.Options{Path: folder})
	if err != nil {
		return fmt.Errorf("child: %w", err)
	}
	last := 0
	err = db.Scan(store.Ledger, func(_, key string, _ []byte) error {
		last, err = strconv.Atoi(key)
		return err
	})
	for i := last + 1; err == nil; i++ {
		// The oldest of the big values go, so that pages are reused.
		err = db.Write(
			put(store.Ledger, "account", fmt.Sprintf("%09d", i), strconv.Itoa(i)),
			put(store.Tasks, "account", strconv.Itoa(i), strings.Repeat("x", i*37%9000)),
			remove(store.Tasks, "account", strconv.Itoa(i-20)))
		if err == nil {
			fmt.Fprintln(os.Stdout, i)
		}
	}
	return fmt.Errorf("child: %w", err)
}

// TestKilled kills a process that writes, at random moments, and looks for
// everything that it had been told was durable.
func TestKilled(t *testing.T) {
	t.Parallel()
	const kills = 20
	folder := t.TempDir()
	acknowledged := 0
	for range kills {
		acknowledged = max(acknowledged, runAndKill(t, folder, rand.N(20*time.Millisecond)))

		db, err := store.Open(store.Options{Path: folder})
		if err != nil {
			t.Fatal(err)
		}
		if state := db.State(); state == store.Recovered || state == store.Fresh && acknowledged > 0 {
			t.Fatalf("after a kill the store is %v", state)
		}
		found := content(t, db, store.Ledger)
		if len(found) < acknowledged {
			t.Fatalf("%d writes are there, %d were acknowledged", len(found), acknowledged)
		}
		for i, entry := range found {
			if want := fmt.Sprintf("account/%09d=%d", i+1, i+1); entry != want {
				t.Fatalf("write %d is %q, want %q", i+1, entry, want)
			}
		}
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if acknowledged == 0 {
		t.Error("no child lived long enough to write")
	}
	t.Logf("%d acknowledged writes survived %d kills", acknowledged, kills)
}

// runAndKill returns the last number that the child printed. It kills the child
// some time after its first number, or now and then before it.
func runAndKill(t *testing.T, folder string, after time.Duration) int {
	t.Helper()
	cmd := child(t.Context(), "write", folder)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	kill := func() { _ = cmd.Process.Kill() }
	if rand.N(5) == 0 {
		defer time.AfterFunc(after, kill).Stop()
	}
	last := 0
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if last == 0 {
			defer time.AfterFunc(after, kill).Stop()
		}
		if n, err := strconv.Atoi(lines.Text()); err == nil {
			last = n
		}
	}
	if err := errors.Join(lines.Err(), ignoreKilled(cmd.Wait())); err != nil {
		t.Fatal(err)
	}
	return last
}

// ignoreKilled returns nil for the end that was intended.
func ignoreKilled(err error) error {
	if err != nil && err.Error() == "signal: killed" {
		return nil
	}
	return fmt.Errorf("child ended by itself: %w", err)
}
