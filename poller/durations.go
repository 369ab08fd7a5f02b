package poller

import (
	"math"
	"time"
)

const (
	// Ages are divided into bins that double every second bin, from the first
	// 15 seconds to about two weeks.
	ageBins         = 34
	firstBin        = 15 * time.Second
	binsPerDoubling = 2

	// What is believed before anything was seen: Huawei's page speaks of three
	// to five minutes, and some URLs always take much longer.
	priorMedian = 4 * time.Minute
	priorSigma  = 1.3
	// priorWeight is how many ends must be seen at an age to weigh as much as
	// that belief.
	priorWeight = 5

	// fullMemory is how many finished URLs are remembered before what is older
	// counts half.
	fullMemory = 50_000
)

// durations is how long this account's URLs take from creation to the end: for
// each age, how many of those still under way end then. Counting what ended
// against what was at risk, instead of averaging what ended, is not fooled by
// URLs that are still under way, and needs no assumption about the shape.
type durations struct {
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

// watched learns that n URLs were under way from age `from` to age `to`.
func (d *durations) watched(n int, from, to time.Duration) {
	if n <= 0 || to <= from {
		return
	}
	for bin := binOf(from); bin <= binOf(to); bin++ {
		d.AtRisk[bin] += float64(n) * (binEnd(bin, to) - max(from, binStart(bin))).Seconds()
	}
}

// ended learns that n URLs that were watched until then ended at an age.
func (d *durations) ended(n int, age time.Duration) {
	if n <= 0 {
		return
	}
	d.Ended[binOf(max(age, 0))] += float64(n)
	d.Final += float64(n)
	d.age()
}

// age lets what was learned long ago count less.
func (d *durations) age() {
	if d.Final < fullMemory {
		return
	}
	const half = 2
	for bin := range d.Ended {
		d.Ended[bin] /= half
		d.AtRisk[bin] /= half
	}
	d.Final, d.Failed = d.Final/half, d.Failed/half
}

// endedBetween learns that n URLs under way at age `from` had ended at age `to`.
// When between is not known: as likely at each age as is believed already (c).
func (d *durations) endedBetween(n int, from, to time.Duration, c *curve) {
	if n <= 0 || to <= from {
		return
	}
	from = max(from, 0)
	all := 1 - c.survive(from, to)
	if all <= 0 {
		return
	}
	left := float64(n)
	for bin := binOf(from); bin <= binOf(to); bin++ {
		start, end := max(from, binStart(bin)), binEnd(bin, to)
		ended := float64(n) * (c.survive(from, start) - c.survive(from, end)) / all
		left -= ended
		const half = 2
		d.AtRisk[bin] += (left + ended/half) * (end - start).Seconds()
		d.Ended[bin] += ended
	}
	d.Final += float64(n)
	d.age()
}

// failureRate is the part of URLs that fail.
func (d *durations) failureRate() float64 {
	const priorFailed, priorFinal = 0.2, 10.0
	return (d.Failed + priorFailed) / (d.Final + priorFinal)
}

// sized learns how many URLs a task has.
func (d *durations) sized(n int) {
	const memory = 1000
	if d.Items >= memory {
		d.Items, d.Sizes = d.Items/2, d.Sizes/2
	}
	d.Items++
	d.Sizes += float64(n)
}

// size is how many URLs a task is believed to have of which nothing is known.
func (d *durations) size() int {
	const priorSize, priorItems = 10.0, 1.0
	return max(1, int(math.Round((d.Sizes+priorSize)/(d.Items+priorItems))))
}

// curve is the chance of ending by age that durations amount to: the hazard,
// added up to the start of each bin.
type curve struct {
	hazard [ageBins]float64 // per second
	sum    [ageBins]float64
}

// curve returns the learned curve: what was believed at first, corrected at each
// age by how many more or fewer URLs ended at about that age than that belief
// expected of those that were watched. Where few were watched the correction is
// small, at every age alike: or else one straggler that was watched for long
// would tell of ages that nobody has seen an end at.
func (d *durations) curve() *curve {
	c := &curve{}
	var prior, ended, expected [ageBins]float64
	for bin := range ageBins {
		prior[bin] = priorHazard(bin)
		ended[bin], expected[bin] = d.Ended[bin], d.AtRisk[bin]*prior[bin]
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
	const faded = 0.4 // what is left of the weight one bin farther
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

// at is the hazard added up to an age.
func (c *curve) at(age time.Duration) float64 {
	if age <= 0 {
		return 0
	}
	bin := binOf(age)
	return c.sum[bin] + c.hazard[bin]*(age-binStart(bin)).Seconds()
}

// survive is the chance that a URL under way at age `from` still is at `to`.
func (c *curve) survive(from, to time.Duration) float64 {
	if to <= from {
		return 1
	}
	return math.Exp(c.at(from) - c.at(to))
}
