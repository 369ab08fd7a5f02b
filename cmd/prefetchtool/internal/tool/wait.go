package tool

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"prefetch_exporter/cmd/prefetchtool/internal/api"
	"prefetch_exporter/internal/commandline"
	"prefetch_exporter/internal/terminal"
	"prefetch_exporter/web/words"
)

const (
	// waitBar is how wide the bars are that show one task, in cells.
	waitBar = 40
	// slack is by how much a ratio may be short of what was asked for: 0.9 is no
	// binary fraction.
	slack = 1e-9
)

const waitHelp = "Wait until a task is warm.\n\n" +
	"Exits with 0 if it is, 1 if it settled with failed URLs, 2 after --timeout or the task's deadline, 3 if the vendor does not" +
	" know the task or refuses to tell of it, 4 if the exporter could not be reached for the whole time."

func (r *run) wait(app *commandline.App) (string, func(context.Context) error) {
	c := app.Command("wait", waitHelp)
	account, id := named(c)
	timeout := c.Flag("timeout", "How long to wait at most.").Default("2h").PlaceHolder("2h").Duration()
	ratio := c.Flag("min-ratio", "Which share of the URLs must have succeeded, of 1, once the task is settled.").Default("1").Float64()
	return c.FullCommand(), func(ctx context.Context) error {
		if *ratio < 0 || *ratio > 1 {
			return fmt.Errorf("--min-ratio: %v is not between 0 and 1", *ratio)
		}
		w := &waiter{
			run: r, account: *account, id: *id, minRatio: *ratio,
			timeout: *timeout, until: time.Now().Add(*timeout),
		}
		return w.wait(ctx)
	}
}

// waiter waits for one task.
type waiter struct {
	*run

	account, id string
	minRatio    float64
	until       time.Time
	timeout     time.Duration

	// task is nil before the first answer, raw what the exporter said.
	task *api.Task
	raw  json.RawMessage
	// shown is what was said last of the task, and trouble why the exporter did not
	// answer last; empty if it did.
	shown, trouble string
	reached        bool
	// unknownSince is since when the exporter does not know the task.
	unknownSince time.Time
}

// outcome is what became of waiting.
type outcome struct {
	code   int
	result string
	// message says the same to people.
	message string
}

func (w *waiter) name() string { return w.account + "/" + w.id }

// wait goes on until there is an outcome, and tells it.
func (w *waiter) wait(ctx context.Context) error {
	asked := time.Time{}
	for {
		if now := time.Now(); now.Sub(asked) >= w.pace.ask || !now.Before(w.end()) {
			asked = now
			if err := w.look(ctx); err != nil {
				return err
			}
		}
		now := time.Now()
		if w.drawn() {
			w.screen.Draw(w.picture(now)...)
		}
		if o := w.judge(now); o != nil {
			return w.tell(ctx, o)
		}
		rest := w.pace.ask
		if w.drawn() {
			rest = w.pace.draw
		}
		if err := pause(ctx, max(0, min(rest, w.end().Sub(now)))); err != nil {
			return err
		}
	}
}

// drawn reports whether the task is drawn on a terminal.
func (w *waiter) drawn() bool { return w.screen != nil && !w.json }

// end is when waiting is over at the latest.
func (w *waiter) end() time.Time {
	if w.task != nil && !w.task.Deadline.IsZero() && w.task.Deadline.Before(w.until) {
		return w.task.Deadline.Time
	}
	return w.until
}

