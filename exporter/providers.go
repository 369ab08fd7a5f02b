package exporter

import (
	"cmp"
	"fmt"
	"net/http"
	"reflect"
	"slices"

	promconfig "github.com/prometheus/common/config"
	"github.com/prometheus/common/version"

	"prefetch_exporter/config"
	"prefetch_exporter/poller"
	"prefetch_exporter/prefetch"
	vendorapi "prefetch_exporter/vendor_api"
	"prefetch_exporter/vendor_api/cdnetworks"
	"prefetch_exporter/vendor_api/huaweicloud"
)

// providers makes the vendor clients of the accounts. It remembers what must
// outlive a reload: the client of an account whose settings did not change,
// with its token, and what no two requests with one access key may repeat.
type providers struct {
	// roundTripper replaces the network in tests; nil otherwise.
	roundTripper http.RoundTripper
	// logins are shared by all accounts: two may log in as one user.
	logins vendorapi.Logins
	built  map[string]built
	// signers are the AK/SK signers by access key: two accounts with one key
	// must share one, since the vendor refuses a second that it has seen.
	signers map[string]cdnetworks.Auth
}

type built struct {
	account  config.Account
	provider vendorapi.Provider
}

func newProviders(rt http.RoundTripper, logins vendorapi.Logins) *providers {
	return &providers{roundTripper: rt, logins: logins, built: map[string]built{}, signers: map[string]cdnetworks.Auth{}}
}

// accounts returns the poller's accounts for a configuration, and what is to be
// called when that configuration came into force.
func (p *providers) accounts(cfg *config.Config) (accounts []poller.Account, keep func(), err error) {
	next := make(map[string]built, len(cfg.Accounts))
	for i := range cfg.Accounts {
		a := &cfg.Accounts[i]
		provider, err := p.provider(a)
		if err != nil {
			return nil, nil, fmt.Errorf("account %q: %w", a.Name, err)
		}
		next[a.Name] = built{*a, provider}
		accounts = append(accounts, poller.Account{
			Account:      prefetch.Account{Provider: a.Provider(), Name: a.Name},
			Identity:     a.Identity(),
			Provider:     provider,
			Limit:        prefetch.Limit{Calls: a.RateLimit.Calls, Per: a.RateLimit.Per},
			PollInterval: a.PollInterval,
			Retention:    cfg.Global.Retention,
			MaxStaleness: cfg.Global.MaxStaleness,
			TaskLimit:    cfg.Global.TaskLimit,
			WatchWindow:  a.CDNetworks != nil && a.CDNetworks.WatchWindow,
		})
	}
	return accounts, func() { p.built = next }, nil
}

func (p *providers) provider(a *config.Account) (vendorapi.Provider, error) {
	if b, ok := p.built[a.Name]; ok && sameProvider(a, &b.account) {
		return b.provider, nil
	}
	if a.CDNetworks != nil {
		return p.cdnetworks(a.CDNetworks)
	}
	return p.huaweicloud(a.HuaweiCloudVOD)
}

func (p *providers) client(c promconfig.HTTPClientConfig) (*vendorapi.Client, error) {
	return vendorapi.NewClient(vendorapi.ClientOptions{
		HTTP: c, RoundTripper: p.roundTripper, UserAgent: UserAgent(),
	})
}

// UserAgent is what the exporter calls itself in its requests.
func UserAgent() string { return "prefetch_exporter/" + cmp.Or(version.Version, "devel") }

func (p *providers) cdnetworks(c *config.CDNetworks) (vendorapi.Provider, error) {
	client, err := p.client(c.HTTPClientConfig)
	if err != nil {
		return nil, err
	}
	var auth cdnetworks.Auth
	if c.APIKey != nil {
		auth = cdnetworks.APIKey(c.Username, c.APIKey.Value)
	} else {
		auth = p.signer(c)
	}
	return cdnetworks.New(cdnetworks.Options{
		Endpoint: c.Endpoint, Client: client, Auth: auth,
		Location: c.TimeZone, PageSize: c.PageSize, LookBack: c.LookBack,
	})
}

