// Package docs_test reads the manual as its readers do: it follows the links, runs
// the commands, and gives each file that is shown to the program it is for.
package docs_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"
)

const repository = ".."

// page is a file of the manual.
type page struct {
	path  string // from the root of the repository, with slashes
	prose string // without blocks, comments and code; headings and links are left
	text  string
	// blocks are the fenced ones.
	blocks []block
}

// block is what stands between two fences.
type block struct {
	page string
	line int    // of the opening fence
	kind string // "yaml", "sh"; what follows the opening fence
	text string // without the indentation of the fence
}

// pages returns every page of the repository.
func pages(t *testing.T) []page {
	t.Helper()
	var all []page
	err := filepath.WalkDir(repository, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() && slices.Contains([]string{".git", ".build", "dist", "testdata", "node_modules"}, entry.Name()) {
			return filepath.SkipDir
		}
		if filepath.Ext(path) == ".md" {
			name, err := filepath.Rel(repository, path)
			if err != nil {
				return err
			}
			all = append(all, parse(filepath.ToSlash(name), read(t, path)))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(all) < 20 {
		t.Fatalf("only %d pages were found", len(all))
	}
	return all
}

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

var (
	fence       = regexp.MustCompile("^( *)```([a-z]*)$")
	comment     = regexp.MustCompile(`(?s)<!--.*?-->`)
	inlineCode  = regexp.MustCompile("`[^`\n]*`")
	heading     = regexp.MustCompile(`^#{1,6} +(.*?) *#*$`)
	linkedText  = regexp.MustCompile(`!?\[((?:[^\]\[]|\[[^\]]*\])*)\]\([^)]*\)`)
	destination = regexp.MustCompile(`\]\(<?([^)\s>]*)>?(?: "[^"]*")?\)`)
	attribute   = regexp.MustCompile(`(?:src|href)="([^"]*)"`)
	autolink    = regexp.MustCompile(`<(https?://[^>]*)>`)
)

func parse(path, text string) page {
	p := page{path: path, text: text}
	var prose strings.Builder
	var open *block
	indent := ""
	for i, line := range strings.Split(text, "\n") {
		switch parts := fence.FindStringSubmatch(line); {
		case open == nil && parts != nil:
			open, indent = &block{page: path, line: i + 1, kind: parts[2]}, parts[1]
		case open != nil && strings.TrimSpace(line) == "```":
			p.blocks = append(p.blocks, *open)
			open = nil
		case open != nil:
			open.text += strings.TrimPrefix(line, indent) + "\n"
		default:
			prose.WriteString(line + "\n")
		}
	}
	p.prose = comment.ReplaceAllString(prose.String(), "")
	return p
}

// anchors returns what a link to the page may have after its #, by GitHub's rule:
// lower case, blanks become dashes, everything goes but letters, digits, dashes and
// underscores; what comes again gets a number.
func (p page) anchors() []string {
	var all []string
	seen := map[string]int{}
	for line := range strings.SplitSeq(p.prose, "\n") {
		parts := heading.FindStringSubmatch(line)
		if parts == nil {
			continue
		}
		anchor := strings.Map(func(r rune) rune {
			switch {
			case r == ' ':
				return '-'
			case r == '-' || r == '_' || unicode.IsLetter(r) || unicode.IsDigit(r):
				return unicode.ToLower(r)
			default:
				return -1
			}
		}, linkedText.ReplaceAllString(parts[1], "$1"))
		if n := seen[anchor]; n > 0 {
			seen[anchor]++
			anchor += "-" + string(rune('0'+n))
		} else {
			seen[anchor] = 1
		}
		all = append(all, anchor)
	}
	return all
}

// links returns where the page leads to.
func (p page) links() []string {
	prose := inlineCode.ReplaceAllString(p.prose, "")
	var all []string
	for _, form := range []*regexp.Regexp{destination, attribute, autolink} {
		for _, parts := range form.FindAllStringSubmatch(prose, -1) {
			all = append(all, parts[1])
		}
	}
	return all
}

func TestParse(t *testing.T) {
	t.Parallel()
	p := parse("a.md", "# A `b_c` (d)\n\n"+
		"[x](b.md#c) <!-- [no](no.md) --> `[no](no.md)` ![p](p.png) [![q](q.png)](r.md) <https://example.com/>\n\n"+
		"  ```sh\n  one\n    two\n  ```\n\n## [E](e.md), f\n## A b_c d\n<img src=\"i.png\">\n")
	if got, want := p.anchors(), []string{"a-b_c-d", "e-f", "a-b_c-d-1"}; !slices.Equal(got, want) {
		t.Errorf("anchors %q, want %q", got, want)
	}
	want := []string{"b.md#c", "p.png", "q.png", "r.md", "e.md", "i.png", "https://example.com/"}
	if got := p.links(); !slices.Equal(got, want) {
		t.Errorf("links %q, want %q", got, want)
	}
	if want := (block{page: "a.md", line: 5, kind: "sh", text: "one\n  two\n"}); len(p.blocks) != 1 || p.blocks[0] != want {
		t.Errorf("blocks %+v, want %+v", p.blocks, want)
	}
}
