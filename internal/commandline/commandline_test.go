package commandline_test

import (
	"bytes"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"prefetch_exporter/internal/commandline"
)

var update = flag.Bool("update", false, "write the golden files anew")

// asProgram makes the test binary the program that is completed.
const asProgram = "COMMANDLINE_TEST_PROGRAM"

func TestMain(m *testing.M) {
	if os.Getenv(asProgram) != "" {
		if _, _, err := program(os.Stdout, os.Stderr).Parse(os.Args[1:]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	m.Run()
}

// program is a command line with something of everything.
func program(stdout, stderr io.Writer) *commandline.App {
	app := commandline.New("prog", "Does things. As told.\n\n.And more, with a \\ and a - in it.", stdout, stderr,
		commandline.Group{Title: "Own"}, commandline.Group{Title: "State", Prefixes: []string{"storage.", "replica."}},
		commandline.Group{Title: "Other", Prefixes: []string{"help", "version"}}, commandline.Group{Title: "Empty", Prefixes: []string{"none"}},
	)
	app.Flag("storage.path", "Where.").Default("data").Envar("PROG_STORAGE_PATH").String()
	app.Flag("replica.name", "Who.").PlaceHolder("<name>").Short('r').String()
	app.Flag("hidden", "Nobody sees it.").Hidden().Bool()
	put := app.Command("put", "Put something. It must exist.")
	put.Arg("what", "What is put.").Required().String()
	put.Arg("more", "What else.").Strings()
	put.Flag("deadline", "Until when.").String()
	app.Command("take", "Take it.").Flag("kind", "Which.").Enum("good", "bad")
	return app
}

func run(args ...string) (stdout, command string, done bool, err error) {
	var out bytes.Buffer
	command, done, err = program(&out, io.Discard).Parse(args)
	return out.String(), command, done, err
}

func TestParse(t *testing.T) {
	t.Parallel()
	stdout, command, done, err := run("put", "x", "--deadline=2h")
	if stdout != "" || command != "put" || done || err != nil {
		t.Errorf("put: %q, %q, %v, %v", stdout, command, done, err)
	}
	stdout, _, done, err = run("--version")
	if !strings.HasPrefix(stdout, "prog, version") || !done || err != nil {
		t.Errorf("--version: %q, %v, %v", stdout, done, err)
	}
	for args, want := range map[string]string{
		"--storage.pth=x": "unknown long flag '--storage.pth'; did you mean --storage.path? See --help",
		"put x --deadlin": "unknown long flag '--deadlin'; did you mean --deadline? See --help",
		"-storage.path=x": "unknown short flag '-s'; did you mean --storage.path? See --help",
		"put":             "required argument 'what' not provided, try --help",
		"pot":             `expected command but got "pot", try --help`,
	} {
		if _, _, done, err := run(strings.Fields(args)...); err == nil || err.Error() != want || done {
			t.Errorf("%s: %v, want %s", args, err, want)
		}
	}
}

// TestAPanicIsNoEnd: what goes wrong elsewhere is not taken for --help.
func TestAPanicIsNoEnd(t *testing.T) {
	t.Parallel()
	app := program(io.Discard, io.Discard)
	app.PreAction(nil) // kingpin calls it
	defer func() {
		if recover() == nil {
			t.Error("a panic is gone")
		}
	}()
	_, _, err := app.Parse([]string{"take"})
	t.Errorf("it returned %v", err)
}

// TestTexts compares help, the man page and the scripts with testdata.
func TestTexts(t *testing.T) {
	t.Setenv("COLUMNS", "80")
	for name, args := range map[string][]string{
		"help.txt": {"--help"}, "help_put.txt": {"put", "--help"}, "prog.1": {"--help-man"},
		"prog.bash": {"--completion-script-bash"}, "prog.zsh": {"--completion-script-zsh"}, "prog.fish": {"--completion-script-fish"},
	} {
		got, _, done, err := run(args...)
		if err != nil || !done {
			t.Errorf("%v: %v, %v", args, done, err)
		}
		file := filepath.Join("testdata", name)
		if *update {
			if err := os.WriteFile(file, []byte(got), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// TestCompletion completes a command, a flag and a flag's value in each shell, which
// reads the script as it would in its own folder of completions.
func TestCompletion(t *testing.T) {
	t.Parallel()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	folder := t.TempDir()
	wrapper := fmt.Sprintf("#!/bin/sh\nexport %s=1\nexec '%s' \"$@\"\n", asProgram, self)
	if err := os.WriteFile(filepath.Join(folder, "prog"), []byte(wrapper), 0o700); err != nil {
		t.Fatal(err)
	}
	scripts, err := filepath.Abs("testdata")
	if err != nil {
		t.Fatal(err)
	}
	for shell, line := range map[string]string{
		"bash": `source ` + scripts + `/prog.bash; COMP_WORDS=(prog %s); COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); ` +
			`_prog_bash_autocomplete; printf '%%s\n' "${COMPREPLY[@]}"`,
		"zsh": `compdef() { }; compadd() { print -l -- $matches }; typeset -A compstate=(nmatches 1); source ` + scripts + `/prog.zsh; ` +
			`words=(prog %s) CURRENT=$#words; _prog | grep -- "^${words[-1]}"`,
		"fish": `source ` + scripts + `/prog.fish; complete -C 'prog %s'`,
	} {
		if _, err := exec.LookPath(shell); err != nil {
			t.Fatalf("scripts/deps installs it: %v", err)
		}
		for typed, want := range map[string][]string{
			"ta": {"take"}, "--stor": {"--storage.path"}, "take --ki": {"--kind"}, "put --dead": {"--deadline"},
		} {
			cmd := exec.CommandContext(t.Context(), shell, "-c", fmt.Sprintf(line, typed))
			cmd.Env = append(os.Environ(), "PATH="+folder+":"+os.Getenv("PATH"), "HOME="+folder)
			out, err := cmd.CombinedOutput()
			if got := strings.Fields(string(out)); err != nil || !slices.Equal(got, want) {
				t.Errorf("%s: %q completes to %q, want %q (%v)", shell, typed, got, want, err)
			}
		}
	}
}
