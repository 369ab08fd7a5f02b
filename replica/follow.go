package replica

import (
	"context"
	"sync"

	"prefetch_exporter/store"
)

// event is something that the store told.
type event struct {
	kind    eventKind
	changes []store.Op
}

type eventKind int

const (
	loaded eventKind = iota
	heard
	rewound
	moved
)

// queue holds events until they are delivered, however many: whoever brings them must
// not wait for who takes them.
type queue struct {
	added chan struct{}

	mu     sync.Mutex
	events []event
}

func newQueue() *queue { return &queue{added: make(chan struct{}, 1)} }

func (q *queue) add(e event) {
	q.mu.Lock()
	q.events = append(q.events, e)
	q.mu.Unlock()
	select {
	case q.added <- struct{}{}:
	default:
	}
}

// take returns what was added since the last time.
func (q *queue) take() []event {
	q.mu.Lock()
	defer q.mu.Unlock()
	events := q.events
	q.events = nil
	return events
}

// Loaded is told by the store when everything was read, anew where it was before. Like
// all that the store tells, it is handed on in order and in its own time.
func (g *Group) Loaded() { g.events.add(event{kind: loaded}) }

// Heard is told by the store what was changed, by whichever replica.
func (g *Group) Heard(changes []store.Op) { g.events.add(event{kind: heard, changes: changes}) }

// Rewound is told by the store when it forgot; Loaded comes next.
func (g *Group) Rewound() { g.events.add(event{kind: rewound}) }

// Moved is told by the store when replicas, owners or the own lease changed.
func (g *Group) Moved() { g.events.add(event{kind: moved}) }

// deliver hands on what the store told until ctx ends. It calls ready once everything
// was read for the first time.
func (g *Group) deliver(ctx context.Context, p Poller, s Submitted, ready func()) {
	for {
		for _, e := range g.events.take() {
			switch e.kind {
			case loaded:
				if err := s.Reload(); err != nil {
					g.log.Error("the tasks that were put cannot be read", "err", err)
				}
				p.Reload()
				p.Moved()
				ready()
				g.wake()
			case heard:
				p.Heard(e.changes)
				s.Heard(e.changes)
			case rewound:
				p.Rewound()
			case moved:
				p.Moved()
				g.wake()
			}
		}
		select {
		case <-g.events.added:
		case <-ctx.Done():
			return
		}
	}
}
