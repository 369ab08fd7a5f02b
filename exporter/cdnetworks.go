package exporter

import (
	"time"

	"prefetch_exporter/config/vendors"
	vendorapi "prefetch_exporter/vendor_api"
	"prefetch_exporter/vendor_api/cdnetworks"
)

func (p *providers) cdnetworks(c *vendors.CDNetworks) (vendorapi.Provider, error) {
	client, err := p.client(c.HTTPClientConfig)
	if err != nil {
		return nil, err
	}
	var auth vendorapi.Auth
	if c.APIKey != nil {
		auth = cdnetworks.APIKey(c.Username, c.APIKey.Value)
	} else {
		// Two accounts with one key must share it, since the vendor refuses a second
		// that it has seen.
		auth = lasting(p, func() vendorapi.Auth { return cdnetworks.AKSK(c.AccessKey.Value, c.SecretKey.Value) },
			c.Endpoint, c.AccessKey.Value(), c.SecretKey.Value())
	}
	return cdnetworks.New(cdnetworks.Options{
		Endpoint: c.Endpoint, Client: client, Auth: auth,
		Location: c.TimeZone.Location, PageSize: c.PageSize, LookBack: time.Duration(c.LookBack),
	})
}
