package vendors

import (
	"prefetch_exporter/config/address"
	"prefetch_exporter/config/form"
)

const (
	// cdnEndpoint is the one of all regions but those of Europe, after
	// services/cdn/v2/region/region.go of github.com/huaweicloud/huaweicloud-sdk-go-v3.
	cdnEndpoint = "https://cdn.myhuaweicloud.com"
	// cdnIAMEndpoint is the one of IAM there that belongs to no region.
	cdnIAMEndpoint = "https://iam.myhuaweicloud.com"
)

// HuaweiCloudCDN is an account at Huawei Cloud CDN.
type HuaweiCloudCDN struct {
	// Endpoint is scheme://host[:port].
	Endpoint string `yaml:"endpoint"`
	// DomainID is the id of the Huawei Cloud account, and EnterpriseProjectID that of
	// the enterprise project, or "all"; both are empty where they were not given.
	DomainID            string `yaml:"domain_id,omitempty"`
	EnterpriseProjectID string `yaml:"enterprise_project_id,omitempty"`
	HuaweiLogin         `yaml:",inline"`
}

// Identity tells the access key or the IAM domain, else the account's id: of two
// accounts that do not tell it, nobody can know whether they are one tenant, and they
// share one budget.
func (h *HuaweiCloudCDN) Identity() (endpoint, who string) { return h.Endpoint, h.who(h.DomainID) }

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
	h.HuaweiLogin = readHuaweiLogin(m, iam, "the endpoint is not the default")
	return h
}
