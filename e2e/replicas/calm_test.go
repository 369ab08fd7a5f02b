package replicas_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"
)

const (
	// calmLimit is how long a group may take until every replica is ready and every
	// account has one owner: a lease that began anew with etcd's leader, twice, and
	// the start of a process on a busy machine.
	calmLimit = 45 * time.Second
	// calmTime is for how long that must be so: an etcd leader that was woken may take
	// leases from their holders a moment later.
	calmTime = time.Second
	// equalLimit is how long replicas may differ once that is so and vendors answer
	// nobody.
	equalLimit = 2 * time.Second
	// settleLimit is for everything that ends to be known. A call that was under way
	// when its exporter was killed blocks its slot for half a minute.
	settleLimit = 120 * time.Second
	lookEvery   = 50 * time.Millisecond
)

// calm waits until the group is whole and nothing is handed over any more, and that
// it tells the same everywhere. It returns how long the two took.
func (s *site) calm(t testing.TB) (whole, equal time.Duration) {
	t.Helper()
	began := time.Now()
	var since time.Time // when it was even first, without a break
	if err := s.until(t, calmLimit, func(all []*shown) error {
		if err := s.even(all); err != nil {
			since = time.Time{}
			return err
		}
		if since.IsZero() {
			since = time.Now()
		}
		if calm := time.Since(since); calm < calmTime {
			return fmt.Errorf("calm for %v only", calm)
		}
		return nil
	}); err != nil {
		t.Fatalf("not calm within %v: %v", calmLimit, err)
	}
	whole = since.Sub(began)
	// Between two looks at replicas that are told something new all the time there
	// would always be a difference.
	for _, i := range s.identities {
		i.quiet.Lock()
		defer i.quiet.Unlock()
	}
	began = time.Now()
	if err := s.until(t, equalLimit, func(all []*shown) error { return errors.Join(s.even(all), different(all)) }); err != nil {
		t.Errorf("not equal within %v of calm: %v", equalLimit, err)
	}
	return whole, time.Since(began)
}

// until looks at all replicas until they are as wanted, and returns what was
// wrong at last if that takes too long.
func (s *site) until(t testing.TB, limit time.Duration, wanted func([]*shown) error) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	ticker := time.NewTicker(lookEvery)
	defer ticker.Stop()
	last := errors.New("nobody looked")
	for {
		all, err := s.lookAll(ctx)
		if err == nil {
			err = wanted(all)
		}
		if err == nil {
			return nil
		}
		if ctx.Err() == nil {
			last = err
		}
		select {
		case <-ctx.Done():
			return last
		case <-ticker.C:
		}
	}
}

// whole reports a replica that is cut off or alone, and an account that has not
// exactly one owner.
func (s *site) whole(all []*shown) error {
	var errs []error
	owners := map[string][]string{}
	for _, r := range all {
		if r.storeUp != 1 || r.others != float64(len(all)) {
			errs = append(errs, fmt.Errorf("%s: store_up %v, %v replicas", r.replica.Name, r.storeUp, r.others))
		}
		for name := range r.owned {
			owners[name] = append(owners[name], r.replica.Name)
		}
	}
	for _, name := range s.names {
		if len(owners[name]) != 1 {
			errs = append(errs, fmt.Errorf("%s is owned by %v", name, owners[name]))
		}
	}
	return errors.Join(errs...)
}

// even reports identities that are spread unevenly, and what whole does.
func (s *site) even(all []*shown) error {
	if err := s.whole(all); err != nil {
		return err
	}
	least, most := len(s.identities), 0
	for _, r := range all {
		owned := map[*identity]bool{}
		for name := range r.owned {
			owned[s.accounts[name].identity] = true
		}
		least, most = min(least, len(owned)), max(most, len(owned))
	}
	if most > least+1 {
		return fmt.Errorf("a replica owns %d identities and another %d", most, least)
	}
	return nil
}

// settled waits until all tasks are there, as the vendors have them, and those
// that end are settled.
func (s *site) settled(t testing.TB) {
	t.Helper()
	if err := s.until(t, settleLimit, func(all []*shown) error {
		var errs []error
		for _, r := range all {
			for _, name := range s.names {
				errs = append(errs, s.accounts[name].check(r))
			}
		}
		return errors.Join(errs...)
	}); err != nil {
		t.Fatalf("not within %v: %v", settleLimit, err)
	}
	for _, name := range s.names {
		a := s.accounts[name]
		for id := range a.must {
			a.known[id] = true
		}
	}
}