// look asks the exporter once. An exporter that cannot be reached is asked again; its
// answer that it does not do this is an error.
func (w *waiter) look(ctx context.Context) error {
	// A question that hangs must not outlast the waiting.
	limit, cancel := context.WithDeadline(ctx, time.Now().Add(max(w.pace.answer, time.Until(w.until))))
	defer cancel()
	task, answer, err := w.client.Task(limit, w.account, w.id)
	if ctx.Err() != nil {
		return ctx.Err() //nolint:wrapcheck // it is told as an interruption
	}
	refused, isRefused := errors.AsType[*api.Error](err)
	switch {
	case err == nil:
		w.task, w.raw, w.reached, w.unknownSince = &task, answer.Data, true, time.Time{}
		w.complain("")
		w.changed(answer.Warnings)
		return nil
	case isRefused && !api.Unreachable(err):
		return w.refused(refused)
	case errors.Is(err, context.DeadlineExceeded):
		w.complain("the exporter cannot be reached: it does not answer")
		return nil
	case api.Unreachable(err):
		w.complain(err.Error())
		return nil
	default:
		return err
	}
}

// refused returns what the exporter said, unless it does not know the task: it may
// have just started, or be about to be told.
func (w *waiter) refused(e *api.Error) error {
	if e.Status != http.StatusNotFound || e.Type == "" {
		return e
	}
	now := time.Now()
	w.reached = true
	if w.unknownSince.IsZero() {
		w.unknownSince = now
	}
	if now.Sub(w.unknownSince) >= w.pace.unknown {
		return fmt.Errorf("the exporter has not known the task for %v: %w", w.pace.unknown, e)
	}
	w.complain("the exporter does not know the task (yet): " + e.Message)
	return nil
}

// complain says once that something is wrong with the exporter, whatever details
// change, and once that it is not any more.
func (w *waiter) complain(trouble string) {
	was, _, _ := strings.Cut(w.trouble, ":")
	what, _, _ := strings.Cut(trouble, ":")
	w.trouble = trouble
	switch {
	case what == was:
	case trouble != "":
		w.say(trouble + "; trying again")
	default:
		w.say("the exporter answers again")
	}
}

// changed says what is new of the task.
func (w *waiter) changed(warnings []string) {
	// That only some URLs are in the answer is as it was asked for.
	told := slices.DeleteFunc(slices.Clone(warnings), func(warning string) bool { return strings.Contains(warning, "limit") })
	state := strings.Join(append([]string{progress(w.task)}, told...), "; ")
	if state == w.shown || w.drawn() {
		return
	}
	w.shown = state
	w.say(state + ages(w.task, time.Now()))
}

// say writes one line: above what is drawn on a terminal; to standard error where
// standard output is for a program.
func (w *waiter) say(what string) {
	line := stamp(time.Now()) + printable(w.name()+": "+what)
	switch {
	case w.json:
		fmt.Fprintln(w.Stderr, line)
	case w.screen != nil:
		fmt.Fprintln(w.screen, line)
	default:
		w.lines(line)
	}
}

// judge returns the outcome; nil while there is none.
func (w *waiter) judge(now time.Time) *outcome {
	if t := w.task; t != nil {
		if o := judgeTask(t, w.minRatio); o != nil {
			return o
		}
		if !t.Deadline.IsZero() && !now.Before(t.Deadline.Time) {
			return &outcome{exitTimeout, "deadline", fmt.Sprintf("is not warm at its deadline, %s (%s)",
				t.Deadline.UTC().Format(time.RFC3339), w.lastKnown())}
		}
	}
	if now.Before(w.until) {
		return nil
	}
	switch {
	case !w.reached:
		return &outcome{exitUnreachable, "unreachable", fmt.Sprintf("after %v: %s", w.timeout, w.trouble)}
	case w.task == nil:
		return &outcome{exitTimeout, "timeout", fmt.Sprintf("after %v: %s", w.timeout, w.trouble)}
	default:
		return &outcome{exitTimeout, "timeout", fmt.Sprintf("is not warm after %v (%s)", w.timeout, w.lastKnown())}
	}
}

// lastKnown says how far the task was when the exporter told of it last.
func (w *waiter) lastKnown() string {
	text := progress(w.task)
	if w.trouble != "" {
		text += "; " + w.trouble
	}
	return text
}

