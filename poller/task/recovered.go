package task

import (
	"encoding/binary"

	"github.com/cespare/xxhash/v2"

	"prefetch_exporter/prefetch"
)

// hashSize is the size of a hash in [Record.Warmed].
const hashSize = 8

// Hashes are URLs, each as its hash.
type Hashes map[uint64]struct{}

// Has reports whether a hash is among them.
func (h Hashes) Has(hash uint64) bool {
	_, ok := h[hash]
	return ok
}

// HashOf stands for a URL, in the store too.
func HashOf(url string) uint64 { return xxhash.Sum64String(url) }

// After reports whether the task was created later than another one. Of one
// second, that later one is which was seen later.
func (t *Task) After(o *Task) bool {
	if c := t.CreatedAt().Compare(o.CreatedAt()); c != 0 {
		return c > 0
	}
	return t.FirstSeen.After(o.FirstSeen)
}

// EachWarm calls f for every URL that the task shows as succeeded.
func (t *Task) EachWarm(f func(hash uint64)) {
	for i := range t.Rows.URLs {
		if u := &t.Rows.URLs[i]; u.Status == prefetch.Succeeded {
			f(HashOf(u.URL))
		}
	}
	for rest := t.Warmed; len(rest) >= hashSize; rest = rest[hashSize:] {
		f(binary.LittleEndian.Uint64(rest))
	}
}

// warmed is what a task that settles keeps of the rows that succeeded. Of a task
// whose rows were not all read these are the submitted ones that did not fail, if all
// that failed are known.
func (t *Task) warmed() []byte {
	var kept []byte
	keep := func(hash uint64) { kept = binary.LittleEndian.AppendUint64(kept, hash) }
	t.EachWarm(keep)
	if len(t.Rows.URLs) == t.Counts.Total() || t.Counts.Total() != len(t.Expected) {
		return kept
	}
	rows := t.Rows.failed().URLs
	if len(rows) != t.Counts[prefetch.Failed] {
		return kept
	}
	failed := map[string]bool{}
	for i := range rows {
		failed[rows[i].URL] = true
	}
	kept = nil // the submitted ones have those of the rows among them
	for _, url := range t.Expected {
		if !failed[url] {
			keep(HashOf(url))
		}
	}
	return kept
}

// Recover returns the rows with those that failed marked as recovered whose URL
// is warm.
func (r Rows) Recover(warm func(url string) bool) Rows {
	var urls []prefetch.URL
	for i := range r.URLs {
		if u := &r.URLs[i]; u.Status == prefetch.Failed && !u.Recovered && warm(u.URL) {
			if urls == nil {
				urls = append(urls, r.URLs...) // the others are published
			}
			urls[i].Recovered = true
		}
	}
	if urls != nil {
		r.URLs = urls
	}
	return r
}

// recovered is how many of the failed URLs are.
func (t *Task) recovered() int {
	failed, n := t.Counts[prefetch.Failed], 0
	if failed == 0 {
		return 0
	}
	for i := range t.Rows.URLs {
		if t.Rows.URLs[i].Recovered {
			n++
		}
	}
	return min(n, failed)
}
