// Package client makes requests to etcd, each with a limit of its own, and says what
// an error means. It must not know what is asked.
package client

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"sync"
	"time"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
)

// Limit is how long one request may take: a member that hangs answers none, and the
// next try goes to another.
const Limit = time.Second

const (
	// logins is the pause between logins that fail: each costs etcd a tenth of a
	// second of computing.
	logins = time.Second

	pingEvery = 10 * time.Second
	pingLimit = 3 * time.Second
)

// ErrNotConnected says that nothing was sent.
var ErrNotConnected = errors.New("not connected to etcd")

// Options says where etcd is and how one logs in.
type Options struct {
	Endpoints   []string
	Username    string
	Password    func() string // read at each login; not called without a user
	TLS         *tls.Config
	DialTimeout time.Duration // of a login
}

// Connection has a client of etcd's once there can be one: with a user, to make a
// client is to log in. It is safe for concurrent use.
type Connection struct {
	options Options
	context context.Context //nolint:containedctx // it ends with the connection
	end     context.CancelFunc

	turn   chan struct{} // held to make a client
	mutex  sync.Mutex
	client *clientv3.Client // nil if there is none
	failed time.Time        // when the last login failed
	cause  error            // why
	reason error            // the last error below etcd's own, such as TLS's
}

// New returns a connection; it begins with the first request.
func New(o Options) *Connection {
	c := &Connection{options: o, turn: make(chan struct{}, 1)}
	c.context, c.end = context.WithCancel(context.Background())
	return c
}

// Context ends when the connection is closed.
func (c *Connection) Context() context.Context { return c.context }

// Client returns the client, logging in if that has to be.
func (c *Connection) Client(ctx context.Context) (*clientv3.Client, error) {
	if client, err := c.now(); client != nil || err != nil {
		return client, err
	}
	select {
	case c.turn <- struct{}{}:
		defer func() { <-c.turn }()
	case <-ctx.Done():
		return nil, fmt.Errorf("%w: %w", ErrNotConnected, ctx.Err())
	}
	if client, err := c.now(); client != nil || err != nil {
		return client, err
	}
	client, err := c.connect()
	c.mutex.Lock()
	defer c.mutex.Unlock()
	if err == nil && c.context.Err() != nil {
		_ = client.Close()
		client, err = nil, c.context.Err()
	}
	c.client, c.cause, c.failed = client, err, time.Now()
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNotConnected, err)
	}
	return client, nil
}

// now returns the client, or why there is none and none is tried for yet; neither if
// one is to be made.
func (c *Connection) now() (*clientv3.Client, error) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	switch {
	case c.context.Err() != nil:
		return nil, fmt.Errorf("%w: %w", ErrNotConnected, c.context.Err())
	case c.client == nil && c.cause != nil && time.Since(c.failed) < logins:
		return nil, fmt.Errorf("%w: %w", ErrNotConnected, c.cause)
	default:
		return c.client, nil
	}
}

func (c *Connection) connect() (*clientv3.Client, error) {
	config := clientv3.Config{
		Context:              c.context,
		Endpoints:            c.options.Endpoints,
		TLS:                  c.options.TLS,
		DialTimeout:          c.options.DialTimeout,
		DialKeepAliveTime:    pingEvery,
		DialKeepAliveTimeout: pingLimit,
		// What it would say is in the errors that it returns.
		Logger:      zap.NewNop(),
		DialOptions: []grpc.DialOption{grpc.WithChainUnaryInterceptor(c.keepReason)},
	}
	if c.options.Username != "" {
		config.Username, config.Password = c.options.Username, c.options.Password()
	}
	client, err := clientv3.New(config)
	if err != nil {
		return nil, fmt.Errorf("connecting to etcd: %w", err)
	}
	return client, nil
}

// keepReason keeps what went wrong below etcd's client, which says only that time
// ran out.
//
//nolint:revive // the arguments are grpc's
func (c *Connection) keepReason(
	ctx context.Context, method string, request, reply any, to *grpc.ClientConn, invoke grpc.UnaryInvoker, options ...grpc.CallOption,
) error {
	err := invoke(ctx, method, request, reply, to, options...)
	c.mutex.Lock()
	defer c.mutex.Unlock()
	c.reason = err
	return err
}

// Reason returns the last error below etcd's own.
func (c *Connection) Reason() error {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	return c.reason
}

// drop closes a client whose user or password etcd refuses: the next one is made
// with the password of then.
func (c *Connection) drop(client *clientv3.Client, cause error) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	if c.client != client || client == nil {
		return
	}
	c.client, c.cause, c.failed = nil, cause, time.Now()
	_ = client.Close()
}

// Close ends the client and every request.
func (c *Connection) Close() {
	c.end()
	c.mutex.Lock()
	client := c.client
	c.client = nil
	c.mutex.Unlock()
	if client != nil {
		_ = client.Close()
	}
}

// Etcd is etcd's own client.
type Etcd = clientv3.Client

// Ask makes one request that ends within a limit.
func Ask[T any](ctx context.Context, c *Connection, most time.Duration, request func(context.Context, *Etcd) (T, error)) (T, error) {
	ctx, cancel := context.WithTimeout(ctx, most)
	defer cancel()
	client, err := c.Client(ctx)
	if err != nil {
		var none T
		return none, err
	}
	answer, err := request(ctx, client)
	if errors.Is(err, rpctypes.ErrAuthFailed) {
		c.drop(client, err)
	}
	return answer, err
}

// Refused reports whether etcd has surely not done what it was asked, and will not.
func Refused(err error) bool {
	if errors.Is(err, ErrNotConnected) {
		return true
	}
	var e rpctypes.EtcdError
	if !errors.As(err, &e) {
		return false
	}
	switch e.Code() {
	case codes.Unavailable, codes.DeadlineExceeded, codes.Canceled, codes.Unknown, codes.Internal, codes.DataLoss:
		return false
	default:
		return true
	}
}

// Passing reports whether to try again may help.
func Passing(err error) bool {
	if !Refused(err) || errors.Is(err, ErrNotConnected) {
		return true
	}
	// A token that has run out is replaced by the next request; it is met now and
	// then by whoever shares a stream.
	for _, soon := range []error{
		rpctypes.ErrInvalidAuthToken, rpctypes.ErrAuthOldRevision, rpctypes.ErrAuthFailed, rpctypes.ErrTooManyRequests,
	} {
		if errors.Is(err, soon) {
			return true
		}
	}
	return false
}
