// Package vendors has the section of the configuration of each vendor: its keys, what
// they mean, and whom the vendor counts. One file for each.
//
// A vendor is one row of [Sections]; nothing else of the configuration knows it.
package vendors

import (
	"slices"
	"strings"
	"time"

	"prefetch_exporter/config/address"
	"prefetch_exporter/config/client"
	"prefetch_exporter/config/form"
	"prefetch_exporter/config/secret"
)

// Vendor is an account's section of the file for one vendor, such as
// [*CDNetworks]. The yaml tags of its fields are the keys that it may have.
type Vendor interface {
	// Identity returns where the vendor is asked, and whom it counts there: what
	// is not secret and does not change with every renewal.
	Identity() (endpoint, who string)
	// HTTP returns the settings of the client that asks the vendor.
	HTTP() client.HTTPConfig
}

// Network is what each section has of how the vendor is reached.
type Network struct {
	HTTPClientConfig client.HTTPConfig `yaml:"http_client_config,omitempty"`
}

// HTTP returns http_client_config.
func (n Network) HTTP() client.HTTPConfig { return n.HTTPClientConfig }

func readNetwork(m form.Mapping) Network {
	return Network{client.ReadVendorHTTP(m.Get("http_client_config"))}
}

// Section is all that a configuration must know of a vendor.
type Section struct {
	// Name is the key of the section and the value of the `provider` label.
	Name string
	// Calls per time are what the vendor is asked if the account does not say.
	Calls int
	Per   time.Duration
	// Discovers: the vendor tells which tasks there are.
	Discovers bool
	// Keys are those that the section may have, and Below are the levels under it,
	// by their key.
	Keys  []string
	Below map[string]form.Level
	// Form shows how the section is written.
	Form string
	// Read reads the section, whose values are valid if no error was found.
	Read func(form.Mapping) Vendor
}

// Sections are the vendors, in the order in which users are told of them.
func Sections() []Section {
	return []Section{
		{
			Name: "huaweicloud_vod", Calls: 50, Per: time.Minute, Keys: form.KeysOf[HuaweiCloudVOD](), Below: iamLevel(),
			Form: "{region: …, project_id: …, access_key: …, secret_key_file: …}", Read: readHuaweiCloudVOD,
		},
		{
			Name: "huaweicloud_cdn", Calls: 60, Per: time.Minute, Discovers: true, Keys: form.KeysOf[HuaweiCloudCDN](), Below: iamLevel(),
			Form: "{access_key: …, secret_key_file: …}", Read: readHuaweiCloudCDN,
		},
		{
			Name: "cdnetworks", Calls: 1, Per: 5 * time.Minute, Keys: form.KeysOf[CDNetworks](),
			Form: "{username: …, api_key_file: …}", Read: readCDNetworks,
		},
		{
			Name: "tencentcloud_edgeone", Calls: 60, Per: time.Minute, Discovers: true, Keys: form.KeysOf[TencentCloudEdgeOne](),
			Form: "{zone_id: …, secret_id: …, secret_key_file: …}", Read: readEdgeOne,
		},
		{
			Name: "tencentcloud_cdn", Calls: 60, Per: time.Minute, Discovers: true, Keys: form.KeysOf[TencentCloudCDN](),
			Form: "{secret_id: …, secret_key_file: …}", Read: readTencentCloudCDN,
		},
		alibabaCloud("alibabacloud_cdn", "https://cdn.aliyuncs.com"),
		alibabaCloud("alibabacloud_dcdn", "https://dcdn.aliyuncs.com"),
		volcengine("volcengine_cdn", VolcengineCDN{Endpoint: "https://cdn.volcengineapi.com", Region: "cn-north-1"}),
		volcengine("byteplus_cdn", VolcengineCDN{Endpoint: "https://cdn.byteplusapi.com", Region: "ap-singapore-1"}),
		{
			Name: "baiducloud_cdn", Calls: 10, Per: time.Minute, Keys: form.KeysOf[BaiduCloudCDN](),
			Form: "{access_key_id: …, secret_access_key_file: …}", Read: readBaiduCloudCDN,
		},
	}
}

// Names are those of all sections.
func Names() []string {
	var names []string
	for _, s := range Sections() {
		names = append(names, s.Name)
	}
	return names
}

// steadyKey is a key that tells whom the vendor counts, unless it stands in a file
// and may change: nobody can know whether two such keys are of one account, so that
// they share one budget.
func steadyKey(key *secret.Secret) string {
	if key == nil || key.FromFile() {
		return ""
	}
	return key.Value()
}

func readEndpointOr(m form.Mapping, usual string) string {
	if m.Has("endpoint") {
		return address.Endpoint(m.Get("endpoint"))
	}
	return usual
}

// The ways to authenticate, as they are told to users.
const (
	wayAccessKey = "access_key and secret_key"
	wayToken     = "token"
	wayIAM       = "iam"
	wayAPIKey    = "api_key"
)

// way is one way to authenticate and the keys that belong to it, or those of
// their files.
type way struct {
	name string
	keys []string
}

// readWay returns the one way to authenticate that m gives; "" after it
// reported that there is none or more than one.
func readWay(m form.Mapping, ways ...way) string {
	var all, given []string
	for _, w := range ways {
		all = append(all, w.name)
		if slices.ContainsFunc(w.keys, func(key string) bool { return m.Has(key, key+"_file") }) {
			given = append(given, w.name)
		}
	}
	switch len(given) {
	case 0:
		m.Failf("has no way to authenticate; give %s", strings.Join(all, ", or "))
		return ""
	case 1:
		return given[0]
	default:
		m.Failf("has more than one way to authenticate (%s); give only one", strings.Join(given, "; "))
		return ""
	}
}
