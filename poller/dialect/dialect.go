// Package dialect knows what one vendor can be asked: its pages, its look-back,
// its clock, and which of its documented features it refuses.
//
// Vendors depart from their pages. What a call taught of that is kept in
// [Learned], so that no call is wasted on it twice.
package dialect

import (
	"slices"
	"time"

	"prefetch_exporter/poller/clock"
	"prefetch_exporter/prefetch"
	vendorapi "prefetch_exporter/vendor_api"
)

const (
	// defaultPage is the page size that vendors take when none is asked for.
	defaultPage = 20
	// shortLookBack is the look-back of CDNetworks' Chinese page and of its error
	// text, where the English page says seven days.
	shortLookBack = 72 * time.Hour
	// leastLookBack is where a shrinking look-back stops.
	leastLookBack = 24 * time.Hour
	// secondTry is after how long it is tried again whether the vendor can limit
	// answers to a status.
	secondTry = 24 * time.Hour
	// mostMisled is how often in a row scouts may be wrong before none is sent
	// any more.
	mostMisled = 3
)

// Dialect is what a vendor documents and what calls have taught of it. Methods
// that learn report whether anything was learned.
type Dialect struct {
	Learned

	Capabilities vendorapi.Capabilities
}

// Learned is what calls have taught of a vendor where its pages leave it open.
type Learned struct {
	// NeedWindow: an itemId cannot be asked for without a window.
	NeedWindow bool `json:"need_window,omitempty"`
	// PageSize is the largest page the vendor gives; 0 while the configured
	// one was not refused.
	PageSize int `json:"page_size,omitempty"`
	// NoSmallPage: pages can also be too small, even where only the count is
	// wanted.
	NoSmallPage bool `json:"no_small_page,omitempty"`
	// LookBack is how far back the vendor lets us ask; 0 while the configured
	// one was not refused.
	LookBack time.Duration `json:"look_back,omitempty"`
	// NoStatusFilter: a question cannot be limited to one status.
	NoStatusFilter bool `json:"no_status_filter,omitempty"`
	// Offset is the vendor's clock minus ours.
	Offset time.Duration `json:"offset,omitempty"`
	// OffsetAt is a moment of our clock that Offset is true of; zero if nobody knows
	// since the machine booted.
	OffsetAt clock.Stamp `json:"offset_at,omitzero"`
	// Unordered: rows do not come in order of their creation.
	Unordered bool `json:"unordered,omitempty"`
	// NoRunFilter: a question cannot be limited to rows that run.
	NoRunFilter bool `json:"no_run_filter,omitempty"`
	// NoWaitFilter: nor to rows that wait.
	NoWaitFilter bool `json:"no_wait_filter,omitempty"`
	// Misled is how often in a row a task had rows that ran although a question
	// limited to those showed none.
	Misled int `json:"misled,omitempty"`
	// RefusedAt is when it last showed that it cannot limit answers to a status.
	RefusedAt time.Time `json:"refused_at,omitzero"`
}

// Refused learns that the vendor refused a feature of a question. It reports
// whether there is another way to ask.
func (d *Dialect) Refused(f vendorapi.Feature, q vendorapi.Query, now time.Time) (otherwise bool) {
	t := d.At(now)
	switch f {
	case vendorapi.FeatureTaskAlone:
		if d.NeedWindow || !d.Capabilities.Windows {
			return false
		}
		d.NeedWindow = true
	case vendorapi.FeaturePageSize:
		return d.refusePage(q, t.PageSize())
	case vendorapi.FeatureLookBack:
		if q.From.IsZero() {
			return false // it was not asked for
		}
		if q.From.Before(t.Oldest().Add(-Edge)) {
			return true // the window was reckoned with a wrong idea of the vendor's clock
		}
		lookBack, ok := shorter(t.LookBack())
		if !ok {
			return false
		}
		d.LookBack = lookBack
	case vendorapi.FeatureStatusFilter:
		if d.NoStatusFilter {
			return false
		}
		d.refuseFilter(q.Status, now)
	default:
		return false
	}
	return true
}

// refusePage learns that a page was too large, or too small, and reports whether
// there is another size to ask for. size is what pages are asked for with now.
func (d *Dialect) refusePage(q vendorapi.Query, size int) bool {
	switch {
	case q.PageSize > size:
		return true // learned since this reading began
	case q.Kind == vendorapi.QueryCount && q.PageSize < size:
		d.NoSmallPage = true // a larger one gave the rows that are counted now
		return true
	}
	size = min(size, q.PageSize)
	if size <= 1 {
		return false
	}
	d.PageSize = size / 2
	if size > defaultPage {
		d.PageSize = max(d.PageSize, defaultPage)
	}
	return true
}

// shorter is the look-back to try after one was refused; false if there is none.
func shorter(lookBack time.Duration) (time.Duration, bool) {
	switch {
	case lookBack > shortLookBack:
		return shortLookBack, true
	case lookBack > leastLookBack:
		return max(leastLookBack, lookBack-time.Hour), true
	default:
		return 0, false
	}
}

// SawPage learns that the vendor gave smaller pages than were asked for, and said
// so. One that gave fewer rows and said nothing may do otherwise next time; and one
// that says less than it gives unasked is not believed of others.
func (d *Dialect) SawPage(q vendorapi.Query, ans vendorapi.Answer) (changed bool) {
	given := ans.PageSize
	if q.Page != 1 || given < defaultPage || given >= q.PageSize || ans.Count <= len(ans.URLs) {
		return false
	}
	d.PageSize = given
	return true
}

// SawRows learns, from an answer to a question for rows of one status, that the
// vendor answered with rows of another: it does not limit answers by status then.
func (d *Dialect) SawRows(q vendorapi.Query, urls []prefetch.URL, now time.Time) (changed bool) {
	if q.Status == nil || !slices.ContainsFunc(urls, func(u prefetch.URL) bool { return u.Status != *q.Status }) {
		return false
	}
	d.refuseFilter(q.Status, now)
	return true
}

// refuseFilter learns that a question could not be limited to a status. Where
// running or waiting is refused, the other words may well be known.
func (d *Dialect) refuseFilter(status *prefetch.Status, now time.Time) {
	d.RefusedAt = now
	switch {
	case status != nil && *status == prefetch.Running:
		d.NoRunFilter = true
	case status != nil && *status == prefetch.Waiting:
		d.NoWaitFilter = true
	default:
		d.NoStatusFilter = true
	}
}

// Scouted learns whether a question for rows that run told the truth when it
// showed none of a task: a vendor that does not know that filter may as well show
// nothing.
func (d *Dialect) Scouted(truth bool, now time.Time) {
	if truth {
		d.Misled = 0
		return
	}
	d.Misled++
	if d.Misled >= mostMisled {
		d.refuseFilter(new(prefetch.Running), now)
	}
}

// TryFilters forgets that the vendor cannot limit answers to a status when that
// was so for a day: one odd row can have shown it, and to do without is dear.
func (d *Dialect) TryFilters(now time.Time) (changed bool) {
	if !d.NoStatusFilter && !d.NoRunFilter && !d.NoWaitFilter || now.Sub(d.RefusedAt).Abs() < secondTry {
		return false
	}
	d.NoStatusFilter, d.NoRunFilter, d.NoWaitFilter = false, false, false
	d.Misled = min(d.Misled, mostMisled-1) // once more is enough
	return true
}
