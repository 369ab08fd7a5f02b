package discovery

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

const separator = string(filepath.Separator)

// pattern is one entry of [Options.Files], cut at the separators.
type pattern []element

// element is one element of a pattern: a name where literal is set, else a
// pattern as in [filepath.Match].
type element struct {
	text    string
	literal bool
}

// newPattern reads an absolute path whose elements may have wildcards. A
// backslash takes its meaning from the character after it.
func newPattern(text string) (pattern, error) {
	if !filepath.IsAbs(text) {
		return nil, fmt.Errorf("%q is not an absolute path", text)
	}
	if strings.HasSuffix(text, separator) {
		return nil, fmt.Errorf("%q is a folder; name files, for example with *.yml", text)
	}
	var p pattern
	for name := range strings.SplitSeq(strings.TrimPrefix(filepath.Clean(text), separator), separator) {
		if _, err := filepath.Match(name, ""); err != nil {
			return nil, fmt.Errorf("%q: %w", text, err)
		}
		p = append(p, newElement(name))
	}
	return p, nil
}

func newElement(text string) element {
	var name strings.Builder
	escaped := false
	for _, c := range []byte(text) {
		switch {
		case escaped || !strings.ContainsRune(`*?[\`, rune(c)):
			name.WriteByte(c)
			escaped = false
		case c == '\\':
			escaped = true
		default:
			return element{text: text}
		}
	}
	return element{text: name.String(), literal: true}
}

// matches reports whether the element means a file of that name. As in a
// shell, a wildcard at the beginning does not mean a dot: the half-written
// files of many programs begin with one.
func (e element) matches(name string) bool {
	if e.literal {
		return e.text == name
	}
	if strings.HasPrefix(name, ".") && !strings.HasPrefix(strings.TrimPrefix(e.text, `\`), ".") {
		return false
	}
	matched, err := filepath.Match(e.text, name)
	return matched && err == nil
}

// matches reports whether the pattern means the file at path.
func (p pattern) matches(path string) bool {
	names := strings.Split(strings.TrimPrefix(path, separator), separator)
	if len(names) != len(p) {
		return false
	}
	for i, name := range names {
		if !p[i].matches(name) {
			return false
		}
	}
	return true
}

// expansion is what a pattern means at one moment.
type expansion struct {
	// paths may be files; whether they are there is seen when they are read.
	paths []string
	// folders are those in which a change can change the paths or the files.
	// They need not exist.
	folders []string
	// errs are the folders that could not be listed, though they are there.
	errs []error
}

func (p pattern) expand() expansion {
	var found expansion
	folders := []string{separator}
	for i, e := range p {
		last := i == len(p)-1
		var next []string
		for _, folder := range folders {
			if last || !e.literal {
				found.folders = append(found.folders, folder)
			}
			if e.literal {
				next = append(next, filepath.Join(folder, e.text))
				continue
			}
			paths, err := e.list(folder, last)
			if err != nil {
				found.errs = append(found.errs, err)
			}
			next = append(next, paths...)
		}
		folders = next
	}
	found.paths = folders
	return found
}

// list returns what the element means in the folder: folders, or everything
// else. A folder that is not there has neither.
func (e element) list(folder string, files bool) ([]string, error) {
	entries, err := os.ReadDir(folder)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("listing a folder: %w", err)
	}
	var paths []string
	for _, entry := range entries {
		path := filepath.Join(folder, entry.Name())
		if e.matches(entry.Name()) && isFolder(path, entry) != files {
			paths = append(paths, path)
		}
	}
	return paths, nil
}

// isFolder sees through symbolic links.
func isFolder(path string, entry fs.DirEntry) bool {
	if entry.Type()&fs.ModeSymlink == 0 {
		return entry.IsDir()
	}
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}
