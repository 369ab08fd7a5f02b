package exporter

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"time"

	toolkit "github.com/prometheus/exporter-toolkit/web"

	"prefetch_exporter/alerts"
	"prefetch_exporter/prefetch"
	"prefetch_exporter/web"
)

const (
	// drain is how long scrapes under way may go on after the exporter was told to
	// stop.
	drain = 10 * time.Second
	// stuckAfter is for how long a loop or the disk must have hung for the exporter
	// to say that it is not healthy.
	stuckAfter = 2 * time.Minute
)

// Serve polls and serves until ctx ends, then lets scrapes under way finish.
//
// Nothing is asked before every address is bound and the web configuration is
// loaded: a start that fails costs no call.
func (e *Exporter) Serve(ctx context.Context) error {
	if err := checkWebConfig(*e.options.Web.WebConfigFile); err != nil {
		return err
	}
	handler, err := e.pages()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	server := web.NewServer(handler, e.options.MaxConnections, e.log)
	serving, err := e.listen(server)
	if err != nil {
		return err
	}
	ended := e.work(ctx, cancel)
	select {
	case err = <-serving: // a listener broke
		cancel()
		return errors.Join(fmt.Errorf("serve: %w", err), ended())
	case <-ctx.Done():
	}
	e.log.Info("stopping: scrapes and calls under way may finish")
	drainCtx, stop := context.WithTimeout(context.WithoutCancel(ctx), drain)
	defer stop()
	err = server.Shutdown(drainCtx)
	if errors.Is(err, context.DeadlineExceeded) {
		e.log.Warn("clients that are still being answered are let go", "after", drain)
		err = server.Close()
	}
	if serveErr := <-serving; !errors.Is(serveErr, http.ErrServerClosed) {
		err = errors.Join(err, serveErr)
	}
	return errors.Join(err, ended())
}

// pages returns the handler of everything that is served.
func (e *Exporter) pages() (http.Handler, error) {
	var reload func(context.Context) error
	var retry func(account string) bool
	if e.options.Lifecycle {
		reload, retry = e.Reload, e.poller.AskNow
	}
	var tasks web.Registry
	if e.options.TaskAPI {
		tasks = e.submitted
	}
	var group func() prefetch.Group
	if e.shares != nil {
		group = e.shares.group
	}
	return web.New(web.Options{
		Metrics: e.handler, TelemetryPath: e.options.TelemetryPath,
		RoutePrefix: e.options.RoutePrefix, Ready: e.poller.Ready, Unwell: e.unwell, Group: group,
		Config:   func() []byte { return e.config.Load().Masked() },
		Snapshot: e.Snapshot,
		Reload:   reload, Retry: retry,
		Registry: tasks, Sources: e.discovery.Sources,
		Runbooks: alerts.Runbooks(), Profiles: e.options.Profiles, Logger: e.log,
	})
}

// unwell says what has hung for too long.
func (e *Exporter) unwell() []string {
	wrong := e.poller.Stuck(stuckAfter)
	if hangs := e.store.Hanging(); hangs > stuckAfter {
		wrong = append(wrong, fmt.Sprintf("the store has waited for its disk for %v", hangs.Round(time.Second)))
	}
	return wrong
}

// work begins all that goes on while the exporter serves, until ctx ends; it calls
// stop if something cannot go on. Ended waits for the end of all, and says why.
func (e *Exporter) work(ctx context.Context, stop func()) (ended func() error) {
	parts := []func(context.Context) error{e.poller.Run, e.discover}
	if e.shares != nil {
		parts = append(parts, func(ctx context.Context) error { return e.shares.run(ctx, e.poller, e.submitted) })
	}
	var background sync.WaitGroup
	background.Go(func() { e.reloadOnRequest(ctx) })
	background.Go(func() { e.submitted.Run(ctx) })
	errs := make([]error, len(parts))
	for i, part := range parts {
		background.Go(func() {
			if errs[i] = part(ctx); errs[i] != nil {
				stop()
			}
		})
	}
	return func() error {
		background.Wait()
		return errors.Join(errs...)
	}
}

// listen has the server serve, and returns when every address is bound and the
// web configuration is loaded. The channel gets why serving ended.
func (e *Exporter) listen(server *http.Server) (serving chan error, err error) {
	listening := make(chan struct{})
	ready := sync.OnceFunc(func() { close(listening) })
	// It is called for each address, after all were bound.
	server.BaseContext = func(net.Listener) context.Context {
		ready()
		return context.Background()
	}
	serving = make(chan error, 1)
	go func() { serving <- toolkit.ListenAndServe(server, e.options.Web, e.log) }()
	select {
	case err := <-serving:
		return nil, fmt.Errorf("serve: %w", err)
	case <-listening:
		return serving, nil
	}
}
