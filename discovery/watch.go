package discovery

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/fsnotify/fsnotify"
)

const (
	// settleTime is how long after a change the files are read, so that the
	// several steps of one replacement are one reading.
	settleTime = 100 * time.Millisecond
	// maxFollowRounds bounds how often watches are set anew because folders
	// appear meanwhile.
	maxFollowRounds = 8
)

// watcher says when files may have changed. It watches folders and not files,
// because editors and Kubernetes replace files rather than write them. Where
// the system gives no watches, it is silent and the slow tick remains.
type watcher struct {
	logger *slog.Logger
	// system is nil before there is anything to watch, and where the system
	// has no watches to give.
	system *fsnotify.Watcher
	failed bool // the log knows that there are none
	// folders are those that are watched, as they were when the watch began.
	folders map[string]os.FileInfo
	// needed are the folders in which a change matters. They need not exist.
	needed []string
	// refused are the folders of which the log knows that they cannot be watched.
	refused map[string]bool
}

func newWatcher(logger *slog.Logger) *watcher {
	return &watcher{logger: logger, folders: make(map[string]os.FileInfo), refused: make(map[string]bool)}
}

// start reports whether there are watches to be had.
func (w *watcher) start() bool {
	if w.system != nil {
		return true
	}
	system, err := fsnotify.NewWatcher()
	if err != nil {
		if !w.failed {
			w.logger.Warn("files cannot be watched; they are read on the slow tick only", "error", err)
		}
		w.failed = true
		return false
	}
	w.system = system
	return true
}

func (w *watcher) close() {
	if w.system == nil {
		return
	}
	if err := w.system.Close(); err != nil {
		w.logger.Warn("closing the file watches failed", "error", err)
	}
}

// follow sets the watches that the patterns need now. Files that are read after
// it returned are read again when they change.
func (w *watcher) follow(patterns []pattern) {
	if len(patterns) == 0 && w.system == nil || !w.start() {
		return
	}
	// A folder may appear between the look and the watch on its parent.
	for range maxFollowRounds {
		w.needed = nil
		for _, p := range patterns {
			w.needed = append(w.needed, p.expand().folders...)
		}
		if !w.watchNeeded() {
			return
		}
	}
}

// watchNeeded watches the folders that are needed, or the nearest above them,
// and no other. It reports whether that changed anything.
func (w *watcher) watchNeeded() bool {
	wanted := make(map[string]os.FileInfo)
	for _, folder := range w.needed {
		if nearest, info := nearestFolder(folder); info != nil {
			wanted[nearest] = info
		}
	}
	return w.drop(wanted) || w.add(wanted)
}

// drop ends the watches on what is not wanted, or is not the same any more.
func (w *watcher) drop(wanted map[string]os.FileInfo) bool {
	watched := w.system.WatchList()
	changed := false
	for folder, info := range w.folders {
		now, still := wanted[folder]
		// A folder that was replaced is watched under its old identity.
		if still && os.SameFile(info, now) && slices.Contains(watched, folder) {
			continue
		}
		if slices.Contains(watched, folder) {
			// It fails if the folder went meanwhile, and then the watch is gone, too.
			_ = w.system.Remove(folder)
		}
		delete(w.folders, folder)
		changed = true
	}
	return changed
}

func (w *watcher) add(wanted map[string]os.FileInfo) bool {
	changed := false
	for folder, info := range wanted {
		if _, done := w.folders[folder]; done {
			continue
		}
		if err := w.system.Add(folder); err != nil {
			if !w.refused[folder] {
				w.logger.Warn("a folder cannot be watched; it is read on the slow tick only", "folder", folder, "error", err)
			}
			w.refused[folder] = true
			continue
		}
		delete(w.refused, folder)
		w.folders[folder] = info
		changed = true
	}
	return changed
}

// nearestFolder returns the folder, or the nearest above it that exists.
func nearestFolder(folder string) (string, os.FileInfo) {
	for {
		info, err := os.Stat(folder)
		if err == nil && info.IsDir() {
			return folder, info
		}
		parent := filepath.Dir(folder)
		if parent == folder {
			return folder, nil
		}
		folder = parent
	}
}

// wait returns when the files should be read again: a while after a change, at
// the tick, or when asked to. It reports false once the context has ended.
func (w *watcher) wait(ctx context.Context, tick <-chan time.Time, asked <-chan struct{}) bool {
	var events chan fsnotify.Event
	var failures chan error
	if w.system != nil {
		events, failures = w.system.Events, w.system.Errors
	}
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
			w.logger.Debug("a file watch failed; the files are read again", "error", err)
			if settled == nil {
				settled = time.After(settleTime)
			}
		}
	}
}

// concerns reports whether a change at path matters: it is in a folder that is
// needed, or on the way there.
func (w *watcher) concerns(path string) bool {
	for _, folder := range w.needed {
		if filepath.Dir(path) == folder || path == folder || strings.HasPrefix(folder, path+separator) {
			return true
		}
	}
	return false
}