func (p *providers) huaweicloud(h *config.HuaweiCloudVOD) (vendorapi.Provider, error) {
	client, err := p.client(h.HTTPClientConfig)
	if err != nil {
		return nil, err
	}
	var auth huaweicloud.Auth
	switch {
	case h.IAM != nil:
		auth = huaweicloud.IAM(huaweicloud.IAMOptions{
			Endpoint: h.IAM.Endpoint, Domain: h.IAM.Domain, Username: h.IAM.Username,
			Password: h.IAM.Password.Value, ProjectID: h.ProjectID, Client: client,
			Logins: p.logins,
		})
	case h.Token != nil:
		auth = huaweicloud.Token(h.Token.Value)
	default:
		auth = huaweicloud.AKSK(h.AccessKey.Value, h.SecretKey.Value, value(h.SecurityToken))
	}
	return huaweicloud.New(huaweicloud.Options{
		Endpoint: h.Endpoint, ProjectID: h.ProjectID, Client: client, Auth: auth,
	})
}

// value returns the secret's function; nil for a secret that was not given.
func value(s *config.Secret) func() string {
	if s == nil {
		return nil
	}
	return s.Value
}

func (p *providers) signer(c *config.CDNetworks) cdnetworks.Auth {
	key := c.Endpoint + " " + c.AccessKey.Value() + " " + c.SecretKey.Value()
	if p.signers[key] == nil {
		p.signers[key] = cdnetworks.AKSK(c.AccessKey.Value, c.SecretKey.Value)
	}
	return p.signers[key]
}

// sameProvider reports whether a client made for b serves a as well.
func sameProvider(a, b *config.Account) bool {
	switch {
	case a.CDNetworks != nil && b.CDNetworks != nil:
		return sameCDNetworks(a.CDNetworks, b.CDNetworks)
	case a.HuaweiCloudVOD != nil && b.HuaweiCloudVOD != nil:
		return sameHuaweicloud(a.HuaweiCloudVOD, b.HuaweiCloudVOD)
	default:
		return false
	}
}

func sameCDNetworks(a, b *config.CDNetworks) bool {
	return a.Endpoint == b.Endpoint && a.Username == b.Username && a.PageSize == b.PageSize &&
		a.LookBack == b.LookBack && a.TimeZone.String() == b.TimeZone.String() &&
		sameSecrets([]*config.Secret{a.APIKey, a.AccessKey, a.SecretKey}, []*config.Secret{b.APIKey, b.AccessKey, b.SecretKey}) &&
		reflect.DeepEqual(a.HTTPClientConfig, b.HTTPClientConfig)
}

func sameHuaweicloud(a, b *config.HuaweiCloudVOD) bool {
	return a.Endpoint == b.Endpoint && a.ProjectID == b.ProjectID && sameIAM(a.IAM, b.IAM) &&
		sameSecrets([]*config.Secret{a.AccessKey, a.SecretKey, a.SecurityToken, a.Token},
			[]*config.Secret{b.AccessKey, b.SecretKey, b.SecurityToken, b.Token}) &&
		reflect.DeepEqual(a.HTTPClientConfig, b.HTTPClientConfig)
}

func sameIAM(a, b *config.IAM) bool {
	if a == nil || b == nil {
		return a == b
	}
	return a.Endpoint == b.Endpoint && a.Domain == b.Domain && a.Username == b.Username &&
		sameSecrets([]*config.Secret{a.Password}, []*config.Secret{b.Password})
}

// sameSecrets compares pair by pair; a secret that was not given is nil.
func sameSecrets(a, b []*config.Secret) bool {
	return slices.EqualFunc(a, b, func(x, y *config.Secret) bool {
		if x == nil || y == nil {
			return x == y
		}
		return x.Equal(*y)
	})
}
