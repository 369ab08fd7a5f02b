// Package journal is what an account logs, in measure: what the vendor says again
// and again must not fill the log, nor memory.
//
// It alone of the poller's rooms has a log. It must not know why something is said.
package journal

import (
	"log/slog"
	"math"
	"strings"
	"time"

	"prefetch_exporter/internal/loglimit"
	"prefetch_exporter/poller/task"
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
	// never is until nothing happens.
	never = time.Duration(math.MaxInt64)
)

// callFailed is said of every failed call.
const callFailed = "a vendor call failed; the last good answer stays"

// Kind is a kind of warning. There are few: what differs between two of a kind may
// be the vendor's words, of which there is no end.
type Kind string

// What is warned of besides failed calls and unknown words.
const (
	Oddity     Kind = "oddity"       // an answer that is not as documented
	Discarded  Kind = "discarded"    // what was said of a task and thrown away
	Ledger     Kind = "ledger"       // calls cannot be recorded
	TaskLimit  Kind = "task_limit"   // more tasks are listed than it allows
	Clock      Kind = "clock"        // the vendor's differs from ours
	Future     Kind = "future"       // a row is from the vendor's future
	Hours      Kind = "hours"        // the vendor's times are hours off
	Backlog    Kind = "backlog"      // the work exceeds the quota
	Window     Kind = "watch_window" // the look-back cannot be counted
	Unstorable Kind = "unstorable"   // a task is too large for the store

	word    Kind = "word"
	failure Kind = "failure" // followed by the reason
)

// Journal is what an account logs. It is guarded by the account's lock.
type Journal struct {
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

// New returns a journal that writes to a log by a wall clock.
func New(log *slog.Logger, now func() time.Time) *Journal {
	return &Journal{log: log, now: now, limit: loglimit.New(log, now, mostAlike), words: map[string]bool{}}
}

// Warn logs a warning, a few an hour of each kind, and once an hour about the same.
func (j *Journal) Warn(kind Kind, about, msg string, args ...any) {
	j.limit.WarnOnce(string(kind), about, msg, args...)
}

// Learned logs what was learned of how the vendor can be asked.
func (j *Journal) Learned(msg string, args ...any) {
	j.log.Info(msg, args...) //nolint:sloglint // each caller's is a constant
}

// Word logs a status word that no page documents, once.
func (j *Journal) Word(said string, args ...any) {
	if j.words[said] || len(j.words) >= mostWords {
		return
	}
	j.words[said] = true
	j.Warn(word, said, "the vendor used a status that it never documented; it counts as unknown", append(args, "status", said)...)
}

// Failed logs a failed call: of a task's own trouble as a warning about it, else
// that the account fails. That is logged at once where the log says that it does
// not, or for another reason, but not twice a minute; and once an hour while it
// goes on.
func (j *Journal) Failed(reason prefetch.Reason, about string, args ...any) {
	if reason.ConcernsTask() {
		j.Warn(failure+Kind(reason), about, callFailed, args...)
		return
	}
	apart := goesOn
	if j.failing != reason {
		apart = calmly
	}
	if j.limit.Apart("failed "+string(reason), apart) {
		j.failing = reason
		j.log.Warn(callFailed, args...)
	}
}

// Fails notes that the log of an earlier process says why the account fails.
func (j *Journal) Fails(reason prefetch.Reason) { j.failing = reason }

// Again logs that the account answers again, where the log says that it fails: why
// and since when it did, and how many calls failed.
func (j *Journal) Again(reason prefetch.Reason, since time.Time, calls int) {
	if j.failing != "" {
		j.failing = ""
		j.log.Info("the account answers again", "reason", reason,
			"after", max(0, j.now().Sub(since)).Round(time.Second), "failed_calls", calls)
	}
}

// changes are tasks that came, went or changed phase since that was last logged.
type changes struct {
	fresh, gone, active, settled, lost int
	failedURLs                         int
	names, lostNames                   []string
}

// Listed notes how many tasks are watched that were not known before, and how many
// are not listed any more.
func (j *Journal) Listed(came, gone int) {
	j.changes.fresh += came
	j.changes.gone += gone
}

// Changed notes what became of a task that was in a phase before, if it is in another.
func (j *Journal) Changed(t *task.Task, before prefetch.Phase) {
	if t.Phase == before {
		return
	}
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

func named(names []string, t *task.Task) []string {
	if len(names) < mostNamed {
		names = append(names, t.ID)
	}
	return names
}

// Tell logs the changes, if the last ones were logged a minute ago or it must be
// now, and returns how long until it will. unsettled is how many tasks are not over.
func (j *Journal) Tell(unsettled func() int, must bool) time.Duration {
	c, now := j.changes, j.now()
	if c.fresh+c.gone+c.active+c.settled+c.lost == 0 {
		return never
	}
	if since := now.Sub(j.changesAt).Abs(); !must && since < calmly {
		return calmly - since
	}
	j.changes, j.changesAt = changes{}, now
	if c.lost > 0 {
		j.log.Warn("tasks are lost: the vendor does not know them", "tasks", names(c.lostNames, c.lost), "lost", c.lost)
	}
	if c.fresh+c.gone+c.active+c.settled == 0 {
		return never
	}
	args := []any{"new", c.fresh, "not_listed", c.gone, "active", c.active, "settled", c.settled, "unsettled_left", unsettled()}
	if c.settled > 0 {
		args = append(args, "settled_tasks", names(c.names, c.settled), "failed_urls", c.failedURLs)
	}
	j.log.Info("tasks changed", args...)
	return never
}

// names are the first of so many tasks, as a text.
func names(some []string, all int) string {
	text := strings.Join(some, ", ")
	if all > len(some) {
		text += ", …"
	}
	return text
}
