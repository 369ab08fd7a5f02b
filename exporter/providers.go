package exporter

import (
	"cmp"
	"crypto/sha256"
	"fmt"
	"net/http"
	"time"

	"github.com/prometheus/common/version"

	"prefetch_exporter/config"
	"prefetch_exporter/config/client"
	"prefetch_exporter/config/secret"
	"prefetch_exporter/config/vendors"
	"prefetch_exporter/poller"
	"prefetch_exporter/prefetch"
	vendorapi "prefetch_exporter/vendor_api"
)

// providers makes the vendor clients of the accounts.
type providers struct {
	// roundTripper replaces the network in tests; nil otherwise.
	roundTripper http.RoundTripper
	// through looks at requests; nil otherwise.
	through func(http.RoundTripper) http.RoundTripper
	// logins are shared by all accounts: two may log in as one user.
	logins vendorapi.Logins
	// lasting is what logging in must remember, over a reload and over accounts
	// that log in alike: that of the configuration in force, and of the one for which
	// accounts were made last.
	lasting, next map[login]any
}

// login tells how it is logged in. It is a hash: passwords that are out of use
// must not stay in memory.
type login [sha256.Size]byte

func newProviders(rt http.RoundTripper, logins vendorapi.Logins) *providers {
	return &providers{roundTripper: rt, logins: logins}
}

// ClientOptions are the settings of [Clients].
type ClientOptions struct {
	// RoundTripper replaces the network in tests, and Through looks at requests; nil
	// otherwise.
	RoundTripper http.RoundTripper
	Through      func(http.RoundTripper) http.RoundTripper
	// Logins keeps passwords that were refused from being sent again too soon.
	Logins vendorapi.Logins
}

// Clients returns the accounts of a configuration, each with its limit and the client
// of its vendor, for who asks them without an exporter.
func Clients(cfg *config.Config, o ClientOptions) ([]poller.Account, error) {
	p := newProviders(o.RoundTripper, o.Logins)
	p.through = o.Through
	return p.accounts(cfg)
}

// accounts returns the poller's accounts for a configuration.
func (p *providers) accounts(cfg *config.Config) ([]poller.Account, error) {
	p.next = map[login]any{}
	accounts := make([]poller.Account, len(cfg.Accounts))
	for i := range cfg.Accounts {
		a := &cfg.Accounts[i]
		accounts[i] = poller.Account{
			Account:      prefetch.Account{Provider: a.Provider(), Name: a.Name},
			Identity:     a.Identity(),
			Limit:        prefetch.Limit{Calls: a.RateLimit.Calls, Per: time.Duration(a.RateLimit.Per)},
			PollInterval: time.Duration(a.PollInterval),
			Retention:    time.Duration(cfg.Global.Retention),
			MaxStaleness: time.Duration(cfg.Global.MaxStaleness),
			Discover:     time.Duration(a.Discover),
			TaskLimit:    cfg.Global.TaskLimit,
		}
		if err := p.connect(&accounts[i], a.Vendor); err != nil {
			return nil, fmt.Errorf("account %q: %w", a.Name, err)
		}
	}
	return accounts, nil
}

// inForce forgets what only accounts needed that there are no more: those that were
// made last are in force.
func (p *providers) inForce() { p.lasting, p.next = p.next, nil }

// connect gives the account the client of its vendor. It is the table of vendors.
func (p *providers) connect(a *poller.Account, vendor vendors.Vendor) (err error) {
	switch v := vendor.(type) {
	case *vendors.HuaweiCloudVOD:
		a.Provider, err = p.huaweiCloudVOD(v)
	case *vendors.HuaweiCloudCDN:
		a.Provider, err = p.huaweiCloudCDN(v)
	case *vendors.TencentCloudEdgeOne:
		a.Provider, err = p.tencentCloudEdgeOne(v)
	case *vendors.TencentCloudCDN:
		a.Provider, err = p.tencentCloudCDN(v)
	case *vendors.VolcengineCDN:
		a.Provider, err = p.volcengine(a.Account.Provider, v)
	case *vendors.BaiduCloudCDN:
		a.Provider, err = p.baiduCloud(v)
	case *vendors.CDNetworks:
		a.Provider, err = p.cdnetworks(v)
		a.WatchWindow = v.WatchWindow
	case *vendors.AlibabaCloud:
		a.Provider, err = p.alibabaCloud(a.Account.Provider, v)
	default:
		err = fmt.Errorf("no client for the provider %s", a.Account.Provider)
	}
	return err
}

func (p *providers) client(c client.HTTPConfig) (*vendorapi.Client, error) {
	return vendorapi.NewClient(vendorapi.ClientOptions{
		HTTP: *c.HTTPClientConfig, RoundTripper: p.roundTripper, Through: p.through, UserAgent: UserAgent(),
	})
}

// UserAgent is what the exporter calls itself in its requests.
func UserAgent() string { return "prefetch_exporter/" + cmp.Or(version.Version, "devel") }

// lasting returns what create made when it was first asked for, by a key that
// tells how it is logged in.
func lasting[T any](p *providers, create func() T, key ...string) T {
	id := login(sha256.Sum256(fmt.Appendf(nil, "%q", key)))
	made, ok := p.next[id].(T)
	if !ok {
		made, ok = p.lasting[id].(T)
	}
	if !ok {
		made = create()
	}
	p.next[id] = made
	return made
}

// value returns the secret's function; nil for a secret that was not given.
func value(s *secret.Secret) func() string {
	if s == nil {
		return nil
	}
	return s.Value
}
