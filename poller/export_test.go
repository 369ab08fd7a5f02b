package poller

import (
	"time"

	"prefetch_exporter/poller/clock"
	"prefetch_exporter/prefetch"
	vendorapi "prefetch_exporter/vendor_api"
)

// Plan is the planner's choice for an account of p at a time, by itself: for
// benchmarks and properties, which through calls would meet everything else too.
func Plan(p *Poller, account prefetch.Account, now time.Time) (q vendorapi.Query, why string, wake time.Time) {
	a := p.accounts[account]
	a.mu.Lock()
	defer a.mu.Unlock()
	best, _, wake := a.planner.At(a.situation(now)).Plan()
	return best.Query, best.Why, wake
}

// Forecast is what is told to come next for an account of p.
func Forecast(p *Poller, account prefetch.Account, now time.Time) *prefetch.QueryState {
	a := p.accounts[account]
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.forecast(clock.Stamp{Wall: now})
}

// Chance is what the planner takes for the chance that a task of p has settled.
func Chance(p *Poller, account prefetch.Account, id string, now time.Time) float64 {
	a := p.accounts[account]
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.planner.At(a.situation(now)).Chance(a.tasks[id])
}

// Worths is what the planner takes a question about each task of p that may be
// asked now to be worth, with the appraisals that it has.
func Worths(p *Poller, account prefetch.Account, now time.Time) map[string]float64 {
	a := p.accounts[account]
	a.mu.Lock()
	defer a.mu.Unlock()
	s := a.planner.At(a.situation(now))
	s.Plan()
	worths := map[string]float64{}
	for id, t := range a.tasks {
		if w := s.Worth(t); w > 0 {
			worths[id] = w
		}
	}
	return worths
}

// Forget has every appraisal of p made anew.
func Forget(p *Poller, account prefetch.Account) {
	a := p.accounts[account]
	a.mu.Lock()
	defer a.mu.Unlock()
	a.planner.Stale()
}
