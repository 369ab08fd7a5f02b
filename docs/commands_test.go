package docs_test

import (
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// scripts returns what a block has a shell do; nothing if it is for no shell.
func (b block) scripts() []string {
	switch b.kind {
	case "sh", "bash":
		return []string{b.text}
	case "console":
		var lines []string
		for line := range strings.SplitSeq(b.text, "\n") {
			if command, found := strings.CutPrefix(line, "$ "); found {
				lines = append(lines, command)
			}
		}
		return lines
	case "groovy":
		var all []string
		for _, parts := range regexp.MustCompile(`(?s)sh '''(.*?)'''`).FindAllStringSubmatch(b.text, -1) {
			all = append(all, parts[1])
		}
		return all
	case "yaml":
		return jobScripts(b.text)
	default:
		return nil
	}
}

// TestCommands runs every block for a shell, in a folder where nothing but our own
// programs does anything.
func TestCommands(t *testing.T) {
	t.Parallel()
	s := newSandbox(t)
	blocks, done := 0, map[string][]string{}
	for _, p := range pages(t) {
		for _, b := range p.blocks {
			for _, script := range b.scripts() {
				blocks++
				for _, line := range s.run(t, b, script) {
					parts := strings.SplitN(line, "\t", 3)
					done[parts[0]] = append(done[parts[0]], parts[2])
					if parts[1] != "0" {
						t.Errorf("%s:%d: %s: exit code %s", b.page, b.line, parts[2], parts[1])
					}
				}
			}
		}
	}
	lookUp(t, done["looked up"])
	if len(done["ran"]) == 0 || len(done["parsed"]) == 0 || len(done["looked up"]) == 0 {
		t.Errorf("not all kinds of commands were met: %v", done)
	}
	t.Logf("%d scripts pass bash; of our programs %d commands ran, of %d the command line was read, %d calls of make, go and scripts exist",
		blocks, len(done["ran"]), len(done["parsed"]), len(done["looked up"]))
	for _, command := range done["parsed"] {
		t.Logf("only read: %s", command)
	}
}

// TestKinds holds that a block says what it is by one of the words that the tests
// here know. Two kinds are read by other tests, json and promql; the rest is output.
func TestKinds(t *testing.T) {
	t.Parallel()
	known := []string{"sh", "bash", "console", "groovy", "yaml", "json", "promql", "text", ""}
	for _, p := range pages(t) {
		for _, b := range p.blocks {
			if !slices.Contains(known, b.kind) {
				t.Errorf("%s:%d: no test knows a block of %q", b.page, b.line, b.kind)
			}
		}
	}
}

// lookUp says which targets of make, and packages of go, do not exist.
func lookUp(t *testing.T, commands []string) {
	t.Helper()
	makefile := read(t, "../Makefile")
	for _, command := range commands {
		words := strings.Fields(command)
		for _, word := range words[1:] {
			name, _, isVariable := strings.Cut(word, "=")
			switch {
			case words[0] == "make" && isVariable:
				if !regexp.MustCompile(`(?m)^` + regexp.QuoteMeta(name) + ` \?= `).MatchString(makefile) {
					t.Errorf("%s: the Makefile has no variable %s", command, name)
				}
			case words[0] == "make":
				if !regexp.MustCompile(`(?m)^` + regexp.QuoteMeta(word) + `:.*## `).MatchString(makefile) {
					t.Errorf("%s: the Makefile has no target %s", command, word)
				}
			case words[0] == "go" && strings.HasPrefix(word, "./"):
				folder := strings.TrimSuffix(word, "/...")
				here, _ := filepath.Glob(filepath.Join(repository, folder))
				nested, _ := filepath.Glob(filepath.Join(repository, "e2e", folder))
				if len(here)+len(nested) == 0 {
					t.Errorf("%s: there is no %s", command, word)
				}
			}
		}
	}
}

// TestFlags finds every flag with a dot in its name that a page names in the man
// page of one of the two programs.
func TestFlags(t *testing.T) {
	t.Parallel()
	programs, err := built()
	if err != nil {
		t.Fatal(err)
	}
	known := []string{"--query.replica-label"} // of Thanos
	for _, program := range []string{"prefetch_exporter", "prefetchtool"} {
		manual, err := exec.CommandContext(t.Context(), filepath.Join(programs, program), "--help-man").Output()
		if err != nil {
			t.Fatal(err)
		}
		known = append(known, flagWithDot.FindAllString(strings.ReplaceAll(string(manual), `\-`, "-"), -1)...)
	}
	count := 0
	for _, p := range pages(t) {
		for _, flag := range flagWithDot.FindAllString(p.text, -1) {
			count++
			if !slices.Contains(known, flag) {
				t.Errorf("%s: no program has the flag %s", p.path, flag)
			}
		}
	}
	t.Logf("%d flags are named", count)
}

var flagWithDot = regexp.MustCompile(`--[a-z]+(?:[.-][a-z]+)*\.[a-z]+(?:[.-][a-z]+)*`)
