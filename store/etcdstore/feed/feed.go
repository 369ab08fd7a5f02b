// Package feed reads everything below a prefix, and watches what comes after. It must
// not know what keys and values mean.
package feed

import (
	"context"
	"fmt"
	"sync"
	"time"

	"go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/mvccpb"
	clientv3 "go.etcd.io/etcd/client/v3"

	"prefetch_exporter/store/etcdstore/client"
)

const (
	// progressEvery is how often the watch is asked how far it is, and silence after
	// how long without a word it is given up: on a member that hangs it would stay
	// open and silent for half a minute.
	progressEvery = 500 * time.Millisecond
	silence       = 1500 * time.Millisecond
)

// Place is where in its history an etcd is; none of it ever goes back.
type Place struct {
	cluster, term uint64
	// Revision is the last one that is known of.
	Revision int64
}

// PlaceOf returns what an answer says.
func PlaceOf(h *etcdserverpb.ResponseHeader) Place {
	return Place{h.GetClusterId(), h.GetRaftTerm(), h.GetRevision()}
}

// Behind reports whether an etcd is not the one it was: another one, or the same
// restored from a backup. Unless it was read with a quorum, it may only be late.
func (p Place) Behind(h *etcdserverpb.ResponseHeader) bool {
	return p.cluster != 0 && (h.GetClusterId() != p.cluster || h.GetRaftTerm() < p.term || h.GetRevision() < p.Revision)
}

// Feed is what is below a prefix, which ends with a slash.
type Feed struct {
	Connection *client.Connection
	Prefix     string
}

// Read returns all keys as of one revision, that of the header, reading some at once.
func (f Feed) Read(ctx context.Context, page int64) (*etcdserverpb.ResponseHeader, []*mvccpb.KeyValue, error) {
	key := f.Prefix
	options := []clientv3.OpOption{clientv3.WithRange(clientv3.GetPrefixRangeEnd(key)), clientv3.WithLimit(page)}
	var header *etcdserverpb.ResponseHeader
	var all []*mvccpb.KeyValue
	for {
		answer, err := f.get(ctx, key, options...)
		if err != nil {
			return nil, nil, err
		}
		if header == nil {
			header = answer.Header
			options = append(options, clientv3.WithRev(header.GetRevision()))
		}
		all = append(all, answer.Kvs...)
		if !answer.More {
			return header, all, nil
		}
		key = string(answer.Kvs[len(answer.Kvs)-1].GetKey()) + "\x00"
	}
}

// Where asks a quorum where etcd is.
func (f Feed) Where(ctx context.Context) (*etcdserverpb.ResponseHeader, error) {
	answer, err := f.get(ctx, f.Prefix, clientv3.WithCountOnly())
	if err != nil {
		return nil, err
	}
	return answer.Header, nil
}

func (f Feed) get(ctx context.Context, key string, options ...clientv3.OpOption) (*clientv3.GetResponse, error) {
	answer, err := client.Ask(ctx, f.Connection, client.Limit, func(ctx context.Context, c *client.Etcd) (*clientv3.GetResponse, error) {
		return c.Get(ctx, key, options...)
	})
	if err != nil {
		return nil, fmt.Errorf("reading from etcd: %w", err)
	}
	return answer, nil
}

// Watch tells what happens after a revision, and from time to time that nothing did,
// until nobody speaks any more (then the error is nil) or hear returns an error.
func (f Feed) Watch(ctx context.Context, after int64, hear func(*clientv3.WatchResponse) error) error {
	etcd, err := f.Connection.Client(ctx)
	if err != nil {
		return err
	}
	// A member without a quorum would keep it open and be silent.
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
		ticker := time.NewTicker(progressEvery)
		defer ticker.Stop()
		for ctx.Err() == nil {
			select {
			case <-ticker.C:
				_ = watcher.RequestProgress(ctx) // if it fails there is silence
			case <-ctx.Done():
			}
		}
	})
	from := clientv3.WithRev(after + 1)
	for said := range watcher.Watch(ctx, f.Prefix, clientv3.WithPrefix(), clientv3.WithCreatedNotify(), from) {
		timer.Reset(silence)
		if err := hear(&said); err != nil {
			return err
		}
	}
	return nil
}
