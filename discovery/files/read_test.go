package files_test

import (
	"errors"
	"io/fs"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"prefetch_exporter/discovery/files"
)

func TestParseRefuses(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"tasks/*.yml": `"tasks/*.yml" is not an absolute path`,
		"/tasks/":     `"/tasks/" is a folder; name files, for example with *.yml`,
		"/tasks/[a":   `"/tasks/[a": syntax error in pattern`,
		`/a\/b`:       `"/a\\/b": syntax error in pattern`,
		`/tasks/a\`:   `"/tasks/a\\": syntax error in pattern`,
	} {
		if _, err := files.Parse(text); err == nil || err.Error() != want {
			t.Errorf("%s: error is %v, want %s", text, err, want)
		}
	}
}

func TestList(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	for _, path := range []string{"1.yml", "2.yml", "10.yml", ".hidden.yml", "[odd]*/a.txt", "red/tasks.yml", "blue/tasks.yml"} {
		write(t, filepath.Join(root, path), "")
	}
	mkdir(t, filepath.Join(root, "folder.yml"))
	symlink(t, "red", filepath.Join(root, "linked"))
	symlink(t, "nowhere", filepath.Join(root, "dangling.yml"))
	for name, c := range map[string]struct{ patterns, want []string }{
		"a name":            {[]string{"1.yml"}, []string{"1.yml"}},
		"one not there":     {[]string{"new/9.yml"}, []string{"new/9.yml"}},
		"no folder":         {[]string{"new/*.yml"}, []string{}},
		"wildcard":          {[]string{"?.yml"}, []string{"1.yml", "2.yml"}},
		"class":             {[]string{"[2-9].yml"}, []string{"2.yml"}},
		"no dot, no folder": {[]string{"*.yml"}, []string{"1.yml", "10.yml", "2.yml", "dangling.yml"}},
		"a dot":             {[]string{".*.yml"}, []string{".hidden.yml"}},
		"an escaped dot":    {[]string{`\.h*`}, []string{".hidden.yml"}},
		"escaped":           {[]string{`\[odd]\*/*`}, []string{"[odd]*/a.txt"}},
		"folders":           {[]string{"*/tasks.yml"}, []string{"[odd]*/tasks.yml", "blue/tasks.yml", "folder.yml/tasks.yml", "linked/tasks.yml", "red/tasks.yml"}},
		"two of one file":   {[]string{"2.*", "?.yml", "1.yml"}, []string{"1.yml", "2.yml"}},
	} {
		texts := []string{}
		for _, p := range c.patterns {
			texts = append(texts, root+"/"+p)
		}
		paths, errs := files.List(parse(t, texts...), nil)
		if diff := cmp.Diff(c.want, relative(root, paths)); diff != "" || len(errs) > 0 {
			t.Errorf("%s: errors %v, paths (-want +got):\n%s", name, errs, diff)
		}
	}
}

// A folder that cannot be listed hides files; they did not vanish.
func TestListKeepsHiddenFiles(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	write(t, filepath.Join(root, "file"), "") // in the place of the folder: permissions do not stop root
	before := []string{root + "/file/.x.yml", root + "/file/1.yml", root + "/file/1/2.yml", root + "/other/2.yml"}
	paths, errs := files.List(parse(t, root+"/file/*.yml", root+"/other/*.yml"), before)
	if diff := cmp.Diff([]string{"file/1.yml"}, relative(root, paths)); diff != "" {
		t.Errorf("paths (-want +got):\n%s", diff)
	}
	if len(errs) != 1 || !strings.HasSuffix(errs[0].Error(), "file: not a directory") {
		t.Errorf("errors are %v", errs)
	}
}

func TestRead(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	whole := strings.Repeat("x", limit)
	write(t, filepath.Join(root, "whole"), whole)
	write(t, filepath.Join(root, "large"), whole+"x")
	symlink(t, "loop", filepath.Join(root, "loop"))
	if err := syscall.Mkfifo(filepath.Join(root, "pipe"), 0o600); err != nil {
		t.Fatal(err)
	}
	if data, err := files.Read(filepath.Join(root, "whole"), limit); err != nil || string(data) != whole {
		t.Errorf("read %q, error %v", data, err)
	}
	for name, want := range map[string]string{
		"large": "large: is larger than the limit of 100 bytes",
		"pipe":  "pipe: is not a regular file",
		".":     "is not a regular file",
		"loop":  "too many levels of symbolic links",
	} {
		if _, err := files.Read(filepath.Join(root, name), limit); err == nil || !strings.HasSuffix(err.Error(), want) {
			t.Errorf("%s: error is %v, want %s", name, err, want)
		}
	}
	if _, err := files.Read(filepath.Join(root, "gone"), limit); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("error is %v of a file that is gone", err)
	}
}
