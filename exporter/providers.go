package exporter

import (
	"cmp"
	"crypto/sha256"
	"fmt"
	"net/http"
	"time"

	"github.com/prometheus/common/version"

	"prefetch_exporter/config"
	"prefetch_exporter/config/secret"
	"prefetch_exporter/config/vendors"
	"prefetch_exporter/poller"
	"prefetch_exporter/prefetch"
	vendorapi "prefetch_exporter/vendor_api"
	"prefetch_exporter/vendor_api/alibabacloud"
	"prefetch_exporter/vendor_api/baiducloud"
	"prefetch_exporter/vendor_api/cdnetworks"
	"prefetch_exporter/vendor_api/huaweicloud"
	"prefetch_exporter/vendor_api/tencentcloud"
	"prefetch_exporter/vendor_api/volcengine"
)

// ClientOptions are the settings of [Clients].
type ClientOptions struct {
	// RoundTripper replaces the network in tests, and Through looks at requests; nil
	// otherwise.
	RoundTripper http.RoundTripper
	Through      func(http.RoundTripper) http.RoundTripper
	// Logins keeps passwords that were refused from being sent again too soon. All
	// accounts share them: two may log in as one user.
	Logins vendorapi.Logins
}

// providers makes the vendor clients of the accounts.
type providers struct {
	ClientOptions

	// lasting is what logging in must remember, over a reload and over accounts
	// that log in alike: that of the configuration in force, and of the one for which
	// accounts were made last.
	lasting, next map[login]any
}

// login tells how it is logged in. It is a hash: passwords that are out of use
// must not stay in memory.
type login [sha256.Size]byte

// Clients returns the accounts of a configuration, each with its limit and the client
// of its vendor, for who asks them without an exporter.
func Clients(cfg *config.Config, o ClientOptions) ([]poller.Account, error) {
	p := providers{ClientOptions: o}
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
func (p *providers) connect(a *poller.Account, vendor vendors.Vendor) error {
	client, err := vendorapi.NewClient(vendorapi.ClientOptions{
		HTTP: *vendor.HTTP().HTTPClientConfig, RoundTripper: p.RoundTripper, Through: p.Through, UserAgent: UserAgent(),
	})
	if err != nil {
		return err
	}
	switch v := vendor.(type) {
	case *vendors.HuaweiCloudVOD:
		a.Provider, err = huaweicloud.New(huaweicloud.Options{
			Endpoint: v.Endpoint, ProjectID: v.ProjectID, Client: client, Auth: p.huaweiCloudAuth(&v.HuaweiLogin, v.ProjectID, client),
		})
	case *vendors.HuaweiCloudCDN:
		a.Provider, err = huaweicloud.NewCDN(huaweicloud.CDNOptions{
			Endpoint: v.Endpoint, DomainID: v.DomainID, EnterpriseProjectID: v.EnterpriseProjectID, Client: client,
			Auth: p.huaweiCloudAuth(&v.HuaweiLogin, "", client),
		})
	case *vendors.TencentCloudEdgeOne:
		a.Provider, err = tencentcloud.NewEdgeOne(tencentcloud.Options{
			Endpoint: v.Endpoint, ZoneID: v.ZoneID, Client: client,
			SecretID: value(v.SecretID), SecretKey: value(v.SecretKey), Token: value(v.Token),
		})
	case *vendors.TencentCloudCDN:
		a.Provider, err = tencentcloud.NewCDN(tencentcloud.Options{
			Endpoint: v.Endpoint, Location: v.TimeZone.Location, Client: client,
			SecretID: value(v.SecretID), SecretKey: value(v.SecretKey), Token: value(v.Token),
		})
	case *vendors.VolcengineCDN:
		a.Provider, err = volcengine.New(volcengine.Options{
			Product: a.Account.Provider, Endpoint: v.Endpoint, Region: v.Region, PageSize: v.PageSize, Client: client,
			AccessKey: value(v.AccessKeyID), SecretKey: value(v.SecretAccessKey), Token: value(v.SessionToken),
		})
	case *vendors.BaiduCloudCDN:
		a.Provider, err = baiducloud.New(baiducloud.Options{
			Endpoint: v.Endpoint, Edition: v.Edition, Client: client,
			AccessKey: value(v.AccessKeyID), SecretKey: value(v.SecretAccessKey), Token: value(v.SessionToken),
		})
	case *vendors.CDNetworks:
		a.WatchWindow = v.WatchWindow
		a.Provider, err = cdnetworks.New(cdnetworks.Options{
			Endpoint: v.Endpoint, Client: client, Auth: p.cdnetworksAuth(v),
			Location: v.TimeZone.Location, PageSize: v.PageSize, LookBack: time.Duration(v.LookBack),
		})
	case *vendors.AlibabaCloud:
		a.Provider, err = alibabacloud.New(alibabacloud.Options{
			Product: alibabacloud.Product(a.Account.Provider), Endpoint: v.Endpoint, Client: client,
			Auth: alibabacloud.Keys(value(v.AccessKeyID), value(v.AccessKeySecret), value(v.SecurityToken)),
		})
	default:
		err = fmt.Errorf("no client for the provider %s", a.Account.Provider)
	}
	return err
}

// huaweiCloudAuth logs in for a project, or for the whole account where that is empty.
func (p *providers) huaweiCloudAuth(l *vendors.HuaweiLogin, project string, client *vendorapi.Client) huaweicloud.Auth {
	iam := l.IAM
	switch {
	case l.Token != nil:
		return huaweicloud.Token(l.Token.Value)
	case iam == nil:
		return huaweicloud.AKSK(value(l.AccessKey), value(l.SecretKey), value(l.SecurityToken))
	}
	return huaweicloud.IAM(huaweicloud.IAMOptions{
		Endpoint: iam.Endpoint, Domain: iam.Domain, Username: iam.Username, Password: iam.Password.Value,
		ProjectID: project, Client: client, Logins: p.Logins,
		Token: lasting(p, func() *huaweicloud.IAMToken { return &huaweicloud.IAMToken{} },
			iam.Endpoint, iam.Domain, iam.Username, iam.Password.Value(), project),
	})
}

// cdnetworksAuth is one for all accounts of an access key, since the vendor refuses a
// second that it has seen.
func (p *providers) cdnetworksAuth(c *vendors.CDNetworks) vendorapi.Auth {
	if c.APIKey != nil {
		return cdnetworks.APIKey(c.Username, c.APIKey.Value)
	}
	return lasting(p, func() vendorapi.Auth { return cdnetworks.AKSK(c.AccessKey.Value, c.SecretKey.Value) },
		c.Endpoint, c.AccessKey.Value(), c.SecretKey.Value())
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
