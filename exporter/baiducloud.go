package exporter

import (
	"prefetch_exporter/config/vendors"
	vendorapi "prefetch_exporter/vendor_api"
	"prefetch_exporter/vendor_api/baiducloud"
)

func (p *providers) baiduCloud(b *vendors.BaiduCloudCDN) (vendorapi.Provider, error) {
	client, err := p.client(b.HTTPClientConfig)
	if err != nil {
		return nil, err
	}
	return baiducloud.New(baiducloud.Options{
		Endpoint: b.Endpoint, Edition: b.Edition, Client: client,
		AccessKey: value(b.AccessKeyID), SecretKey: value(b.SecretAccessKey), Token: value(b.SessionToken),
	})
}
