package poller

import "time"

// stepped is by how much the wall clock was set between s and now, and whether
// anybody can tell: only the clock of the same boot can.
func (s Stamp) stepped(now Stamp) (by time.Duration, ok bool) {
	if s.Boot == "" || s.Boot != now.Boot {
		return 0, false
	}
	// Round takes the monotonic time away, which no setting moves.
	return now.Wall.Round(0).Sub(s.Wall.Round(0)) - (now.Up - s.Up), true
}

// look is told the present. If our clock was set since the vendor's was told,
// that one stays where it was, and times that became the future are now. It is
// called with the lock held.
func (a *account) look(now Stamp) {
	a.looked = now
	by, ok := a.learned.OffsetAt.stepped(now)
	if !ok || by.Abs() < tick {
		return
	}
	a.learned.Offset -= by.Round(tick)
	a.learned.OffsetAt, a.unsaved = now, true
	a.watch.date(now.Wall)
	for _, t := range a.tasks {
		if t.date(now.Wall) {
			a.touch(t)
		}
	}
	a.sweepAt = time.Time{}
	a.board.stale()
}

// doubtTime is told that the account was restored: if the machine booted since,
// our clock may have been set by any time.
func (a *account) doubtTime() {
	if _, ok := a.learned.OffsetAt.stepped(a.clock()); !ok {
		a.learned.OffsetAt = Stamp{}
	}
}

// tellTime is told the vendor's time, zero if it did not tell. It reports whether
// windows were reckoned with a wrong idea of it.
func (a *account) tellTime(date time.Time, m *moment) (wrong bool) {
	before, took := a.learned.Offset, m.now.Sub(m.sent.Add(-a.learned.Offset))
	a.learnOffset(date, m)
	if !date.IsZero() && took <= slowCall {
		a.learned.OffsetAt = a.looked
	}
	return (a.learned.Offset - before).Abs() > edge
}

// gone reports whether the vendor cannot be asked for the task any more. Nobody
// knows while it did not tell its time: the next answer does.
func (s *situation) gone(t *task) bool {
	return !s.learned.OffsetAt.Wall.IsZero() && !s.reachable(t)
}
