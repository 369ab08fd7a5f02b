package vendors

import (
	"regexp"

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
	ZoneID      string `yaml:"zone_id"`
	TencentKeys `yaml:",inline"`
}

// TencentCloudCDN is an account at Tencent Cloud CDN.
type TencentCloudCDN struct {
	// Endpoint is scheme://host[:port].
	Endpoint string `yaml:"endpoint"`
	// TimeZone is what the vendor's times are read in: they have no offset.
	TimeZone    TimeZone `yaml:"time_zone"`
	TencentKeys `yaml:",inline"`
}

// TencentKeys are what requests to both products are signed with.
type TencentKeys struct {
	Network `yaml:",inline"`

	// Token is nil where the keys are not temporary.
	SecretID  *secret.Secret `yaml:"secret_id"`
	SecretKey *secret.Secret `yaml:"secret_key"`
	Token     *secret.Secret `yaml:"token,omitempty"`
}

var zoneIDForm = regexp.MustCompile(`^zone-[A-Za-z0-9_-]{1,64}$`)

func readEdgeOne(m form.Mapping) Vendor {
	return &TencentCloudEdgeOne{
		Endpoint: readEndpointOr(m, edgeOneEndpoint), ZoneID: readZoneID(m.Get("zone_id")), TencentKeys: readTencentKeys(m),
	}
}

func readTencentCloudCDN(m form.Mapping) Vendor {
	return &TencentCloudCDN{
		Endpoint: readEndpointOr(m, tencentCDNEndpoint), TimeZone: readTimeZone(m.Get("time_zone")), TencentKeys: readTencentKeys(m),
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

func readTencentKeys(m form.Mapping) TencentKeys {
	return TencentKeys{
		SecretID: m.RequiredSecret("secret_id"), SecretKey: m.RequiredSecret("secret_key"), Token: m.Secret("token"), Network: readNetwork(m),
	}
}

func readZoneID(v form.Value) string {
	id := v.RequiredText()
	if id != "" && !zoneIDForm.MatchString(id) {
		v.Failf("%s is not a zone id such as zone-2noz78a8ev6k", strict.Quote(id))
	}
	return id
}
