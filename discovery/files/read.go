package files

import (
	"fmt"
	"io"
	"os"
	"slices"
)

// List returns the paths that the patterns mean now, sorted and each once. They may
// be gone when they are read. errs are the folders that are there and could not be
// listed: of a pattern that met one, the paths in before count as found.
func List(patterns []Pattern, before []string) (paths []string, errs []error) {
	for _, p := range patterns {
		found, failed := p.expand(func(string) {})
		paths = append(paths, found...)
		errs = append(errs, failed...)
		if len(failed) == 0 {
			continue
		}
		for _, path := range before {
			if p.matches(path) {
				paths = append(paths, path)
			}
		}
	}
	slices.Sort(paths)
	return slices.Compact(paths), errs
}

// Read returns what a regular file of at most limit bytes holds. The error of a file
// that is gone is [fs.ErrNotExist].
func Read(path string, limit int64) ([]byte, error) {
	// Asked before opening, since opening a pipe would wait for its writer.
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("reading a file: %w", err)
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s: is not a regular file", path)
	}
	tooLarge := fmt.Errorf("%s: is larger than the limit of %d bytes", path, limit)
	if info.Size() > limit {
		return nil, tooLarge
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("reading a file: %w", err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err != nil {
		return nil, fmt.Errorf("reading a file: %w", err)
	}
	if int64(len(data)) > limit {
		return nil, tooLarge
	}
	return data, nil
}
