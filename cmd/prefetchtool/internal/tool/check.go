package tool

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"time"

	"prefetch_exporter/exporter/check"
	"prefetch_exporter/internal/commandline"
)

const checkHelp = "Ask each account of a configuration one question and explain the answer, for an account that does not work.\n\n" +
	"It asks the vendor itself, and not an exporter. Each question is a call that the vendor counts, so it is charged in the store" +
	" of --storage.path, as an exporter's calls are, and not asked if the quota allows none now. An exporter that runs holds its" +
	" store, and check refuses then: \"accounts\" shows what its calls are answered. Give the store of the exporter, or the" +
	" quota is spent twice. With storage.etcd it is a replica for a moment, and asks for what no other replica owns.\n\n" +
	"Exits with 0 if every account works, 1 if one does not or was not asked."

func (r *run) check(app *commandline.App) (string, func(context.Context) error) {
	c := app.Command("check", checkHelp)
	o := check.Options{Warn: func(text string) { fmt.Fprintln(r.Stderr, "warning: "+printable(text)) }}
	c.Arg("account", "Only these accounts; all if none is named.").StringsVar(&o.Accounts)
	c.Flag("config.file", "Configuration file.").Default("config.yml").StringVar(&o.ConfigFile)
	c.Flag("storage.path", "Folder of the exporter's embedded store; not used with storage.etcd.").Default("data").StringVar(&o.StoragePath)
	c.Flag("task", "The task that is asked for, else the first that the configuration has; without any, what came last.").
		PlaceHolder("<id>").StringVar(&o.Task)
	return c.FullCommand(), func(ctx context.Context) error {
		checks, wrong := []check.Result{}, 0
		err := check.Accounts(ctx, o, func(a check.Result) {
			checks = append(checks, a)
			if !a.Works {
				wrong++
			}
			if !r.json {
				explain(r.Stdout, &a)
			}
		})
		if r.json && (err == nil || len(checks) > 0) {
			err = errors.Join(err, r.writeJSON(checks))
		}
		if err == nil && wrong > 0 {
			return &exitError{code: exitFailed}
		}
		return err
	}
}

// explain writes what came of one account.
func explain(w io.Writer, a *check.Result) {
	line := func(what, text string) {
		if text != "" {
			fmt.Fprintf(w, "  %-11s %s\n", what, printable(text))
		}
	}
	state := "works"
	switch {
	case a.NotAsked != "":
		state = "was not asked"
	case !a.Works:
		state = "does not work"
	}
	fmt.Fprintf(w, "%s (%s) %s\n", printable(a.Account), a.Provider, state)
	line("asked", a.Endpoint+" for "+a.Asked)
	if a.NotAsked != "" {
		line("why not", a.NotAsked)
		return
	}
	line("connected", a.Connected)
	line("signed as", a.SignedAs)
	answered := "no response"
	if a.HTTPStatus != 0 {
		answered = fmt.Sprintf("HTTP %d", a.HTTPStatus)
	}
	answered += fmt.Sprintf(" after %v", seconds(a.Took))
	if a.RequestID != "" {
		answered += ", request id " + a.RequestID
	}
	line("answered", answered)
	if a.ClockOffset != nil {
		line("clock", clock(*a.ClockOffset, a.Took))
	}
	line("understood", a.Understood)
	for _, advice := range a.Advice {
		line("next", advice)
	}
}

// clock says how far a vendor's clock is ahead. Its header has whole seconds, and was
// written at some time during the call.
func clock(offset, took float64) string {
	const second = 1
	switch {
	case math.Abs(offset) <= second+took/2:
		return "the vendor's is ours"
	case offset > 0:
		return fmt.Sprintf("the vendor's is %v ahead of ours", seconds(offset).Round(time.Second))
	default:
		return fmt.Sprintf("the vendor's is %v behind ours", seconds(-offset).Round(time.Second))
	}
}

func seconds(s float64) time.Duration {
	return time.Duration(s * float64(time.Second)).Round(time.Millisecond)
}
