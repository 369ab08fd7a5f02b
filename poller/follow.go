package poller

import (
	"context"
	"errors"

	"prefetch_exporter/poller/quota"
	"prefetch_exporter/poller/record"
	"prefetch_exporter/prefetch"
	"prefetch_exporter/store"
)

// asks reports whether this replica asks for the accounts of an identity.
func (p *Poller) asks(identity string) bool { return p.options.Group == nil || p.owned[identity] }

// storeOf is what an identity's owner writes through.
func (p *Poller) storeOf(identity string) quota.Store {
	if p.options.Group == nil {
		return p.options.Store
	}
	return p.options.Group.Owned(identity)
}

func (p *Poller) openBudget(identity string) (*quota.Budget, error) {
	if p.options.Group == nil {
		return quota.Open(identity, p.options.Store, p.options.Clock)
	}
	return quota.Share(identity, p.storeOf(identity), p.options.Clock)
}

// TakeOver has this replica ask for the accounts of an identity from now on, with all
// that the store knows of them.
func (p *Poller) TakeOver(identity string) error {
	p.change.Lock()
	defer p.change.Unlock()
	if b := p.budgets[identity]; b != nil {
		if err := b.TakeOver(); err != nil {
			return err
		}
	}
	p.owned[identity] = true
	return p.renew(identity)
}

// Release asks no more for the accounts of an identity. It returns when the calls under
// way have ended, or ctx has, and what they told is stored. From then on the accounts
// follow whoever takes over.
//
//nolint:contextcheck // the loops of the accounts outlive whoever asked for the release
func (p *Poller) Release(ctx context.Context, identity string) {
	for _, r := range p.of(identity) {
		r.Rest()
	}
	for _, r := range p.of(identity) {
		select {
		case <-r.Quiet():
		case <-ctx.Done():
		}
	}
	p.change.Lock()
	defer p.change.Unlock()
	if b := p.budgets[identity]; b != nil && p.owned[identity] && p.options.Group.Owns(identity) {
		if err := b.HandOver(); err != nil {
			p.options.Logger.Warn("whoever takes over may count calls for longer", "err", err)
		}
	}
	p.depose(identity)
}

// Depose has the accounts of an identity follow from now on: another replica may be
// its owner already. What was answered and is not stored is dropped.
func (p *Poller) Depose(identity string) {
	p.change.Lock()
	defer p.change.Unlock()
	p.depose(identity)
}

func (p *Poller) depose(identity string) {
	delete(p.owned, identity)
	if err := p.renew(identity); err != nil {
		p.options.Logger.Error("an account cannot be read from the store", "err", err)
	}
}

// of are the accounts of an identity.
func (p *Poller) of(identity string) (accounts []*running) {
	p.mu.RLock()
	defer p.mu.RUnlock()
	for _, r := range p.accounts {
		if r.Identity() == identity {
			accounts = append(accounts, r)
		}
	}
	return accounts
}

// renew makes the accounts of an identity anew from the store, as those of a process
// that begins. They are shown without a gap. It is called with change held.
func (p *Poller) renew(identity string) error {
	for _, o := range p.configured {
		if o.Identity != identity {
			continue
		}
		old := p.accounts[o.Account]
		a := p.newAccount(o.Account, identity)
		if err := a.Replace(old.Account); err != nil {
			return err
		}
		a.Configure(o, p.budgets[identity])
		p.mu.Lock()
		fresh := &running{Account: a}
		p.accounts[o.Account] = fresh
		p.start(fresh)
		p.mu.Unlock()
		old.end()
	}
	p.options.Changed()
	return nil
}

// Reload takes over the whole store, after changes may have been missed.
func (p *Poller) Reload() {
	p.change.Lock()
	defer p.change.Unlock()
	p.tellState()
	for identity, b := range p.budgets {
		err := b.Reload()
		switch {
		case err != nil:
		case !p.owned[identity]:
			err = p.renew(identity)
		case p.rewound:
			for _, r := range p.of(identity) {
				err = errors.Join(err, r.Rewrite())
			}
		}
		if err != nil {
			p.options.Logger.Error("an account cannot be read from the store", "err", err)
		}
	}
	p.rewound = false
}

// Heard takes in what any replica has stored.
func (p *Poller) Heard(changes []store.Op) {
	p.change.Lock()
	defer p.change.Unlock()
	told := map[string][]store.Op{}
	for _, op := range changes {
		switch b := p.budgets[op.Scope]; {
		case op.Table == store.Ledger && b != nil:
			b.Heard(op.Key, op.Value)
		case op.Table == store.Tasks || op.Table == store.Accounts:
			told[op.Scope] = append(told[op.Scope], op)
		}
	}
	for name, r := range p.accounts {
		if ops := told[record.Scope(name)]; len(ops) > 0 {
			r.Heard(ops)
		}
	}
}

// Moved looks who owns what, after that has changed.
func (p *Poller) Moved() {
	p.change.Lock()
	defer p.change.Unlock()
	for _, r := range p.accounts {
		r.Moved()
	}
	p.options.Changed()
}

// Rewound counts every quota as spent: the store may have forgotten calls.
func (p *Poller) Rewound() {
	p.change.Lock()
	defer p.change.Unlock()
	p.options.Logger.Error("the store has forgotten what it knew: the whole quota counts as spent")
	p.rewound = true
	for _, b := range p.budgets {
		b.Rewound()
	}
}

// Limits makes the limits that other live replicas state for an identity hold as well.
func (p *Poller) Limits(identity string, others []prefetch.Limit) {
	p.change.Lock()
	defer p.change.Unlock()
	if b := p.budgets[identity]; b != nil {
		b.Restrict(others)
	}
}

// end ends the account's loop. It is called when the poller does not have it any more.
func (r *running) end() {
	if r.cancel != nil {
		r.cancel()
	}
}
