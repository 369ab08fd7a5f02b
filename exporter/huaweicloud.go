package exporter

import (
	"prefetch_exporter/config/vendors"
	vendorapi "prefetch_exporter/vendor_api"
	"prefetch_exporter/vendor_api/huaweicloud"
)

func (p *providers) huaweiCloudVOD(h *vendors.HuaweiCloudVOD) (vendorapi.Provider, error) {
	client, err := p.client(h.HTTPClientConfig)
	if err != nil {
		return nil, err
	}
	auth := huaweicloud.AKSK(value(h.AccessKey), value(h.SecretKey), value(h.SecurityToken))
	switch {
	case h.Token != nil:
		auth = huaweicloud.Token(h.Token.Value)
	case h.IAM != nil:
		auth = p.iam(h.IAM, h.ProjectID, client)
	}
	return huaweicloud.New(huaweicloud.Options{
		Endpoint: h.Endpoint, ProjectID: h.ProjectID, Client: client, Auth: auth,
	})
}

func (p *providers) huaweiCloudCDN(h *vendors.HuaweiCloudCDN) (vendorapi.Provider, error) {
	client, err := p.client(h.HTTPClientConfig)
	if err != nil {
		return nil, err
	}
	auth := huaweicloud.AKSK(value(h.AccessKey), value(h.SecretKey), value(h.SecurityToken))
	switch {
	case h.Token != nil:
		auth = huaweicloud.Token(h.Token.Value)
	case h.IAM != nil:
		auth = p.iam(h.IAM, "", client)
	}
	return huaweicloud.NewCDN(huaweicloud.CDNOptions{
		Endpoint: h.Endpoint, DomainID: h.DomainID, EnterpriseProjectID: h.EnterpriseProjectID, Client: client, Auth: auth,
	})
}

// iam logs in for a project, or for the whole account where that is empty.
func (p *providers) iam(iam *vendors.IAM, project string, client *vendorapi.Client) huaweicloud.Auth {
	return huaweicloud.IAM(huaweicloud.IAMOptions{
		Endpoint: iam.Endpoint, Domain: iam.Domain, Username: iam.Username, Password: iam.Password.Value,
		ProjectID: project, Client: client, Logins: p.logins,
		Token: lasting(p, func() *huaweicloud.IAMToken { return &huaweicloud.IAMToken{} },
			iam.Endpoint, iam.Domain, iam.Username, iam.Password.Value(), project),
	})
}
