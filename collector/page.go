package collector

import (
	"fmt"
	"hash/maphash"
	"slices"
	"strings"
	"sync"
	"time"

	"prefetch_exporter/collector/internal/exposition"
	"prefetch_exporter/prefetch"
)

// page is everything that comes from one snapshot, rendered. It is immutable
// and shared by all scrapes that asked for it at once; its pieces are shared
// with the pages before and after.
type page struct {
	// families are ordered by name.
	families []pageFamily
}

type pageFamily struct {
	name   string
	pieces [][]byte
}

// pages renders pages of one format and content encoding, and keeps what the
// next one can use. It is safe for concurrent use.
type pages struct {
	c *Collector

	mu sync.Mutex
	// next is the page that whoever comes now gets; nil if nobody waits.
	next *pageInWork

	// turn is held while a page is rendered. It guards what follows.
	turn     sync.Mutex
	renderer *renderer
	layout   layout
	seed     maphash.Seed
	accounts map[accountKey]*accountBlocks
	// metrics are what is on a page, in its order.
	metrics []metricSeries
	ages    *ageWriters
}

// metricSeries are the series of one metric: those of accounts, or those from
// index from to index to of the collector's series of tasks.
type metricSeries struct {
	name     string
	accounts []series[*prefetch.AccountState]
	from, to int
}

// pageInWork is a page that is going to be rendered.
type pageInWork struct {
	// done is closed when page and err are set.
	done chan struct{}
	page *page
	err  error
}

// accountKey tells accounts of one name apart by their order.
type accountKey struct {
	prefetch.Account
	ordinal int
}

// accountBlocks is an account as it stands on a page.
type accountBlocks struct {
	state  *watched
	labels sharedLabels
	blocks []*block
}

func newPages(c *Collector, format exposition.Format, compressed bool) (*pages, error) {
	r, err := newRenderer(c, format, compressed)
	if err != nil {
		return nil, err
	}
	return &pages{c: c, renderer: r, seed: maphash.MakeSeed(), metrics: metricsOf(c), ages: newAgeWriters(format, r.deflate)}, nil
}

// metricsOf returns the metrics of a collector in the order of a page.
func metricsOf(c *Collector) []metricSeries {
	var all []metricSeries
	for i, s := range c.tasks {
		if n := len(all); n > 0 && all[n-1].name == s.metric {
			all[n-1].to++
			continue
		}
		all = append(all, metricSeries{name: s.metric, from: i, to: i + 1})
	}
	for i, s := range c.accounts {
		if n := len(all); n > 0 && all[n-1].name == s.metric {
			all[n-1].accounts = append(all[n-1].accounts, s)
			continue
		}
		all = append(all, metricSeries{name: s.metric, accounts: c.accounts[i : i+1 : i+1]})
	}
	slices.SortFunc(all, func(a, b metricSeries) int { return strings.Compare(a.name, b.name) })
	return all
}

// current returns a page of a snapshot that was taken after the call began.
// Scrapes that arrive while a page is rendered wait for one page together.
func (p *pages) current() (*page, error) {
	p.mu.Lock()
	work := p.next
	first := work == nil
	if first {
		work = &pageInWork{done: make(chan struct{})}
		p.next = work
	}
	p.mu.Unlock()
	if !first {
		<-work.done
		return work.page, work.err
	}

	p.turn.Lock()
	defer p.turn.Unlock()
	p.mu.Lock()
	// Who comes from now on may want to see more than is seen now.
	p.next = nil
	p.mu.Unlock()
	work.page, work.err = p.render()
	close(work.done)
	return work.page, work.err
}

// refresh renders what changed since the last page, so that the next one finds
// it done. Before the first page, and after a failure, it does nothing: then
// the next page is rendered as a whole.
func (p *pages) refresh() error {
	p.turn.Lock()
	defer p.turn.Unlock()
	if p.accounts == nil {
		return nil
	}
	return p.forgetting(func() error {
		shown, _ := p.layout.of(p.c.source.Snapshot())
		_, err := p.update(shown, p.c.now())
		return err
	})
}

// render renders what is known now.
func (p *pages) render() (done *page, err error) {
	err = p.forgetting(func() error {
		snapshot := p.c.source.Snapshot()
		now := p.c.now()
		shown, duplicates := p.layout.of(snapshot)
		accounts, err := p.update(shown, now)
		if err != nil {
			return err
		}
		p.c.tell(hidden{duplicates: duplicates, labels: unusable(accounts)})
		done, err = p.assemble(accounts, now)
		return err
	})
	return done, err
}

