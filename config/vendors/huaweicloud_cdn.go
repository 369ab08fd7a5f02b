package vendors

import (
	"time"

	"prefetch_exporter/config/address"
	"prefetch_exporter/config/client"
	"prefetch_exporter/config/form"
	"prefetch_exporter/config/secret"
)

const (
	// cdnEndpoint is the one of all regions but those of Europe, after
	// services/cdn/v2/region/region.go of github.com/huaweicloud/huaweicloud-sdk-go-v3.
	cdnEndpoint = "https://cdn.myhuaweicloud.com"
	// cdnIAMEndpoint is the one of IAM there that belongs to no region.
	cdnIAMEndpoint = "https://iam.myhuaweicloud.com"
)

// HuaweiCloudCDN is an account at Huawei Cloud CDN. It authenticates in one of the
// ways of [HuaweiCloudVOD].
type HuaweiCloudCDN struct {
	// Endpoint is scheme://host[:port].
	Endpoint string `yaml:"endpoint"`
	// DomainID is the id of the Huawei Cloud account, and EnterpriseProjectID that of
	// the enterprise project, or "all"; both are empty where they were not given.
	DomainID            string            `yaml:"domain_id,omitempty"`
	EnterpriseProjectID string            `yaml:"enterprise_project_id,omitempty"`
	IAM                 *IAM              `yaml:"iam,omitempty"`
	HTTPClientConfig    client.HTTPConfig `yaml:"http_client_config,omitempty"`

	// Secrets are nil where they were not given.
	AccessKey     *secret.Secret `yaml:"access_key,omitempty"`
	SecretKey     *secret.Secret `yaml:"secret_key,omitempty"`
	SecurityToken *secret.Secret `yaml:"security_token,omitempty"`
	Token         *secret.Secret `yaml:"token,omitempty"`
}

func huaweiCloudCDN() Section {
	return Section{
		Name:  "huaweicloud_cdn",
		Calls: 60, Per: time.Minute,
		Discovers: true,
		Keys:      form.KeysOf[HuaweiCloudCDN](),
		Below:     map[string]form.Level{"iam": {Keys: form.KeysOf[IAM](), Form: "{domain: …, username: …, password_file: …}"}},
		Form:      "{access_key: …, secret_key_file: …}",
		Read:      readHuaweiCloudCDN,
	}
}

// Identity tells the access key or the IAM domain. A token, and an access key in a
// file, change with every renewal, so there it is the account's id: of two accounts
// that do not tell it, nobody can know whether they are one tenant, and they share
// one budget.
func (h *HuaweiCloudCDN) Identity() (endpoint, who string) {
	switch {
	case h.IAM != nil:
		return h.Endpoint, h.IAM.Domain
	case h.AccessKey != nil && !h.AccessKey.FromFile():
		return h.Endpoint, h.AccessKey.Value()
	default:
		return h.Endpoint, h.DomainID
	}
}

func readHuaweiCloudCDN(m form.Mapping) Vendor {
	h := &HuaweiCloudCDN{Endpoint: cdnEndpoint}
	iam := cdnIAMEndpoint
	if m.Has("endpoint") {
		h.Endpoint = address.Endpoint(m.Get("endpoint"))
		if h.Endpoint != cdnEndpoint {
			iam = ""
		}
	}
	domain, project := m.Get("domain_id"), m.Get("enterprise_project_id")
	h.DomainID = checkedID(domain, domain.Text(), "an account id")
	h.EnterpriseProjectID = checkedID(project, project.Text(), "an enterprise project id")
	switch readHuaweiWay(m) {
	case wayAccessKey:
		h.AccessKey = m.RequiredSecret("access_key")
		h.SecretKey = m.RequiredSecret("secret_key")
		h.SecurityToken = m.Secret("security_token")
	case wayToken:
		h.Token = m.Secret("token")
	case wayIAM:
		h.IAM = readIAM(m.Get("iam"), iam, "the endpoint is not the default")
	}
	h.HTTPClientConfig = client.ReadVendorHTTP(m.Get("http_client_config"))
	return h
}
