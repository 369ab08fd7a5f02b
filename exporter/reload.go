package exporter

import (
	"context"
	"crypto/sha256"
	"fmt"
	"os"
	"time"

	"prefetch_exporter/config"
	"prefetch_exporter/config/secret"
)

// reloadWithin is how long anybody waits for a reload.
const reloadWithin = 15 * time.Second

// watchInterval is how often the configuration's files are looked at for
// --config.enable-auto-reload.
const watchInterval = 5 * time.Second

// Reload loads the configuration file anew. It is applied whole, or the error
// says what is wrong with it and the configuration in force stays. If that takes
// too long, as on a disk that hangs, the error says so, and it goes on.
//
//nolint:contextcheck // the loops of new accounts outlive whoever asked for the reload
func (e *Exporter) Reload(context.Context) error {
	done := make(chan error, 1)
	go func() { done <- e.reload() }()
	select {
	case err := <-done:
		return err
	case <-time.After(reloadWithin):
		e.recorder.ConfigReloaded(false, time.Now())
		err := fmt.Errorf("not done within %v; the disk may hang", reloadWithin)
		e.log.Error("the configuration is not reloaded yet", "file", e.options.ConfigFile, "err", err)
		return err
	}
}

func (e *Exporter) reload() error {
	e.reloading.Lock()
	defer e.reloading.Unlock()
	cfg, err := e.load()
	if err == nil {
		err = cfg.CheckStorage(e.config.Load())
	}
	if err == nil {
		err = e.apply(cfg)
	}
	e.recorder.ConfigReloaded(err == nil, time.Now())
	if err != nil {
		LogError(e.log, "the configuration was not reloaded; the one in force stays", err, "file", e.options.ConfigFile)
		return err
	}
	e.log.Info("the configuration was reloaded", append(e.watching(), "file", e.options.ConfigFile)...)
	return nil
}

// apply makes a configuration the one in force, whole or not at all.
func (e *Exporter) apply(cfg *config.Config) error {
	if err := usable(cfg); err != nil {
		return err
	}
	accounts, err := e.providers.accounts(cfg)
	if err != nil {
		return err
	}
	services, err := services(cfg)
	if err != nil {
		return err
	}
	if err := e.poller.Configure(accounts); err != nil {
		return err
	}
	if e.shares != nil {
		e.shares.replicas.Serve(services)
	}
	if err := e.discovery.Reload(update(cfg)); err != nil {
		return err // usable has excluded that
	}
	e.providers.inForce()
	e.listing.do()
	cfg.TellOfSecrets(secret.Hooks{
		Failed: func(err error) {
			e.log.Error("a secret cannot be read; its last value stays in use", "err", err)
		},
		Changed: func(field, path string) {
			e.log.Info("a secret was read anew", "field", field, "file", path)
		},
	})
	for _, w := range cfg.Warnings {
		e.log.Warn("the configuration has a weakness", "place", fmt.Sprintf("%s:%d", w.File, w.Line),
			"field", w.Field, "warning", w.Message)
	}
	e.config.Store(cfg)
	return nil
}

// reloadOnRequest reloads for every signal, and when a file of the
// configuration changed if that was asked for, until ctx ends.
func (e *Exporter) reloadOnRequest(ctx context.Context) {
	var look <-chan time.Time
	if e.options.AutoReload {
		ticker := time.NewTicker(watchInterval)
		defer ticker.Stop()
		look = ticker.C
	}
	for {
		select {
		case <-ctx.Done():
			return
		case <-e.options.Reloads:
		case <-look:
			if !e.changed() {
				continue
			}
		}
		_ = e.Reload(ctx) // logged and counted there
	}
}

// load reads the configuration file. Its files are watched whether it can be
// used or not, since what it wants may be a secret that comes later. What they
// were is remembered from before they were read, so that a change meanwhile is
// seen as one after; that it names other files by then is a change too.
func (e *Exporter) load() (*config.Config, error) {
	if !e.options.AutoReload {
		return config.Load(e.options.ConfigFile)
	}
	_, files, _ := config.Read(e.options.ConfigFile) // which files there are is known in any case
	e.seen = fingerprint(files)
	var cfg *config.Config
	var err error
	cfg, e.watched, err = config.Read(e.options.ConfigFile)
	return cfg, err
}

// changed reports whether a file of the configuration was changed since it was
// last loaded, or tried to: a broken one is not tried again until it changes.
func (e *Exporter) changed() bool {
	e.reloading.Lock()
	defer e.reloading.Unlock()
	return fingerprint(e.watched) != e.seen
}

// fingerprint changes with the content of any of the files.
func fingerprint(files []string) [sha256.Size]byte {
	h := sha256.New()
	for _, name := range files {
		content, err := os.ReadFile(name)
		_, _ = fmt.Fprintf(h, "%q %d %v\n", name, len(content), err)
		_, _ = h.Write(content)
	}
	return [sha256.Size]byte(h.Sum(nil))
}
