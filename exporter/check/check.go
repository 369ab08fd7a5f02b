// Package check asks accounts one question each and explains the answers, for people
// whose new account does not work.
//
// It owns which question that is and what an answer means to them. It must not know
// who is told, nor what a vendor is.
package check

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"sync"
	"time"

	"prefetch_exporter/config"
	"prefetch_exporter/exporter"
	"prefetch_exporter/poller"
	"prefetch_exporter/poller/clock"
	"prefetch_exporter/poller/quota"
	"prefetch_exporter/poller/record"
	"prefetch_exporter/store"
	vendorapi "prefetch_exporter/vendor_api"
)

// Options are what [Accounts] needs. ConfigFile, StoragePath and Warn must be set.
type Options struct {
	ConfigFile, StoragePath string
	// Accounts are the names of those that are asked; empty for all.
	Accounts []string
	// Task is the task that is asked for; empty for the first one that the
	// configuration has of the account.
	Task string
	// Warn is told what is odd and no error.
	Warn func(text string)
	// RoundTripper replaces the network towards the vendors, Clock the system's, for
	// tests.
	RoundTripper http.RoundTripper
	Clock        clock.Clock
}

// Accounts asks each account one question, one after the other, and tells what
// came of it. Each question is a call to the vendor: it is charged to the account's
// budget in the store, as every call of an exporter is, and not asked if the budget
// allows none now. In a store that replicas share, this process is one of them for that
// time, and does not ask for what another one owns. The error is that nothing could be
// asked: the configuration is wrong, the store is held by a running exporter or cannot
// be read, or an account does not exist.
func Accounts(ctx context.Context, o Options, tell func(Result)) (err error) {
	if o.Clock == nil {
		o.Clock = clock.System()
	}
	cfg, err := config.Load(o.ConfigFile)
	if err != nil {
		return err
	}
	for _, w := range cfg.Warnings {
		o.Warn(w.Error())
	}
	for _, name := range o.Accounts {
		if !slices.ContainsFunc(cfg.Accounts, func(a config.Account) bool { return a.Name == name }) {
			return fmt.Errorf("the configuration has no account %q", name)
		}
	}
	c := &checker{Options: o, cfg: cfg, budgets: map[string]*quota.Budget{}}
	if err := c.open(); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.store.Close()) }()
	return c.run(ctx, tell)
}

// run asks each account.
func (c *checker) run(ctx context.Context, tell func(Result)) (err error) {
	accounts, err := exporter.Clients(c.cfg, exporter.ClientOptions{ //nolint:contextcheck // a client outlives a context
		RoundTripper: c.RoundTripper, Through: c.seen.through, Logins: c.logins,
	})
	if err != nil {
		return err
	}
	for i := range accounts {
		if err := c.join(&accounts[i]); err != nil {
			return err
		}
	}
	asked := func(i int) bool { return len(c.Accounts) == 0 || slices.Contains(c.Accounts, accounts[i].Name) }
	if c.visit != nil {
		identities := map[string]bool{}
		for i := range accounts {
			if asked(i) {
				identities[accounts[i].Identity] = true
			}
		}
		var leave func() error
		if leave, err = c.enter(ctx, identities); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, leave()) }()
	}
	for i := range accounts {
		if asked(i) && ctx.Err() == nil {
			tell(c.check(ctx, &accounts[i], &c.cfg.Accounts[i]))
		}
	}
	return ctx.Err() //nolint:wrapcheck // it says all
}

// open opens the store of the configuration.
func (c *checker) open() error {
	if c.cfg.Storage.Etcd == nil {
		st, err := c.openEmbedded()
		if err != nil {
			return err
		}
		c.store, c.logins = st, quota.NewLogins(st, c.Clock)
		return nil
	}
	visit, err := exporter.NewVisit(c.cfg)
	if err != nil {
		return err
	}
	c.visit, c.store, c.logins = visit, visit, quota.ShareLogins(visit, c.Clock)
	return nil
}

func (o *Options) openEmbedded() (*store.DB, error) {
	st, err := store.Open(store.Options{
		Path: o.StoragePath, Logger: slog.New(slog.DiscardHandler), Migrations: record.Migrations(),
	})
	if errors.Is(err, store.ErrInUse) {
		return nil, fmt.Errorf("%w; an exporter that runs keeps the budget, and /api/v1/accounts tells what its calls are answered", err)
	}
	if err != nil {
		return nil, err
	}
	switch st.State() {
	case store.Fresh:
		o.Warn(fmt.Sprintf("the store in %s is new: calls that an exporter with another store made are not counted", o.StoragePath))
	case store.Recovered:
		o.Warn(fmt.Sprintf("the store in %s was damaged: the whole quota counts as spent", o.StoragePath))
	case store.Existing:
	}
	return st, nil
}

// checker asks accounts.
type checker struct {
	Options

	cfg   *config.Config
	store interface {
		quota.Store
		Close() error
	}
	// visit is nil where no replicas share the store.
	visit   *exporter.Visit
	logins  *quota.Logins
	budgets map[string]*quota.Budget // by identity
	seen    wire
	// asking is held while a call may be under way. Only what other replicas cause
	// waits for it.
	asking sync.Mutex
}

