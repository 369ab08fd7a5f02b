package rows

import (
	"github.com/cespare/xxhash/v2"

	"prefetch_exporter/prefetch"
)

// Hashes are URLs, each as its hash.
type Hashes map[uint64]bool

// HashOf stands for a URL, in the store too.
func HashOf(url string) uint64 { return xxhash.Sum64String(url) }

// Recover returns the rows with those that failed marked as recovered whose URL
// is warm.
func (r Rows) Recover(warm Hashes) Rows {
	if len(warm) == 0 {
		return r
	}
	var urls []prefetch.URL
	for i := range r.URLs {
		if u := &r.URLs[i]; u.Status == prefetch.Failed && !u.Recovered && warm[HashOf(u.URL)] {
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
