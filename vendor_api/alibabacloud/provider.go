package alibabacloud

import (
	"context"
	"fmt"
	"net/url"
	"time"

	"prefetch_exporter/prefetch"
	vendorapi "prefetch_exporter/vendor_api"
)

const (
	// lookBack is how far back tasks can be asked for, in every call of the API.
	lookBack = 3 * 24 * time.Hour
	// tasksPerQuery is how many ids DescribeRefreshTaskById takes.
	tasksPerQuery = 10
)

// Product is one of the vendor's two services. It is the value of the `provider`
// label.
type Product string

// The products. They have the same API but for names, and for how large a page is.
const (
	CDN  Product = "alibabacloud_cdn"
	DCDN Product = "alibabacloud_dcdn"
)

// api is what the API of a product calls its version and its calls, and the largest
// page that it gives.
type api struct {
	version, list, byID string
	pageSize            int
}

var apis = map[Product]api{
	CDN:  {"2018-05-10", "DescribeRefreshTasks", "DescribeRefreshTaskById", 100},
	DCDN: {"2018-01-15", "DescribeDcdnRefreshTasks", "DescribeDcdnRefreshTaskById", 50},
}

// Options are what a [Provider] needs to know; only Now can be left out.
type Options struct {
	Product Product
	// Endpoint is scheme and host of the API, such as https://cdn.aliyuncs.com.
	Endpoint string
	// Client sends the requests.
	Client *vendorapi.Client
	// Auth proves who is asking; see [Keys].
	Auth vendorapi.Auth
	// Now is the clock that requests are dated with; nil means time.Now.
	Now func() time.Time
}

// Provider asks one product about the prefetch tasks of one Alibaba Cloud account.
// It is a [vendorapi.Provider], safe for concurrent use.
type Provider struct {
	target *url.URL
	api    api
	call   vendorapi.Call
}

var _ vendorapi.Provider = (*Provider)(nil)

// New returns a provider, or an error if the endpoint or the product is none. It
// makes no request.
func New(o Options) (*Provider, error) {
	product, ok := apis[o.Product]
	if !ok {
		return nil, fmt.Errorf("the vendor has no product %q", string(o.Product))
	}
	target, err := vendorapi.ParseEndpoint(o.Endpoint)
	if err != nil {
		return nil, err
	}
	target.Path = "/"
	return &Provider{target: target, api: product, call: vendorapi.Call{
		Client: o.Client, Auth: o.Auth, Now: o.Now, RequestID: "X-Acs-Request-Id",
		Public: []string{headerDate, headerNonce, headerContentHash},
	}}, nil
}

// Capabilities says what the vendor can be asked. Of the words for a failure it
// filters by one only, and by none for URLs that wait.
func (p *Provider) Capabilities() vendorapi.Capabilities {
	words := vendorapi.OneWord(prefetch.Running, prefetch.Succeeded)
	words[prefetch.Failed] = 3 // Failed, Timeout, Canceled
	return vendorapi.Capabilities{
		Windows:       true,
		RowTask:       true,
		TasksPerQuery: tasksPerQuery,
		FilterWords:   words,
		Times:         vendorapi.RowTimes{Created: true},
		Gradual:       true,
		Causes:        true,
		PageSize:      p.api.pageSize,
		LookBack:      lookBack,
		MaxSpan:       lookBack,
		MaxInFlight:   2,
	}
}

// Query asks for the rows of up to ten tasks, or for one page of those of a window,
// or for how many there are. It makes one POST. A query that the API has no form for
// is refused as invalid and unsent; so is one that cannot be authenticated, as auth.
//
// An answer by id is whole, unless the vendor says that there are more rows than it
// gave. That of a single task is then its first page, and the pages after it can be
// asked for.
func (p *Provider) Query(ctx context.Context, q vendorapi.Query) (vendorapi.Answer, error) {
	return p.call.Do(ctx, q, p.request, p.read)
}

// read turns a response into an answer or a classified error.
func (p *Provider) read(x *vendorapi.Exchange) (vendorapi.Answer, error) {
	var body page
	err := vendorapi.Object(x.Response.Body, &body)
	x.RequestID = body.RequestID.Value()
	switch {
	case !x.Response.Success(), body.Code.Value() != "":
		return vendorapi.Answer{}, body.failure(x)
	case err != nil:
		return vendorapi.Answer{}, err
	}
	r := reader{Exchange: x, pageSize: p.api.pageSize, purges: map[string]bool{}}
	a, err := r.answer(&body)
	if refused := a.Refused[x.Query.TaskID]; refused != nil && len(x.Query.Others) == 0 {
		return vendorapi.Answer{}, refused
	}
	return a, err
}
