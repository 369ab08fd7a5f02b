package baiducloud

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	vendorapi "prefetch_exporter/vendor_api"
)

// Name is the vendor's value of the `provider` label.
const Name = "baiducloud_cdn"

// The editions of the service, which have paths of their own.
const (
	China  = "china"
	Abroad = "abroad"
)

var paths = map[string]string{China: "/v2/cache/prefetch", Abroad: "/v2/abroad/cache/prefetch"}

const (
	// maxSpan is the longest window, and how far back rows are asked for.
	maxSpan = 30 * 24 * time.Hour
	// pageSize is how many rows of a window an answer has at most; the vendor's page in
	// English says 1000. It cannot be asked for.
	pageSize = 100
)

// Options are what a [Provider] needs to know; only Now can be left out.
type Options struct {
	// Endpoint is scheme and host of the API, such as https://cdn.baidubce.com.
	Endpoint string
	// Edition is [China] or [Abroad].
	Edition string
	// Client sends the requests.
	Client *vendorapi.Client
	// AccessKey, SecretKey and Token are called for every request, since temporary
	// keys are replaced; Token is nil, or returns "", where there is none.
	AccessKey, SecretKey, Token func() string
	// Now is the clock; nil means time.Now.
	Now func() time.Time
}

// Provider asks Baidu AI Cloud CDN about the tasks of one account. It is a
// [vendorapi.Provider], safe for concurrent use.
type Provider struct {
	target url.URL
	call   vendorapi.Call
}

var _ vendorapi.Provider = (*Provider)(nil)

// New returns a provider, or an error if the edition or the endpoint is none. It makes
// no request.
func New(o Options) (*Provider, error) {
	path, ok := paths[o.Edition]
	if !ok {
		return nil, fmt.Errorf("there is no edition %q", o.Edition)
	}
	target, err := vendorapi.ParseEndpoint(o.Endpoint)
	if err != nil {
		return nil, err
	}
	target.Path = path
	return &Provider{target: *target, call: vendorapi.Call{
		Client: o.Client, Now: o.Now, Public: []string{headerDate}, RequestID: headerRequestID,
		Auth: &vendorapi.Keys{AccessKey: o.AccessKey, SecretKey: o.SecretKey, Token: o.Token, Sign: Sign},
	}}, nil
}

// Capabilities says that a task is answered whole, and that windows, which tell neither
// tasks nor how many rows there are, are read page after page.
func (*Provider) Capabilities() vendorapi.Capabilities {
	return vendorapi.Capabilities{
		Windows:     true,
		Times:       vendorapi.RowTimes{Created: true, Started: true, Finished: true},
		PageSize:    pageSize,
		LookBack:    maxSpan,
		MaxSpan:     maxSpan,
		MaxInFlight: 1,
	}
}

// Query asks for all rows of a task, or for one page of those of a window. Every other
// question, and every limit on the rows of a task, is refused without a request.
//
// The error is always a [*vendorapi.Error].
func (p *Provider) Query(ctx context.Context, q vendorapi.Query) (vendorapi.Answer, error) {
	return p.call.Do(ctx, q, p.request, read)
}

func (p *Provider) request(ctx context.Context, q *vendorapi.Query) (*http.Request, []byte, error) {
	if err := q.Complete(p.Capabilities()); err != nil {
		return nil, nil, err
	}
	query := url.Values{}
	switch {
	case q.TaskID == "":
		query.Set("startTime", q.From.UTC().Format(dateLayout))
		query.Set("endTime", q.To.UTC().Format(dateLayout))
		if q.Cursor != "" {
			query.Set("marker", q.Cursor)
		}
	case q.HasWindow() || q.Cursor != "":
		return nil, nil, errors.New("the vendor cannot limit the rows of a task")
	default:
		query.Set("id", q.TaskID)
	}
	target := p.target
	target.RawQuery = canonicalQuery(query)
	return vendorapi.NewRequest(ctx, http.MethodGet, &target, nil)
}

// read turns a response into an answer or a classified error. A body with a code is an
// error under any HTTP status.
func read(x *vendorapi.Exchange) (vendorapi.Answer, error) {
	var body document
	err := vendorapi.Object(x.Response.Body, &body)
	x.RequestID = body.RequestID.Value()
	switch {
	case !x.Response.Success(), body.Code.Value() != "":
		return vendorapi.Answer{}, body.failure(x)
	case err != nil:
		return vendorapi.Answer{}, err
	default:
		return body.answer(x)
	}
}
