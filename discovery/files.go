package discovery

import (
	"context"
	"errors"
	"io/fs"
	"slices"
	"strings"
	"time"

	"prefetch_exporter/discovery/files"
	"prefetch_exporter/prefetch"
)

// sourceFiles is the name that all files have in reports and logs.
const sourceFiles = "files"

// file is one file and what it said.
type file struct {
	path    string
	content *content
}

// fileSet is what all files said at one reading. It never changes.
type fileSet struct {
	patterns []files.Pattern
	files    []file // by path
	// errs are the folders that could not be listed; their files are kept.
	errs []error
}

// readFiles reads everything that the patterns mean now. Files that are broken
// or cannot be read keep what they said in before; files that are gone go.
func readFiles(patterns []files.Pattern, before *fileSet) *fileSet {
	set := &fileSet{patterns: patterns}
	var known []string
	for _, f := range before.files {
		known = append(known, f.path)
	}
	paths, errs := files.List(patterns, known)
	set.errs = errs
	for _, path := range paths {
		data, err := files.Read(path, maxDocument)
		last := before.contentOf(path)
		switch {
		case errors.Is(err, fs.ErrNotExist):
		case err != nil:
			set.files = append(set.files, file{path, last.fail(err)})
		default:
			set.files = append(set.files, file{path, last.read(data, path, prefetch.SourceFile, asItIs)})
		}
	}
	return set
}

// contentOf returns what the file said, or an empty content.
func (s *fileSet) contentOf(path string) *content {
	i, found := slices.BinarySearchFunc(s.files, path, func(f file, path string) int {
		return strings.Compare(f.path, path)
	})
	if !found {
		return &content{}
	}
	return s.files[i].content
}

// known reports whether nothing is missing that was never read.
func (s *fileSet) known() bool {
	return len(s.errs) == 0 && !slices.ContainsFunc(s.files, func(f file) bool { return !f.content.known })
}

// errors returns the texts of everything that is broken now.
func (s *fileSet) errors() []string {
	var texts []string
	for _, err := range s.errs {
		texts = append(texts, err.Error())
	}
	for _, f := range s.files {
		if f.content.err != nil {
			texts = append(texts, f.content.err.Error())
		}
	}
	return texts
}

// sameTasks reports whether both sets were made of the same contents.
func (s *fileSet) sameTasks(other *fileSet) bool {
	return slices.EqualFunc(s.files, other.files, func(a, b file) bool {
		return a.path == b.path && a.content == b.content
	})
}

// watchFiles reads the files when they may have changed, until the context ends.
func (m *Manager) watchFiles(ctx context.Context) {
	w := files.NewWatcher(m.log)
	defer w.Close()
	for {
		m.mu.Lock()
		patterns := m.files.patterns
		m.mu.Unlock()
		w.Follow(patterns)
		m.readFiles()
		if !w.Wait(ctx, m.interval, m.reread) {
			return
		}
	}
}

func (m *Manager) readFiles() {
	m.reading.Lock()
	defer m.reading.Unlock()
	m.mu.Lock()
	before := m.files
	m.mu.Unlock()
	set := readFiles(before.patterns, before)
	m.mu.Lock()
	defer m.mu.Unlock()
	m.publishFiles(set)
}

// publishFiles takes over a reading of the files. Both locks are held.
func (m *Manager) publishFiles(set *fileSet) {
	before := m.files
	m.files = set
	known, errs := before.errors(), set.errors()
	if len(errs) == 0 {
		m.filesSuccess = time.Now()
	}
	switch {
	case len(set.patterns) > 0:
		m.reporter.SetDiscovery(sourceFiles, len(errs) == 0, m.filesSuccess)
	case len(before.patterns) > 0:
		m.reporter.RemoveDiscovery(sourceFiles)
	}
	for _, text := range errs {
		if !slices.Contains(known, text) {
			m.log.Warn("task files cannot be read; what was read before stays", "error", text)
		}
	}
	if len(errs) == 0 && len(known) > 0 {
		m.log.Info("all task files can be read again")
	}
	for _, f := range set.files {
		m.logProblems(m.log.Warn, f.content, before.contentOf(f.path))
	}
	if !set.sameTasks(before) {
		m.markDirty()
	}
}
