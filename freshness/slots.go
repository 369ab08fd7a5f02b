package freshness

import "time"

// Percent by which a slot stays taken longer than the vendor's period, so that
// rounding never makes a call one too many. The poller's budget does the same.
const slack = 1

// SlotLength is the time from one slot to the next. Slots are the moments at which
// calls may leave: those of a caller that never lets one pass unused. A call's slot is
// free again one period, and the slack, after it ended; slots that the vendor allows at
// once are spread evenly, which is the best for whoever waits for one.
func (v *Vendor) SlotLength() time.Duration {
	period := Latency + v.Limit.Per + v.Limit.Per*slack/100
	return period / time.Duration(v.Limit.Calls)
}

// slotFrom is the first slot at or after t; the first of all is at 0.
func (v *Vendor) slotFrom(t time.Duration) time.Duration {
	return (max(t, 0) + v.SlotLength() - 1).Truncate(v.SlotLength())
}

// A call that is sent at t meets the vendor at seen(t), and its answer is there
// at answered(t).
func seen(sent time.Duration) time.Duration     { return sent + Latency/2 }
func answered(sent time.Duration) time.Duration { return sent + Latency }

// provable reports whether an answer to a question sent at that time, which
// shows all of the item's rows final, proves that it is settled.
func (v *Vendor) provable(i *Item, sent time.Duration) bool {
	return sent >= i.second()+v.Proof
}

// gone reports whether the vendor does not show the item any more.
func (v *Vendor) gone(i *Item, sent time.Duration) bool {
	return v.LookBack > 0 && sent-i.second() > v.LookBack
}
