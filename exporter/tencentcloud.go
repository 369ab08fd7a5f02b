package exporter

import (
	"prefetch_exporter/config/vendors"
	vendorapi "prefetch_exporter/vendor_api"
	"prefetch_exporter/vendor_api/tencentcloud"
)

func (p *providers) tencentCloudEdgeOne(e *vendors.TencentCloudEdgeOne) (vendorapi.Provider, error) {
	client, err := p.client(e.HTTPClientConfig)
	if err != nil {
		return nil, err
	}
	return tencentcloud.NewEdgeOne(tencentcloud.Options{
		Endpoint: e.Endpoint, ZoneID: e.ZoneID, Client: client,
		SecretID: value(e.SecretID), SecretKey: value(e.SecretKey), Token: value(e.Token),
	})
}

func (p *providers) tencentCloudCDN(c *vendors.TencentCloudCDN) (vendorapi.Provider, error) {
	client, err := p.client(c.HTTPClientConfig)
	if err != nil {
		return nil, err
	}
	return tencentcloud.NewCDN(tencentcloud.Options{
		Endpoint: c.Endpoint, Location: c.TimeZone.Location, Client: client,
		SecretID: value(c.SecretID), SecretKey: value(c.SecretKey), Token: value(c.Token),
	})
}
