package poller

import (
	"log/slog"
	"strings"
	"time"

	"prefetch_exporter/internal/loglimit"
	"prefetch_exporter/poller/planner"
	"prefetch_exporter/prefetch"
)

const (
	// mostAlike is how many warnings of a kind are logged an hour.
	mostAlike = 5
	// goesOn is how often it is logged that the account fails still.
	goesOn = time.Hour
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
	limit *loglimit.Limiter
	words map[string]bool // undocumented status words that were met
	// failing is why the account fails, as the log says; empty if that says that
	// it does not.
	failing prefetch.Reason

	changes   changes
	changesAt time.Time
}

func newJournal(log *slog.Logger, now func() time.Time) journal {
	return journal{log: log, now: now, limit: loglimit.New(log, now, mostAlike), words: map[string]bool{}}
}

// warn logs a warning about something; see [loglimit.Limiter.WarnOnce].
func (j *journal) warn(kind warning, about, msg string, args ...any) {
	j.limit.WarnOnce(string(kind), about, msg, args...)
}

// word logs a status word that no page documents, once.
func (j *journal) word(word string, args ...any) {
	if j.words[word] || len(j.words) >= mostWords {
		return
	}
	j.words[word] = true
	j.warn(warnWord, word, "the vendor used a status that it never documented; it counts as unknown", append(args, "status", word)...)
}

// failed logs that the account fails: at once where the log says that it does not,
// or for another reason, but not twice a minute; and once an hour while it goes on.
func (j *journal) failed(reason prefetch.Reason, args ...any) {
	apart := goesOn
	if j.failing != reason {
		apart = calmly
	}
	if j.limit.Apart("failed "+string(reason), apart) {
		j.failing = reason
		j.log.Warn(callFailed, args...)
	}
}

// again logs that the account answers again, where the log says that it fails.
func (j *journal) again(before health) {
	if j.failing != "" {
		j.failing = ""
		j.log.Info("the account answers again", "reason", before.Failing,
			"after", max(0, j.now().Sub(before.Since)).Round(time.Second), "failed_calls", before.Calls)
	}
}

// changes are tasks that came, went or changed phase since that was last logged.
type changes struct {
	fresh, gone, active, settled, lost int
	failedURLs                         int
	names, lostNames                   []string
}

// changed notes what became of a task that was in a phase before.
func (j *journal) changed(t *planner.Candidate, before prefetch.Phase) {
	j.log.Debug("task changed phase", "task", t.ID, "from", before, "to", t.Phase,
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

func named(names []string, t *planner.Candidate) []string {
	if len(names) < mostNamed {
		names = append(names, t.ID)
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
	if since := now.Sub(j.changesAt).Abs(); !must && since < calmly {
		return calmly - since
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
