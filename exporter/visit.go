package exporter

import (
	"context"
	"errors"
	"fmt"
	"time"

	"prefetch_exporter/poller"
	"prefetch_exporter/replica"
)

const (
	// electionWithin is how long --once waits, after the store was read, until
	// everything that it could ask for has an owner.
	electionWithin = 3 * time.Second
	// electionLook is how often it looks.
	electionLook = 20 * time.Millisecond
)

// taking is a poller that tells what it has taken over.
type taking struct {
	*poller.Poller

	loaded chan struct{}
	taken  chan string
}

// Reload takes over the whole store.
func (t *taking) Reload() {
	t.Poller.Reload()
	select {
	case t.loaded <- struct{}{}:
	default:
	}
}

// TakeOver has the poller ask for the accounts of an identity.
func (t *taking) TakeOver(identity string) error {
	if err := t.Poller.TakeOver(identity); err != nil {
		return err
	}
	select {
	case t.taken <- identity:
	default: // again: that was told
	}
	return nil
}

// visit makes --once a replica for a moment, which may ask for what no other one owns.
// Leave ends that. The error says that the store cannot be read.
func (e *Exporter) visit(ctx context.Context) (leave func() error, err error) {
	cfg := e.config.Load()
	wanted, err := services(cfg)
	if err != nil {
		return nil, err
	}
	t := &taking{Poller: e.poller, loaded: make(chan struct{}, 1), taken: make(chan string, len(wanted))}
	running, stop := context.WithCancel(context.WithoutCancel(ctx))
	ended := make(chan error, 1)
	go func() { ended <- e.shareWith(running, t) }()
	leave = func() error {
		stop()
		return <-ended
	}
	limit := time.Duration(cfg.Storage.Etcd.DialTimeout)
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case <-t.loaded:
	case err := <-ended:
		stop()
		return nil, err
	case <-ctx.Done():
		return nil, errors.Join(ctx.Err(), leave())
	case <-timer.C:
		return nil, errors.Join(fmt.Errorf("storage.etcd: the store was not read within dial_timeout (%v), so nothing was asked", limit), leave())
	}
	e.await(ctx, t, wanted)
	return leave, nil
}

// await waits until each of the identities has an owner, for a moment.
func (e *Exporter) await(ctx context.Context, t *taking, wanted []replica.Service) {
	ticker := time.NewTicker(electionLook)
	defer ticker.Stop()
	timer := time.NewTimer(electionWithin)
	defer timer.Stop()
	mine := map[string]bool{}
	for {
		missing := false
		for _, s := range wanted {
			owner, _ := e.shares.Owner(s.Identity)
			missing = missing || !mine[s.Identity] && (owner == "" || owner == e.shares.name)
		}
		if !missing {
			break
		}
		select {
		case identity := <-t.taken:
			mine[identity] = true
		case <-ticker.C:
		case <-timer.C:
			e.log.Warn("not everything that could be asked for has an owner", "after", electionWithin)
			return
		case <-ctx.Done():
			return
		}
	}
	for _, s := range wanted {
		if !mine[s.Identity] {
			owner, _ := e.shares.Owner(s.Identity)
			e.log.Info("another replica asks for these accounts", "owner", owner, "accounts", len(s.Accounts))
		}
	}
}
