package vendors

import (
	"strings"
	"time"

	"github.com/prometheus/common/model"

	"prefetch_exporter/config/form"
	"prefetch_exporter/config/secret"
)

const (
	defaultCDNetworksEndpoint = "https://api.cdnetworks.com"
	maxPageSize               = 10_000
	defaultPageSize           = 100

	// The vendor's error text and Chinese page say 3 days, its English page 7:
	// https://documents.cdnetworks.com/cn/document/api-doc/23807
	day             = 24 * time.Hour
	defaultLookBack = 3 * day
	maxLookBack     = 7 * day
	minLookBack     = 10 * time.Minute
)

// CDNetworks is an account at CDNetworks or Wangsu. It authenticates in exactly
// one way: with Username and APIKey, or with AccessKey and SecretKey.
type CDNetworks struct {
	// Endpoint is scheme://host[:port].
	Endpoint string `yaml:"endpoint"`
	// Username may be empty if the account has an access key.
	Username string `yaml:"username,omitempty"`
	// TimeZone is a fixed offset named as the vendor wants to be told it, such
	// as "GMT+08:00".
	TimeZone TimeZone `yaml:"time_zone"`
	// PageSize is how many rows are asked for at once.
	PageSize int `yaml:"page_size"`
	// LookBack is how far back rows are asked for.
	LookBack model.Duration `yaml:"lookback"`
	// WatchWindow counts every URL of the look-back too, configured or not.
	WatchWindow bool `yaml:"watch_window"`
	Network     `yaml:",inline"`

	// Secrets are nil where they were not given.
	APIKey    *secret.Secret `yaml:"api_key,omitempty"`
	AccessKey *secret.Secret `yaml:"access_key,omitempty"`
	SecretKey *secret.Secret `yaml:"secret_key,omitempty"`
}

// Identity tells the user name, else the access key.
func (c *CDNetworks) Identity() (endpoint, who string) {
	if c.Username != "" {
		return c.Endpoint, c.Username
	}
	return c.Endpoint, c.AccessKey.Value()
}

func readCDNetworks(m form.Mapping) Vendor {
	c := &CDNetworks{
		Endpoint:    readEndpointOr(m, defaultCDNetworksEndpoint),
		TimeZone:    readTimeZone(m.Get("time_zone")),
		PageSize:    m.Get("page_size").Integer(form.Span[int]{Def: defaultPageSize, Low: 1, High: maxPageSize}),
		LookBack:    m.Get("lookback").Duration(form.Span[time.Duration]{Def: defaultLookBack, Low: minLookBack, High: maxLookBack}),
		WatchWindow: m.Get("watch_window").Boolean(),
	}
	keys := way{wayAccessKey, []string{"access_key", "secret_key"}}
	switch readWay(m, way{wayAPIKey, []string{"api_key"}}, keys) {
	case wayAPIKey:
		c.Username = m.Get("username").RequiredLine()
		if strings.Contains(c.Username, ":") {
			m.Get("username").Failf("must not contain a colon, which ends the user name in HTTP authentication")
		}
		c.APIKey = m.Secret("api_key")
	case wayAccessKey:
		c.Username = readOwner(m)
		c.AccessKey = m.RequiredSecret("access_key")
		c.SecretKey = m.RequiredSecret("secret_key")
	}
	c.Network = readNetwork(m)
	return c
}

// readOwner reads the user name of an account that does not need one to
// authenticate. It tells whose quota is spent; an access key does so too, unless
// it stands in a file and may change.
func readOwner(m form.Mapping) string {
	username := m.Get("username")
	if username.Given() {
		return username.RequiredLine()
	}
	if m.Has("access_key_file") {
		username.Failf("is required with access_key_file: it tells whose quota is spent")
	}
	return ""
}
