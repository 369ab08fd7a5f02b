package planner

import (
	"cmp"
	"time"

	"prefetch_exporter/poller/planner/tuning"
)

// Latency is how long calls take at most, as the last ones showed: the longest,
// of which each quicker one takes away an eighth. More than a lead can be is of no
// use. Zero stands for a second, until a call was made.
type Latency time.Duration

// Learn learns from a call.
func (l *Latency) Learn(took time.Duration) {
	*l = min(Latency(tuning.MostLead), max(Latency(took), Latency(tuning.LatencyKept*float64(l.Usual()))))
}

// Usual is how long a call is believed to take.
func (l *Latency) Usual() time.Duration {
	return time.Duration(cmp.Or(*l, Latency(tuning.UsualLatency)))
}
