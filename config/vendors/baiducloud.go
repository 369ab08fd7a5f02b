package vendors

import (
	"slices"
	"time"

	"prefetch_exporter/config/client"
	"prefetch_exporter/config/form"
	"prefetch_exporter/config/secret"
	"prefetch_exporter/internal/strict"
)

const baiduCloudEndpoint = "https://cdn.baidubce.com"

// BaiduCloudCDN is an account at Baidu AI Cloud CDN.
type BaiduCloudCDN struct {
	// Endpoint is scheme://host[:port].
	Endpoint string `yaml:"endpoint"`
	// Edition is the service in China, or the one abroad, which has paths of its own.
	Edition          string            `yaml:"edition"`
	HTTPClientConfig client.HTTPConfig `yaml:"http_client_config,omitempty"`

	// SessionToken is nil where the keys are not temporary.
	AccessKeyID     *secret.Secret `yaml:"access_key_id"`
	SecretAccessKey *secret.Secret `yaml:"secret_access_key"`
	SessionToken    *secret.Secret `yaml:"session_token,omitempty"`
}

func baiduCloudCDN() Section {
	return Section{
		Name:  "baiducloud_cdn",
		Calls: 10, Per: time.Minute,
		Keys: form.KeysOf[BaiduCloudCDN](),
		Form: "{access_key_id: …, secret_access_key_file: …}",
		Read: func(m form.Mapping) Vendor {
			return &BaiduCloudCDN{
				Endpoint:         readEndpointOr(m, baiduCloudEndpoint),
				Edition:          readEdition(m.Get("edition")),
				AccessKeyID:      m.RequiredSecret("access_key_id"),
				SecretAccessKey:  m.RequiredSecret("secret_access_key"),
				SessionToken:     m.Secret("session_token"),
				HTTPClientConfig: client.ReadVendorHTTP(m.Get("http_client_config")),
			}
		},
	}
}

// Identity tells the access key, and not the edition: the vendor counts the account.
func (b *BaiduCloudCDN) Identity() (endpoint, who string) {
	return b.Endpoint, steadyKey(b.AccessKeyID)
}

// readEdition reads the edition, which is the first of them if it is not given.
func readEdition(v form.Value) string {
	editions := []string{"china", "abroad"}
	if !v.Given() {
		return editions[0]
	}
	edition := v.Text()
	if edition != "" && !slices.Contains(editions, edition) {
		v.Failf("%s is no edition; give %s", strict.Quote(edition), form.OneOf(editions))
	}
	return edition
}
