package exporter

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	"prefetch_exporter/config"
	"prefetch_exporter/poller/clock"
	"prefetch_exporter/poller/quota"
	"prefetch_exporter/poller/record"
	"prefetch_exporter/prefetch"
	"prefetch_exporter/replica"
	"prefetch_exporter/store/etcdstore"
)

// shares is the store that replicas share, and this replica among them.
type shares struct {
	*etcdstore.DB

	replicas *replica.Group
	name     string
	// naming is what to do where another replica has the name.
	naming string
}

// Owned is what the owner of an identity writes through.
func (s shares) Owned(identity string) quota.Store { return s.DB.Owned(identity) }

// Configured are the accounts and identities that any live replica has configured.
func (s shares) Configured() (accounts map[prefetch.Account]bool, identities map[string]bool) {
	return s.replicas.Configured()
}

// group is how this replica stands to the others.
func (s shares) group() prefetch.Group {
	up, since := s.Up()
	return prefetch.Group{Replica: s.name, Replicas: s.replicas.Replicas(), Loaded: s.Loaded(), Up: up, Since: since}
}

// handOver is how long the hand-over may take when the exporter was told to stop. The
// lease is given back after it.
const handOver = 8 * time.Second

const (
	// onceSuffix is added to the host name by --once, which may run beside a replica,
	// and checkSuffix by prefetchtool check.
	onceSuffix  = "-once"
	checkSuffix = "-check"
)

// replicaName is that of this replica.
func (o *Options) replicaName() (string, error) {
	name := o.Replica
	if name == "" {
		host, err := os.Hostname()
		if err != nil {
			return "", fmt.Errorf("the host has no name; give this replica one with --replica.name: %w", err)
		}
		if name = host + o.suffix; o.Once {
			name += onceSuffix
		}
	}
	if fault := prefetch.NameFault(name); fault != "" {
		return "", fmt.Errorf("--replica.name=%q: %s", name, fault)
	}
	return name, nil
}

// join opens the store that replicas share. It does not wait for etcd.
func (e *Exporter) join(cfg *config.Etcd) error {
	options, err := e.options.etcdOptions(cfg)
	if err != nil {
		return err
	}
	options.OnError = e.recorder.StoreError
	s := newShares(options)
	s.naming = "each needs its own --replica.name"
	e.store, e.shares, e.logins = s.DB, s, quota.ShareLogins(s.DB, clock.System())
	e.recorder.WatchStore(func() bool { up, _ := s.Up(); return up }, s.replicas.Replicas)
	return nil
}

func newShares(o etcdstore.Options) *shares {
	db := etcdstore.Open(o)
	s := &shares{DB: db, name: o.Replica, replicas: replica.New(replica.Options{
		Name: o.Replica, Version: len(record.Migrations()) + 1, Store: db, Logger: o.Logger, Grace: handOver,
	})}
	db.Follow(s.replicas)
	return s
}

// services are what a configuration has this replica stand for: each identity, with
// its accounts.
func services(cfg *config.Config) ([]replica.Service, error) {
	var all []replica.Service
	for i := range cfg.Accounts {
		a := &cfg.Accounts[i]
		fingerprint, err := cfg.Fingerprint(a)
		if err != nil {
			return nil, err
		}
		identity := a.Identity()
		k := slices.IndexFunc(all, func(s replica.Service) bool { return s.Identity == identity })
		if k < 0 {
			k = len(all)
			// Accounts that share an identity have one limit: else the configuration
			// would be wrong.
			all = append(all, replica.Service{
				Identity: identity, Calls: a.RateLimit.Calls, Per: time.Duration(a.RateLimit.Per), Accounts: map[string]string{},
			})
		}
		all[k].Accounts[replica.AccountKey(prefetch.Account{Provider: a.Provider(), Name: a.Name})] = fingerprint
	}
	return all, nil
}

// run is this replica's life among the others, until ctx ends: then it hands over what
// it owns.
func (s shares) run(ctx context.Context, p replica.Poller, put replica.Submitted) error {
	err := s.replicas.Run(ctx, p, put)
	if errors.Is(err, etcdstore.ErrName) {
		return fmt.Errorf("storage.etcd: %w; %s", err, s.naming)
	}
	if err != nil {
		return fmt.Errorf("storage.etcd: %w", err)
	}
	return nil
}

// Snapshot is what is known now. It waits for no call and no disk.
func (e *Exporter) Snapshot() prefetch.Snapshot {
	s := e.poller.Snapshot()
	if e.shares == nil {
		return s
	}
	for i := range s.Accounts {
		s.Accounts[i].Differs = e.shares.replicas.Differs(s.Accounts[i].Account)
	}
	return s
}
