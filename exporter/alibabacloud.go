package exporter

import (
	"prefetch_exporter/config/vendors"
	vendorapi "prefetch_exporter/vendor_api"
	"prefetch_exporter/vendor_api/alibabacloud"
)

func (p *providers) alibabaCloud(product string, a *vendors.AlibabaCloud) (vendorapi.Provider, error) {
	client, err := p.client(a.HTTPClientConfig)
	if err != nil {
		return nil, err
	}
	return alibabacloud.New(alibabacloud.Options{
		Product: alibabacloud.Product(product), Endpoint: a.Endpoint, Client: client,
		Auth: alibabacloud.Keys(a.AccessKeyID.Value, a.AccessKeySecret.Value, value(a.SecurityToken)),
	})
}
