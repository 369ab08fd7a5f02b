// Package tuning has every constant of the planner that was tuned: its unit, what it is for,
// where its value is from (derived, measured by package freshness, or promised in
// docs/freshness.md), and its range: what moves when it alone is halved, doubled or
// taken out. "Nothing" says that no scenario it was tried in moved by 3 % of its mean or
// 95th percentile beyond chance, which is twice the standard error of the paired seeds.
// docs/freshness.md says how that was measured. With so many figures one in some twenty
// moves as far by chance alone. Figures are of the mean lag and without urls unless said
// otherwise.
//
// What was tuned elsewhere stands beside what it is for: poller/survival how long URLs
// are believed to take, poller/match how many rows show an order, poller/task how often
// large tasks are counted, poller/lookback how many calls the look-back has.
package tuning

import "time"

// What a look at a task is worth, in minutes of lag.
const (
	// Surest (a chance) bounds how little may be left of doubt: a task is not worth
	// more for being surer still than 19 to 1. Origin: chosen; safety, where
	// nothing is left of it the worth has no end. Range: half, and no bound
	// at all: nothing; double: 95th percentile of crowded with urls +5 %.
	Surest = 0.05
	// Urgency (times the worth) is how much more a task weighs at its deadline, and
	// UrgencySpan how long before it that begins to show. Origin: promise, a task with a
	// near deadline comes before one without. Range: half and double of either, and no
	// weight at all: nothing.
	Urgency     = 4.0
	UrgencySpan = 10 * time.Minute
	// Starving (rounds of all unsettled tasks) is for how many one may wait before it
	// goes before everything but a deadline. Origin: promise, it bounds the wait.
	// Range: 3 rounds: launch night with urls +11 %, stragglers +4.4 %; 12: crowded -3.7 %.
	// A thousand: nothing on six seeds; without it, on twenty, stragglers 4.6 % sooner.
	Starving = 6
	// Stranger (minutes) is the worth of the first answer about a task whose rows are
	// not known: from then on windows can tell of it. It counts whole from the chance
	// Promising on: a call that comes later may prove the task settled besides. At a
	// chance of 0.15 it is worth 4 minutes. Of a task that must be counted it counts
	// whole at once, since that call proves nothing in any case. Origin: measured, put
	// off it gains 5.7 % with strangers. Range: Stranger half: nothing; double: strangers
	// -4.4 %. Promising half and double: nothing.
	Stranger  = 8.0
	Promising = 0.3
	// Awaited (minutes for each minute) is the worth of waiting for the first answer
	// about a task of which only the id is known: nothing else can tell of it. After
	// 20 minutes it is worth 12. Origin: measured, without it the first answer of a cold
	// start is 2.4 times as late. Range: narrow. Half: first answer of 12 items +6 %, lag of
	// 30 items +8 %; 0.45: lag of 100 items +3.4 %; 0.8: lag of 30 items -6 %, but 95th
	// percentile of 12 items +7 %; double: lag of 30 items -6 %, of 12 items +13 %.
	Awaited = 0.6
	// Patience is that of a task whose creation is known. What scouts tell of it may be
	// the rows of others, which would put that answer off for hours. Origin: measured,
	// crowded +41 % without both. Range: narrow. Half: crowded +15 %; double: crowded -16 %,
	// but 95th percentile of stragglers +5 %; zero: crowded +71 %, trickle +6 %.
	Patience = 0.1
	// Uncounted (minutes) is the worth of the first count of what failed, without which
	// no later count proves a large task settled, and of the first one of what waits: it
	// is the last that is missing to show the task, and may tell of others too. Origin:
	// measured on launch night. Range: half and double: nothing; zero: launch night +21 %.
	Uncounted = 4.0
	// Unseen (minutes) is the worth of the first count of what succeeded: without it
	// nothing is shown of the task either. Origin: promise, with none a task that was half
	// counted may wait for six rounds again. Range: zero: first answer of launch night
	// +2.8 %, no lag beyond chance; half: nothing; double: launch night with urls +3.8 %.
	Unseen = 1.5
	// Familiar (minutes) is the worth of the first answer about any other task. Origin:
	// measured, one worth for all first answers is 19 % later. Range: zero: no lag beyond
	// chance, but first answers with urls +8 to +32 % and the mean error of a count +4 to
	// +14 %; double: strangers with urls +3.3 %, 95th percentile of trickle with urls +11 %. Where
	// answers name their tasks it is for each minute of waiting: see docs/freshness.md.
	Familiar = 0.1
	// Residue (minutes) keeps the worth of tasks that have no chance above nothing.
	// Origin: derived, any number far below a minute. Range: nothing from zero to 1e-3.
	Residue = 1e-6
	// Slowest (waits since the last look) bounds how long the rest of the tasks is
	// believed to take to settle: a smaller rate was learned from too little. Origin: chosen;
	// safety, where a rate is near zero the worth has no end, and what windows are worth
	// could not be added up any more. Range: half: trickle +3.2 %; double, and no bound at
	// all: nothing.
	Slowest = 2
	// Glimpse (part of a task's worth) is what a window has of it that shows its rows but
	// cannot prove that they are all. Origin: measured, without it stragglers +3.4 %.
	// Range: half: nothing; double: cold start of 12 items +10 %.
	Glimpse = 0.1
)

