// Package survival learns how long URLs take, as a life table does: for each age,
// how many of those that were watched ended (the hazard). It is pure.
package survival

import (
	"math"
	"time"
)

const (
	// Ages are divided into bins that double every second bin, from the first
	// 15 seconds to about two weeks. Range: half and double of the first bin: nothing;
	// one bin each doubling: cold start of 30 items 5 % sooner; four: 95th percentile of
	// strangers with urls 12 % later.
	ageBins         = 34
	firstBin        = 15 * time.Second
	binsPerDoubling = 2

	// What is believed before anything was seen: Huawei's page speaks of three
	// to five minutes, and some URLs always take much longer. Range: half and double
	// of the median cost launch night 12 %, those of the spread 37 to 50 %.
	priorMedian = 4 * time.Minute
	priorSigma  = 1.3
	// priorWeight is how many ends must be seen at an age to weigh as much as
	// that belief. Range: half and double move no scenario for the worse beyond
	// chance.
	priorWeight = 5

	// fullMemory is how many finished URLs are remembered before what is older
	// counts half. Without an end nothing that was learned in a year would ever change,
	// which costs as much as not to learn at all. Range: the same figures from half to
	// without end, since scenarios last for a day; at 1,000 nothing moves beyond chance
	// either.
	fullMemory = 50_000
)

// Observations are how long an account's URLs took from creation to the end: for
// each age, how many of those still under way ended then. Counting what ended
// against what was at risk, instead of averaging what ended, is not fooled by
// URLs that are still under way, and needs no assumption about the shape.
type Observations struct {
	// Ended is how many URLs ended at that age, AtRisk for how many seconds
	// URLs of that age were watched.
	Ended  [ageBins]float64 `json:"ended"`
	AtRisk [ageBins]float64 `json:"at_risk"`
	// Failed of Final URLs failed.
	Failed float64 `json:"failed"`
	Final  float64 `json:"final"`
	// Sizes and Items tell how many URLs a task has.
	Sizes float64 `json:"sizes"`
	Items float64 `json:"items"`

	curve *Curve // what they amount to; nil when it must be worked out anew
}

// IsZero reports whether nothing was observed yet, for encoding/json.
func (o *Observations) IsZero() bool {
	bare := *o
	bare.curve = nil
	return bare == Observations{}
}

// binOf returns the bin of an age.
func binOf(age time.Duration) int {
	if age < firstBin {
		return 0
	}
	return min(ageBins-1, 1+int(binsPerDoubling*math.Log2(float64(age)/float64(firstBin))))
}

// binStart returns the youngest age in a bin.
func binStart(bin int) time.Duration {
	if bin == 0 {
		return 0
	}
	return time.Duration(float64(firstBin) * math.Exp2(float64(bin-1)/binsPerDoubling))
}

// binEnd returns the age at which a bin ends, at most utmost: the last has no end.
func binEnd(bin int, utmost time.Duration) time.Duration {
	if bin == ageBins-1 {
		return utmost
	}
	return min(utmost, binStart(bin+1))
}

// Watched learns that n URLs were under way from age `from` to age `to`.
func (o *Observations) Watched(n int, from, to time.Duration) {
	if n <= 0 || to <= from {
		return
	}
	o.curve = nil
	for bin := binOf(from); bin <= binOf(to); bin++ {
		o.AtRisk[bin] += float64(n) * (binEnd(bin, to) - max(from, binStart(bin))).Seconds()
	}
}

// EndedAt learns that n URLs that were watched until then ended at an age.
func (o *Observations) EndedAt(n int, age time.Duration) {
	if n <= 0 {
		return
	}
	o.Ended[binOf(max(age, 0))] += float64(n)
	o.ended(n)
}

// ended counts URLs that ended, and lets what was learned long ago count less.
func (o *Observations) ended(n int) {
	o.curve = nil
	o.Final += float64(n)
	if o.Final < fullMemory {
		return
	}
	const half = 2
	for bin := range o.Ended {
		o.Ended[bin] /= half
		o.AtRisk[bin] /= half
	}
	o.Final, o.Failed = o.Final/half, o.Failed/half
	o.Items, o.Sizes = o.Items/half, o.Sizes/half
}

