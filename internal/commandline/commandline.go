// Package commandline is what the command lines of both programs have in common:
// help by groups, completion for bash, zsh and fish, a man page, and what was
// probably meant by a flag that does not exist. It must not know what the flags do.
package commandline

import (
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"

	"github.com/alecthomas/kingpin/v2"
	"github.com/prometheus/common/version"

	"prefetch_exporter/remedy"
)

// Group is a part of --help: the flags whose names begin with one of the prefixes.
// One without prefixes has the flags of no other group.
type Group struct {
	Title    string
	Prefixes []string
}

// App is a program's command line.
type App struct {
	*kingpin.Application

	groups []Group
}

// ended is what ends kingpin's work, which goes on after help unless the process
// ends.
type ended struct{}

// New returns the command line of a program, whose help is shown by groups. One of
// them must be without prefixes.
func New(name, help string, stdout, stderr io.Writer, groups ...Group) *App { //nolint:revive // the streams belong together
	a := &App{Application: kingpin.New(name, help), groups: groups}
	a.UsageWriter(stdout).ErrorWriter(stderr)
	a.Terminate(func(int) { panic(ended{}) })
	a.HelpFlag.Short('h').Help("Show this help.")
	a.Version(version.Print(name))
	a.VersionFlag.Short('V').Help("Show the version.")
	a.UsageFuncs(map[string]any{"Grouped": a.grouped, "Roff": roff, "Sentence": sentence})
	a.UsageTemplate(usageTemplate)
	a.Flag("completion-script-fish", "Generate completion script for fish.").Hidden().Bool()
	return a
}

// scripts are what kingpin would write to the process's own standard output, or
// not at all.
var scripts = map[string]string{
	"--help-man":               manTemplate,
	"--completion-script-bash": kingpin.BashCompletionTemplate,
	"--completion-script-zsh":  zshTemplate,
	"--completion-script-fish": fishTemplate,
}

// Parse reads a command line. It returns the command, if the program has any, and
// true if that was all there was to do, as for --help. Its error says what may have
// been meant.
func (a *App) Parse(args []string) (command string, done bool, err error) {
	if len(args) == 1 && scripts[args[0]] != "" {
		context, err := a.ParseContext(nil)
		if err != nil {
			return "", false, fmt.Errorf("%s: %w", args[0], err)
		}
		if err := a.UsageForContextWithTemplate(context, 2, scripts[args[0]]); err != nil {
			return "", false, fmt.Errorf("%s: %w", args[0], err)
		}
		return "", true, nil
	}
	defer func() {
		if reason := recover(); reason == (ended{}) {
			command, done, err = "", true, nil
		} else if reason != nil {
			panic(reason)
		}
	}()
	if command, err = a.Application.Parse(args); err == nil {
		return command, false, nil
	}
	if near := a.meant(err, args); near != "" {
		return "", false, fmt.Errorf("%w; did you mean --%s? See --help", err, near)
	}
	return "", false, fmt.Errorf("%w, try --help", err)
}

var (
	unknownLong  = regexp.MustCompile(`^unknown long flag '--(.*)'$`)
	unknownShort = regexp.MustCompile(`^unknown short flag '-`)
)

// meant returns the flag that somebody probably meant whose command line has an
// error; "" if nobody can tell.
func (a *App) meant(err error, args []string) string {
	wrong := ""
	if parts := unknownLong.FindStringSubmatch(err.Error()); parts != nil {
		wrong = parts[1]
	} else if unknownShort.MatchString(err.Error()) {
		// One dash begins letters, each of them a flag.
		for _, arg := range args {
			if name, one := strings.CutPrefix(arg, "-"); one && len(name) > 1 && name[0] != '-' {
				wrong, _, _ = strings.Cut(name, "=")
				break
			}
		}
	}
	model := a.Model()
	known := names(model.Flags)
	for _, c := range model.FlattenedCommands() {
		known = append(known, names(c.Flags)...)
	}
	return remedy.Nearest(wrong, known)
}

func names(flags []*kingpin.FlagModel) (names []string) {
	for _, f := range flags {
		names = append(names, f.Name)
	}
	return names
}

// flagGroup is a group with its flags.
type flagGroup struct {
	Title string
	Flags []*kingpin.FlagModel
}

// grouped returns the flags that are shown, by groups; empty groups are left out.
func (a *App) grouped(flags []*kingpin.FlagModel) []flagGroup {
	all := make([]flagGroup, len(a.groups))
	for i, g := range a.groups {
		all[i].Title = g.Title
	}
	for _, f := range flags {
		if !f.Hidden {
			in := &all[a.groupOf(f.Name)]
			in.Flags = append(in.Flags, f)
		}
	}
	return slices.DeleteFunc(all, func(g flagGroup) bool { return len(g.Flags) == 0 })
}

func (a *App) groupOf(flag string) (rest int) {
	for i, g := range a.groups {
		if slices.ContainsFunc(g.Prefixes, func(prefix string) bool { return strings.HasPrefix(flag, prefix) }) {
			return i
		}
		if len(g.Prefixes) == 0 {
			rest = i
		}
	}
	return rest
}

// roff escapes what a man page would take for a command or for another dash.
func roff(s string) string {
	s = strings.NewReplacer(`\`, `\e`, "-", `\-`).Replace(s)
	lines := strings.Split(s, "\n")
	for i, line := range lines {
		if strings.HasPrefix(line, ".") || strings.HasPrefix(line, "'") {
			lines[i] = `\&` + line
		}
	}
	return strings.Join(lines, "\n")
}

// sentence returns the first one, without its full stop.
func sentence(s string) string {
	first, _, _ := strings.Cut(s, ".")
	return first
}
