package progress_test

import (
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"prefetch_exporter/poller/progress"
	"prefetch_exporter/store"
)

func TestLate(t *testing.T) {
	t.Parallel()
	hangs := fmt.Errorf("write: %w", store.ErrHangs)
	for name, c := range map[string]struct {
		says func(p *progress.Progress)
		want time.Duration // two minutes later
	}{
		"does something": {says: func(p *progress.Progress) { p.Moves(0, false) }, want: 2 * time.Minute},
		"rests":          {says: func(p *progress.Progress) { p.Moves(time.Hour, false) }},
		"rested":         {says: func(p *progress.Progress) { p.Moves(time.Minute, false) }, want: time.Minute},
		"nearly rested":  {says: func(p *progress.Progress) { p.Moves(2*time.Minute-time.Second/2, false) }},
		"waits for a call": {
			says: func(p *progress.Progress) { p.Leaves(); p.Moves(time.Hour, true) }, want: 30 * time.Second,
		},
		"waits for a call that should have ended": {
			says: func(p *progress.Progress) { p.Leaves(); time.Sleep(2 * time.Minute); p.Moves(time.Hour, true) }, want: 150 * time.Second,
		},
		"the disk hangs": {
			says: func(p *progress.Progress) {
				p.Moves(time.Minute, false)
				p.Stored(hangs)
				p.Moves(time.Hour, false)
			},
			want: time.Minute,
		},
		"the disk goes on": {
			says: func(p *progress.Progress) {
				p.Moves(0, false)
				p.Stored(hangs)
				p.Stored(nil)
				p.Moves(time.Hour, false)
			},
		},
		"the disk is full": {
			says: func(p *progress.Progress) { p.Moves(0, false); p.Stored(errors.New("full")); p.Moves(time.Hour, false) },
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var p progress.Progress
				c.says(&p)
				time.Sleep(2 * time.Minute)
				if got := p.Late(); got != c.want {
					t.Errorf("late by %v, want %v", got, c.want)
				}
			})
		})
	}
}
