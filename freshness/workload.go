package freshness

import (
	"time"

	"prefetch_exporter/prefetch"
)

// Never is the time of what does not happen.
const Never = time.Duration(1<<63 - 1)

// URL is what becomes of one URL of an item.
type URL struct {
	// Wait is from the item's creation to the start of the fetch, Fetch from
	// there to the end.
	Wait, Fetch time.Duration
	Fails       bool
}

// status is what is true of the URL so long after its creation.
func (u *URL) status(age time.Duration) prefetch.Status {
	switch {
	case age < u.Wait:
		return prefetch.Waiting
	case age < u.Wait+u.Fetch:
		return prefetch.Running
	case u.Fails:
		return prefetch.Failed
	default:
		return prefetch.Succeeded
	}
}

// Item is one prefetch: an item of CDNetworks or a task of Huawei Cloud.
type Item struct {
	ID      string
	Created time.Duration
	// Deadline is zero where there is none.
	Deadline time.Duration
	// URLs are the item's rows in the order in which the vendor pages them.
	URLs []URL
}

// Settled is when the last URL becomes final.
func (i *Item) Settled() time.Duration {
	last := i.Created
	for _, u := range i.URLs {
		last = max(last, i.Created+u.Wait+u.Fetch)
	}
	return last
}

// second is the creation as a vendor tells it: rounded down to the second, before
// the scenario began too.
func (i *Item) second() time.Duration { return (i.Created + Horizon).Truncate(time.Second) - Horizon }

// since is the time from then, or from when the scenario began, to now.
func since(then, now time.Duration) time.Duration { return now - max(then, 0) }

// Workload is everything that will be submitted to one account in one run.
type Workload struct {
	Scenario Scenario
	Seed     uint64
	// Items are in the order of their creation, and so are Strangers: those that
	// somebody else submits to the account.
	Items, Strangers []Item
}

// Counts is what a client would count of an item at that time if it saw every
// row.
func (w *Workload) Counts(i int, at time.Duration) prefetch.Counts {
	return w.rowCounts(&w.Items[i], at)
}

func (w *Workload) rowCounts(i *Item, at time.Duration) prefetch.Counts {
	var c prefetch.Counts
	if at < i.Created {
		return c
	}
	for n := range i.URLs {
		c[i.URLs[n].status(at-i.Created)]++
	}
	if w.Scenario.Vendor.OneWord {
		c[prefetch.Running] += c[prefetch.Waiting]
		c[prefetch.Waiting] = 0
	}
	return c
}

// CountError is the mean over all statuses of how many URLs more or less are
// shown than there are.
func CountError(shown, truth prefetch.Counts) float64 {
	sum := 0
	for s := range truth {
		sum += max(shown[s]-truth[s], truth[s]-shown[s])
	}
	return float64(sum) / float64(len(truth))
}
