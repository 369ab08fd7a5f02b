// Package tool is the commands of prefetchtool: what they ask of an exporter, what
// they show, and with what they exit. It must not know vendors or the store: an
// exporter is asked by its JSON API, and accounts are checked by package check.
package tool

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/prometheus/common/version"

	"prefetch_exporter/cmd/prefetchtool/internal/api"
	"prefetch_exporter/internal/commandline"
	"prefetch_exporter/internal/terminal"
	"prefetch_exporter/web/words"
)

// Process is what a run has of its process.
type Process struct {
	Args           []string
	Stdin          io.Reader
	Stdout, Stderr io.Writer
	Getenv         func(name string) string
}

// The exit codes, which docs/prefetchtool.md lists.
const (
	exitDone        = 0
	exitFailed      = 1 // URLs failed; an account did not answer
	exitTimeout     = 2
	exitLost        = 3
	exitUnreachable = 4   // put: or it could not take the task
	exitOther       = 5   // the command line, or a request that was refused
	exitInterrupted = 130 // as a shell has it for SIGINT
)

// pace is how often something happens, and how long something may last.
type pace struct {
	// ask is the time between two questions to the exporter, draw that between two
	// drawings on a terminal.
	ask, draw time.Duration
	// answer is how long a question may last that was asked when waiting ends.
	answer time.Duration
	// unknown is how long the exporter may not know a task that is waited for: after
	// a restart it reads its sources first.
	unknown time.Duration
}

func usualPace() pace {
	return pace{ask: 2 * time.Second, draw: time.Second, answer: 2 * time.Second, unknown: time.Minute}
}

// run is one run of the tool.
type run struct {
	Process

	pace   pace
	screen *terminal.Screen // nil where nothing can be drawn
	json   bool
	client *api.Client // nil for check, which asks no exporter
}

// exitError ends the tool with a code.
type exitError struct {
	code int
	err  error // what is told on standard error; nil if nothing is
}

func (e *exitError) Error() string { return fmt.Sprint("exit ", e.code, ": ", e.err) }

// Run runs the tool to its end, or to that of ctx, and returns its exit code.
func Run(ctx context.Context, p Process) int { return runAt(ctx, p, usualPace()) }

func runAt(ctx context.Context, p Process, at pace) int {
	r := &run{Process: p, pace: at, screen: terminal.New(p.Stdout, p.Getenv)}
	err := r.run(ctx)
	code := exitDone
	if exit, ok := errors.AsType[*exitError](err); ok {
		code, err = exit.code, exit.err
	} else if err != nil {
		code = exitOther
		switch {
		case ctx.Err() != nil:
			code, err = exitInterrupted, errors.New("interrupted")
		case api.Unreachable(err):
			code = exitUnreachable
		}
	}
	if err != nil {
		fmt.Fprintln(p.Stderr, program+": "+printable(err.Error()))
	}
	return code
}

const program = "prefetchtool"

const help = "Put prefetch tasks to a prefetch_exporter, wait for them, and look at them.\n\n" +
	"Exits with 0 if all is well, 4 if the exporter could not be reached, and 5 for a command line or a request that is wrong;" +
	" the help of a command tells its other codes."

func (r *run) run(ctx context.Context) error {
	app := commandline.New(program, help, r.Stdout, r.Stderr,
		commandline.Group{Title: "Flags of the command"},
		commandline.Group{Title: "Which exporter", Prefixes: []string{"exporter.", "http."}},
		commandline.Group{Title: "Output", Prefixes: []string{"output"}},
		commandline.Group{Title: "Other", Prefixes: []string{"help", "version"}},
	)
	var address, configFile, output string
	app.Flag("exporter.url", "The exporter's URL; with its --web.route-prefix, if it has one.").
		Envar("PREFETCH_EXPORTER_URL").Default("http://localhost:10186").StringVar(&address)
	app.Flag("http.config.file", "HTTP client configuration file, for TLS, basic authentication and tokens, as amtool has it.").
		PlaceHolder("<file>").StringVar(&configFile)
	app.Flag("output", "What is written to standard output: text for people, or JSON.").Short('o').
		Default("text").EnumVar(&output, "text", "json")
	commands := map[string]func(context.Context) error{}
	for _, add := range []func(*commandline.App) (string, func(context.Context) error){
		r.put, r.wait, r.tasks, r.accounts, r.check, r.healthy, r.ready,
	} {
		name, run := add(app)
		commands[name] = run
	}
	command, done, err := app.Parse(r.Args)
	switch {
	case err == nil && len(r.Args) == 0:
		return errors.New("no command is given")
	case err != nil || done:
		return err
	}
	r.json = output == "json"
	if command != "check" {
		if r.client, err = api.New(address, configFile, "prefetchtool/"+version.Version); err != nil {
			return err
		}
	}
	return commands[command](ctx)
}

// pause waits. Its error is that ctx ended before.
func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err() //nolint:wrapcheck // it is told as an interruption
	case <-time.After(d):
		return nil
	}
}

// raw writes JSON that the exporter answered, as people can read it.
func (r *run) raw(answer api.Answer) error {
	r.warn(answer)
	return r.writeJSON(answer.Data)
}

func (r *run) writeJSON(v any) error {
	encoder := json.NewEncoder(r.Stdout)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(v); err != nil {
		return fmt.Errorf("standard output: %w", err)
	}
	return nil
}

// lines writes text to standard output.
func (r *run) lines(lines ...string) {
	for _, line := range lines {
		fmt.Fprintln(r.Stdout, line)
	}
}

func (r *run) warn(answer api.Answer) {
	for _, w := range answer.Warnings {
		fmt.Fprintln(r.Stderr, "warning: "+printable(w))
	}
}

// printable is a text of somebody else's as a terminal and a log can take it.
func printable(s string) string { return words.Readable(s) }
