package freshness

import (
	"fmt"
	"hash/fnv"
	"math"
	"math/rand/v2"
	"slices"
	"time"

	"prefetch_exporter/prefetch"
)

const (
	// Horizon is when the clock stops, and the lag of what is not reported by
	// then.
	Horizon = 96 * time.Hour
	// Latency is what a call takes. The vendor sees it halfway.
	Latency = time.Second
	// SampleEvery is how often the shown counts are compared with the truth.
	SampleEvery = time.Minute
)

// Vendor is what a strategy must know of a vendor.
type Vendor struct {
	// Name is the value of the `provider` label.
	Name  string
	Limit prefetch.Limit
	// PollInterval is the least time between two questions about a task, and
	// Retention how long a settled one stays: settings of the poller only.
	PollInterval, Retention time.Duration

	// Windows: everything created in a span of at most MaxSpan can be asked for
	// in one call that answers at most PageSize rows, as long as it is younger
	// than LookBack.
	Windows  bool
	PageSize int // 0: answers are whole
	MaxSpan  time.Duration
	LookBack time.Duration
	// Proof is how long after an item's creation a question must be sent for
	// its answer to prove that no more rows will appear.
	Proof time.Duration
	// OneWord: the vendor has one word for what waits and what runs.
	OneWord bool
	// Named: answers say of which tasks they are, so that nothing is gained by knowing
	// the URLs of an item.
	Named bool
	// Lists: every task can be asked for in one call that answers with their counts.
	Lists bool
	// TasksPerQuery is how many items may be asked for by their ids in one call; 0
	// means 1.
	TasksPerQuery int
}

// The vendors as the scenarios meet them.
func cdnetworks() Vendor {
	return Vendor{
		Name: "cdnetworks", Limit: prefetch.Limit{Calls: 1, Per: 5 * time.Minute},
		PollInterval: time.Minute, Retention: 24 * time.Hour,
		Windows: true, PageSize: 100, MaxSpan: 24*time.Hour - time.Second,
		// The poller keeps as far inside the vendor's look-back.
		LookBack: 72*time.Hour - 2*time.Minute,
		Proof:    time.Minute,
	}
}

func huaweicloud() Vendor {
	return Vendor{
		Name: "huaweicloud_vod", Limit: prefetch.Limit{Calls: 90, Per: time.Minute},
		// As the example in the design asks. What is settled is taken from the
		// list at once and forgotten soon: 36,000 tasks a day would only slow
		// the simulation down.
		PollInterval: 30 * time.Second, Retention: 10 * time.Minute,
		OneWord: true,
	}
}

// Scenario is a kind of work. What it leaves open a seed decides.
type Scenario struct {
	Name   string
	Vendor Vendor
	// Within is how long items are created. They were all created Before the
	// scenario begins if that is set.
	Within, Before time.Duration
	// Items are created at random times, each as likely as the other; or else,
	// where Unsettled is set, that many are there from the beginning and
	// another is created whenever one truly settles.
	Items, Unsettled int
	// Ramp is over how long the first Unsettled are created, one after the other.
	Ramp time.Duration
	// LeastURLs and MostURLs bound the URLs of an item, all numbers between
	// equally likely.
	LeastURLs, MostURLs int
	// Fetch is how long the vendor takes for most URLs, after a wait of up to
	// MostWait.
	Fetch    Lognormal
	MostWait time.Duration
	// Stragglers is the part of the URLs that take Straggle instead.
	Stragglers float64
	Straggle   Lognormal
	// Failing is the part of the URLs that fail.
	Failing float64
	// Deadlines is the part of the items that have a deadline, DeadlineAfter
	// their creation.
	Deadlines     float64
	DeadlineAfter time.Duration
	// OnlyIDs: of an item nothing is told but its id.
	OnlyIDs bool
	// Discover: nobody names the items, and those are watched that are younger.
	Discover time.Duration
	// Strangers is how many items somebody else submits to the account, of which
	// nothing is told.
	Strangers int
}

// Lognormal is a distribution of durations whose logarithm is normal.
type Lognormal struct {
	Median time.Duration
	Sigma  float64
}

// normalP95 is the 95th percentile of the standard normal distribution.
const normalP95 = 1.6448536269514722

// fromPercentile is the distribution with this median and this 95th percentile.
func fromPercentile(median, p95 time.Duration) Lognormal {
	return Lognormal{Median: median, Sigma: math.Log(p95.Seconds()/median.Seconds()) / normalP95}
}

func (l Lognormal) draw(r *rand.Rand) time.Duration {
	return time.Duration(float64(l.Median) * math.Exp(l.Sigma*r.NormFloat64()))
}

