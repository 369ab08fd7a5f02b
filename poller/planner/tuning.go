package planner

import "time"

// Every constant of the planner that was tuned stands here: its unit, what it is for,
// where its value is from (derived, measured by package freshness, or promised in
// docs/freshness.md), and the range in which the mean lag hardly moves, less than 3 %
// unless said otherwise. "Not measured" says that nobody has tried.

// What a look at a task is worth, in minutes of lag.
const (
	// surest (a chance) bounds how little may be left of doubt: a task is not worth
	// more for being surer still than 19 to 1. Origin: chosen. Range: not measured.
	surest = 0.05
	// urgency (times the worth) is how much more a task weighs at its deadline, and
	// urgencySpan how long before it that begins to show. Origin: promise, a task with a
	// near deadline comes before one without. Range: without it nothing changes; not measured
	// between.
	urgency     = 4.0
	urgencySpan = 10 * time.Minute
	// starving (rounds of all unsettled tasks) is for how many one may wait before it
	// goes before everything but a deadline. Origin: promise, it bounds the wait.
	// Range: without it stragglers are 4.6 % sooner; not measured between.
	starving = 6
	// stranger (minutes) is the worth of the first answer about a task whose rows are
	// not known: from then on windows can tell of it. It counts whole from the chance
	// promising on: a call that comes later may prove the task settled besides. At a
	// chance of 0.15 it is worth 4 minutes. Of a task that must be counted it counts
	// whole at once, since that call proves nothing in any case. Origin: measured, put
	// off it gains 5.7 % with strangers. Range: not measured.
	stranger  = 8.0
	promising = 0.3
	// awaited (minutes for each minute) is the worth of waiting for the first answer
	// about a task of which only the id is known: nothing else can tell of it. After
	// 20 minutes it is worth 12. Origin: measured, without it the first answer of a cold
	// start is 2.4 times as late. Range: 0.5 to 1.
	awaited = 0.6
	// patience is that of a task whose creation is known. What scouts tell of it may be
	// the rows of others, which would put that answer off for hours. Origin: measured,
	// crowded +41 % without both. Range: not measured.
	patience = 0.1
	// uncounted (minutes) is the worth of the first count of what failed, without which
	// no later count proves a large task settled, and of the first one of what waits: it
	// is the last that is missing to show the task, and may tell of others too. Origin:
	// measured on launch night. Range: four seeds: halved, launch night +5.9 % at most; doubled, launch night -4.2 % at most.
	uncounted = 4.0
	// unseen (minutes) is the worth of the first count of what succeeded: without it
	// nothing is shown of the task either. Origin: measured on launch night. Range: 1.2
	// to 1.6.
	unseen = 1.5
	// familiar (minutes) is the worth of the first answer about any other task. Origin:
	// measured, one worth for all first answers is 19 % later. Range: not measured.
	familiar = 0.1
	// residue (minutes) keeps the worth of tasks that have no chance above nothing.
	// Origin: derived, any number far below a minute. Range: not measured.
	residue = 1e-6
	// slowest (waits since the last look) bounds how long the rest of the tasks is
	// believed to take to settle: a smaller rate was learned from too little. Origin:
	// chosen. Range: not measured.
	slowest = 2
	// glimpse (part of a task's worth) is what a window has of it that shows its rows but
	// cannot prove that they are all. Origin: measured, without it stragglers +3.4 %.
	// Range: four seeds: halved, deadlines, trickle +1.7 % at most; doubled, deadlines, trickle -5.0 % at most.
	glimpse = 0.1
)

// When scouts leave.
const (
	// roomy is the part of a page that rows which run are expected to fill at most: how
	// many they are is known less well than how many there are at all. Origin: chosen.
	// Range: not measured.
	roomy = 0.7
	// horizon (slots) is over how many a task's chance to settle is averaged to tell how
	// soon it would be looked at again. Origin: chosen. Range: not measured.
	horizon = 6
	// scouting is the part of what a scout is worth that must be more than what another
	// question is worth for it to be asked. Origin: measured. Range: 1/3 to 1.
	scouting = 0.5
	// certain (minutes) is the worth of questions that no scout precedes: what they prove
	// is known already. Origin: chosen. Range: not measured.
	certain = 50.0
	// newborn is how old a task must be for rows that do not run to mean much: before
	// they wait. Origin: derived, by then every row must have appeared. Range: not
	// measured.
	newborn = 2 * time.Minute
	// likelySettled is the chance to have settled from which on it is asked whether a
	// task has, before those are counted that wait. Origin: chosen. Range: not measured.
	likelySettled = 0.3
)

// What is learned of rows that are not ours.
const (
	// unwatchedHalve is how long it takes to forget half of the rows of others, and
	// unwatchedMemory what is kept of what was known when a window tells more. Origin:
	// chosen; without these rows strangers +7 %. Range: not measured.
	unwatchedHalve  = time.Hour
	unwatchedMemory = 0.8
	// runningDoubt (rows) is added to what runs and to what is expected to, since few
	// rows tell little, and runningMemory is what is kept of the ratio before. It is
	// leastRunning to mostRunning. Origin: chosen; without the ratio crowded +67 %.
	// Range: not measured.
	runningDoubt              = 5
	runningMemory             = 0.5
	leastRunning, mostRunning = 0.1, 30.0
)

// Deadlines.
const (
	// leastLead and mostLead bound how long before a deadline the question leaves whose
	// answer is to be there at it: whoever reads it then needs a moment, and what a slow
	// vendor showed much earlier says little of the deadline. Origin: promise. Range: not
	// measured.
	leastLead = 2 * time.Second
	mostLead  = 30 * time.Second
	// usualLatency is how long a call is believed to take before one was made. Of the
	// longest call each quicker one leaves latencyKept of latencyOf. Origin: chosen.
	// Range: not measured.
	usualLatency           = time.Second
	latencyKept, latencyOf = 7, 8
	// reserveKept of reserveOf calls stay free for deadlines at most. Origin: chosen;
	// without a reserve the lag at deadlines is 54 % more. Range: not measured.
	reserveKept, reserveOf = 3, 4
)

// What is worked out anew.
const (
	// mostRefills bounds how many candidates one step works out anew only because time
	// has passed. With more tasks than that each of them waits so long for its turn that
	// its worth changes slowly. Origin: chosen; that what was worked out is kept at all
	// takes planning 10,000 tasks from 17 ms to 0.75 ms. Range: not measured.
	mostRefills = 128
	// fresh is the part of a task's wait for which what was worked out is kept: its worth
	// does not change by more. Origin: derived. Range: not measured.
	fresh = 1.0 / 32
)
