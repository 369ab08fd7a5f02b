package files

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

const separator = string(filepath.Separator)

// Pattern is an absolute path whose elements may have wildcards as in
// [filepath.Match], cut at the separators.
type Pattern []element

// element is one element of a pattern: a name where literal is set, else a
// pattern as in [filepath.Match].
type element struct {
	text    string
	literal bool
}

// Parse reads a pattern. A backslash takes its meaning from the character after it.
// A wildcard at the beginning of a name does not mean a dot.
func Parse(text string) (Pattern, error) {
	if !filepath.IsAbs(text) {
		return nil, fmt.Errorf("%q is not an absolute path", text)
	}
	if strings.HasSuffix(text, separator) {
		return nil, fmt.Errorf("%q is a folder; name files, for example with *.yml", text)
	}
	var p Pattern
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
func (p Pattern) matches(path string) bool {
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

// expand returns the paths that the pattern means now, and the folders that could
// not be listed, though they are there. The paths may be files; whether they are is
// seen when they are read.
//
// It calls visit for each folder in which a change can change that, before it looks
// into it. The folder need not exist.
func (p Pattern) expand(visit func(folder string)) (paths []string, errs []error) {
	paths = []string{separator}
	for i, e := range p {
		last := i == len(p)-1
		folders := paths
		paths = nil
		for _, folder := range folders {
			if last || !e.literal {
				visit(folder)
			}
			if e.literal {
				paths = append(paths, filepath.Join(folder, e.text))
				continue
			}
			found, err := e.list(folder, last)
			if err != nil {
				errs = append(errs, err)
			}
			paths = append(paths, found...)
		}
	}
	return paths, errs
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
