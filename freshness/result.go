package freshness

import (
	"cmp"
	"math"
	"slices"
	"time"
)

// Strategy is who decided what to ask.
type Strategy string

// The strategies, in the order in which they are shown.
const (
	// Ours is the planner, told ids and times of creation.
	Ours Strategy = "ours"
	// OursWithURLs is the planner, told what was submitted as well.
	OursWithURLs Strategy = "ours, with urls"
	// ByRoundRobin is [RoundRobin], a new item first, and ByRoundRobinNewLast last.
	ByRoundRobin        Strategy = "round-robin"
	ByRoundRobinNewLast Strategy = "round-robin, new ones last"
	// ByPageOracle is [PageOracle], and ByLateOracle that told one slot late.
	ByPageOracle Strategy = "page oracle"
	ByLateOracle Strategy = "page oracle, one slot late"
	// ByNextSlot is [NextSlot].
	ByNextSlot Strategy = "next-slot bound"
)

// Strategies returns every strategy, in the order in which they are shown.
func Strategies() [7]Strategy {
	return [7]Strategy{Ours, OursWithURLs, ByRoundRobin, ByRoundRobinNewLast, ByPageOracle, ByLateOracle, ByNextSlot}
}

// Result is how one strategy did with one seed of one scenario. Times are in
// seconds.
type Result struct {
	Scenario string   `json:"scenario"`
	Strategy Strategy `json:"strategy"`
	Seed     uint64   `json:"seed"`
	// Items is how many there were, Calls how many calls were spent.
	Items int `json:"items"`
	Calls int `json:"calls"`
	// Lag is the time from the moment an item truly settled, or from the beginning
	// if it had by then, until it is known to be. What is never known counts as the
	// whole [Horizon].
	Lag Spread `json:"lag_seconds"`
	// First is the time from an item's creation, or from the beginning, until the
	// first answer about it; nil where no answers are shown.
	First *Spread `json:"first_answer_seconds,omitempty"`
	// Unreported are the ids of the items that were not known to be settled by
	// the horizon.
	Unreported []string `json:"unreported"`
	// CountError is [Outcome].CountError; nil where no counts are shown.
	CountError *float64 `json:"count_error"`
	// Deadlines is nil where no item has one, and where nothing is shown.
	Deadlines *Deadlines `json:"deadlines,omitempty"`
}

// Spread describes a distribution of durations, in seconds.
type Spread struct {
	Mean float64 `json:"mean"`
	P50  float64 `json:"p50"`
	P95  float64 `json:"p95"`
	Max  float64 `json:"max"`
}

// Deadlines is how soon after a deadline it was known whether it was met: the
// time from the deadline to the first answer that was asked for at or after it
// and covers the item; 0 if the item was known to be settled by then.
type Deadlines struct {
	Items int `json:"items"`
	// Lag is that time until the answer is there, in seconds. An item that no
	// answer covers counts as the whole [Horizon].
	Lag Spread `json:"lag_seconds"`
	// WithinFirst and WithinSecond are the parts of the items, 0–1, whose lag
	// is within the two [Vendor.DeadlineLimits].
	WithinFirst  float64 `json:"within_first"`
	WithinSecond float64 `json:"within_second"`
	// Met is how many of the items had truly settled by their deadline, and KnownMet
	// the part of these, 0–1, of which that was known at the deadline, or [Soon] after
	// they settled.
	Met      int     `json:"met"`
	KnownMet float64 `json:"known_met"`
}

// Soon is how soon after the truth a deadline is to be known as met.
const Soon = 5 * time.Second

// DeadlineLimits are how soon after a deadline the truth is wanted for most
// items and for all: an answer asked for in the first slot, and in the second;
// or, where slots are shorter than that, 5 s and 10 s.
func (v *Vendor) DeadlineLimits() (most, all time.Duration) {
	const late = 2 * Soon
	slot := v.SlotLength()
	if slot < Soon {
		return Soon, late
	}
	return slot + Latency, 2*slot + Latency
}

// Evaluate says how well a strategy did.
func Evaluate(w *Workload, s Strategy, o Outcome) Result {
	r := Result{
		Scenario: w.Scenario.Name, Strategy: s, Seed: w.Seed, Items: len(w.Items), Calls: o.Calls,
		Unreported: []string{},
	}
	lags := make([]time.Duration, len(w.Items))
	for i := range w.Items {
		lags[i] = min(Horizon, since(w.Items[i].Settled(), o.Reported[i]))
		if o.Reported[i] == Never {
			r.Unreported = append(r.Unreported, w.Items[i].ID)
		}
	}
	r.Lag = spread(lags)
	if o.Answered != nil {
		for i := range w.Items {
			lags[i] = min(Horizon, since(w.Items[i].Created, o.Answered[i]))
		}
		r.First = new(spread(lags))
	}
	if o.Samples > 0 {
		r.CountError = &o.CountError
		r.Deadlines = deadlines(w, o)
	}
	return r
}

func deadlines(w *Workload, o Outcome) *Deadlines {
	var lags []time.Duration
	first, second, met, knownMet := 0, 0, 0, 0
	most, all := w.Scenario.Vendor.DeadlineLimits()
	for i := range w.Items {
		if w.Items[i].Deadline == 0 {
			continue
		}
		// What was asked for before the deadline and known to be settled after is known
		// from then on.
		known := min(o.Reported[i], cmp.Or(o.Covered[i], Never))
		lag := min(Horizon, max(0, known-w.Items[i].Deadline))
		lags = append(lags, lag)
		if lag <= most {
			first++
		}
		if lag <= all {
			second++
		}
		if settled := w.Items[i].Settled(); settled <= w.Items[i].Deadline {
			met++
			if o.Reported[i] <= max(w.Items[i].Deadline, settled+Soon) {
				knownMet++
			}
		}
	}
	if len(lags) == 0 {
		return nil
	}
	n := float64(len(lags))
	return &Deadlines{
		Items: len(lags), Lag: spread(lags),
		WithinFirst: float64(first) / n, WithinSecond: float64(second) / n,
		Met: met, KnownMet: float64(knownMet) / float64(max(1, met)),
	}
}

// spread describes durations; it sorts them.
func spread(d []time.Duration) Spread {
	if len(d) == 0 {
		return Spread{}
	}
	slices.Sort(d)
	const half, nearlyAll = 0.5, 0.95
	sum := 0.0
	for _, x := range d {
		sum += x.Seconds()
	}
	return Spread{
		Mean: sum / float64(len(d)),
		P50:  percentile(d, half), P95: percentile(d, nearlyAll),
		Max: d[len(d)-1].Seconds(),
	}
}

// percentile is the least of the sorted durations that at least this part of
// them does not exceed, in seconds.
func percentile(sorted []time.Duration, part float64) float64 {
	rank := int(math.Ceil(part * float64(len(sorted))))
	return sorted[max(rank, 1)-1].Seconds()
}
