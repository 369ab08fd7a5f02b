package status

import (
	"time"

	"prefetch_exporter/prefetch"
	"prefetch_exporter/web/words"
)

// problem is what is wrong with a task, the worst first.
type problem int

const (
	deadlineMissed problem = iota
	taskLost
	urlsFailed
	idUnknown // and not lost yet
	callFailed
	dataStale
	deadlineUnclear
	// noProblem is that of a task which is under way.
	noProblem
	notAnswered
	// allWarm is that of a task of which nothing is left to tell.
	allWarm
)

// tone is the class that colours a thing.
type tone string

const (
	good    tone = "good"
	bad     tone = "bad"
	warn    tone = "warn"
	neutral tone = "neutral"
	active  tone = "active"
)

// badge is a word with a colour, which says nothing that the word does not.
type badge struct {
	Text string
	Tone tone
}

// warm reports whether every URL of the task is proven to be on the edge.
func warm(t *prefetch.TaskState) bool {
	return t.Settled() && t.Answered && t.Counts[prefetch.Succeeded] == t.Counts.Total()
}

// failedStill are the failed URLs that no later task warmed.
func failedStill(t *prefetch.TaskState) int {
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

// problems are those of a task, the worst first; there is at least one.
func problems(t *prefetch.TaskState, now time.Time, maxStaleness time.Duration) []problem {
	var found []problem
	deadline := judgeDeadline(t, now)
	add := func(p problem, is bool) {
		if is {
			found = append(found, p)
		}
	}
	add(deadlineMissed, deadline.Tone == bad)
	add(taskLost, t.Phase == prefetch.Lost)
	add(urlsFailed, failedStill(t) > 0)
	unknown := t.LastError != nil && t.LastError.Reason == prefetch.ReasonNotFound
	add(idUnknown, unknown && t.Phase != prefetch.Lost)
	add(callFailed, t.LastError != nil && !unknown)
	add(dataStale, t.Stale(now, maxStaleness))
	add(deadlineUnclear, deadline.unclear)
	if len(found) > 0 {
		return found
	}
	switch {
	case warm(t), recovered(t):
		return []problem{allWarm}
	case t.Phase == prefetch.Pending:
		return []problem{notAnswered}
	default:
		return []problem{noProblem}
	}
}

// badge is what a page says of a problem; empty for what is none.
func (p problem) badge() badge {
	switch p {
	case deadlineMissed:
		return badge{"deadline missed", bad}
	case taskLost:
		return badge{"unknown to the vendor", bad}
	case urlsFailed:
		return badge{"failed URLs", bad}
	case idUnknown:
		return badge{"the vendor does not know this id yet", warn}
	case callFailed:
		return badge{"last call failed", warn}
	case dataStale:
		return badge{"stale data", warn}
	case deadlineUnclear:
		return badge{"deadline passed, no answer since", warn}
	default:
		return badge{}
	}
}

func phaseBadge(p prefetch.Phase) badge {
	switch p {
	case prefetch.Active:
		return badge{p.String(), active}
	case prefetch.Settled:
		return badge{p.String(), good}
	case prefetch.Lost:
		return badge{p.String(), bad}
	default:
		return badge{p.String(), neutral}
	}
}

// deadlineView is how a task stands to its deadline.
type deadlineView struct {
	At   words.Moment
	Text string
	Tone tone
	// Finish ends Text where that is a time.
	Finish words.Moment
	// unclear: the deadline passed and no answer from after it says whether it
	// was met.
	unclear bool
}

// judgeDeadline is empty for a task without a deadline.
func judgeDeadline(t *prefetch.TaskState, now time.Time) deadlineView {
	if t.Deadline.IsZero() {
		return deadlineView{}
	}
	v := deadlineView{At: words.MomentOf(t.Deadline, now)}
	spare := t.Deadline.Sub(now)
	switch {
	case warm(t):
		v.judgeFinish(t, now)
	case recovered(t):
		v.Text, v.Tone = "recovered", neutral
	case spare > 0:
		v.Text, v.Tone = words.Span(spare)+" left", neutral
	case t.Settled() || !t.LastUnfinished.Before(t.Deadline):
		v.Text, v.Tone = "missed "+words.Span(-spare)+" ago", bad
	default:
		v.Text, v.Tone, v.unclear = "passed "+words.Span(-spare)+" ago", warn, true
	}
	return v
}

// judgeFinish is how a task that is warm stood to its deadline. Where the vendor did
// not tell when it was finished, that was between the last answer that showed it
// unfinished and the one that showed it warm: how long the exporter did not look is
// not by how much the task was late.
func (v *deadlineView) judgeFinish(t *prefetch.TaskState, now time.Time) {
	late := t.Finished.Sub(t.Deadline)
	switch {
	case t.FinishTold && late > 0:
		v.Text, v.Tone = "met "+words.Span(late)+" late", warn
	case t.FinishTold:
		v.Text, v.Tone = "met, "+words.Span(-late)+" early", good
	case late <= 0:
		v.Text, v.Tone = "met, at least "+words.Span(-late)+" early", good
	default:
		v.Text, v.Tone = "warm at the latest at", neutral
		if !t.LastUnfinished.Before(t.Deadline) {
			v.Text, v.Tone = "late, "+v.Text, warn
		}
		v.Finish = words.MomentOf(t.Finished, now)
		v.Finish.Absolute = words.ClockNear(t.Finished, t.Deadline)
	}
}

// dataView is how old a task's numbers are.
type dataView struct {
	At    words.Moment
	Text  string
	Stale bool
	// Final: the numbers do not change any more, however old.
	Final bool
}

func judgeData(t *prefetch.TaskState, now time.Time, maxStaleness time.Duration) dataView {
	if t.LastRefresh.IsZero() {
		return dataView{Text: "no answer yet"}
	}
	at := t.LastRefresh
	if at.After(now) {
		at = now // the clock was set back a moment ago
	}
	return dataView{
		At: words.MomentOf(at, now), Text: words.Span(now.Sub(at)),
		Stale: t.Stale(now, maxStaleness), Final: t.Settled(),
	}
}
