package exporter

import (
	"context"
	"errors"
	"fmt"
	"time"

	promconfig "github.com/prometheus/common/config"

	"prefetch_exporter/config"
	"prefetch_exporter/poller"
	"prefetch_exporter/poller/clock"
	"prefetch_exporter/poller/quota"
	"prefetch_exporter/poller/record"
	"prefetch_exporter/store"
	"prefetch_exporter/store/etcdstore"
)

// silence is for how long the embedded store may wait for its disk and be up.
const silence = 5 * time.Second

// storage is where the exporter stores, alone or with other replicas.
type storage interface {
	poller.Store

	// Hanging is for how long the store has waited for its disk.
	Hanging() time.Duration
	Close() error
}

// openStore opens the store that the configuration names.
func (e *Exporter) openStore(cfg *config.Config) error {
	if cfg.Storage.Etcd != nil {
		return e.join(cfg.Storage.Etcd)
	}
	if e.options.Replica != "" {
		return fmt.Errorf("--replica.name=%s: %s has no storage.etcd, so there are no replicas", e.options.Replica, e.options.ConfigFile)
	}
	db, err := store.Open(store.Options{
		Path: e.options.StoragePath, Logger: e.log, OnError: e.recorder.StoreError,
		Migrations: record.Migrations(), BeforeCommit: e.options.BeforeCommit,
	})
	if err != nil {
		return err
	}
	e.store = db
	e.logins = quota.NewLogins(db, clock.System())
	e.recorder.WatchStore(func() bool { return db.Hanging() < silence }, func() int { return 1 })
	return nil
}

// etcdOptions are those of the store that replicas share, for this one. TLS that
// cannot be used was an error of the configuration.
func (o *Options) etcdOptions(cfg *config.Etcd) (etcdstore.Options, error) {
	name, err := o.replicaName()
	if err != nil {
		return etcdstore.Options{}, err
	}
	options := etcdstore.Options{
		Endpoints: cfg.Endpoints, Prefix: cfg.Prefix, Username: cfg.Username, Password: value(cfg.Password),
		LeaseTTL: time.Duration(cfg.LeaseTTL), DialTimeout: time.Duration(cfg.DialTimeout),
		Replica: name, Migrations: record.Migrations(), Logger: o.Logger, Uptime: uptime(),
	}
	if cfg.Secure() {
		if options.TLS, err = promconfig.NewTLSConfig(cfg.TLSConfig.TLSConfig); err != nil {
			return options, fmt.Errorf("storage.etcd.tls_config: %w", err)
		}
	}
	return options, nil
}

// uptime is a clock that goes on while the machine sleeps; nil where there is none.
func uptime() func() time.Duration {
	tells := clock.System()
	if tells().Boot == "" {
		return nil
	}
	return func() time.Duration { return tells().Up }
}

// Import copies the embedded store in a folder into the etcd of the configuration,
// where nothing may be yet. An error says which of them it is about, and the folder
// is as it was.
func Import(ctx context.Context, o Options, folder string) (err error) {
	failed := func(err error) error { return fmt.Errorf("--storage.import=%s: %w", folder, err) }
	cfg, err := config.Load(o.ConfigFile)
	if err != nil {
		return err
	}
	if cfg.Storage.Etcd == nil {
		return failed(fmt.Errorf("%s has no storage.etcd to copy into", o.ConfigFile))
	}
	options, err := o.etcdOptions(cfg.Storage.Etcd)
	if err != nil {
		return err
	}
	from, err := store.Open(store.Options{Path: folder, MustExist: true, Logger: o.Logger, Migrations: record.Migrations()})
	if err != nil {
		return failed(err)
	}
	defer func() { err = errors.Join(err, from.Close()) }()
	if err := etcdstore.Import(ctx, options, from); err != nil {
		return failed(err)
	}
	o.Logger.Info("the store was copied", "from", folder, "endpoints", cfg.Storage.Etcd.Endpoints, "prefix", cfg.Storage.Etcd.Prefix)
	return nil
}
