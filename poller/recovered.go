package poller

import (
	"encoding/binary"

	"github.com/cespare/xxhash/v2"

	"prefetch_exporter/prefetch"
)

// A failed URL is recovered when a task of the account that was created later
// shows it as succeeded. The two are told of in any order, and of a settled task
// only the failed rows are kept: so it keeps hashes of what succeeded, eight bytes
// each, for as long as its time lasts.

// hashSize is the size of a hash in [record.Warmed].
const hashSize = 8

// hashes are URLs, each as its hash.
type hashes map[uint64]struct{}

func (h hashes) has(hash uint64) bool {
	_, ok := h[hash]
	return ok
}

// hashOf stands for a URL, in the store too.
func hashOf(url string) uint64 { return xxhash.Sum64String(url) }

// after reports whether the task was created later than another one. Of one
// second, that later one is which was seen later.
func (t *task) after(o *task) bool {
	if c := t.created().Compare(o.created()); c != 0 {
		return c > 0
	}
	return t.FirstSeen.After(o.FirstSeen)
}

// eachWarm calls f for every URL that the task shows as succeeded.
func (t *task) eachWarm(f func(hash uint64)) {
	for i := range t.Rows.urls {
		if u := &t.Rows.urls[i]; u.Status == prefetch.Succeeded {
			f(hashOf(u.URL))
		}
	}
	for rest := t.Warmed; len(rest) >= hashSize; rest = rest[hashSize:] {
		f(binary.LittleEndian.Uint64(rest))
	}
}

// warmed is what a task that settles keeps of the rows that succeeded. Of a task
// whose URLs were counted these are the submitted ones that did not fail, if all
// that failed are known.
func (t *task) warmed() []byte {
	var kept []byte
	keep := func(hash uint64) { kept = binary.LittleEndian.AppendUint64(kept, hash) }
	t.eachWarm(keep)
	if t.Counted == nil || t.Counts.Total() != len(t.Expected) {
		return kept
	}
	failed := map[string]bool{}
	n := 0
	for i := range t.Rows.urls {
		if u := &t.Rows.urls[i]; u.Status == prefetch.Failed {
			failed[u.URL] = true
			n++
		}
	}
	if n != t.Counts[prefetch.Failed] {
		return kept
	}
	for _, url := range t.Expected {
		if !failed[url] {
			keep(hashOf(url))
		}
	}
	return kept
}

// unrecovered are the URLs of the rows that failed and are not recovered.
func (r rows) unrecovered() hashes {
	var found hashes
	for i := range r.urls {
		if u := &r.urls[i]; u.Status == prefetch.Failed && !u.Recovered {
			if found == nil {
				found = hashes{}
			}
			found[hashOf(u.URL)] = struct{}{}
		}
	}
	return found
}

// recover returns the rows with those that failed marked as recovered whose URL
// is warm.
func (r rows) recover(warm func(url string) bool) rows {
	var urls []prefetch.URL
	for i := range r.urls {
		if u := &r.urls[i]; u.Status == prefetch.Failed && !u.Recovered && warm(u.URL) {
			if urls == nil {
				urls = append(urls, r.urls...) // the others are published
			}
			urls[i].Recovered = true
		}
	}
	if urls != nil {
		r.urls = urls
	}
	return r
}

// recoveredURLs are the URLs of the rows that are recovered.
func (r rows) recoveredURLs() map[string]bool {
	var found map[string]bool
	for i := range r.urls {
		if u := &r.urls[i]; u.Recovered {
			if found == nil {
				found = map[string]bool{}
			}
			found[u.URL] = true
		}
	}
	return found
}

// recovered is how many of the failed URLs are.
func (t *task) recovered() int {
	failed, n := t.Counts[prefetch.Failed], 0
	if failed == 0 {
		return 0
	}
	for i := range t.Rows.urls {
		if t.Rows.urls[i].Recovered {
			n++
		}
	}
	return min(n, failed)
}

// recovers works out, after something was told of a task, which of its failed
// URLs are recovered, and which of earlier tasks by it. It returns those earlier
// tasks. It costs nothing where nothing failed; else a look at each failed URL of
// the account that is not recovered, and for one that is new at the URLs of all
// later tasks.
func (a *account) recovers(t *task) (earlier []*task) {
	a.recoverBy(t)
	if len(a.failing) == 0 || len(a.failing) == 1 && a.failing[t] != nil {
		return nil
	}
	warm := hashes{}
	t.eachWarm(func(hash uint64) { warm[hash] = struct{}{} })
	for o, failed := range a.failing {
		if a.tasks[o.id] != o || o.Gone {
			delete(a.failing, o)
			continue
		}
		if !t.after(o) {
			continue
		}
		before := len(failed)
		for hash := range failed {
			if warm.has(hash) {
				delete(failed, hash)
			}
		}
		if len(failed) == before {
			continue
		}
		o.Rows = o.Rows.recover(func(url string) bool { return warm.has(hashOf(url)) })
		earlier = append(earlier, o)
		if len(failed) == 0 {
			delete(a.failing, o)
		}
	}
	return earlier
}

// recoverBy marks those failed URLs of a task as recovered that later tasks have
// shown as succeeded before it was known that they failed in this one.
func (a *account) recoverBy(t *task) {
	failed := t.Rows.unrecovered()
	known := a.failing[t]
	warm := hashes{}
	if fresh := failed.without(known); len(fresh) > 0 {
		for _, o := range a.tasks {
			if o == t || !o.after(t) {
				continue
			}
			o.eachWarm(func(hash uint64) {
				if fresh.has(hash) {
					warm[hash] = struct{}{}
				}
			})
		}
	}
	if len(warm) > 0 {
		t.Rows = t.Rows.recover(func(url string) bool { return warm.has(hashOf(url)) })
	}
	a.watchFailed(t, failed.without(warm))
}

// watchFailed notes which URLs of a task wait for a later task.
func (a *account) watchFailed(t *task, failed hashes) {
	if len(failed) == 0 {
		delete(a.failing, t)
		return
	}
	a.failing[t] = failed
}

// without are the hashes that are not among others.
func (h hashes) without(others hashes) hashes {
	if len(others) == 0 {
		return h
	}
	left := hashes{}
	for hash := range h {
		if !others.has(hash) {
			left[hash] = struct{}{}
		}
	}
	return left
}
