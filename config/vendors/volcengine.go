package vendors

import (
	"time"

	"prefetch_exporter/config/form"
	"prefetch_exporter/config/secret"
)

// VolcengineCDN is an account at Volcengine CDN, or at BytePlus CDN, which has the same
// API.
type VolcengineCDN struct {
	// Endpoint is scheme://host[:port].
	Endpoint string `yaml:"endpoint"`
	// Region is a part of what is signed.
	Region string `yaml:"region"`
	// PageSize is how many rows are asked for at once.
	PageSize   int `yaml:"page_size"`
	AccessKeys `yaml:",inline"`
}

// AccessKeys are what requests to Volcengine and to Baidu AI Cloud are signed with.
type AccessKeys struct {
	Network `yaml:",inline"`

	// SessionToken is nil where the keys are not temporary.
	AccessKeyID     *secret.Secret `yaml:"access_key_id"`
	SecretAccessKey *secret.Secret `yaml:"secret_access_key"`
	SessionToken    *secret.Secret `yaml:"session_token,omitempty"`
}

func readAccessKeys(m form.Mapping) AccessKeys {
	return AccessKeys{
		AccessKeyID:     m.RequiredSecret("access_key_id"),
		SecretAccessKey: m.RequiredSecret("secret_access_key"),
		SessionToken:    m.Secret("session_token"),
		Network:         readNetwork(m),
	}
}

// volcengine is a product with its own endpoint and region.
func volcengine(name string, usual VolcengineCDN) Section {
	return Section{
		Name: name, Calls: 60, Per: time.Minute, Discovers: true, Keys: form.KeysOf[VolcengineCDN](),
		Form: "{access_key_id: …, secret_access_key_file: …}",
		Read: func(m form.Mapping) Vendor {
			v := usual
			v.Endpoint = readEndpointOr(m, usual.Endpoint)
			if m.Has("region") {
				v.Region = readRegion(m.Get("region"))
			}
			v.PageSize = m.Get("page_size").Integer(form.Span[int]{Def: defaultPageSize, Low: 1, High: maxPageSize})
			v.AccessKeys = readAccessKeys(m)
			return &v
		},
	}
}

// Identity tells the access key.
func (v *VolcengineCDN) Identity() (endpoint, who string) {
	return v.Endpoint, steadyKey(v.AccessKeyID)
}
