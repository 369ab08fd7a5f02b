package vendors

import (
	"regexp"
	"time"

	"prefetch_exporter/config/client"
	"prefetch_exporter/config/form"
	"prefetch_exporter/config/secret"
	"prefetch_exporter/internal/strict"
)

// The endpoints of the site in China; the international one has "intl" in them.
const (
	edgeOneEndpoint    = "https://teo.tencentcloudapi.com"
	tencentCDNEndpoint = "https://cdn.tencentcloudapi.com"
)

// TencentCloudEdgeOne is an account at EdgeOne, and one of its zones.
type TencentCloudEdgeOne struct {
	// Endpoint is scheme://host[:port].
	Endpoint string `yaml:"endpoint"`
	// ZoneID is the site whose tasks are asked for, such as zone-2noz78a8ev6k.
	ZoneID           string            `yaml:"zone_id"`
	HTTPClientConfig client.HTTPConfig `yaml:"http_client_config,omitempty"`

	// Token is nil where the keys are not temporary.
	SecretID  *secret.Secret `yaml:"secret_id"`
	SecretKey *secret.Secret `yaml:"secret_key"`
	Token     *secret.Secret `yaml:"token,omitempty"`
}

// TencentCloudCDN is an account at Tencent Cloud CDN.
type TencentCloudCDN struct {
	// Endpoint is scheme://host[:port].
	Endpoint string `yaml:"endpoint"`
	// TimeZone is what the vendor's times are read in: they have no offset.
	TimeZone         TimeZone          `yaml:"time_zone"`
	HTTPClientConfig client.HTTPConfig `yaml:"http_client_config,omitempty"`

	// Token is nil where the keys are not temporary.
	SecretID  *secret.Secret `yaml:"secret_id"`
	SecretKey *secret.Secret `yaml:"secret_key"`
	Token     *secret.Secret `yaml:"token,omitempty"`
}

var zoneIDForm = regexp.MustCompile(`^zone-[A-Za-z0-9_-]{1,64}$`)

func tencentCloudEdgeOne() Section {
	return Section{
		Name:  "tencentcloud_edgeone",
		Calls: 60, Per: time.Minute,
		Discovers: true,
		Keys:      form.KeysOf[TencentCloudEdgeOne](),
		Form:      "{zone_id: …, secret_id: …, secret_key_file: …}",
		Read: func(m form.Mapping) Vendor {
			e := &TencentCloudEdgeOne{Endpoint: readEndpointOr(m, edgeOneEndpoint), ZoneID: readZoneID(m.Get("zone_id"))}
			e.SecretID, e.SecretKey, e.Token = readTencentKeys(m)
			e.HTTPClientConfig = client.ReadVendorHTTP(m.Get("http_client_config"))
			return e
		},
	}
}

func tencentCloudCDN() Section {
	return Section{
		Name:  "tencentcloud_cdn",
		Calls: 60, Per: time.Minute,
		Discovers: true,
		Keys:      form.KeysOf[TencentCloudCDN](),
		Form:      "{secret_id: …, secret_key_file: …}",
		Read: func(m form.Mapping) Vendor {
			c := &TencentCloudCDN{Endpoint: readEndpointOr(m, tencentCDNEndpoint), TimeZone: readTimeZone(m.Get("time_zone"))}
			c.SecretID, c.SecretKey, c.Token = readTencentKeys(m)
			c.HTTPClientConfig = client.ReadVendorHTTP(m.Get("http_client_config"))
			return c
		},
	}
}

// Identity tells the secret id, and not the zone: the vendor counts the account.
func (e *TencentCloudEdgeOne) Identity() (endpoint, who string) {
	return e.Endpoint, steadyKey(e.SecretID)
}

// Identity tells the secret id.
func (c *TencentCloudCDN) Identity() (endpoint, who string) {
	return c.Endpoint, steadyKey(c.SecretID)
}

func readTencentKeys(m form.Mapping) (id, key, token *secret.Secret) {
	return m.RequiredSecret("secret_id"), m.RequiredSecret("secret_key"), m.Secret("token")
}

func readZoneID(v form.Value) string {
	id := v.RequiredText()
	if id != "" && !zoneIDForm.MatchString(id) {
		v.Failf("%s is not a zone id such as zone-2noz78a8ev6k", strict.Quote(id))
	}
	return id
}
