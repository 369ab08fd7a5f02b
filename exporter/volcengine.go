package exporter

import (
	"prefetch_exporter/config/vendors"
	vendorapi "prefetch_exporter/vendor_api"
	"prefetch_exporter/vendor_api/volcengine"
)

func (p *providers) volcengine(product string, v *vendors.VolcengineCDN) (vendorapi.Provider, error) {
	client, err := p.client(v.HTTPClientConfig)
	if err != nil {
		return nil, err
	}
	return volcengine.New(volcengine.Options{
		Product: product, Endpoint: v.Endpoint, Region: v.Region, PageSize: v.PageSize, Client: client,
		AccessKey: value(v.AccessKeyID), SecretKey: value(v.SecretAccessKey), Token: value(v.SessionToken),
	})
}
