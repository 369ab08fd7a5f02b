package cdnetworks

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/url"
	"time"

	"prefetch_exporter/prefetch"
	vendorapi "prefetch_exporter/vendor_api"
	"prefetch_exporter/vendor_api/zone"
)

// Name is the vendor's value of the `provider` label.
const Name = "cdnetworks"

// maxSpan is the longest window: "no more than 1 days from the start time", of
// which both ends count.
const maxSpan = 24*time.Hour - time.Second

// queryPath is the only path of the API that is used.
const queryPath = "/ccm/fetch/ItemIdQuery"

// headerRequestID carries the vendor's id of a call.
const headerRequestID = "X-Cnc-Request-Id"

// Options are the settings of a [Provider]; Location and Now can be left out.
type Options struct {
	// Endpoint is the API's scheme and host.
	Endpoint string
	// Client sends the requests.
	Client *vendorapi.Client
	// Auth proves who asks; see [APIKey] and [AKSK].
	Auth vendorapi.Auth
	// Location is the fixed offset in which times are sent and read. Its offset
	// is told to the vendor in X-Time-Zone, in the form GMT+08:00; nil means that
	// offset, which is the vendor's default.
	Location *time.Location
	// PageSize is the number of rows to ask for where a query does not say. The
	// vendor's own default is 20 and its maximum is not documented.
	PageSize int
	// LookBack is how far back the vendor can be asked.
	LookBack time.Duration
	// Now is the clock that requests are dated with; nil means time.Now.
	Now func() time.Time
}

// Provider asks CDNetworks or Wangsu with one set of credentials. It implements
// [vendorapi.Provider] and is safe for concurrent use.
type Provider struct {
	url      *url.URL
	call     vendorapi.Call
	location *time.Location
	timeZone string
	pageSize int
	lookBack time.Duration
}

// New returns a provider, or an error if the endpoint or the location is none that
// can be used.
func New(o Options) (*Provider, error) {
	p := &Provider{
		location: cmp.Or(o.Location, zone.China()), pageSize: o.PageSize, lookBack: o.LookBack,
		call: vendorapi.Call{
			Client: o.Client, Auth: o.Auth, Now: o.Now, RequestID: headerRequestID,
			Public: []string{"Date", headerAuthMethod, headerTimestamp},
		},
	}
	var endpointErr, zoneErr error
	p.url, endpointErr = vendorapi.ParseEndpoint(o.Endpoint)
	p.timeZone, zoneErr = timeZoneHeader(p.location)
	if err := errors.Join(endpointErr, zoneErr); err != nil {
		return nil, fmt.Errorf("%s: %w", Name, err)
	}
	p.url.Path = queryPath
	return p, nil
}

// timeZoneHeader is the value of X-Time-Zone for location. It is made of the
// offset and not of the name, so that what the vendor is told and how its times
// are read cannot differ.
func timeZoneHeader(location *time.Location) (string, error) {
	t := time.Unix(0, 0).In(location)
	if start, end := t.ZoneBounds(); !start.IsZero() || !end.IsZero() {
		return "", fmt.Errorf("time zone %q has no fixed offset", location)
	}
	_, offset := t.Zone()
	if offset%int(time.Minute/time.Second) != 0 {
		return "", fmt.Errorf("time zone %q is not off by whole minutes", location)
	}
	return zone.Name(offset), nil
}

// Capabilities says what the vendor can be asked, with the page size and the
// look-back as configured. What the vendor turns out to refuse is told by the
// error of the query that it refused.
func (p *Provider) Capabilities() vendorapi.Capabilities {
	return vendorapi.Capabilities{
		Windows:     true,
		Paged:       true,
		FilterWords: vendorapi.OneWord(prefetch.Waiting, prefetch.Running, prefetch.Succeeded, prefetch.Failed),
		Times:       vendorapi.RowTimes{Created: true, Started: true, Finished: true},
		Gradual:     true,
		PageSize:    p.pageSize,
		LookBack:    p.lookBack,
		MaxSpan:     maxSpan,
		MaxInFlight: 1,
	}
}

// Query asks for one page of rows: those of an itemId, those of a window of
// creation time, or those of an itemId within a window.
//
// It makes one POST. A query that the API has no form for is refused as invalid
// and unsent; so is one that cannot be authenticated, as auth.
func (p *Provider) Query(ctx context.Context, q vendorapi.Query) (vendorapi.Answer, error) {
	return p.call.Do(ctx, q, p.request, p.read)
}

// read turns a response into an answer or a classified error.
func (p *Provider) read(x *vendorapi.Exchange) (vendorapi.Answer, error) {
	var body page
	err := vendorapi.Object(x.Response.Body, &body)
	x.RequestID = body.requestID()
	if !x.Response.Success() || err != nil || !body.succeeded() {
		return vendorapi.Answer{}, body.failure(x, err)
	}
	r := reader{Exchange: x, location: p.location}
	answer, err := r.answer(&body)
	if err != nil {
		return vendorapi.Answer{}, body.failure(x, err)
	}
	return answer, nil
}
