// Package judge says how a task is: what is wrong with it, how it stands to its
// deadline, and how old its numbers are, each with the words and the colour in which a
// page shows it. It is pure: the same task at the same moment is judged alike.
package judge

import (
	"time"

	"prefetch_exporter/prefetch"
	"prefetch_exporter/web/words"
)

// Problem is what is wrong with a task, the worst first.
type Problem int

// The problems, the worst first. The last three need nobody.
const (
	DeadlineMissed Problem = iota
	TaskLost
	URLsFailed
	IDUnknown // and not lost yet
	CallFailed
	DataStale
	// DeadlineUnclear: it passed, and no answer from after it says whether it was met.
	DeadlineUnclear
	// NoProblem is that of a task which is under way.
	NoProblem
	// NotAnswered is that of a task which the vendor has told nothing of yet.
	NotAnswered
	// AllWarm is that of a task of which nothing is left to tell.
	AllWarm
)

// Tone is the class that colours a thing.
type Tone string

// The tones, which are classes of the pages' style sheet.
const (
	Good    Tone = "good"
	Bad     Tone = "bad"
	Warn    Tone = "warn"
	Neutral Tone = "neutral"
	Active  Tone = "active"
)

// Badge is a word with a colour, which says nothing that the word does not.
type Badge struct {
	Text string
	Tone Tone
}

// warm reports whether every URL of the task is proven to be on the edge.
func warm(t *prefetch.TaskState) bool {
	return t.Settled() && t.Answered && t.Counts[prefetch.Succeeded] == t.Counts.Total()
}

// FailedStill are the failed URLs that no later task warmed.
func FailedStill(t *prefetch.TaskState) int {
	if !t.Answered {
		return 0
	}
	return t.Counts[prefetch.Failed] - t.Recovered
}

// recovered reports whether the task is as good as warm: later tasks brought to
// the edge whatever failed.
func recovered(t *prefetch.TaskState) bool {
	return t.Settled() && t.Answered && t.Recovered > 0 && t.Counts[prefetch.Succeeded]+t.Recovered == t.Counts.Total()
}

// Problems are those of a task, the worst first; there is at least one.
func Problems(t *prefetch.TaskState, now time.Time, maxStaleness time.Duration) []Problem {
	var found []Problem
	deadline := DeadlineOf(t, now)
	add := func(p Problem, is bool) {
		if is {
			found = append(found, p)
		}
	}
	add(DeadlineMissed, deadline.Tone == Bad)
	add(TaskLost, t.Phase == prefetch.Lost)
	add(URLsFailed, FailedStill(t) > 0)
	unknown := t.LastError != nil && t.LastError.Reason == prefetch.ReasonNotFound
	add(IDUnknown, unknown && t.Phase != prefetch.Lost)
	add(CallFailed, t.LastError != nil && !unknown)
	add(DataStale, t.Stale(now, maxStaleness))
	add(DeadlineUnclear, deadline.unclear)
	if len(found) > 0 {
		return found
	}
	switch {
	case warm(t), recovered(t):
		return []Problem{AllWarm}
	case t.Phase == prefetch.Pending:
		return []Problem{NotAnswered}
	default:
		return []Problem{NoProblem}
	}
}

// problemBadges have nothing of what is no problem.
var problemBadges = [AllWarm + 1]Badge{
	DeadlineMissed:  {"deadline missed", Bad},
	TaskLost:        {"unknown to the vendor", Bad},
	URLsFailed:      {"failed URLs", Bad},
	IDUnknown:       {"the vendor does not know this id yet", Warn},
	CallFailed:      {"last call failed", Warn},
	DataStale:       {"stale data", Warn},
	DeadlineUnclear: {"deadline passed, no answer since", Warn},
}

// Badge is what a page says of a problem; empty for what is none.
func (p Problem) Badge() Badge { return problemBadges[p] }

var phaseTones = [prefetch.NumPhases]Tone{
	prefetch.Pending: Neutral, prefetch.Active: Active, prefetch.Settled: Good, prefetch.Lost: Bad,
}

// PhaseBadge is the phase of a task, with its colour.
func PhaseBadge(p prefetch.Phase) Badge { return Badge{p.String(), phaseTones[p]} }

// Deadline is how a task stands to its deadline.
type Deadline struct {
	At   words.Moment
	Text string
	Tone Tone
	// Finish ends Text where that is a time.
	Finish words.Moment
	// unclear: the deadline passed and no answer from after it says whether it
	// was met.
	unclear bool
}

// DeadlineOf is empty for a task without a deadline.
func DeadlineOf(t *prefetch.TaskState, now time.Time) Deadline {
	if t.Deadline.IsZero() {
		return Deadline{}
	}
	v := Deadline{At: words.MomentOf(t.Deadline, now)}
	spare := t.Deadline.Sub(now)
	switch {
	case warm(t):
		v.judgeFinish(t, now)
	case recovered(t):
		v.Text, v.Tone = "recovered", Neutral
	case spare > 0:
		v.Text, v.Tone = words.Span(spare)+" left", Neutral
	case t.Settled() || !t.LastUnfinished.Before(t.Deadline):
		v.Text, v.Tone = "missed "+words.Span(-spare)+" ago", Bad
	default:
		v.Text, v.Tone, v.unclear = "passed "+words.Span(-spare)+" ago", Warn, true
	}
	return v
}

// judgeFinish is how a task that is warm stood to its deadline. Where the vendor did
// not tell when it was finished, that was between the last answer that showed it
// unfinished and the one that showed it warm: how long the exporter did not look is
// not by how much the task was late.
func (v *Deadline) judgeFinish(t *prefetch.TaskState, now time.Time) {
	late := t.Finished.Sub(t.Deadline)
	switch {
	case t.FinishTold && late > 0:
		v.Text, v.Tone = "met "+words.Span(late)+" late", Warn
	case t.FinishTold:
		v.Text, v.Tone = "met, "+words.Span(-late)+" early", Good
	case late <= 0:
		v.Text, v.Tone = "met, at least "+words.Span(-late)+" early", Good
	default:
		v.Text, v.Tone = "warm at the latest at", Neutral
		if !t.LastUnfinished.Before(t.Deadline) {
			v.Text, v.Tone = "late, "+v.Text, Warn
		}
		v.Finish = words.MomentOf(t.Finished, now)
		v.Finish.Absolute = words.ClockNear(t.Finished, t.Deadline)
	}
}

// Data is how old a task's numbers are.
type Data struct {
	At    words.Moment
	Text  string
	Stale bool
	// Final: the numbers do not change any more, however old.
	Final bool
}

// DataOf is how old the numbers of a task are now, where more than maxStaleness is too
// old.
func DataOf(t *prefetch.TaskState, now time.Time, maxStaleness time.Duration) Data {
	if t.LastRefresh.IsZero() {
		return Data{Text: "no answer yet"}
	}
	at := t.LastRefresh
	if at.After(now) {
		at = now // the clock was set back a moment ago
	}
	return Data{
		At: words.MomentOf(at, now), Text: words.Span(now.Sub(at)),
		Stale: t.Stale(now, maxStaleness), Final: t.Settled(),
	}
}
