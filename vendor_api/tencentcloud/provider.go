package tencentcloud

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/url"
	"time"

	vendorapi "prefetch_exporter/vendor_api"
	"prefetch_exporter/vendor_api/zone"
)

// headerRequestID carries the vendor's id of a call where its body has none; the
// vendor's SDK reads it.
const headerRequestID = "X-Tc-Requestid"

// Options are the settings of a [Provider]; Token, Location and Now can be left out.
type Options struct {
	// Endpoint is the API's scheme and host, such as
	// https://teo.intl.tencentcloudapi.com.
	Endpoint string
	// SecretID and SecretKey sign requests, with a token if they are temporary. They
	// are called for every request, since temporary keys are replaced.
	SecretID, SecretKey, Token func() string
	// ZoneID is the site that is asked about, such as zone-2noz78a8ev6k: EdgeOne
	// needs one, CDN has none.
	ZoneID string
	// Location is the fixed offset in which CDN's times are sent and read; nil means
	// that of China. EdgeOne's times have an offset.
	Location *time.Location
	// Client sends the requests.
	Client *vendorapi.Client
	// Now is the clock that requests are dated with; nil means time.Now.
	Now func() time.Time
}

// Provider asks one product with one set of credentials. It is a
// [vendorapi.Provider], safe for concurrent use.
type Provider struct {
	*product

	url      *url.URL
	call     vendorapi.Call
	zoneID   string
	location *time.Location
}

var _ vendorapi.Provider = (*Provider)(nil)

// NewEdgeOne returns a provider of EdgeOne's tasks in one zone. It makes no request.
func NewEdgeOne(o Options) (*Provider, error) {
	if o.ZoneID == "" {
		return nil, errors.New(EdgeOneName + ": no zone id")
	}
	o.Location = time.UTC
	return newProvider(EdgeOneName, edgeOne(), o)
}

// NewCDN returns a provider of CDN's tasks. It makes no request.
func NewCDN(o Options) (*Provider, error) {
	o.ZoneID = ""
	o.Location = cmp.Or(o.Location, zone.China())
	return newProvider(CDNName, cdn(), o)
}

func newProvider(name string, p *product, o Options) (*Provider, error) {
	target, err := vendorapi.ParseEndpoint(o.Endpoint)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	target.Path = "/"
	keys := &vendorapi.Keys{AccessKey: o.SecretID, SecretKey: o.SecretKey, Token: o.Token, Sign: p.service.Sign}
	return &Provider{
		product: p, url: target, zoneID: o.ZoneID, location: o.Location,
		call: vendorapi.Call{Client: o.Client, Auth: keys, Now: o.Now, Public: []string{headerTimestamp}, RequestID: headerRequestID},
	}, nil
}

// Capabilities says what the product can be asked.
func (p *Provider) Capabilities() vendorapi.Capabilities {
	return vendorapi.Capabilities{
		Windows: true, RowTask: true, Paged: true,
		FilterWords: p.filterWords(),
		NeverWaits:  true,
		Times:       vendorapi.RowTimes{Created: true, Finished: true},
		Gradual:     true,
		Causes:      true,
		PageSize:    p.pageSize,
		LookBack:    p.lookBack,
		MaxSpan:     p.maxSpan,
		MaxInFlight: 2,
	}
}

// Query asks for one page of rows, or how many there are: those of a task, or those
// of a window of creation time. It makes one POST. What the API has no form for is
// refused as invalid and unsent.
//
// An unknown task is an answer without rows: the vendor has no error for it.
func (p *Provider) Query(ctx context.Context, q vendorapi.Query) (vendorapi.Answer, error) {
	return p.call.Do(ctx, q, p.request, p.read)
}

// read turns a response into an answer or a classified error: errors come under
// HTTP 200, so that they are looked for first.
func (p *Provider) read(x *vendorapi.Exchange) (vendorapi.Answer, error) {
	var body response
	err := body.decode(x.Response.Body)
	x.RequestID = body.RequestID.Value()
	switch {
	case !x.Response.Success(), body.Error.told:
		return vendorapi.Answer{}, body.failure(x)
	case err != nil:
		return vendorapi.Answer{}, err
	default:
		r := reader{Exchange: x, product: p.product, location: p.location}
		return r.answer(&body)
	}
}
