package collector

import (
	"sync"
	"time"

	"prefetch_exporter/collector/internal/exposition"
)

// keptFor is how long pages are kept of a format that nobody asks for any more:
// a look by hand must not cost memory for ever.
const keptFor = 10 * time.Minute

// keptPages are the pages in each format and compression that clients ask for.
// It is safe for concurrent use, and what it does for one of them waits for no
// other.
type keptPages struct {
	c *Collector

	mu   sync.Mutex
	sets map[pagesKey]*keptSet
}

type pagesKey struct {
	format     exposition.Format
	compressed bool
}

type keptSet struct {
	pages *pages
	used  time.Time
}

func newKeptPages(c *Collector) *keptPages {
	return &keptPages{c: c, sets: map[pagesKey]*keptSet{}}
}

// current returns a page of a snapshot that was taken after the call began.
func (k *keptPages) current(a agreement) (*page, error) {
	p, err := k.of(pagesKey{format: a.format, compressed: a.compressed})
	if err != nil {
		return nil, err
	}
	return p.current()
}

func (k *keptPages) of(key pagesKey) (*pages, error) {
	now := k.c.now()
	k.mu.Lock()
	defer k.mu.Unlock()
	for other, set := range k.sets {
		if other != key && now.Sub(set.used) > keptFor {
			delete(k.sets, other)
		}
	}
	set := k.sets[key]
	if set == nil {
		p, err := newPages(k.c, key.format, key.compressed)
		if err != nil {
			return nil, err
		}
		set = &keptSet{pages: p}
		k.sets[key] = set
	}
	set.used = now
	return set.pages, nil
}
