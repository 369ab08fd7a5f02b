package freshness

import (
	"cmp"
	"slices"
	"time"
)

// PageOracle knows when every item settles and to which item each row belongs.
// In each slot it asks the one legal question that proves the most settled
// items which are not reported yet, ties broken by the oldest finish:
//
//   - an unfiltered window of creation that holds at most a page of rows,
//   - one item of at most a page, or as many as one question may be about,
//   - a list of all, which proves everything that has settled,
//   - of a larger item the second of the two counts, succeeded and failed, that
//     are needed after it settled; the first proves nothing yet.
//
// A vendor with none of this is asked for the task that settled longest ago. It
// is greedy, so it is no bound.
//
// late is how long after an item settled it knows. With one slot it is what looking
// first can reach: whoever must look before it proves knows no more than that, and has
// to spend the looks besides. Only what is guessed can be known sooner.
func PageOracle(w *Workload, late time.Duration) Outcome {
	if v := &w.Scenario.Vendor; v.Windows || v.Lists || v.TasksPerQuery > 1 {
		return (&oracle{w: w, vendor: v, outcome: newOutcome(w), late: late, counted: map[int]bool{}}).run()
	}
	return longestSettled(w, late)
}

// longestSettled reports items in the order in which they settle.
func longestSettled(w *Workload, late time.Duration) Outcome {
	o := newOutcome(w)
	v := &w.Scenario.Vendor
	order := make([]int, len(w.Items))
	provable := make([]time.Duration, len(w.Items)) // when a question may be sent
	for i := range order {
		order[i] = i
		provable[i] = max(w.Items[i].Settled()+late-seen(0), w.Items[i].second()+v.Proof)
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(provable[a], provable[b]) })
	free := time.Duration(0)
	for _, i := range order {
		sent := v.slotFrom(max(free, provable[i]))
		if answered(sent) > Horizon {
			break
		}
		o.Reported[i] = answered(sent)
		o.Calls++
		free = sent + v.SlotLength()
	}
	return o
}

type oracle struct {
	w       *Workload
	vendor  *Vendor
	outcome Outcome
	late    time.Duration // after which it knows what settled
	counted map[int]bool  // large items whose first count was asked
}

// proposal is a question, the items that it proves, and the oldest finish of
// those.
type proposal struct {
	proves []int
	oldest time.Duration
	// first is the large item of which this would be the first count; -1 for
	// every other question.
	first int
}

// better reports whether p is to be asked rather than q.
func (p *proposal) better(q *proposal) bool {
	return cmp.Or(cmp.Compare(len(q.proves), len(p.proves)), cmp.Compare(p.oldest, q.oldest)) < 0
}

func (o *oracle) run() Outcome {
	left := len(o.w.Items)
	for sent := time.Duration(0); left > 0 && answered(sent) <= Horizon; sent += o.vendor.SlotLength() {
		best := o.best(sent)
		if best == nil {
			continue
		}
		o.outcome.Calls++
		if best.first >= 0 {
			o.counted[best.first] = true
		}
		for _, i := range best.proves {
			o.outcome.Reported[i] = answered(sent)
			left--
		}
	}
	return o.outcome
}

// best is the best question that can be sent now; nil if none tells anything.
func (o *oracle) best(sent time.Duration) *proposal {
	var best *proposal
	consider := func(p *proposal) {
		if best == nil || p.better(best) {
			best = p
		}
	}
	var settled []int // in the order of the items
	for i := range o.w.Items {
		if !o.proves(i, sent) {
			continue
		}
		settled = append(settled, i)
		if o.vendor.Lists {
			continue
		}
		consider(o.single(i))
		if o.vendor.Windows {
			consider(o.window(i, sent))
		}
	}
	if len(settled) > 0 && (o.vendor.Lists || o.vendor.TasksPerQuery > 1) {
		consider(o.together(settled))
	}
	return best
}

// together is the question for as many settled items as one answer tells of without
// a window.
func (o *oracle) together(settled []int) *proposal {
	slices.SortStableFunc(settled, func(a, b int) int {
		return cmp.Compare(o.w.Items[a].Settled(), o.w.Items[b].Settled())
	})
	if !o.vendor.Lists {
		settled = settled[:min(len(settled), o.vendor.TasksPerQuery)]
	}
	return &proposal{proves: settled, oldest: o.w.Items[settled[0]].Settled(), first: -1}
}

// proves reports whether a whole answer that is asked for now would prove that
// the item, which is not reported, is settled.
func (o *oracle) proves(i int, sent time.Duration) bool {
	item := &o.w.Items[i]
	return o.outcome.Reported[i] == Never && item.Created <= seen(sent) && item.Settled()+o.late <= seen(sent) &&
		o.vendor.provable(item, sent) && !o.vendor.gone(item, sent)
}

// single is the question for one item that is settled.
func (o *oracle) single(i int) *proposal {
	p := &proposal{proves: []int{i}, oldest: o.w.Items[i].Settled(), first: -1}
	if len(o.w.Items[i].URLs) > o.vendor.PageSize && !o.counted[i] {
		p.proves, p.first = nil, i
	}
	return p
}

// window is the best window that starts at the second in which the item was
// created.
func (o *oracle) window(start int, sent time.Duration) *proposal {
	items := o.w.Items
	begin := items[start].second()
	for start > 0 && items[start-1].second() == begin {
		start--
	}
	p := &proposal{oldest: Never, first: -1}
	best := *p
	rows := 0
	for i := start; i < len(items) && items[i].Created <= seen(sent); i++ {
		if items[i].second()-begin > o.vendor.MaxSpan {
			break
		}
		rows += len(items[i].URLs)
		if rows+o.strangerRows(begin, items[i].second(), sent) > o.vendor.PageSize {
			break
		}
		if o.proves(i, sent) {
			p.proves = append(p.proves, i)
			p.oldest = min(p.oldest, items[i].Settled())
		}
		// A window cannot end within a second.
		if last := i+1 == len(items) || items[i+1].second() != items[i].second() || items[i+1].Created > seen(sent); last {
			best = *p
		}
	}
	return &best
}

// strangerRows is how many rows of strangers a window shows from one second to
// the end of another.
func (o *oracle) strangerRows(from, to, sent time.Duration) int {
	rows := 0
	for i := range o.w.Strangers {
		s := &o.w.Strangers[i]
		if s.second() >= from && s.second() <= to && s.Created <= seen(sent) {
			rows += len(s.URLs)
		}
	}
	return rows
}
