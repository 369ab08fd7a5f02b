package poller

import (
	"log/slog"
	"strings"
	"time"

	"prefetch_exporter/prefetch"
)

const (
	// quiet is how long the same warning is not repeated, and mostAlike how many
	// of one kind are logged meanwhile, however different they are.
	quiet     = time.Hour
	mostAlike = 5
	// calmly is the least time between two lines about what happens all the time:
	// changes of tasks, failures and recoveries of the account.
	calmly = time.Minute
	// mostNamed is how many tasks a line names.
	mostNamed = 5
	// mostWords bounds the undocumented words that are remembered, since they are
	// the vendor's.
	mostWords = 1000
)

// callFailed is said of every failed call.
const callFailed = "a vendor call failed; the last good answer stays"

// warning is a kind of warning. There are few: what differs between two of a kind
// may be the vendor's words, of which there is no end.
type warning string

const (
	warnWord       warning = "word"
	warnOddity     warning = "oddity"
	warnDiscarded  warning = "discarded"
	warnFailure    warning = "failure" // followed by the reason
	warnLedger     warning = "ledger"
	warnLimit      warning = "task_limit"
	warnClock      warning = "clock"
	warnFuture     warning = "future"
	warnHours      warning = "hours"
	warnBacklog    warning = "backlog"
	warnWindow     warning = "watch_window"
	warnUnstorable warning = "unstorable"
)

// journal is what an account logs, in measure. Its methods are called with the
// account's lock held.
type journal struct {
	log   *slog.Logger
	now   func() time.Time
	told  map[warning]*alike
	words map[string]bool // undocumented status words that were met

	changes   changes
	changesAt time.Time
	// failedAt and againAt are when the account's last failure, of the reason
	// failing, and its last recovery were logged.
	failedAt, againAt time.Time
	failing           prefetch.Reason
}

func newJournal(log *slog.Logger, now func() time.Time) journal {
	return journal{log: log, now: now, told: map[warning]*alike{}, words: map[string]bool{}}
}

// alike is what was logged of one kind of warning.
type alike struct {
	since time.Time
	about map[string]bool
	held  int // how many were not
}

// warn logs a warning: one about the same at most once an hour, and at most five
// of its kind. The next one that is logged says how many were not.
func (j *journal) warn(kind warning, about, msg string, args ...any) {
	now := j.now()
	a := j.told[kind]
	if a == nil || !recent(a.since, now, quiet) {
		held := 0
		if a != nil {
			held = a.held
		}
		a = &alike{since: now, about: map[string]bool{}}
		j.told[kind] = a
		if held > 0 {
			args = append(args, "alike_not_logged", held)
		}
	}
	switch {
	case a.about[about]:
		return
	case len(a.about) == mostAlike:
		a.held++
		return
	}
	a.about[about] = true
	j.log.Warn(msg, args...) //nolint:sloglint // each caller's is a constant
}

// recent reports whether at lies less than d back; a clock that was set back does
// not make it so for longer.
func recent(at, now time.Time, d time.Duration) bool {
	return !at.IsZero() && now.Sub(at).Abs() < d
}

// word logs a status word that no page documents, once.
func (j *journal) word(word string, args ...any) {
	if j.words[word] || len(j.words) >= mostWords {
		return
	}
	j.words[word] = true
	j.warn(warnWord, word, "the vendor used a status that it never documented; it counts as unknown", append(args, "status", word)...)
}

// failed logs that the account failed: always when it begins to or has another
// reason, but for one that comes and goes within a minute, and once an hour while
// it goes on.
func (j *journal) failed(before health, reason prefetch.Reason, args ...any) {
	now, apart := j.now(), quiet
	if before.Up || before.Failing != reason {
		apart = calmly
	}
	if j.failing == reason && recent(j.failedAt, now, apart) {
		return
	}
	j.failing, j.failedAt = reason, now
	j.log.Warn(callFailed, args...)
}

// again logs that the account answers again, but for one that does within a minute
// of the last time.
func (j *journal) again(before health) {
	now := j.now()
	if recent(j.againAt, now, calmly) {
		return
	}
	j.againAt = now
	j.log.Info("the account answers again", "reason", before.Failing,
		"after", max(0, now.Sub(before.Since)).Round(time.Second), "failed_calls", before.Calls)
}

// changes are tasks that came, went or changed phase since that was last logged.
type changes struct {
	fresh, gone, active, settled, lost int
	failedURLs                         int
	names, lostNames                   []string
}

// changed notes what became of a task that was in a phase before.
func (j *journal) changed(t *task, before prefetch.Phase) {
	j.log.Debug("task changed phase", "task", t.id, "from", before, "to", t.Phase,
		"urls", t.Counts.Total(), "succeeded", t.Counts[prefetch.Succeeded], "failed", t.Counts[prefetch.Failed])
	c := &j.changes
	switch t.Phase {
	case prefetch.Active:
		c.active++
	case prefetch.Settled:
		c.settled++
		c.failedURLs += t.Counts[prefetch.Failed]
		c.names = named(c.names, t)
	case prefetch.Lost:
		c.lost++
		c.lostNames = named(c.lostNames, t)
	case prefetch.Pending:
	}
}

func named(names []string, t *task) []string {
	if len(names) < mostNamed {
		names = append(names, t.id)
	}
	return names
}

// tell logs the changes, if the last ones were logged a minute ago or it must be
// now, and returns how long until it will.
func (j *journal) tell(unsettled func() int, must bool) time.Duration {
	c, now := j.changes, j.now()
	if c.fresh+c.gone+c.active+c.settled+c.lost == 0 {
		return idle
	}
	if !must && recent(j.changesAt, now, calmly) {
		return calmly - now.Sub(j.changesAt).Abs()
	}
	j.changes, j.changesAt = changes{}, now
	if c.lost > 0 {
		j.log.Warn("tasks are lost: the vendor does not know them", "tasks", names(c.lostNames, c.lost), "lost", c.lost)
	}
	if c.fresh+c.gone+c.active+c.settled == 0 {
		return idle
	}
	args := []any{"new", c.fresh, "not_listed", c.gone, "active", c.active, "settled", c.settled, "unsettled_left", unsettled()}
	if c.settled > 0 {
		args = append(args, "settled_tasks", names(c.names, c.settled), "failed_urls", c.failedURLs)
	}
	j.log.Info("tasks changed", args...)
	return idle
}

// names are the first of so many tasks, as a text.
func names(some []string, all int) string {
	text := strings.Join(some, ", ")
	if all > len(some) {
		text += ", …"
	}
	return text
}