// Names of the scenarios.
const (
	Trickle          = "trickle"
	Stragglers       = "stragglers"
	LaunchNight      = "launch night"
	Busy             = "busy"
	Overload         = "overload"
	VODFlood         = "VOD flood"
	ColdStart12      = "cold start, 12 items"
	ColdStart30      = "cold start, 30 items"
	ColdStart100     = "cold start, 100 items"
	Strangers        = "strangers"
	Crowded          = "crowded"
	TrickleDeadlines = "deadlines, trickle"
	FloodDeadlines   = "deadlines, VOD flood"
	FreeDeadlines    = "deadlines, free calls"
)

// Names of the scenarios at vendors whose answers say of which tasks they are, one
// for each way in which an answer tells of many.
const (
	RowsWithTasks       = "rows with tasks"
	TasksListed         = "tasks listed"
	TenTasksAQuestion   = "ten tasks a question"
	DiscoveredRows      = "discovered, rows with tasks"
	DiscoveredListed    = "discovered, tasks listed"
	DiscoveredQuestions = "discovered, ten tasks a question"
)

// Scenarios returns every scenario, in the order in which they are shown.
func Scenarios() []Scenario {
	const (
		day           = 24 * time.Hour
		withDeadline  = 0.1
		untilDeadline = 10 * time.Minute
		untilFree     = 15 * time.Minute

		edgeMedian, edgeP95 = 3 * time.Minute, 30 * time.Minute
		vodMedian, vodP95   = 4 * time.Minute, 20 * time.Minute
	)
	trickle := Scenario{
		Name: Trickle, Vendor: cdnetworks(), Within: day, Items: 100, LeastURLs: 20, MostURLs: 20,
		Fetch: fromPercentile(edgeMedian, edgeP95), MostWait: time.Minute, Failing: 0.01,
	}
	stragglers := trickle
	stragglers.Name, stragglers.Stragglers = Stragglers, 0.03
	stragglers.Straggle = Lognormal{Median: 12 * time.Hour, Sigma: 0.2}
	launch := trickle
	launch.Name, launch.Within, launch.Items = LaunchNight, time.Minute, 10
	launch.LeastURLs, launch.MostURLs = 400, 400
	busy := trickle
	busy.Name, busy.Items, busy.LeastURLs, busy.MostURLs = Busy, 150, 1, 50
	overload := busy
	overload.Name, overload.Items = Overload, 1000
	strangers := trickle
	strangers.Name, strangers.Strangers = Strangers, trickle.Items
	// The rows of strangers that run do not fit one page with ours.
	const crowd = 300
	crowded := stragglers
	crowded.Name, crowded.Strangers = Crowded, crowd
	flood := Scenario{
		Name: VODFlood, Vendor: huaweicloud(), Within: day, Unsettled: 500, LeastURLs: 10, MostURLs: 10,
		Fetch: fromPercentile(vodMedian, vodP95), Failing: 0.01,
	}
	trickleDeadlines := trickle
	trickleDeadlines.Name = TrickleDeadlines
	floodDeadlines := flood
	floodDeadlines.Name = FloodDeadlines
	for _, s := range []*Scenario{&trickleDeadlines, &floodDeadlines} {
		s.Deadlines, s.DeadlineAfter = withDeadline, untilDeadline
	}
	// A few tasks on a quota that is never used up. About half of the deadlines are
	// met, and as many tasks settle shortly before theirs as shortly after.
	freeDeadlines := flood
	freeDeadlines.Name, freeDeadlines.Unsettled, freeDeadlines.Items = FreeDeadlines, 0, 300
	freeDeadlines.Vendor.Limit.Calls, freeDeadlines.Vendor.PollInterval = 50, time.Minute
	freeDeadlines.Vendor.Retention = day
	freeDeadlines.Deadlines, freeDeadlines.DeadlineAfter = 1, untilFree
	scenarios := []Scenario{
		trickle, stragglers, launch, busy, overload,
		coldStart(ColdStart12, 12), coldStart(ColdStart30, 30), coldStart(ColdStart100, 100), //nolint:mnd // as named
		strangers, crowded, flood, trickleDeadlines, floodDeadlines, freeDeadlines,
	}
	return append(scenarios, kinds()...)
}

