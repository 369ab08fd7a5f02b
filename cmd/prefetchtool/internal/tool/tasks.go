package tool

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"prefetch_exporter/cmd/prefetchtool/internal/api"
	"prefetch_exporter/internal/commandline"
	"prefetch_exporter/internal/terminal"
	"prefetch_exporter/web/words"
)

// tableBar is how wide the bar of a task is in a table, in cells.
const tableBar = 20

func (r *run) tasks(app *commandline.App) (string, func(context.Context) error) {
	c := app.Command("tasks", "List the watched tasks. It costs no call to a vendor.")
	watch := c.Flag("watch", "Go on until interrupted: on a terminal the list is drawn anew, elsewhere each change is a line.").Bool()
	var f api.Filter
	c.Flag("account", "Only tasks of this account; repeatable.").PlaceHolder("<name>").StringsVar(&f.Accounts)
	c.Flag("phase", "Only tasks in this phase; repeatable.").PlaceHolder("<phase>").
		EnumsVar(&f.Phases, "pending", "active", "settled", "lost")
	c.Flag("label", "Only tasks whose label has this value; repeatable.").PlaceHolder("<name>=<value>").StringsVar(&f.Labels)
	return c.FullCommand(), func(ctx context.Context) error {
		if *watch {
			w := watcher{run: r, filter: f, shown: map[string]string{}}
			return w.watch(ctx)
		}
		tasks, answer, err := r.client.Tasks(ctx, f)
		if err != nil {
			return err
		}
		if r.json {
			return r.raw(answer)
		}
		r.warn(answer)
		r.lines(taskTable(tasks, time.Now(), r.screen != nil)...)
		return nil
	}
}

// taskTable has a row for each task, with a coloured bar on a terminal, and below
// them why the last calls about some failed.
func taskTable(tasks []api.Task, now time.Time, drawn bool) []string {
	header := []string{"account", "task", "phase", "", "succeeded", "failed", "deadline", "age of numbers", "next call"}
	if !drawn {
		header = slices.Delete(header, 3, 4)
	}
	rows := make([][]string, len(tasks))
	for i := range tasks {
		t := &tasks[i]
		row := []string{printable(t.Account), printable(words.Shorten(t.ID)), t.Phase}
		if drawn {
			row = append(row, bar(t.URLs, tableBar))
		}
		succeeded, failed := "-", "-"
		if t.URLs != nil {
			succeeded = fmt.Sprintf("%d of %d", t.URLs.Succeeded, t.URLs.Total())
			failed = strconv.Itoa(t.URLs.Failed)
		}
		age := "-"
		if !t.LastRefresh.IsZero() {
			age = words.Span(now.Sub(t.LastRefresh.Time))
		}
		rows[i] = append(row, succeeded, failed, moment(t.Deadline, now), age, nextCall(t, now))
	}
	lines := terminal.Table(header, rows)
	for i := range tasks {
		if t := &tasks[i]; t.LastError != nil {
			lines = append(lines, "", printable(t.Account+"/"+t.ID+": the last call failed: "+*t.LastError))
		}
	}
	return lines
}

func moment(t api.Time, now time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return words.MomentOf(t.Time, now).Relative
}

// nextCall says when the vendor is asked about the task.
func nextCall(t *api.Task, now time.Time) string {
	switch {
	case t.NextLook.IsZero():
		return "-"
	case t.NextLook.Sub(now) >= time.Second:
		return "in " + words.Span(t.NextLook.Sub(now))
	default:
		return "due"
	}
}

// watcher shows tasks as they change.
type watcher struct {
	*run

	filter api.Filter
	tasks  []api.Task
	// trouble is why the exporter did not answer last; empty if it did.
	trouble string
	// shown is the last line of each task.
	shown map[string]string
}

// watch goes on until ctx ends, which is no error: somebody has seen enough.
func (w *watcher) watch(ctx context.Context) error {
	for {
		if err := w.look(ctx); err != nil {
			return err
		}
		if pause(ctx, w.pace.ask) != nil {
			return nil //nolint:nilerr // it is over
		}
	}
}

// look asks once and shows what is new. An exporter that cannot be reached is asked
// again.
func (w *watcher) look(ctx context.Context) error {
	tasks, answer, err := w.client.Tasks(ctx, w.filter)
	now := time.Now()
	switch {
	case errors.Is(err, context.Canceled):
		return nil // it is over
	case api.Unreachable(err):
		w.complain(err.Error())
		return nil
	case err != nil:
		return err
	}
	w.complain("")
	w.tasks = tasks
	if w.screen != nil && !w.json {
		w.draw(now)
		return nil
	}
	return w.changes(answer.Data, now)
}

func (w *watcher) draw(now time.Time) {
	lines := taskTable(w.tasks, now, true)
	if w.trouble != "" {
		lines = append(append(lines, ""), w.screen.Wrap(printable(w.trouble)+"; trying again")...)
	}
	w.screen.Draw(lines...)
}

// complain says once that the exporter cannot be reached, and once that it can.
func (w *watcher) complain(trouble string) {
	was := w.trouble
	w.trouble = trouble
	switch {
	case w.screen != nil && !w.json:
		if trouble != "" {
			w.draw(time.Now())
		}
	case trouble != "" && was == "":
		fmt.Fprintln(w.Stderr, stamp(time.Now())+printable(trouble)+"; trying again")
	case trouble == "" && was != "":
		fmt.Fprintln(w.Stderr, stamp(time.Now())+"the exporter answers again")
	}
}

// changes writes a line for each task that is not as it was: in JSON the task.
func (w *watcher) changes(data json.RawMessage, now time.Time) error {
	var raw []json.RawMessage
	if err := json.Unmarshal(data, &raw); err != nil {
		return fmt.Errorf("the exporter's answer cannot be read: %w", err)
	}
	shown := make(map[string]string, len(w.tasks))
	for i := range w.tasks {
		t := &w.tasks[i]
		name := t.Account + "/" + t.ID
		state := progress(t)
		shown[name] = state
		if w.shown[name] == state {
			continue
		}
		if w.json {
			w.lines(string(raw[i]))
		} else {
			w.lines(stamp(now) + printable(name+": "+state+ages(t, now)))
		}
	}
	for name := range w.shown {
		if _, still := shown[name]; !still && !w.json {
			w.lines(stamp(now) + printable(name) + ": is not watched any more")
		}
	}
	w.shown = shown
	return nil
}