// When scouts leave.
const (
	// Roomy is the part of a page that rows which run are expected to fill at most: how
	// many they are is known less well than how many there are at all. Origin: chosen.
	// Range: narrow. Half: stragglers +12 %, crowded with urls +15 %; 0.6: nothing; 0.8:
	// crowded +6 %; 1: crowded +130 %.
	Roomy = 0.7
	// Horizon (slots) is over how many a task's chance to settle is averaged to tell how
	// soon it would be looked at again. Origin: chosen. Range: half and double: nothing but
	// 95th percentiles by 3 to 4 %, each in one scenario.
	Horizon = 6
	// Scouting is the part of what a scout is worth that must be more than what another
	// question is worth for it to be asked. Origin: measured. Range: narrow. 0.25: launch
	// night with urls +39 %; 0.35: +13 %, strangers with urls +9 %; 0.7: crowded +44 %,
	// trickle +9 %; 1: crowded +85 %, trickle +18 %.
	Scouting = 0.5
)

// What is learned of rows that are not ours.
const (
	// UnwatchedHalve is how long it takes to forget half of the rows of others, and
	// UnwatchedMemory what is kept of what was known when a window tells more. Origin:
	// chosen; without these rows strangers +7 %. Range:
	// UnwatchedHalve half: crowded with urls +10 %; double: crowded -7 %; never forgotten:
	// crowded -12 %, with urls -7 %. UnwatchedMemory half: crowded -4.6 %; 0.9: crowded with urls
	// +10 %, strangers with urls +9 %; zero: strangers with urls +16 %.
	UnwatchedHalve  = time.Hour
	UnwatchedMemory = 0.8
	// RunningDoubt (rows) is added to what runs and to what is expected to, since few
	// rows tell little, RunningMemory is what is kept of the ratio before, and RunningKept
	// how long it is believed when no scout was sent since. Origin:
	// chosen; without the ratio crowded +67 %.
	// Range: RunningDoubt half: crowded -5 %; double: crowded with urls +9 %; zero: nothing.
	// RunningMemory half: crowded with urls +8 %; 0.75: nothing; zero: crowded with urls
	// +12 %. RunningKept: the same figures to the digit for ever; a quarter: nothing. From a
	// ratio of 30 on, which a burst of others leaves, for ever: stragglers +108 %.
	RunningDoubt  = 5
	RunningMemory = 0.5
	RunningKept   = 4 * time.Hour
)

// Deadlines.
const (
	// LeastLead and MostLead bound how long before a deadline the question leaves whose
	// answer is to be there at it: whoever reads it then needs a moment, and what a slow
	// vendor showed much earlier says little of the deadline. Origin: promise. Range:
	// half and double of either, and no least one: nothing. Calls take a second in all
	// scenarios, so that tells nothing of a vendor whose latency changes.
	LeastLead = 2 * time.Second
	MostLead  = 30 * time.Second
	// UsualLatency is how long a call is believed to take before one was made, and
	// LatencyKept the part of the longest call that each quicker one leaves. Origin: chosen.
	// Range: half and double, 3/4, 15/16 and 0/8: nothing, for
	// the same reason.
	UsualLatency = time.Second
	LatencyKept  = 7.0 / 8
	// ReserveKept is the part of the calls that stay free for deadlines at most. Origin: chosen;
	// without a reserve the lag at deadlines is 54 % more. Range:
	// 3/8: nothing; all, where the limit is one call: lag at the deadline -97 %, and trickle
	// with urls +8 %.
	ReserveKept = 3.0 / 4
)

// What is worked out anew.
const (
	// MostRefills bounds how many candidates one step works out anew only because time
	// has passed. With more tasks than that each of them waits so long for its turn that
	// its worth changes slowly. Origin: chosen; that what was worked out is kept at all
	// takes planning 10,000 tasks from 17 ms to 0.75 ms. Range: from 64 on the
	// same figures to the digit; 8: 95th percentile of stragglers +13 %. With 500 tasks and
	// more not measured.
	MostRefills = 128
	// Fresh is the part of a task's wait for which what was worked out is kept: its worth
	// does not change by more. Origin: derived. Range: half, double and 1/4: nothing; zero: 95th
	// percentile of trickle with urls -9 %.
	Fresh = 1.0 / 32
)
