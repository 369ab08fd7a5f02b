package pages

import (
	"fmt"
	"hash/maphash"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"

	"prefetch_exporter/collector"
	"prefetch_exporter/collector/pages/internal/exposition"
	"prefetch_exporter/prefetch"
)

// page is everything that comes from one snapshot, rendered, ordered by name. It is
// immutable and shared by all scrapes that asked for it at once; its pieces are
// shared with the pages before and after.
type page []pageFamily

type pageFamily struct {
	name   string
	pieces [][]byte
}

// pages renders pages of one format and content encoding, and keeps what the
// next one can use. It is safe for concurrent use.
type pages struct {
	c *collector.Collector

	// waiting is whoever waits for the page that is rendered next.
	waiting singleflight.Group

	// turn is held while a page is rendered. It guards what follows.
	turn     sync.Mutex
	renderer *renderer
	seed     maphash.Seed
	accounts map[prefetch.Account]*accountBlocks
	ages     ageWriters
}

// accountBlocks is an account as it stands on a page.
type accountBlocks struct {
	shown  *collector.Account
	blocks []*block
}

func newPages(c *collector.Collector, format exposition.Format, compressed bool) (*pages, error) {
	r, err := newRenderer(c.Metrics(), format, compressed)
	if err != nil {
		return nil, err
	}
	return &pages{c: c, renderer: r, seed: maphash.MakeSeed(), ages: ageWriters{deflate: r.deflate}}, nil
}

// current returns a page of a snapshot that was taken after the call began.
// Scrapes that arrive while a page is rendered wait for one page together.
func (p *pages) current() (page, error) {
	done, err, _ := p.waiting.Do("", func() (any, error) {
		p.turn.Lock()
		defer p.turn.Unlock()
		// Who comes from now on may want to see more than is seen now.
		p.waiting.Forget("")
		return p.render()
	})
	return done.(page), err //nolint:forcetypeassert,wrapcheck // both are those of render
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
	return p.orForget(func() error {
		shown, _ := p.c.Accounts()
		_, err := p.update(shown)
		return err
	})
}

// render renders what is known now.
func (p *pages) render() (done page, err error) {
	err = p.orForget(func() error {
		shown, now := p.c.Accounts()
		accounts, err := p.update(shown)
		if err != nil {
			return err
		}
		done, err = p.assemble(accounts, now)
		return err
	})
	return done, err
}

// orForget calls f, which renders. If it fails or panics, what is kept may be half
// of one state and half of another one: all of it is dropped, and the next page is
// rendered as a whole.
func (p *pages) orForget(f func() error) (err error) {
	defer func() {
		if cause := recover(); cause != nil {
			err = panicked(cause)
		}
		if err != nil {
			p.accounts = nil
		}
	}()
	return f()
}

// panicked is the error that stands for a panic. A defect in what renders pages
// must cost no scrape: promhttp renders them, too.
func panicked(cause any) error { return fmt.Errorf("render the page: panic: %v", cause) }

// update renders again what changed, and returns the accounts in their order.
func (p *pages) update(shown []collector.Account) ([]*accountBlocks, error) {
	earlier := p.accounts
	p.accounts = make(map[prefetch.Account]*accountBlocks, len(shown))
	ordered := make([]*accountBlocks, len(shown))
	for i := range shown {
		name := shown[i].State.Account
		a := earlier[name]
		if a == nil {
			a = &accountBlocks{}
		}
		if err := a.update(p, &shown[i]); err != nil {
			return nil, err
		}
		p.accounts[name], ordered[i] = a, a
	}
	return ordered, nil
}

func (a *accountBlocks) update(p *pages, shown *collector.Account) error {
	tasks := shown.State.Tasks
	if a.shown == nil || !collector.SameTasks(a.shown.State.Tasks, tasks) {
		a.divide(blocks(p.seed, tasks))
	}
	a.shown = shown
	start := 0
	for _, b := range a.blocks {
		end := start + b.size
		if err := b.update(p.renderer, shown, tasks[start:end:end]); err != nil {
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

// assemble puts a page together from what was rendered before and what is
// rendered for each page: ages, and the few series of accounts.
func (p *pages) assemble(accounts []*accountBlocks, now time.Time) (page, error) {
	all := make(page, 0, len(p.renderer.families))
	for _, family := range p.renderer.families {
		pieces, err := p.pieces(family, accounts, now)
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
		f := pageFamily{name: family.metric.Name, pieces: make([][]byte, 0, 1+len(pieces))}
		f.pieces = append(f.pieces, p.renderer.head(family, size).data)
		for _, piece := range pieces {
			if piece.size > 0 {
				f.pieces = append(f.pieces, piece.data)
			}
		}
		all = append(all, f)
	}
	return all, nil
}

// pieces returns the samples of a metric.
func (p *pages) pieces(f *family, accounts []*accountBlocks, now time.Time) ([]piece, error) {
	if f.metric.Accounts != nil {
		one, err := p.renderer.accounts(f, accounts)
		return []piece{one}, err
	}
	n := 0
	for _, a := range accounts {
		n += len(a.blocks)
	}
	if f.metric.Since != nil {
		blocks := make([]*block, 0, n)
		for _, a := range accounts {
			blocks = append(blocks, a.blocks...)
		}
		return p.ages.pieces(blocks, now)
	}
	pieces := make([]piece, 0, n*(f.to-f.from))
	for _, a := range accounts {
		for k := f.from; k < f.to; k++ {
			for _, b := range a.blocks {
				pieces = append(pieces, b.parts[k])
			}
		}
	}
	return pieces, nil
}
