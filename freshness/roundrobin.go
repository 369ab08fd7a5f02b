package freshness

import (
	"slices"
	"time"

	"prefetch_exporter/prefetch"
)

// RoundRobin asks whichever item was asked longest ago, a new one first of all,
// and drops those that are settled: what others do. An item costs one call, or
// one for each page; where one call may be about several items it always is.
//
// With newLast a new item waits until every other one was asked. That delays its first
// numbers; but when its turn comes it is more likely to have settled, so that what is
// new never starves what is old.
func RoundRobin(w *Workload, newLast bool) Outcome {
	r := &roundRobin{
		w: w, vendor: &w.Scenario.Vendor, outcome: newOutcome(w),
		shown: make([]prefetch.Counts, len(w.Items)), sample: SampleEvery,
	}
	r.outcome.Answered = slices.Clone(r.outcome.Reported)
	if r.arrivals = &r.fresh; newLast {
		r.arrivals = &r.queue
	}
	return r.run()
}

func (r *roundRobin) run() Outcome {
	w := r.w
	for sent := time.Duration(0); answered(sent) <= Horizon; sent += r.vendor.SlotLength() {
		for ; r.created < len(w.Items) && w.Items[r.created].Created <= sent; r.created++ {
			*r.arrivals = append(*r.arrivals, r.created)
		}
		r.drop(sent)
		r.sampleUntil(answered(sent))
		switch {
		case r.vendor.TasksPerQuery > 1:
			if len(r.fresh)+len(r.queue) > 0 {
				r.askSeveral(sent)
			} else if r.created == len(w.Items) {
				return r.done()
			}
		case r.reading != nil:
			r.ask(r.reading, sent)
		case len(r.fresh) > 0:
			r.ask(&r.fresh, sent)
		case len(r.queue) > 0:
			r.ask(&r.queue, sent)
		case r.created == len(w.Items):
			return r.done()
		}
	}
	return r.done()
}

func (r *roundRobin) done() Outcome {
	if r.outcome.Samples > 0 {
		r.outcome.CountError /= float64(r.outcome.Samples)
	}
	return r.outcome
}

type roundRobin struct {
	w       *Workload
	vendor  *Vendor
	outcome Outcome
	created int   // how many items there are by now
	fresh   []int // items to be asked for the first time, the next one first
	queue   []int // the others likewise

	arrivals *[]int // where new items go

	reading *[]int          // the queue whose first item is being read, if one is
	page    int             // pages read of it
	final   bool            // whether all rows on them were final
	counts  prefetch.Counts // of the rows on them

	shown  []prefetch.Counts
	sample time.Duration // the next
}

// drop forgets items that the vendor does not show any more: asking them would
// only cost.
func (r *roundRobin) drop(sent time.Duration) {
	for _, queue := range []*[]int{&r.fresh, &r.queue} {
		for len(*queue) > 0 && r.vendor.gone(&r.w.Items[(*queue)[0]], sent) {
			*queue = (*queue)[1:]
			if r.reading == queue {
				r.reading, r.page = nil, 0
			}
		}
	}
}

// ask spends one call on the first of a queue.
func (r *roundRobin) ask(queue *[]int, sent time.Duration) {
	r.outcome.Calls++
	i := (*queue)[0]
	item := &r.w.Items[i]
	if r.page == 0 {
		r.final, r.counts = true, prefetch.Counts{}
	}
	from, to := 0, len(item.URLs)
	if size := r.vendor.PageSize; size > 0 {
		from, to = r.page*size, min(to, (r.page+1)*size)
	}
	rows := Item{Created: item.Created, URLs: item.URLs[from:to]}
	r.final = r.final && rows.Settled() <= seen(sent)
	for status, n := range r.w.rowCounts(&rows, seen(sent)) {
		r.counts[status] += n
	}
	r.page++
	if to < len(item.URLs) {
		r.reading = queue
		return
	}
	r.reading, r.page = nil, 0
	*queue = (*queue)[1:]
	r.answer(i, sent)
}

// askSeveral spends one call on those that come first.
func (r *roundRobin) askSeveral(sent time.Duration) {
	r.outcome.Calls++
	for n := min(r.vendor.TasksPerQuery, len(r.fresh)+len(r.queue)); n > 0; n-- {
		queue := &r.queue
		if len(r.fresh) > 0 {
			queue = &r.fresh
		}
		i := (*queue)[0]
		*queue = (*queue)[1:]
		r.final, r.counts = r.w.Items[i].Settled() <= seen(sent), r.w.Counts(i, seen(sent))
		r.answer(i, sent)
	}
}

// answer takes in the rows of an item, all of which were read.
func (r *roundRobin) answer(i int, sent time.Duration) {
	item := &r.w.Items[i]
	r.shown[i] = r.counts
	r.outcome.Answered[i] = min(r.outcome.Answered[i], answered(sent))
	if item.Deadline > 0 && sent >= item.Deadline && r.outcome.Covered[i] == 0 {
		r.outcome.Covered[i] = answered(sent)
	}
	if r.final && r.vendor.provable(item, sent) {
		r.outcome.Reported[i] = answered(sent)
		return
	}
	r.queue = append(r.queue, i)
}

// sampleUntil compares what is shown with the truth, each minute before the
// next change of what is shown.
func (r *roundRobin) sampleUntil(change time.Duration) {
	for ; r.sample < change; r.sample += SampleEvery {
		for _, queue := range [][]int{r.fresh, r.queue} {
			for _, i := range queue {
				r.sampleItem(i)
			}
		}
		for i := r.created; i < len(r.w.Items) && r.w.Items[i].Created <= r.sample; i++ {
			r.sampleItem(i) // waits for the next slot to be queued
		}
	}
}

func (r *roundRobin) sampleItem(i int) {
	truth := r.w.Counts(i, r.sample)
	r.outcome.CountError += CountError(r.shown[i], truth)
	r.outcome.Samples++
}
