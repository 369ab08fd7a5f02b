package tool

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/alecthomas/kingpin/v2"
	"github.com/prometheus/common/model"

	"prefetch_exporter/cmd/prefetchtool/internal/api"
	"prefetch_exporter/internal/commandline"
	"prefetch_exporter/web/words"
)

// maxURLs bounds what is read of a file: the exporter takes bodies of 1 MiB.
const maxURLs = 1 << 20

// named adds the arguments that name a task. In a script an empty one is most often
// what another command should have printed, so it is refused and not asked for.
func named(c *kingpin.CmdClause) (account, id *string) {
	account = c.Arg("account", "The account, as the exporter's configuration names it.").Required().String()
	id = c.Arg("id", "The vendor's id of the task.").Required().String()
	c.Validate(func(*kingpin.CmdClause) error {
		if *account == "" || *id == "" {
			return errors.New("the account or the id is empty: a variable of the script may not be set")
		}
		return nil
	})
	return account, id
}

const putHelp = "Have a task watched, or replace what was put of it. The exporter needs --web.enable-task-api.\n\n" +
	"While the exporter is away, or answers that it cannot take it at present, it is tried again; exits with 4 if that lasts" +
	" until --timeout."

func (r *run) put(app *commandline.App) (string, func(context.Context) error) {
	c := app.Command("put", putHelp)
	account, id := named(c)
	file := c.Flag("urls-file", "File with the URLs that were submitted, one a line; - is standard input.").PlaceHolder("<file>").String()
	deadline := c.Flag("deadline", "When everything must be warm: a time in RFC 3339, or how long from now, such as 2h.").
		PlaceHolder("<time>").String()
	created := c.Flag("created", "When the prefetch was submitted, in RFC 3339.").PlaceHolder("<time>").String()
	labels := c.Flag("label", "A label of the task; repeatable.").PlaceHolder("<name>=<value>").Strings()
	timeout := c.Flag("timeout", "How long to try again while the exporter is away; 0 is not at all.").
		Default("30s").PlaceHolder("30s").Duration()
	return c.FullCommand(), func(ctx context.Context) (err error) {
		var task api.NewTask
		if task.Created, err = parseTime("--created", *created, time.Time{}); err != nil {
			return err
		}
		if task.Deadline, err = parseTime("--deadline", *deadline, time.Now()); err != nil {
			return err
		}
		if task.Labels, err = parseLabels(*labels); err != nil {
			return err
		}
		if task.URLs, err = r.readURLs(*file); err != nil {
			return err
		}
		put := func() (api.Task, api.Answer, error) { return r.client.Put(ctx, *account, *id, task) }
		told, answer, err := r.insist(ctx, *timeout, put)
		if err != nil {
			return err
		}
		return r.tellPut(&told, answer, len(task.URLs))
	}
}

// insist puts until the exporter takes or refuses it, and says once that it does not at
// present. To repeat it is harmless: it replaces the same by the same.
func (r *run) insist(ctx context.Context, timeout time.Duration, put func() (api.Task, api.Answer, error)) (api.Task, api.Answer, error) {
	until, said := time.Now().Add(timeout), false
	for {
		task, answer, err := put()
		if !api.Temporary(err) || ctx.Err() != nil {
			return task, answer, err
		}
		rest := time.Until(until)
		if rest <= 0 {
			if said {
				err = fmt.Errorf("after %v: %w", timeout, err)
			}
			return task, answer, &exitError{code: exitUnreachable, err: err}
		}
		if !said {
			said = true
			fmt.Fprintln(r.Stderr, printable(fmt.Sprintf("%v; trying again for %v", err, timeout)))
		}
		if err := pause(ctx, min(rest, r.pace.ask)); err != nil {
			return task, answer, err
		}
	}
}

func (r *run) tellPut(task *api.Task, answer api.Answer, urls int) error {
	if r.json {
		return r.raw(answer)
	}
	r.warn(answer)
	what := "replaced; it is"
	if answer.Created {
		what = "new; it is"
	}
	if urls > 0 {
		what = words.Plural(urls, "URL") + ", " + what
	}
	r.lines(printable(fmt.Sprintf("%s/%s: %s %s", task.Account, task.ID, what, task.Phase)))
	return nil
}

// parseTime reads a time, or where from is given how long after that; nil for
// nothing.
func parseTime(flag, text string, from time.Time) (*time.Time, error) {
	if text == "" {
		return nil, nil //nolint:nilnil // none is no error
	}
	if t, err := time.Parse(time.RFC3339, text); err == nil {
		return &t, nil
	}
	if from.IsZero() {
		return nil, fmt.Errorf("%s: %q is no time in RFC 3339 such as 2026-11-21T08:00:00Z", flag, text)
	}
	d, err := model.ParseDuration(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %q is neither a time in RFC 3339 such as 2026-11-21T08:00:00Z nor a duration such as 2h", flag, text)
	}
	t := from.Add(time.Duration(d) + time.Second - 1).Truncate(time.Second).UTC() // rounded up
	return &t, nil
}

func parseLabels(given []string) (map[string]string, error) {
	labels := map[string]string{}
	for _, text := range given {
		name, value, ok := strings.Cut(text, "=")
		if !ok {
			return nil, fmt.Errorf("--label: %q is not of the form name=value", text)
		}
		if _, twice := labels[name]; twice {
			return nil, fmt.Errorf("--label: %q is given twice", name)
		}
		labels[name] = value
	}
	return labels, nil
}

// readURLs reads a URL from each line; empty ones, and those that begin with #, are
// left out. No file means no URLs, a file without any is an error: what wrote it had
// something to say.
func (r *run) readURLs(file string) ([]string, error) {
	if file == "" {
		return nil, nil
	}
	in := r.Stdin
	if file != "-" {
		f, err := os.Open(file)
		if err != nil {
			return nil, fmt.Errorf("--urls-file: %w", err)
		}
		defer func() { _ = f.Close() }() // it was only read
		in = f
	}
	var urls []string
	limited := &io.LimitedReader{R: in, N: maxURLs + 1}
	lines := bufio.NewScanner(limited)
	lines.Buffer(nil, maxURLs+1)
	for lines.Scan() {
		line := strings.TrimSpace(strings.TrimPrefix(lines.Text(), "\ufeff"))
		if line != "" && !strings.HasPrefix(line, "#") {
			urls = append(urls, line)
		}
	}
	switch {
	case lines.Err() != nil:
		return nil, fmt.Errorf("--urls-file: %w", lines.Err())
	case limited.N <= 0:
		return nil, fmt.Errorf("--urls-file: more than %d bytes, which no task has room for", maxURLs)
	case len(urls) == 0:
		return nil, errors.New("--urls-file: there is no URL in it")
	}
	return urls, nil
}
