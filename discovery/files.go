package discovery

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"

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
	patterns []pattern
	files    []file // by path
	// errs are the folders that could not be listed; their files are kept.
	errs []error
}

// readFiles reads everything that the patterns mean now. Files that are broken
// or cannot be read keep what they said in before; files that are gone go.
func readFiles(patterns []pattern, before *fileSet) *fileSet {
	set := &fileSet{patterns: patterns}
	var paths []string
	for _, p := range patterns {
		found := p.expand()
		paths = append(paths, found.paths...)
		if len(found.errs) > 0 {
			set.errs = append(set.errs, found.errs...)
			paths = append(paths, before.pathsOf(p)...)
		}
	}
	slices.Sort(paths)
	for _, path := range slices.Compact(paths) {
		data, err := readDocumentFile(path)
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

func readDocumentFile(path string) ([]byte, error) {
	// Asked before opening, since opening a pipe would wait for its writer.
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("reading a file: %w", err)
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s: is not a regular file", path)
	}
	if info.Size() > maxDocument {
		return nil, fmt.Errorf("%s: %w", path, errTooLarge)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("reading a file: %w", err)
	}
	defer f.Close()
	data, err := readDocumentFrom(f)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return data, nil
}

// readDocumentFrom reads up to the limit of a document.
func readDocumentFrom(r io.Reader) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(r, maxDocument+1))
	if err != nil {
		return nil, fmt.Errorf("reading: %w", err)
	}
	if len(data) > maxDocument {
		return nil, errTooLarge
	}
	return data, nil
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

func (s *fileSet) pathsOf(p pattern) []string {
	var paths []string
	for _, f := range s.files {
		if p.matches(f.path) {
			paths = append(paths, f.path)
		}
	}
	return paths
}

// known reports whether nothing is missing that was never read.
func (s *fileSet) known() bool {
	for _, f := range s.files {
		if !f.content.known {
			return false
		}
	}
	return len(s.errs) == 0
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
