package demo

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jedib0t/go-pretty/v6/text"

	"prefetch_exporter/internal/terminal"
	"prefetch_exporter/prefetch"
	"prefetch_exporter/web/words"
)

const (
	// A line has room in 80 columns: the launch, a bar for each vendor, the deadline.
	launchWidth, barWidth = 24, 11
	// redraw is how often the summary is drawn anew.
	redraw = time.Second
)

// Live draws a summary of what the exporter knows until ctx ends.
func Live(ctx context.Context, screen *terminal.Screen, snapshot func() prefetch.Snapshot) {
	ticker := time.NewTicker(redraw)
	defer ticker.Stop()
	for {
		screen.Draw(summary(snapshot(), time.Now())...)
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

// summary is a line for each launch with a bar for each account that watches it, and
// one that counts down to the next call that each account's budget allows.
func summary(s prefetch.Snapshot, now time.Time) []string {
	slices.SortFunc(s.Accounts, func(a, b prefetch.AccountState) int { return cmp.Compare(a.Account.Name, b.Account.Name) })
	head, budget := pad("", launchWidth), pad("next call allowed", launchWidth)
	for i := range s.Accounts {
		a := &s.Accounts[i]
		head += pad(a.Account.Name, barWidth)
		allowed := "now"
		if wait := a.NextCall.Sub(now); wait > 0 {
			allowed = fmt.Sprintf("in %.1fs", wait.Seconds())
		}
		budget += pad(allowed, barWidth)
	}
	lines := []string{"", head + "deadline"}
	for _, l := range launches(time.Time{}) {
		line, due := pad(l.ID, launchWidth), ""
		for i := range s.Accounts {
			t := s.Accounts[i].Task(l.ID)
			if t == nil || !t.Answered {
				line += pad("not asked", barWidth)
				continue
			}
			line += terminal.StatusBar(barWidth-2, t.Counts) + "  "
			if !t.Deadline.IsZero() {
				due = words.MomentOf(t.Deadline, now).Relative
			}
		}
		lines = append(lines, line+due)
	}
	var legend []string
	for _, p := range terminal.Statuses(prefetch.Counts{}) {
		legend = append(legend, p.Color.Sprint(p.Fill)+" "+p.Status.String())
	}
	return append(lines, budget, strings.Repeat(" ", launchWidth)+strings.Join(legend, "  "))
}

func pad(s string, width int) string { return text.Pad(s, width, ' ') }