// join has the account's limit count in its budget, whoever is asked.
func (c *checker) join(a *poller.Account) (err error) {
	b := c.budgets[a.Identity]
	if b == nil {
		if c.visit != nil {
			b, err = quota.Share(a.Identity, c.visit.Owned(a.Identity), c.Clock)
		} else {
			b, err = quota.Open(a.Identity, c.store, c.Clock)
		}
		if err != nil {
			return err
		}
		c.budgets[a.Identity] = b
	}
	b.Join(a.Name, a.Limit, func() {})
	return nil
}

// check asks one account.
func (c *checker) check(ctx context.Context, a *poller.Account, configured *config.Account) Result {
	endpoint, who := configured.Vendor.Identity()
	question := c.question(a, configured)
	result := Result{Account: a.Name, Provider: a.Account.Provider, Endpoint: endpoint, Asked: question.words}
	r, notAsked := c.ask(ctx, a, question.Query)
	if result.NotAsked = notAsked; notAsked != "" {
		return result
	}
	seen := c.seen.note(func(*sight) {})
	result.HTTPStatus, result.Connected = seen.status, seen.connected()
	result.SignedAs = signedAs(seen.how, who, c.cfg, a)
	result.Took = r.took.Seconds()
	result.explain(&question, r.answer, r.failed)
	result.clock(&r)
	return result
}

// reply is what came of a call.
type reply struct {
	answer vendorapi.Answer
	failed *vendorapi.Error
	began  time.Time
	took   time.Duration
}

// ask makes one call within the budget, or says why none was made. Where replicas share
// the budget, a call whose charge and connection took too long does not leave: it is
// tried once more, with the connection and the login there.
func (c *checker) ask(ctx context.Context, a *poller.Account, q vendorapi.Query) (r reply, notAsked string) {
	c.asking.Lock()
	defer c.asking.Unlock()
	if r, notAsked = c.try(ctx, a, q); r.failed != nil && errors.Is(r.failed, vendorapi.ErrTooLate) {
		r, notAsked = c.try(ctx, a, q)
	}
	return r, notAsked
}

func (c *checker) try(ctx context.Context, a *poller.Account, q vendorapi.Query) (r reply, notAsked string) {
	if c.visit != nil {
		if whyNot := c.visit.Mine(a.Identity); whyNot != "" {
			return r, whyNot
		}
		charged := c.Clock()
		ctx = vendorapi.LeaveBy(ctx, func() bool { return charged.Elapsed(c.Clock()) < quota.Departure })
	}
	budget := c.budgets[a.Identity]
	call, wait, err := budget.Take(a.Name)
	switch {
	case err != nil:
		return r, "the call cannot be recorded: " + err.Error()
	case wait > 0:
		return r, "the budget allows the next call at " + c.Clock().Wall.Add(wait).UTC().Format(time.RFC3339)
	}
	c.seen.note(func(s *sight) { *s = sight{} })
	r.began = time.Now()
	r.answer, err = a.Provider.Query(ctx, q)
	r.took = time.Since(r.began)
	if r.failed = vendorapi.AsError(err); r.failed == nil {
		budget.End(call, true)
		return r, ""
	}
	if errors.Is(err, vendorapi.ErrTooLate) {
		budget.Cancel(call)
		return r, ""
	}
	// Nothing can be under way at the vendor any more if it answered, or was never asked.
	budget.End(call, r.failed.HTTPStatus != 0 || r.failed.Unsent)
	budget.Heed(r.failed, call)
	return r, ""
}

// question is what an account is asked.
type question struct {
	vendorapi.Query

	words  string
	madeUp bool // nobody submitted the task
}

const (
	// listed and shown are the spans that are asked for where no task is known.
	listed, shown = time.Hour, 10 * time.Minute
	// nobodysTask is an id that has the form of most vendors' and is none.
	nobodysTask = "00000000000000000000000000000000"
)

// question is about a task if there is one, else about all of the last minutes, where
// the vendor can be asked that, else about a task that does not exist: that the vendor
// does not know it proves that it knows who asks.
func (c *checker) question(a *poller.Account, configured *config.Account) question {
	can, now := a.Provider.Capabilities(), c.Clock().Wall
	q := question{Query: vendorapi.Query{Kind: vendorapi.QueryTask, TaskID: c.Task, Page: 1}, words: "task " + c.Task}
	switch {
	case c.Task != "":
	case len(configured.Tasks) > 0:
		t := configured.Tasks[0]
		q.TaskID, q.Created, q.words = t.ID, t.Created, "task "+t.ID
	case can.Lists:
		q.Kind, q.From, q.To, q.words = vendorapi.QueryList, now.Add(-listed), now, "the tasks of the last hour"
	case can.Windows:
		q.Kind, q.From, q.To, q.words = vendorapi.QueryWindow, now.Add(-shown), now, "the URLs of the last 10 minutes"
	default:
		q.TaskID, q.words, q.madeUp = nobodysTask, "a task that does not exist", true
	}
	return q
}
