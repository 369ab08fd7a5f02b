package freshness

import (
	"slices"
	"time"
)

// Outcome is what a strategy made of a workload.
type Outcome struct {
	// Reported is when each item was known to be settled, [Never] if it was not
	// by the horizon; in the order of the workload's items.
	Reported []time.Duration
	// Answered is when the first answer about each item was shown, [Never] if none
	// was; nil where the strategy shows no answers.
	Answered []time.Duration
	// Covered is, for each item with a deadline, the first answer that was
	// asked for at or after it and covers the item; 0 where there is none.
	Covered []time.Duration
	// Calls is how many calls were spent.
	Calls int
	// CountError is [CountError] as a mean over all items and minutes, from an
	// item's creation until it is settled and known to be. Samples is over how
	// many; 0 where the strategy shows no counts.
	CountError float64
	Samples    int
}

func newOutcome(w *Workload) Outcome {
	return Outcome{
		Reported: slices.Repeat([]time.Duration{Never}, len(w.Items)), Covered: make([]time.Duration, len(w.Items)),
	}
}

// NextSlot is the bound that no strategy can beat that uses every slot: an item
// is reported in the first slot in which one call could prove it, however many
// items would need that slot.
func NextSlot(w *Workload) Outcome {
	o := newOutcome(w)
	v := &w.Scenario.Vendor
	for i := range w.Items {
		item := &w.Items[i]
		sent := v.slotFrom(max(item.Settled()-seen(0), item.second()+v.Proof))
		if answered(sent) <= Horizon {
			o.Reported[i] = answered(sent)
		}
	}
	return o
}
