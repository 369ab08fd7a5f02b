package etcdstore

import (
	"crypto/tls"
	"errors"
	"log/slog"
	"time"

	"prefetch_exporter/store"
	"prefetch_exporter/store/etcdstore/layout"
)

// Errors of [DB.Run], after which it is of no use to run it again.
var (
	// ErrName: another replica has this name.
	ErrName = errors.New("another replica has this name")
	// ErrNewer: a newer version of this program writes below the prefix.
	ErrNewer = layout.ErrNewer
	// ErrHalf: there are records below the prefix and nothing that says they are
	// whole.
	ErrHalf = errors.New("etcd holds records and no format, as an interrupted import leaves them: " +
		"repeat the import or delete what is below the prefix")
)

// Options says where etcd is and who this replica is, as package config has checked it:
// etcd's client sends the password in clear if one endpoint is http://.
type Options struct {
	// Endpoints are addresses of members, all https:// or all http://.
	Endpoints []string
	// Prefix is what every key begins with, before a slash: "/prefetch_exporter".
	// Replicas with the same endpoints and prefix are one group.
	Prefix string
	// Username is for etcd's own authentication; empty uses none.
	Username string
	// Password is read again at each login; nil without a user.
	Password func() string
	// TLS is how members are checked and this client proves who it is; nil with
	// http://.
	TLS *tls.Config
	// LeaseTTL is how long after the last renewal others take over.
	LeaseTTL time.Duration
	// DialTimeout is after how long without any answer that is logged.
	DialTimeout time.Duration
	// Replica is this replica's name, of which there must be one only.
	Replica string
	// Migrations make of each record of version 1 that of version 2, and so on; see
	// [store.Options].
	Migrations []store.Migration
	// Logger is told what happened to the store as a whole; nil logs nothing.
	Logger *slog.Logger
	// OnError is called with [store.ReasonRead] and [store.ReasonWrite]; nil is
	// allowed.
	OnError func(reason string)
	// Uptime is a clock that also runs while the machine is suspended; nil is
	// Go's, which may not.
	Uptime func() time.Duration
}

// version is what this program writes.
func (o Options) version() int { return len(o.Migrations) + 1 }

func (o Options) withDefaults() Options {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.OnError == nil {
		o.OnError = func(string) {}
	}
	if o.Uptime == nil {
		began := time.Now()
		o.Uptime = func() time.Duration { return time.Since(began) }
	}
	return o
}
