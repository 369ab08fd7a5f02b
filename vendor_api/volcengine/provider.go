package volcengine

import (
	"context"
	"fmt"
	"net/url"
	"time"

	"prefetch_exporter/prefetch"
	vendorapi "prefetch_exporter/vendor_api"
)

// The products, which are values of the `provider` label.
const (
	Name         = "volcengine_cdn"
	NameBytePlus = "byteplus_cdn"
)

// product is what differs between the products.
type product struct {
	// service is the service that signatures are good for.
	service string
	// maxSkew is how far X-Date may be from the vendor's clock: a signature lives for
	// X-Expires, 15 minutes by the vendor's page; clients of BytePlus report 5.
	maxSkew time.Duration
}

var products = map[string]product{
	Name:         {"cdn", 15 * time.Minute},
	NameBytePlus: {"CDN", 5 * time.Minute},
}

const (
	// maxSpan is the longest window, and the oldest that is kept: "the last 7 days".
	maxSpan = 7 * 24 * time.Hour
	// lookBack is how far back the vendor is asked. The clocks may differ.
	lookBack = maxSpan - 2*time.Minute
)

// Options are what a [Provider] needs to know; only Now can be left out.
type Options struct {
	// Product is [Name] or [NameBytePlus].
	Product string
	// Endpoint is scheme and host of the API, such as https://cdn.volcengineapi.com.
	Endpoint string
	// Region is a part of what is signed, such as cn-north-1.
	Region string
	// PageSize is how many rows to ask for where a query does not say. The vendor's
	// own default and maximum are not documented.
	PageSize int
	// Client sends the requests.
	Client *vendorapi.Client
	// AccessKey, SecretKey and Token are called for every request, since temporary
	// keys are replaced; Token is nil, or returns "", where there is none.
	AccessKey, SecretKey, Token func() string
	// Now is the clock; nil means time.Now.
	Now func() time.Time
}

// Provider asks Volcengine or BytePlus about the tasks of one account. It is a
// [vendorapi.Provider], safe for concurrent use.
type Provider struct {
	target   *url.URL
	call     vendorapi.Call
	pageSize int
	maxSkew  time.Duration
}

var _ vendorapi.Provider = (*Provider)(nil)

// New returns a provider, or an error if the product or the endpoint is none. It makes
// no request.
func New(o Options) (*Provider, error) {
	product, ok := products[o.Product]
	if !ok {
		return nil, fmt.Errorf("there is no product %q", o.Product)
	}
	target, err := vendorapi.ParseEndpoint(o.Endpoint)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", o.Product, err)
	}
	target.Path, target.RawQuery = "/", "Action=DescribeContentTasks&Version=2021-03-01"
	keys := &vendorapi.Keys{AccessKey: o.AccessKey, SecretKey: o.SecretKey, Token: o.Token, Sign: Scope{o.Region, product.service}.Sign}
	return &Provider{
		target: target, pageSize: o.PageSize, maxSkew: product.maxSkew,
		call: vendorapi.Call{Client: o.Client, Auth: keys, Now: o.Now, Public: []string{headerDate, headerContentSHA256}},
	}, nil
}

// Capabilities says what the vendor can be asked, with the page size as configured.
func (p *Provider) Capabilities() vendorapi.Capabilities {
	return vendorapi.Capabilities{
		Windows:     true,
		RowTask:     true,
		Paged:       true,
		FilterWords: vendorapi.OneWord(prefetch.Running, prefetch.Succeeded, prefetch.Failed),
		NeverWaits:  true,
		Times:       vendorapi.RowTimes{Created: true},
		PageSize:    p.pageSize,
		LookBack:    lookBack,
		MaxSpan:     maxSpan,
		MaxInFlight: 2,
	}
}

// Query asks for one page of rows: those of a task, those of a window of creation time,
// or, to be counted, the first of either. A query that the API has no form for is
// refused as invalid and unsent.
//
// The error is always a [*vendorapi.Error].
func (p *Provider) Query(ctx context.Context, q vendorapi.Query) (vendorapi.Answer, error) {
	return p.call.Do(ctx, q, p.request, p.read)
}

// read turns a response into an answer or a classified error. An error can come under
// any HTTP status, so that it is looked for first.
func (p *Provider) read(x *vendorapi.Exchange) (vendorapi.Answer, error) {
	var body document
	err := body.decode(x)
	switch {
	case !x.Response.Success(), body.fault.code() != "":
		return vendorapi.Answer{}, p.failure(x, &body.fault)
	case err != nil:
		return vendorapi.Answer{}, err
	default:
		return body.answer(x)
	}
}
