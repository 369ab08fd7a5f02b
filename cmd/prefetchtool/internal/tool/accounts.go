package tool

import (
	"context"
	"time"

	"prefetch_exporter/cmd/prefetchtool/internal/api"
	"prefetch_exporter/internal/commandline"
	"prefetch_exporter/internal/terminal"
	"prefetch_exporter/web/words"
)

func (r *run) accounts(app *commandline.App) (string, func(context.Context) error) {
	c := app.Command("accounts", "List the accounts: whether they answer, what was asked last, and what comes next."+
		" It costs no call to a vendor.")
	return c.FullCommand(), func(ctx context.Context) error {
		accounts, answer, err := r.client.Accounts(ctx)
		if err != nil {
			return err
		}
		if r.json {
			return r.raw(answer)
		}
		r.lines(accountTable(accounts, time.Now())...)
		return nil
	}
}

// accountTable has a row for each account, and below it why its last call failed.
func accountTable(accounts []api.Account, now time.Time) []string {
	header := []string{"account", "provider", "up", "owner", "last call", "next call"}
	rows := make([][]string, len(accounts))
	for i, a := range accounts {
		up := "no"
		if a.Up {
			up = "yes"
		}
		owner := "-"
		if a.Owner != nil {
			owner = printable(*a.Owner)
		}
		rows[i] = []string{printable(a.Account), a.Provider, up, owner, query(a.LastQuery, now), query(a.NextQuery, now)}
	}
	lines := terminal.Table(header, rows)
	for _, a := range accounts {
		if q := a.LastQuery; q != nil && q.Error != nil {
			lines = append(lines, "", printable(a.Account)+": the last call failed: "+printable(*q.Error))
		}
	}
	return lines
}

// query is what a question is about and when.
func query(q *api.Query, now time.Time) string {
	if q == nil {
		return "-"
	}
	text := q.Kind
	if q.Task != nil {
		text += " " + printable(words.Shorten(*q.Task))
	}
	if !q.Time.IsZero() {
		text += ", " + words.MomentOf(q.Time.Time, now).Relative
	}
	return text
}
