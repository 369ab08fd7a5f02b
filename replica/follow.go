package replica

import (
	"context"
	"sync"

	"prefetch_exporter/store"
)

// queue holds what the store told until it is handed on, however much that is: who tells
// must not wait for who is told.
type queue struct {
	added chan struct{}

	mu   sync.Mutex
	told []func(d *delivery)
}

func newQueue() *queue { return &queue{added: make(chan struct{}, 1)} }

func (q *queue) add(told func(d *delivery)) {
	q.mu.Lock()
	q.told = append(q.told, told)
	q.mu.Unlock()
	select {
	case q.added <- struct{}{}:
	default:
	}
}

// take returns what was added since the last time.
func (q *queue) take() []func(d *delivery) {
	q.mu.Lock()
	defer q.mu.Unlock()
	told := q.told
	q.told = nil
	return told
}

// Loaded is told by the store when everything was read, anew where it was before. Like
// all that the store tells, it is handed on in order and in its own time.
func (g *Group) Loaded() {
	g.events.add(func(d *delivery) {
		if err := d.submitted.Reload(); err != nil {
			g.Logger.Error("the tasks that were put cannot be read", "err", err)
		}
		d.poller.Reload()
		d.poller.Moved()
		d.ready()
		g.wake()
	})
}

// Heard is told by the store what was changed, by whichever replica.
func (g *Group) Heard(changes []store.Op) {
	g.events.add(func(d *delivery) {
		d.poller.Heard(changes)
		d.submitted.Heard(changes)
	})
}

// Rewound is told by the store when it forgot; Loaded comes next.
func (g *Group) Rewound() { g.events.add(func(d *delivery) { d.poller.Rewound() }) }

// Moved is told by the store when replicas, owners or the own lease changed.
func (g *Group) Moved() {
	g.events.add(func(d *delivery) {
		d.poller.Moved()
		g.wake()
	})
}

// delivery is to whom is handed on what the store told.
type delivery struct {
	poller    Poller
	submitted Submitted
	// ready is called whenever everything was read.
	ready func()
}

// deliver hands on what the store told until ctx ends.
func (g *Group) deliver(ctx context.Context, d *delivery) {
	for {
		for _, told := range g.events.take() {
			told(d)
		}
		select {
		case <-g.events.added:
		case <-ctx.Done():
			return
		}
	}
}
