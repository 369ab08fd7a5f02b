package status_test

import (
	"strings"
	"testing"
	"time"

	"prefetch_exporter/prefetch"
	"prefetch_exporter/web/status"
)

// An account that pauses after failures says until when, and has a button to ask
// at once where that is allowed.
func TestBackoff(t *testing.T) {
	t.Parallel()
	const (
		until  = `asks again <time datetime="2026-11-21T09:34:00Z" title="2026-11-21 09:34:00 UTC">in 4m</time>`
		button = `<form class="retry" method="post" action="./-/retry?account=a%26b"><button type="submit">Ask now</button></form>`
		origin = `<meta name="referrer" content="same-origin">`
	)
	for name, c := range map[string]struct {
		up      bool
		other   bool // another replica asks for the account
		pause   time.Duration
		allowed bool
		want    []string
		not     []string
	}{
		"pausing":             {pause: 4 * time.Minute, allowed: true, want: []string{until, button, origin}},
		"pausing, no button":  {pause: 4 * time.Minute, want: []string{until}, not: []string{"/-/retry", origin}},
		"of another replica":  {other: true, pause: 4 * time.Minute, allowed: true, want: []string{until}, not: []string{"/-/retry"}},
		"the pause is over":   {pause: -time.Minute, allowed: true, not: []string{"asks again", "/-/retry"}},
		"answering meanwhile": {up: true, pause: 4 * time.Minute, allowed: true, not: []string{"asks again", "/-/retry"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := prefetch.Snapshot{Accounts: []prefetch.AccountState{{
				Account: prefetch.Account{Provider: vod.Provider, Name: "a&b"}, Up: c.up, Owned: !c.other, BackoffUntil: fixed.Add(c.pause),
			}}}
			if !c.up {
				s.Accounts[0].Failing = prefetch.ReasonAuth
			}
			p, err := status.New(status.Options{
				Snapshot: func() prefetch.Snapshot { return s }, Retry: c.allowed, Now: func() time.Time { return fixed },
			})
			if err != nil {
				t.Fatal(err)
			}
			page := body(t, routes(p), "/tasks")
			for _, want := range c.want {
				if !strings.Contains(page, want) {
					t.Errorf("no %s in\n%s", want, page)
				}
			}
			for _, not := range c.not {
				if strings.Contains(page, not) {
					t.Errorf("%s in\n%s", not, page)
				}
			}
		})
	}
}
