package store_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"prefetch_exporter/store"
	"prefetch_exporter/store/storetest"
)

// A disk that hangs holds nobody up for longer than 10 s, and those that come later
// not at all. Each write that failed is counted, and the failure logged once. What
// was begun becomes durable when the disk goes on, before what comes then.
func TestADiskThatHangs(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		var d storetest.Disk
		o := observe(folder)
		o.Now, o.BeforeCommit = time.Now, d.Wait
		db := open(t, o.Options)
		if err := db.Write(put(store.Tasks, "account", "task", "before")); err != nil {
			t.Fatal(err)
		}
		d.Freeze()
		write := func(value string) (time.Duration, error) {
			began := time.Now()
			err := db.Write(put(store.Tasks, "account", "task", value))
			return time.Since(began), err
		}
		var writers sync.WaitGroup
		for i := range 3 {
			writers.Go(func() {
				time.Sleep(time.Duration(i) * time.Second)
				if took, err := write(fmt.Sprint("waiting ", i)); !errors.Is(err, store.ErrHangs) || took != 10*time.Second {
					t.Errorf("write %d: %v after %v, want that the disk hangs after 10s", i, err, took)
				}
			})
		}
		writers.Wait()
		for range 3 {
			if took, err := write("refused"); !errors.Is(err, store.ErrHangs) || took != 0 {
				t.Errorf("a write later: %v after %v, want that the disk hangs, at once", err, took)
			}
		}
		if n := len(o.errors); n != 6 || slices.ContainsFunc(o.errors, func(reason string) bool { return reason != store.ReasonWrite }) {
			t.Errorf("told %q, want six times write", o.errors)
		}
		if log := o.log.String(); strings.Count(log, "level=ERROR") != 1 || !strings.Contains(log, "the disk hangs") {
			t.Errorf("logged %q, want one error", log)
		}
		time.Sleep(time.Hour)
		if hangs := db.Hanging(); hangs != time.Hour+12*time.Second {
			t.Errorf("it hangs for %v", hangs)
		}
		began := time.Now()
		if err := db.Close(); !errors.Is(err, store.ErrHangs) || time.Since(began) != time.Second {
			t.Errorf("closing it: %v after %v, want that the disk hangs after a second", err, time.Since(began))
		}
		if err := db.Scan(store.Tasks, func(_, _ string, value []byte) error {
			if string(value) != "before" {
				t.Errorf("read %q", value)
			}
			return nil
		}); err != nil {
			t.Errorf("reading while it hangs: %v", err)
		}
		d.Thaw()
		synctest.Wait()
		if got := value(t, db); !strings.HasPrefix(got, "waiting") || db.Hanging() != 0 {
			t.Errorf("when it goes on there is %q, and it hangs for %v", got, db.Hanging())
		}
		for range 8 {
			if took, err := write("after"); err != nil {
				t.Errorf("writing when it goes on: %v after %v", err, took)
			}
			time.Sleep(10 * time.Second)
		}
		if got, log := value(t, db), o.log.String(); got != "after" || strings.Count(log, "works again") != 1 {
			t.Errorf("at the end there is %q; logged %q", got, log)
		}
		closeNow(t, db)
	})
}

// value is the only one of the tasks.
func value(t *testing.T, db *store.DB) (found string) {
	t.Helper()
	if err := db.Scan(store.Tasks, func(_, _ string, value []byte) error { found = string(value); return nil }); err != nil {
		t.Fatal(err)
	}
	return found
}
