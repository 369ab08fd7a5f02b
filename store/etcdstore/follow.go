package etcdstore

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"

	"prefetch_exporter/store"
	"prefetch_exporter/store/etcdstore/client"
	"prefetch_exporter/store/etcdstore/feed"
	"prefetch_exporter/store/etcdstore/layout"
	"prefetch_exporter/store/etcdstore/mirror"
)

// page is how many keys are read at once; fewer, down to minPage, after that took
// too long.
const (
	page    = 500
	minPage = 8
)

// following is the loop that keeps the mirror up to date.
type following struct {
	*DB

	feed feed.Feed

	// revision is the last one that the mirror has.
	revision int64
	seen     feed.Place
	// forgot is set from when etcd was found to have forgotten until everything was
	// read anew.
	forgot bool
	page   int64

	answered   time.Duration // uptime of the last answer
	complained bool          // since then it was logged that none came
}

// watchAll reads everything and watches from there, until the context ends or this
// replica must not run.
func (db *DB) watchAll(ctx context.Context) error {
	f := db.following()
	whole := false
	for {
		var err error
		if !whole {
			err = f.load(ctx)
		} else {
			err = f.watch(ctx)
		}
		switch {
		case ctx.Err() != nil:
			return nil //nolint:nilerr // that is why it failed
		case err == nil:
			whole = true
		case errors.Is(err, ErrNewer), errors.Is(err, ErrHalf):
			return err
		case errors.Is(err, errReload):
			whole = false
		case errors.Is(err, errLook):
			pause(ctx, again)
		default:
			f.trouble(err)
			pause(ctx, again)
		}
	}
}

func (db *DB) following() *following {
	return &following{
		DB: db, page: page, answered: db.options.Uptime(),
		feed: feed.Feed{Connection: db.connection, Prefix: db.options.Prefix + "/"},
	}
}

// errReload: everything has to be read anew.
var errReload = errors.New("everything has to be read anew")

// answer notes that etcd answers.
func (f *following) answer() {
	f.answered = f.options.Uptime()
	if f.complained {
		f.complained = false
		f.options.Logger.Info("Etcd answers again", "endpoints", f.options.Endpoints)
	}
}

// trouble counts a request that failed, and logs once if that lasts or cannot pass.
func (f *following) trouble(err error) {
	f.options.OnError(store.ReasonRead)
	if f.complained || client.Passing(err) && f.options.Uptime()-f.answered < f.options.DialTimeout {
		return
	}
	f.complained = true
	scheme, _, _ := strings.Cut(f.options.Endpoints[0], "://")
	f.options.Logger.Error("No etcd endpoint answers as it should; nothing is asked of vendors until one does",
		"endpoints", f.options.Endpoints, "scheme", scheme, "err", err, "cause", f.connection.Reason())
}

// load reads everything as of one revision, and makes it the mirror.
func (f *following) load(ctx context.Context) error {
	header, all, err := f.readAll(ctx)
	if err != nil {
		f.page = max(minPage, f.page/2)
		return err
	}
	f.page = page
	f.answer()
	before := f.mirror.Loaded()
	f.forgot = f.forgot || f.seen.Behind(header)
	f.mirror.Replace(header.GetRevision(), all, f.forgot)
	f.seen, f.revision = feed.PlaceOf(header), header.GetRevision()

	format := f.mirror.Get(layout.FormatName())
	if format.Created == 0 {
		if !before && len(f.mirror.All()) > 0 {
			return ErrHalf
		}
		f.forgot = before
		begun, err := f.begin(ctx)
		if err != nil {
			return err
		}
		if !begun {
			return errReload
		}
		f.fresh.Store(!before)
	}
	if f.forgot {
		if err := f.noteRecovery(ctx); err != nil {
			return err
		}
		f.options.Logger.Error("Etcd has forgotten what it knew: every quota counts as spent")
	}
	if err := f.checkFormat(); err != nil {
		return err
	}
	f.mirror.Announce(f.forgot)
	f.forgot = false
	f.ring()
	return nil
}

// readAll reads everything as of one revision.
func (f *following) readAll(ctx context.Context) (*etcdserverpb.ResponseHeader, []mirror.Change, error) {
	header, found, err := f.feed.Read(ctx, f.page)
	if err != nil {
		return nil, nil, err
	}
	var all []mirror.Change
	for _, kv := range found {
		if name, ok := f.name(kv.GetKey()); ok {
			all = append(all, mirror.ChangeOf(name, kv))
		}
	}
	return header, all, nil
}

// name returns the name of a key.
func (f *following) name(key []byte) (layout.Name, bool) {
	return layout.ParsePath(string(key[len(f.options.Prefix)+1:]))
}

// watch follows from the last revision until the watch ends or is silent. An error
// says why it cannot go on from there.
func (f *following) watch(ctx context.Context) error {
	// With a quorum: a member that lags is not taken for an etcd that forgot.
	header, err := f.feed.Where(ctx)
	if err != nil {
		return err
	}
	f.answer()
	if f.seen.Behind(header) {
		f.forgot = true
		return errReload
	}
	f.seen = feed.PlaceOf(header)
	return f.feed.Watch(ctx, f.revision, f.hear)
}

// errLook: what the watch said may mean that etcd forgot, which a quorum is asked.
var errLook = errors.New("etcd may have forgotten")

// hear applies what the watch said.
func (f *following) hear(said *clientv3.WatchResponse) error {
	if err := said.Err(); errors.Is(err, rpctypes.ErrCompacted) {
		f.options.Logger.Info("Etcd has compacted what the watch had not brought yet; everything is read anew")
		return errReload
	} else if err != nil {
		return fmt.Errorf("watching etcd: %w", err)
	}
	f.heard.Store(int64(f.options.Uptime()))
	f.judge()
	revision := said.Header.GetRevision()
	var changes []mirror.Change
	for _, event := range said.Events {
		revision = event.GetKv().GetModRevision()
		if name, ok := f.name(event.GetKv().GetKey()); ok {
			changes = append(changes, mirror.ChangeOf(name, event.GetKv()))
		}
	}
	if len(said.Events) > 0 {
		f.revision = revision
	} else if !said.IsProgressNotify() {
		return nil
	}
	f.mirror.Watched(revision, changes)
	f.seen.Revision = max(f.seen.Revision, revision)
	for _, c := range changes {
		switch {
		case c.Name == layout.FormatName() && c.Created == 0:
			f.forgot = true
			return errReload
		case c.Name == layout.FormatName():
			if err := f.checkFormat(); err != nil {
				return err
			}
		case c.Name == layout.Replica(f.options.Replica):
			f.ring()
		}
	}
	if f.seen.Behind(said.Header) {
		return errLook
	}
	return nil
}
