package check

import (
	"context"
	"fmt"

	"prefetch_exporter/prefetch"
	"prefetch_exporter/replica"
	"prefetch_exporter/store"
)

// enter makes the process one of the replicas, which owns what nobody else does of the
// identities. Leave ends that. The error is that the store cannot be read.
func (c *checker) enter(ctx context.Context, identities map[string]bool) (leave func() error, err error) {
	if leave, err = c.visit.Join(ctx, budgets{c}, nothingPut{}); err != nil {
		return nil, err
	}
	switch c.visit.State() {
	case store.Fresh:
		c.Warn(fmt.Sprintf("the store below %s in etcd is new: calls that an exporter with another store made are not counted",
			c.cfg.Storage.Etcd.Prefix))
	case store.Recovered, store.Existing:
	}
	c.visit.Claim(ctx, identities)
	return leave, nil
}

// budgets are the checker's, as a replica's part that is told of the shared ledger.
type budgets struct{ *checker }

var _ replica.Poller = budgets{}

// TakeOver reads the ledger anew, as its owner.
func (b budgets) TakeOver(identity string) error {
	return b.budgets[identity].TakeOver()
}

// Release waits for a call under way, and leaves the ledger to others.
func (b budgets) Release(_ context.Context, identity string) {
	// A call ends by itself.
	b.asking.Lock()
	defer b.asking.Unlock()
	if b.visit.Owns(identity) {
		// If this fails, whoever takes over counts calls for longer.
		_ = b.budgets[identity].HandOver()
	}
}

// Depose does nothing: before each call it is looked whether it may leave.
func (budgets) Depose(string) {}

// Reload reads the ledgers anew.
func (b budgets) Reload() {
	for _, budget := range b.budgets {
		_ = budget.Reload() // what cannot be read then cannot be taken over either
	}
}

// Heard takes in what others wrote to the ledgers.
func (b budgets) Heard(changes []store.Op) {
	for _, op := range changes {
		if budget := b.budgets[op.Scope]; op.Table == store.Ledger && budget != nil {
			budget.Heard(op.Key, op.Value)
		}
	}
}

// Rewound counts every quota as spent.
func (b budgets) Rewound() {
	for _, budget := range b.budgets {
		budget.Rewound()
	}
}

// Moved does nothing: nothing is shown.
func (budgets) Moved() {}

// Limits makes the limits of other replicas hold too.
func (b budgets) Limits(identity string, others []prefetch.Limit) {
	b.budgets[identity].Restrict(others)
}

// nothingPut stands for the tasks that were put through the API, which do not matter.
type nothingPut struct{}

var _ replica.Submitted = nothingPut{}

// Heard does nothing.
func (nothingPut) Heard([]store.Op) {}

// Reload does nothing.
func (nothingPut) Reload() error { return nil }