// EndedBetween learns that n URLs under way at age `from` had ended at age `to`.
// When between is not known: as likely at each age as a curve says.
func (o *Observations) EndedBetween(n int, from, to time.Duration, c *Curve) {
	if n <= 0 || to <= from {
		return
	}
	from = max(from, 0)
	all := 1 - c.Survive(from, to)
	if all <= 0 {
		return
	}
	left := float64(n)
	for bin := binOf(from); bin <= binOf(to); bin++ {
		start, end := max(from, binStart(bin)), binEnd(bin, to)
		ended := float64(n) * (c.Survive(from, start) - c.Survive(from, end)) / all
		left -= ended
		const half = 2
		o.AtRisk[bin] += (left + ended/half) * (end - start).Seconds()
		o.Ended[bin] += ended
	}
	o.ended(n)
}

// FailureRate is the part of URLs that fail.
func (o *Observations) FailureRate() float64 {
	const priorFailed, priorFinal = 0.2, 10.0
	return (o.Failed + priorFailed) / (o.Final + priorFinal)
}

// Sized learns how many URLs a task has.
func (o *Observations) Sized(n int) {
	o.Items++
	o.Sizes += float64(n)
}

// TypicalSize is how many URLs a task is believed to have of which nothing is known.
func (o *Observations) TypicalSize() int {
	const priorSize, priorItems = 10.0, 1.0
	return max(1, int(math.Round((o.Sizes+priorSize)/(o.Items+priorItems))))
}

// Curve is the hazard by age that observations amount to: the chance of ending
// within the next second, and that added up to the start of each bin. It does not
// change.
type Curve struct {
	hazard [ageBins]float64 // per second
	sum    [ageBins]float64
}

// Curve returns what the observations amount to.
func (o *Observations) Curve() *Curve {
	if o.curve == nil {
		o.curve = o.fit()
	}
	return o.curve
}

// fit works out the curve: what was believed at first, corrected at each
// age by how many more or fewer URLs ended at about that age than that belief
// expected of those that were watched. Where few were watched the correction is
// small, at every age alike: or else one straggler that was watched for long
// would tell of ages that nobody has seen an end at.
func (o *Observations) fit() *Curve {
	c := &Curve{}
	var prior, ended, expected [ageBins]float64
	for bin := range ageBins {
		prior[bin] = priorHazard(bin)
		ended[bin], expected[bin] = o.Ended[bin], o.AtRisk[bin]*prior[bin]
	}
	spread(&ended)
	spread(&expected)
	total := 0.0
	for bin := range ageBins {
		c.hazard[bin] = prior[bin] * (priorWeight + ended[bin]) / (priorWeight + expected[bin])
		c.sum[bin] = total
		if bin < ageBins-1 {
			total += c.hazard[bin] * (binStart(bin+1) - binStart(bin)).Seconds()
		}
	}
	return c
}

// spread lets each bin tell of its neighbours too, the farther the less.
func spread(bins *[ageBins]float64) {
	// faded is what is left of the weight one bin farther. Range: half: trickle with
	// urls +6.5 %; double: cold start of 12 items +11 %.
	const faded = 0.4
	var up, down [ageBins]float64
	for bin := 1; bin < ageBins; bin++ {
		up[bin] = faded * (up[bin-1] + bins[bin-1])
		last := ageBins - 1 - bin
		down[last] = faded * (down[last+1] + bins[last+1])
	}
	for bin := range bins {
		bins[bin] += up[bin] + down[bin]
	}
}

// priorHazard is what is believed of a bin before anything was seen: how many
// of those under way end in a second.
func priorHazard(bin int) float64 {
	bin = min(bin, ageBins-2)
	from, to := binStart(bin), binStart(bin+1)
	return math.Log(priorSurvival(from)/priorSurvival(to)) / (to - from).Seconds()
}

func priorSurvival(age time.Duration) float64 {
	if age <= 0 {
		return 1
	}
	z := math.Log(float64(age)/float64(priorMedian)) / priorSigma
	return math.Erfc(z/math.Sqrt2) / 2
}

// Hazard is the chance that a URL which is under way at an age ends within the
// next second.
func (c *Curve) Hazard(age time.Duration) float64 { return c.hazard[binOf(age)] }

// Cumulative is the hazard added up to an age.
func (c *Curve) Cumulative(age time.Duration) float64 {
	if age <= 0 {
		return 0
	}
	bin := binOf(age)
	return c.sum[bin] + c.hazard[bin]*(age-binStart(bin)).Seconds()
}

// Survive is the chance that a URL under way at age `from` still is at `to`.
func (c *Curve) Survive(from, to time.Duration) float64 {
	if to <= from {
		return 1
	}
	return math.Exp(c.Cumulative(from) - c.Cumulative(to))
}