// forgetting calls f. Any failure of it, a panic included, makes the pages
// forget what they kept.
func (p *pages) forgetting(f func() error) (err error) {
	defer func() {
		if cause := recover(); cause != nil {
			err = panicked(cause)
		}
		if err != nil {
			p.layout, p.accounts = layout{}, nil
		}
	}()
	return f()
}

// panicked is the error that stands for a panic. A defect in what renders pages
// must cost no scrape: promhttp renders them, too.
func panicked(cause any) error { return fmt.Errorf("render the page: panic: %v", cause) }

// update renders again what changed, and returns the accounts in their order.
func (p *pages) update(shown []watched, now time.Time) ([]*accountBlocks, error) {
	earlier := p.accounts
	p.accounts = make(map[accountKey]*accountBlocks, len(shown))
	ordered := make([]*accountBlocks, 0, len(shown))
	for i := range shown {
		w := &shown[i]
		key := accountKey{Account: w.name}
		for p.accounts[key] != nil {
			key.ordinal++
		}
		a := earlier[key]
		if a == nil {
			a = &accountBlocks{labels: accountPairs(w.name)}
		}
		if err := a.update(p, w, now); err != nil {
			return nil, err
		}
		p.accounts[key] = a
		ordered = append(ordered, a)
	}
	return ordered, nil
}

func (a *accountBlocks) update(p *pages, w *watched, now time.Time) error {
	if a.state == nil || !sameIDs(a.state.shown, w.shown) {
		a.divide(blocks(p.seed, w.shown))
	}
	a.state = w
	m := moment{now: now, maxStaleness: w.MaxStaleness}
	start := 0
	for _, b := range a.blocks {
		end := start + b.size
		if err := b.update(p.renderer, a.labels, w.shown[start:end:end], m); err != nil {
			return err
		}
		start = end
	}
	return nil
}

// divide makes room for other tasks. A block that begins with the same task as
// before is probably the same.
func (a *accountBlocks) divide(tasks [][]*prefetch.TaskState) {
	earlier := make(map[string]*block, len(a.blocks))
	for _, b := range a.blocks {
		earlier[b.tasks[0].ID] = b
	}
	a.blocks = make([]*block, len(tasks))
	for i := range tasks {
		b := earlier[tasks[i][0].ID]
		if b == nil {
			b = &block{}
		}
		b.size = len(tasks[i])
		a.blocks[i] = b
	}
}

func unusable(accounts []*accountBlocks) int {
	n := 0
	for _, a := range accounts {
		for _, b := range a.blocks {
			n += b.unusable
		}
	}
	return n
}

// assemble puts a page together from what was rendered before and what is
// rendered for each page: ages, and the few series of accounts.
func (p *pages) assemble(accounts []*accountBlocks, now time.Time) (*page, error) {
	all := &page{families: make([]pageFamily, 0, len(p.renderer.families))}
	for _, m := range p.metrics {
		pieces, err := p.pieces(m, accounts, now)
		if err != nil {
			return nil, err
		}
		size := 0
		for _, piece := range pieces {
			size += piece.size
		}
		if size == 0 {
			continue
		}
		head, err := p.renderer.head(p.renderer.families[m.name], size)
		if err != nil {
			return nil, err
		}
		f := pageFamily{name: m.name, pieces: make([][]byte, 0, 1+len(pieces))}
		f.pieces = append(f.pieces, head.data)
		for _, piece := range pieces {
			if piece.size > 0 {
				f.pieces = append(f.pieces, piece.data)
			}
		}
		all.families = append(all.families, f)
	}
	return all, nil
}

// pieces returns the samples of a metric.
func (p *pages) pieces(m metricSeries, accounts []*accountBlocks, now time.Time) ([]piece, error) {
	if m.accounts != nil {
		one, err := p.renderer.accounts(m.accounts, accounts)
		return []piece{one}, err
	}
	n := 0
	for _, a := range accounts {
		n += len(a.blocks)
	}
	if m.name == nameTaskAge {
		blocks := make([]*block, 0, n)
		for _, a := range accounts {
			blocks = append(blocks, a.blocks...)
		}
		return p.ages.pieces(blocks, now)
	}
	pieces := make([]piece, 0, n*(m.to-m.from))
	for _, a := range accounts {
		for k := m.from; k < m.to; k++ {
			for _, b := range a.blocks {
				pieces = append(pieces, b.parts[k])
			}
		}
	}
	return pieces, nil
}