// judgeTask returns the outcome of what is known of a task; nil while it may still
// become warm.
func judgeTask(t *api.Task, minRatio float64) *outcome {
	switch {
	case t.Settled && t.URLs != nil:
		total := t.URLs.Total()
		text := fmt.Sprintf("%d of %s succeeded", t.URLs.Succeeded, words.Plural(total, "URL"))
		if total > 0 && float64(t.URLs.Succeeded)+slack >= minRatio*float64(total) {
			return &outcome{exitDone, "warm", "is warm: " + text}
		}
		return &outcome{exitFailed, "failed", fmt.Sprintf("settled with failed URLs: %s, %d failed", text, t.URLs.Failed)}
	case t.Phase == "lost":
		return &outcome{exitLost, "lost", "is lost: the vendor does not know it" + because(t)}
	case t.LastError != nil && strings.HasPrefix(*t.LastError, "invalid:"):
		return &outcome{exitLost, "refused", "is refused by the vendor" + because(t)}
	default:
		return nil
	}
}

func because(t *api.Task) string {
	if t.LastError == nil {
		return ""
	}
	return ": " + *t.LastError
}

// tell says what became of the task and returns it as the tool's end. The failed URLs
// are told of whatever the outcome is, as far as they are known.
func (w *waiter) tell(ctx context.Context, o *outcome) error {
	var failed []api.URL
	if w.task != nil && w.task.URLs != nil && w.task.URLs.Failed > 0 {
		var err error
		if failed, err = w.client.FailedURLs(ctx, w.account, w.id); err != nil {
			fmt.Fprintln(w.Stderr, "the failed URLs cannot be told: "+printable(err.Error()))
		}
	}
	exit := error(nil)
	if o.code != exitDone {
		exit = &exitError{code: o.code}
	}
	if w.json {
		err := w.writeJSON(map[string]any{
			"result": o.result, "exit_code": o.code, "message": o.message, "task": w.raw, "failed_urls": append([]api.URL{}, failed...),
		})
		return errors.Join(err, exit)
	}
	w.lines(printable(w.name() + " " + o.message))
	for i := range failed {
		w.lines("  " + failure(&failed[i]))
	}
	return exit
}

// failure is a failed URL and why, in the vendor's words.
func failure(u *api.URL) string {
	why := "the vendor does not say why"
	if u.Words != nil {
		why = *u.Words
	}
	if u.Cause != nil {
		why += " (cause: " + *u.Cause + ")"
	}
	if u.Recovered {
		why += "; a later task shows it as succeeded"
	}
	return printable(u.URL + ": " + why)
}

// picture is the task as it is drawn on a terminal.
func (w *waiter) picture(now time.Time) []string {
	left := "; gives up in " + words.Span(w.until.Sub(now))
	if w.task == nil {
		return []string{printable(w.name() + ": waiting for the exporter" + left)}
	}
	t := w.task
	title := w.name() + "  " + t.Phase
	if !t.Deadline.IsZero() {
		title += "  deadline " + moment(t.Deadline, now)
	}
	lines := []string{printable(title)}
	if t.URLs != nil {
		total := t.URLs.Total()
		for _, p := range terminal.Statuses(counts(t.URLs)) {
			own := terminal.Bar(waitBar, p.Part, terminal.Part{N: total - p.N, Fill: " "})
			lines = append(lines, fmt.Sprintf("  %-9s %s %*d of %d", p.Status, own, len(strconv.Itoa(total)), p.N, total))
		}
	}
	age := "no numbers yet"
	if !t.LastRefresh.IsZero() {
		age = "numbers are " + words.Span(now.Sub(t.LastRefresh.Time)) + " old"
	}
	lines = append(lines, "  "+age+"; next call "+nextCall(t, now)+left)
	if t.LastError != nil {
		lines = append(lines, w.screen.Wrap("the last call failed: "+printable(*t.LastError))...)
	}
	if w.trouble != "" {
		lines = append(lines, w.screen.Wrap(printable(w.trouble)+"; trying again")...)
	}
	return lines
}