// kinds are the scenarios at these vendors: many tasks at once, and a day of tasks
// that nobody names.
func kinds() []Scenario {
	const (
		median, p95 = 4 * time.Minute, 20 * time.Minute
		day         = 24 * time.Hour
		unsettled   = 500
		aDay        = 3000
		aWeek       = 7*day - 2*time.Minute
		threeDays   = 3*day - 2*time.Minute
	)
	var many, found []Scenario
	for _, of := range []struct {
		name, discovered string
		vendor           Vendor
	}{
		// The rows of a window tell their task, and are there at once.
		{RowsWithTasks, DiscoveredRows, Vendor{
			Name: "volcengine_cdn", Windows: true, PageSize: 100, OneWord: true, MaxSpan: aWeek, LookBack: aWeek,
		}},
		// A list tells of every task, and a question of the rows of one.
		{TasksListed, DiscoveredListed, Vendor{Name: "huaweicloud_cdn", Lists: true, PageSize: 10_000, LookBack: 14 * day}},
		// Ten tasks may be asked for by their ids, and windows have rows that tell their
		// task. Rows may appear gradually.
		{TenTasksAQuestion, DiscoveredQuestions, Vendor{
			Name: "alibabacloud_cdn", Windows: true, PageSize: 100, TasksPerQuery: 10, MaxSpan: threeDays, LookBack: threeDays,
			Proof: time.Minute,
		}},
	} {
		v := of.vendor
		v.Named, v.Limit = true, prefetch.Limit{Calls: 60, Per: time.Minute} // their pages say 5 to 30 a second
		v.PollInterval, v.Retention = time.Minute/2, 10*time.Minute
		s := Scenario{
			Name: of.name, Vendor: v, Within: time.Hour, Unsettled: unsettled, Ramp: 10 * time.Minute,
			LeastURLs: 3, MostURLs: 3, Fetch: fromPercentile(median, p95), Failing: 0.01,
		}
		many = append(many, s)
		s.Name, s.Within, s.Unsettled, s.Ramp, s.Items, s.Discover = of.discovered, day, 0, 0, aDay, day
		s.Vendor.PollInterval, s.Vendor.Retention = time.Minute, day // the defaults
		found = append(found, s)
	}
	return append(many, found...)
}

// coldStart is an exporter that begins with so many items which were submitted
// a while ago, and knows their ids only.
func coldStart(name string, items int) Scenario {
	const within, median, p95 = 2 * time.Hour, 40 * time.Minute, 2 * time.Hour
	return Scenario{
		Name: name, Vendor: cdnetworks(), Within: within, Before: within, Items: items, LeastURLs: 20, MostURLs: 20,
		Fetch: fromPercentile(median, p95), MostWait: time.Minute, Failing: 0.01, OnlyIDs: true,
	}
}

// Workload returns the work of one seed: always the same.
func (s Scenario) Workload(seed uint64) *Workload {
	name := fnv.New64a()
	_, _ = name.Write([]byte(s.Name))              // a hash never fails to write
	r := rand.New(rand.NewPCG(seed, name.Sum64())) //nolint:gosec // repeatable on purpose, guards nothing
	w := &Workload{Scenario: s, Seed: seed}
	if s.Unsettled > 0 {
		w.Items = s.steady(r)
	} else {
		w.Items = s.scattered(r, s.Items)
	}
	w.Strangers = s.scattered(r, s.Strangers)
	for i := range w.Items {
		w.Items[i].ID = fmt.Sprintf("item-%05d", i)
	}
	for i := range w.Strangers {
		w.Strangers[i].ID = fmt.Sprintf("other-%05d", i)
	}
	return w
}

// scattered creates so many items at random times. They come out in the order
// of their creation.
func (s Scenario) scattered(r *rand.Rand, n int) []Item {
	items := make([]Item, n)
	for i := range items {
		items[i] = s.item(r, time.Duration(r.Int64N(int64(s.Within)))-s.Before)
	}
	slices.SortStableFunc(items, func(a, b Item) int { return int(a.Created - b.Created) })
	return items
}

// steady creates an item whenever one truly settles, after the first ones. Items come
// out in the order of their creation.
func (s Scenario) steady(r *rand.Rand) []Item {
	var items []Item
	var ends []time.Duration // of the unsettled ones, in order
	for created := time.Duration(0); created < s.Within; {
		wanted, more := s.unsettledAt(created)
		for len(ends) < wanted {
			item := s.item(r, created)
			items = append(items, item)
			at, _ := slices.BinarySearch(ends, item.Settled())
			ends = slices.Insert(ends, at, item.Settled())
		}
		if more < ends[0] {
			created = more
			continue
		}
		created, ends = ends[0], ends[1:]
	}
	return items
}

// unsettledAt is how many items are unsettled at a time, and when there are more.
func (s Scenario) unsettledAt(at time.Duration) (n int, more time.Duration) {
	if at >= s.Ramp {
		return s.Unsettled, Never
	}
	step := s.Ramp / time.Duration(s.Unsettled)
	n = min(s.Unsettled, 1+int(at/step))
	return n, step * time.Duration(n)
}

func (s Scenario) item(r *rand.Rand, created time.Duration) Item {
	item := Item{Created: created, URLs: make([]URL, s.LeastURLs+r.IntN(s.MostURLs-s.LeastURLs+1))}
	if s.Deadlines > 0 && r.Float64() < s.Deadlines {
		item.Deadline = created + s.DeadlineAfter
	}
	for i := range item.URLs {
		u := &item.URLs[i]
		if s.MostWait > 0 {
			u.Wait = time.Duration(r.Int64N(int64(s.MostWait)))
		}
		u.Fetch = s.Fetch.draw(r)
		if s.Stragglers > 0 && r.Float64() < s.Stragglers {
			u.Fetch = s.Straggle.draw(r)
		}
		u.Fails = r.Float64() < s.Failing
	}
	return item
}
