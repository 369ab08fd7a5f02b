package files_test

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"prefetch_exporter/discovery/files"
	"prefetch_exporter/discovery/files/filestest"
)

const (
	// slow is a tick that never comes in a test: what is seen was seen by a watch.
	slow = time.Hour
	// patience is how long a test waits for what must happen; it says nothing of
	// how long that takes.
	patience = 30 * time.Second
	limit    = 100
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// The words of the tests.
var write, mkdir, rename, symlink, deleteAll = filestest.Write, filestest.Mkdir, filestest.Rename, filestest.Symlink, filestest.DeleteAll

func parse(t *testing.T, texts ...string) []files.Pattern {
	t.Helper()
	var patterns []files.Pattern
	for _, text := range texts {
		p, err := files.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		patterns = append(patterns, p)
	}
	return patterns
}

// relative returns the paths as seen from root.
func relative(root string, paths []string) []string {
	seen := []string{}
	for _, path := range paths {
		seen = append(seen, strings.TrimPrefix(path, root+"/"))
	}
	return seen
}

// watched reads files as long as the test runs, whenever its watcher says so.
type watched struct {
	asked chan struct{}
	seen  chan []string // after each reading, "path=text" of every file
	last  []string
}

func watch(t *testing.T, root string, most time.Duration, texts ...string) *watched {
	t.Helper()
	patterns := parse(t, texts...)
	w := &watched{asked: make(chan struct{}), seen: make(chan []string)}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		watcher := files.NewWatcher(slog.New(slog.DiscardHandler))
		defer watcher.Close()
		for goesOn := true; goesOn; goesOn = watcher.Wait(ctx, most, w.asked) {
			watcher.Follow(patterns)
			select {
			case w.seen <- contents(root, patterns):
			case <-ctx.Done():
			}
		}
	}()
	t.Cleanup(func() {
		cancel()
		<-done
	})
	return w
}

func contents(root string, patterns []files.Pattern) []string {
	var all []string
	paths, errs := files.List(patterns, nil)
	for _, err := range errs {
		all = append(all, err.Error())
	}
	for _, path := range paths {
		data, err := files.Read(path, limit)
		switch {
		case errors.Is(err, fs.ErrNotExist):
		case err != nil:
			all = append(all, err.Error())
		default:
			all = append(all, strings.TrimPrefix(path, root+"/")+"="+string(data))
		}
	}
	return all
}

// await waits until a reading has just these files.
func (w *watched) await(t *testing.T, want ...string) {
	t.Helper()
	deadline := time.After(patience)
	for {
		select {
		case w.last = <-w.seen:
			if slices.Equal(w.last, want) {
				return
			}
		case <-deadline:
			t.Fatalf("in vain: %v; there is %v", want, w.last)
		}
	}
}

func logTo(b *bytes.Buffer) *slog.Logger { return slog.New(slog.NewTextHandler(b, nil)) }
