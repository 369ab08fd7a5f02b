package pages

import (
	"sync"
	"time"

	"prefetch_exporter/collector"
	"prefetch_exporter/collector/pages/internal/exposition"
)

// keptFor is how long pages are kept after they were last asked for: neither a
// look by hand nor a scraper that left must cost memory for ever, nor the
// states from which pages were rendered.
const keptFor = 10 * time.Minute

// keptPages are the pages in each format and compression that clients ask for.
// It is safe for concurrent use, and what it does for one of them waits for no
// other.
type keptPages struct {
	c *collector.Collector

	mu   sync.Mutex
	sets map[pagesKey]keptSet
}

type pagesKey struct {
	format     exposition.Format
	compressed bool
}

type keptSet struct {
	pages  *pages
	expiry *time.Timer
}

func newKeptPages(c *collector.Collector) *keptPages {
	return &keptPages{c: c, sets: map[pagesKey]keptSet{}}
}

// current returns a page of a snapshot that was taken after the call began.
func (k *keptPages) current(a agreement) (page, error) {
	p, err := k.of(a.pagesKey)
	if err != nil {
		return nil, err
	}
	return p.current()
}

func (k *keptPages) of(key pagesKey) (*pages, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if set, ok := k.sets[key]; ok {
		// If it expires this very moment, it is rendered anew the next time.
		set.expiry.Reset(keptFor)
		return set.pages, nil
	}
	p, err := newPages(k.c, key.format, key.compressed)
	if err != nil {
		return nil, err
	}
	k.sets[key] = keptSet{pages: p, expiry: time.AfterFunc(keptFor, func() { k.letGo(key) })}
	return p, nil
}

// inUse returns the pages that somebody asked for lately.
func (k *keptPages) inUse() []*pages {
	k.mu.Lock()
	defer k.mu.Unlock()
	all := make([]*pages, 0, len(k.sets))
	for _, set := range k.sets {
		all = append(all, set.pages)
	}
	return all
}

func (k *keptPages) letGo(key pagesKey) {
	k.mu.Lock()
	defer k.mu.Unlock()
	delete(k.sets, key)
}
