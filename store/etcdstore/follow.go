package etcdstore

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"

	"prefetch_exporter/store"
	"prefetch_exporter/store/etcdstore/client"
	"prefetch_exporter/store/etcdstore/layout"
	"prefetch_exporter/store/etcdstore/mirror"
)

const (
	// progressEvery is how often the watch is asked how far it is, and silence after
	// how long without a word it is opened anew: on a member that hangs it would stay
	// open and silent for half a minute.
	progressEvery = 500 * time.Millisecond
	silence       = 1500 * time.Millisecond
	// page is how many keys are read at once; fewer after that took too long.
	page = 500
)

// following is the loop that keeps the mirror up to date.
type following struct {
	*DB

	// revision is the last one that the mirror has.
	revision int64
	seen     place
	// forgot is set from when etcd was found to have forgotten until everything was
	// read anew.
	forgot bool
	page   int64

	answered   time.Duration // uptime of the last answer
	complained bool          // since then it was logged that none came
}

// place is where in its history an etcd is; none of it ever goes back.
type place struct {
	cluster, term uint64
	revision      int64
}

// behind reports whether an etcd is not the one it was: another one, or the same
// restored from a backup. Unless it was read with a quorum, it may only be late.
func (p place) behind(h *etcdserverpb.ResponseHeader) bool {
	return p.cluster != 0 && (h.GetClusterId() != p.cluster || h.GetRaftTerm() < p.term || h.GetRevision() < p.revision)
}

func placeOf(h *etcdserverpb.ResponseHeader) place {
	return place{h.GetClusterId(), h.GetRaftTerm(), h.GetRevision()}
}

// watchAll reads everything and watches from there, until the context ends or this
// replica must not run.
func (db *DB) watchAll(ctx context.Context) error {
	f := &following{DB: db, page: page, answered: db.options.Uptime()}
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
		default:
			f.trouble(err)
			pause(ctx, again)
		}
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
	f.page = max(1, f.page/2)
	if f.complained || client.Passing(err) && f.options.Uptime()-f.answered < f.options.DialTimeout {
		return
	}
	f.complained = true
	f.options.Logger.Error("No etcd endpoint answers as it should; nothing is asked of vendors until one does",
		"endpoints", f.options.Endpoints, "scheme", f.options.scheme(), "err", err, "cause", f.connection.Reason())
}

// load reads everything as of one revision, and makes it the mirror.
func (f *following) load(ctx context.Context) error {
	header, all, err := f.readAll(ctx)
	if err != nil {
		return err
	}
	f.answer()
	before := f.mirror.Loaded()
	f.forgot = f.forgot || f.seen.behind(header)
	f.mirror.Replace(header.GetRevision(), all, f.forgot)
	f.seen, f.revision = placeOf(header), header.GetRevision()

	format := f.mirror.Get(layout.Format())
	if format.Created == 0 {
		if !before && !f.mirror.Empty() {
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

// readAll reads all keys, page by page, as of the revision of the first page.
func (f *following) readAll(ctx context.Context) (*etcdserverpb.ResponseHeader, []mirror.Change, error) {
	key := f.options.Prefix + "/"
	options := []clientv3.OpOption{clientv3.WithRange(clientv3.GetPrefixRangeEnd(key)), clientv3.WithLimit(f.page)}
	var header *etcdserverpb.ResponseHeader
	var all []mirror.Change
	for {
		answer, err := client.Ask(ctx, f.connection, client.Limit, func(ctx context.Context, c *client.Etcd) (*clientv3.GetResponse, error) {
			return c.Get(ctx, key, options...)
		})
		if err != nil {
			return nil, nil, fmt.Errorf("reading from etcd: %w", err)
		}
		if header == nil {
			header = answer.Header
			options = append(options, clientv3.WithRev(header.GetRevision()))
		}
		for _, kv := range answer.Kvs {
			if name, ok := f.name(kv.GetKey()); ok {
				all = append(all, changeOf(name, kv))
			}
		}
		if !answer.More {
			return header, all, nil
		}
		key = string(answer.Kvs[len(answer.Kvs)-1].GetKey()) + "\x00"
	}
}

// name returns the name of a key.
func (f *following) name(key []byte) (layout.Name, bool) {
	return layout.ParsePath(string(key[len(f.options.Prefix)+1:]))
}

// watch follows from the last revision until the watch ends or is silent. An error
// says why it cannot go on from there.
func (f *following) watch(ctx context.Context) error {
	// With a quorum: a member that lags is not taken for an etcd that forgot.
	answer, err := client.Ask(ctx, f.connection, client.Limit, func(ctx context.Context, c *client.Etcd) (*clientv3.GetResponse, error) {
		return c.Get(ctx, f.path(layout.Format()), clientv3.WithKeysOnly())
	})
	if err != nil {
		return fmt.Errorf("reading from etcd: %w", err)
	}
	f.answer()
	if f.seen.behind(answer.Header) {
		f.forgot = true
		return errReload
	}
	f.seen = placeOf(answer.Header)
	etcd, err := f.connection.Client(ctx)
	if err != nil {
		return err
	}

	ctx, cancel := context.WithCancel(clientv3.WithRequireLeader(ctx))
	watcher := clientv3.NewWatcher(etcd) // of its own, else it may get the stream that hangs
	timer := time.AfterFunc(silence, cancel)
	var asking sync.WaitGroup
	defer func() {
		timer.Stop()
		cancel()
		_ = watcher.Close()
		asking.Wait()
	}()
	asking.Go(func() {
		for pause(ctx, progressEvery) {
			_ = watcher.RequestProgress(ctx) // if it fails there is silence
		}
	})
	from := clientv3.WithRev(f.revision + 1)
	for said := range watcher.Watch(ctx, f.options.Prefix+"/", clientv3.WithPrefix(), clientv3.WithCreatedNotify(), from) {
		timer.Reset(silence)
		if err := f.hear(&said); err != nil {
			return err
		}
		if f.seen.behind(said.Header) {
			return nil // it is looked at with a quorum
		}
	}
	return nil
}

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
			changes = append(changes, changeOf(name, event.GetKv()))
		}
	}
	if len(said.Events) > 0 {
		f.revision = revision
	} else if !said.IsProgressNotify() {
		return nil
	}
	f.mirror.Watched(revision, changes)
	f.seen.revision = max(f.seen.revision, revision)
	for _, c := range changes {
		switch {
		case c.Name == layout.Format() && c.Created == 0:
			f.forgot = true
			return errReload
		case c.Name == layout.Format():
			if err := f.checkFormat(); err != nil {
				return err
			}
		case c.Name == layout.Replica(f.options.Replica):
			f.ring()
		}
	}
	return nil
}
