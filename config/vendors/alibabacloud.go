package vendors

import (
	"time"

	"prefetch_exporter/config/form"
	"prefetch_exporter/config/secret"
)

// AlibabaCloud is an account at one of Alibaba Cloud's two products, CDN or DCDN,
// which its section names.
type AlibabaCloud struct {
	// Endpoint is scheme://host[:port].
	Endpoint string `yaml:"endpoint"`
	Network  `yaml:",inline"`

	AccessKeyID     *secret.Secret `yaml:"access_key_id"`
	AccessKeySecret *secret.Secret `yaml:"access_key_secret"`
	// SecurityToken is nil where it was not given.
	SecurityToken *secret.Secret `yaml:"security_token,omitempty"`
}

// alibabaCloud is the section of a product, whose endpoint is as in
// services/cdn/endpoint.go and services/dcdn/endpoint.go of
// github.com/aliyun/alibaba-cloud-sdk-go. The vendor allows 5 calls a second for the
// list and 30 by tasks' ids, to the whole account.
func alibabaCloud(name, endpoint string) Section {
	return Section{
		Name: name, Calls: 60, Per: time.Minute, Discovers: true, Keys: form.KeysOf[AlibabaCloud](),
		Form: "{access_key_id: …, access_key_secret_file: …}",
		Read: func(m form.Mapping) Vendor {
			return &AlibabaCloud{
				AccessKeyID:     m.RequiredSecret("access_key_id"),
				AccessKeySecret: m.RequiredSecret("access_key_secret"),
				SecurityToken:   m.Secret("security_token"),
				Endpoint:        readEndpointOr(m, endpoint),
				Network:         readNetwork(m),
			}
		},
	}
}

// Identity tells the access key id. One in a file changes with every renewal: of two
// accounts of which nobody can know whether they are one tenant, both share a budget.
func (a *AlibabaCloud) Identity() (endpoint, who string) {
	return a.Endpoint, steadyKey(a.AccessKeyID)
}
