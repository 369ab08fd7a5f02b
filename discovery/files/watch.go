package files

import (
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/fsnotify/fsnotify"
)

// settleTime is how long after a change the files are read, so that the several
// steps of one replacement are one reading.
const settleTime = 100 * time.Millisecond

// Watcher says when files may have changed. It watches folders and not files,
// because editors and Kubernetes replace files rather than write them. Where the
// system gives no watches, it is silent and the slow tick remains.
type Watcher struct {
	log *slog.Logger
	// system is nil where there is nothing to watch, and where the system has no
	// watches to give.
	system *fsnotify.Watcher
	failed bool // the log knows that there are none
	// needed are the folders in which a change matters. They need not exist.
	needed []string
	// refused are the folders of which the log knows that they cannot be watched.
	refused map[string]bool
}

// NewWatcher returns a watcher of nothing, which logs what cannot be watched.
func NewWatcher(log *slog.Logger) *Watcher { return &Watcher{log: log, refused: map[string]bool{}} }

// Close ends all watches.
func (w *Watcher) Close() {
	if w.system == nil {
		return
	}
	if err := w.system.Close(); err != nil {
		w.log.Warn("closing the file watches failed", "error", err)
	}
	w.system = nil
}

// Follow sets the watches that the patterns need now. Files that are read after it
// returned are read again when they change.
//
// All watches are new each time: a folder that was replaced, or reached by a link
// that was set anew, would be watched under its old identity.
func (w *Watcher) Follow(patterns []Pattern) {
	w.Close()
	w.needed = nil
	if len(patterns) == 0 {
		return
	}
	system, err := fsnotify.NewWatcher()
	if err != nil {
		if !w.failed {
			w.log.Warn("files cannot be watched; they are read on the slow tick only", "error", err)
		}
		w.failed = true
		return
	}
	w.system = system
	for _, p := range patterns {
		p.expand(w.need)
	}
}

// need watches a folder in which a change matters.
func (w *Watcher) need(folder string) {
	w.needed = append(w.needed, folder)
	err := w.add(folder)
	switch {
	case err == nil:
		delete(w.refused, folder)
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ENOTDIR), w.refused[folder]:
	default:
		w.refused[folder] = true
		w.log.Warn("a folder cannot be watched; it is read on the slow tick only", "folder", folder, "error", err)
	}
}

// add watches the folder, or else the nearest above it that can be watched.
func (w *Watcher) add(folder string) error {
	err := w.system.Add(folder)
	parent := filepath.Dir(folder)
	if err == nil || parent == folder {
		return err //nolint:wrapcheck // it is told with the folder
	}
	if err := w.add(parent); err != nil {
		return err
	}
	// It may have appeared before its parent was watched.
	return w.system.Add(folder) //nolint:wrapcheck // it is told with the folder
}

// Wait returns when the files should be read again: a while after a change, after
// most at the latest, or when asked to. It reports false once the context has ended.
func (w *Watcher) Wait(ctx context.Context, most time.Duration, asked <-chan struct{}) bool {
	var events chan fsnotify.Event
	var failures chan error
	if w.system != nil {
		events, failures = w.system.Events, w.system.Errors
	}
	tick := time.After(most)
	var settled <-chan time.Time
	for {
		select {
		case <-ctx.Done():
			return false
		case <-tick:
			return true
		case <-asked:
			return true
		case <-settled:
			return true
		case event := <-events:
			if settled == nil && w.concerns(filepath.Clean(event.Name)) {
				settled = time.After(settleTime)
			}
		case err := <-failures:
			w.log.Debug("a file watch failed; the files are read again", "error", err)
			if settled == nil {
				settled = time.After(settleTime)
			}
		}
	}
}

// concerns reports whether a change at path matters: it is in a folder that is
// needed, or on the way there.
func (w *Watcher) concerns(path string) bool {
	return slices.ContainsFunc(w.needed, func(folder string) bool {
		return filepath.Dir(path) == folder || path == folder || strings.HasPrefix(folder, path+separator)
	})
}
