package poller

import (
	"time"

	"prefetch_exporter/poller/account"
	"prefetch_exporter/prefetch"
	vendorapi "prefetch_exporter/vendor_api"
)

// Plan is the planner's choice for an account of p at a time, by itself: for
// benchmarks and properties, which through calls would meet everything else too.
func Plan(p *Poller, name prefetch.Account, now time.Time) (q vendorapi.Query, why string, wake time.Time) {
	p.accounts[name].Inspect(now, func(in account.Inside) {
		best, _, at := in.Planner.At(in.Moment).Plan()
		q, why, wake = best.Query, best.Why, at
	})
	return q, why, wake
}

// Forecast is what is told to come next for an account of p.
func Forecast(p *Poller, name prefetch.Account, now time.Time) (next *prefetch.QueryState) {
	p.accounts[name].Inspect(now, func(in account.Inside) { next = in.Next() })
	return next
}

// Chance is what the planner takes for the chance that a task of p has settled.
func Chance(p *Poller, name prefetch.Account, id string, now time.Time) (chance float64) {
	p.accounts[name].Inspect(now, func(in account.Inside) { chance = in.Planner.At(in.Moment).Chance(in.Tasks[id]) })
	return chance
}

// Worths is what the planner takes a question about each task of p that may be
// asked now to be worth, with the appraisals that it has.
func Worths(p *Poller, name prefetch.Account, now time.Time) map[string]float64 {
	worths := map[string]float64{}
	p.accounts[name].Inspect(now, func(in account.Inside) {
		s := in.Planner.At(in.Moment)
		s.Plan()
		for id, t := range in.Tasks {
			if w := s.Worth(t); w > 0 {
				worths[id] = w
			}
		}
	})
	return worths
}

// Forget has every appraisal of p made anew.
func Forget(p *Poller, name prefetch.Account) {
	p.accounts[name].Inspect(time.Time{}, func(in account.Inside) { in.Planner.Stale() })
}