// check compares what a replica shows of the account with what the vendor has.
func (a *account) check(r *shown) error {
	var errs []error
	tasks := r.tasks[a.name]
	for id := range a.must {
		if _, ok := tasks[id]; !ok {
			errs = append(errs, fmt.Errorf("%s: task %s is lost", r.replica.Name, id))
		}
	}
	for id := range tasks {
		p := a.plans[id]
		switch task := tasks[id]; {
		case a.gone[id]:
			errs = append(errs, fmt.Errorf("%s: task %s was deleted and is there", r.replica.Name, id))
		case p == nil:
			errs = append(errs, fmt.Errorf("%s: task %s is nobody's", r.replica.Name, id))
		case !p.stuck && !task.Settled:
			errs = append(errs, fmt.Errorf("%s: task %s is not settled: %s %v", r.replica.Name, id, task.Phase, task.URLs))
		case !p.stuck:
			truth := a.vendor.Counts(id)
			for status, n := range truth {
				if word := statusWord(status); task.URLs[word] != n {
					errs = append(errs, fmt.Errorf("%s: task %s has %d %s, and not %d", r.replica.Name, id, n, word, task.URLs[word]))
				}
			}
		}
	}
	return errors.Join(errs...)
}

// ledgerOfURLs compares what all replicas have observed with what there was to
// be observed.
type ledgerOfURLs struct {
	// unseen is how many were not observed by anybody at the last look, by metric and
	// account: what an exporter had just stored when it was killed.
	unseen map[string]float64
	// never is what a vendor does not tell.
	never map[string]bool
}

// observations compares them. Whatever the kills since the last look cost, more
// than there was since then must not have been observed.
func (s *site) observations(t testing.TB, last *ledgerOfURLs) {
	t.Helper()
	var missing map[string]float64
	err := s.until(t, equalLimit, func(all []*shown) error {
		missing = s.missing(all)
		for key, n := range missing {
			if !last.never[key] && n != last.unseen[key] {
				return fmt.Errorf("%s: %v of what there was are not observed, after %v before", key, n, last.unseen[key])
			}
		}
		return nil
	})
	if missing == nil {
		t.Fatalf("nothing can be seen: %v", err)
	}
	for _, key := range slices.Sorted(maps.Keys(missing)) {
		if !last.never[key] && missing[key] < last.unseen[key] {
			t.Errorf("%s: %v observations too many", key, last.unseen[key]-missing[key])
		}
	}
	last.unseen = missing
}

// baseline is the ledger of a group to which nothing happened yet: what nobody
// observed is what a vendor never tells.
func (s *site) baseline(t testing.TB) *ledgerOfURLs {
	t.Helper()
	ledger := &ledgerOfURLs{never: map[string]bool{}}
	if err := s.until(t, equalLimit, func(all []*shown) error {
		ledger.unseen = s.missing(all)
		clear(ledger.never)
		for key, n := range ledger.unseen {
			switch n {
			case 0:
			case s.existing(all[0], key):
				ledger.never[key] = true
			default:
				return fmt.Errorf("%s: %v were not observed, though nothing happened", key, n)
			}
		}
		return nil
	}); err != nil {
		t.Error(err)
	}
	return ledger
}

// missing is what there was to be observed less what was.
func (s *site) missing(all []*shown) map[string]float64 {
	result := map[string]float64{}
	for _, metric := range histograms() {
		for _, name := range s.names {
			key := metric + " " + name
			result[key] = s.existing(all[0], key)
			for _, r := range all {
				result[key] -= r.observed[key] + r.replica.ended[key]
			}
		}
	}
	return result
}

// existing is how many URLs, or tasks, one of the histograms should have counted
// over all replicas, if all tasks that are shown were read to their ends. None is
// deleted before.
func (s *site) existing(r *shown, key string) float64 {
	n := 0.0
	for _, metric := range histograms() {
		for _, name := range s.names {
			if key != metric+" "+name {
				continue
			}
			for id, p := range s.accounts[name].plans {
				_, there := r.tasks[name][id]
				switch {
				case !there && !s.accounts[name].known[id]:
				case metric == "prefetch_url_wait_seconds":
					n += float64(p.urls)
				case p.stuck:
				case metric == "prefetch_url_fetch_seconds":
					n += float64(p.urls)
				default:
					n++
				}
			}
		}
	}
	return n
}
