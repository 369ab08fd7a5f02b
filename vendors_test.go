package main

import (
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestFilesThatNameAVendor compares the files outside a vendor's own ones that name
// it with the lists of docs/adding-a-vendor.md. Other tests may take any vendor for
// an example.
func TestFilesThatNameAVendor(t *testing.T) {
	t.Parallel()
	vendors := vendorFolders(t)
	if len(vendors) < 2 {
		t.Fatalf("the vendors are %q", vendors)
	}
	manual := readFile(t, "docs/adding-a-vendor.md")
	_, lists, _ := strings.Cut(manual, "## Files that every vendor is named in")
	every, some, _ := strings.Cut(lists, "## Files that name one for a reason of their own")
	found := map[string]bool{} // and whether it is listed
	for file := range filesOfTheRepository(t, vendors) {
		for _, vendor := range vendors {
			if !strings.HasSuffix(file, "_test.go") && names(readFile(t, file), vendor) {
				found[file] = false
			}
		}
	}
	for _, file := range slices.Concat(rows(every)...) {
		for _, vendor := range vendors {
			if !names(readFile(t, file), vendor) {
				t.Errorf("%s does not name %s; docs/adding-a-vendor.md says that it names every vendor", file, vendor)
			}
		}
		found[file] = true
	}
	for _, patterns := range rows(some) {
		used := false
		for file := range found {
			if slices.ContainsFunc(patterns, func(pattern string) bool { match, _ := path.Match(pattern, file); return match }) {
				found[file], used = true, true
			}
		}
		if !used {
			t.Errorf("docs/adding-a-vendor.md lists %q, where no vendor is named", patterns)
		}
	}
	for _, file := range slices.Sorted(maps.Keys(found)) {
		if !found[file] {
			t.Errorf("%s names a vendor and is not listed in docs/adding-a-vendor.md", file)
		}
	}
}

// vendorFolders are the names of the vendors' own folders: those that have a
// simulated server too.
func vendorFolders(t *testing.T) (vendors []string) {
	t.Helper()
	servers, err := filepath.Glob("vendor_api/simulator/*")
	if err != nil {
		t.Fatal(err)
	}
	for _, server := range servers {
		name := filepath.Base(server)
		if _, err := os.Stat(filepath.Join("vendor_api", name, "provider.go")); err == nil {
			vendors = append(vendors, name)
		}
	}
	return vendors
}

// names reports whether a text names a vendor, as people or as programs write it.
func names(text, vendor string) bool {
	return strings.Contains(strings.ToLower(text), strings.TrimSuffix(vendor, "cloud"))
}

// rows returns the files in the first column of each row of a table.
func rows(table string) (all [][]string) {
	for _, row := range regexp.MustCompile("(?m)^\\| (`.*?) \\|").FindAllStringSubmatch(table, -1) {
		var files []string
		for _, file := range regexp.MustCompile("`([^`]+)`").FindAllStringSubmatch(row[1], -1) {
			files = append(files, file[1])
		}
		all = append(all, files)
	}
	return all
}

// filesOfTheRepository are those that a vendor does not have of its own, without
// what tests compare with and what is built.
func filesOfTheRepository(t *testing.T, vendors []string) map[string]bool {
	t.Helper()
	files := map[string]bool{}
	skipped := append([]string{".git", ".build", "bin", "dist", "out", "data", "node_modules", "testdata", "tests"}, vendors...)
	err := filepath.WalkDir(".", func(file string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && slices.Contains(skipped, entry.Name()):
			return fs.SkipDir
		case entry.Type().IsRegular() && !slices.Contains(vendors, strings.TrimSuffix(entry.Name(), ".go")):
			files[filepath.ToSlash(file)] = true
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func readFile(t *testing.T, name string) string {
	t.Helper()
	content, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}
