package huaweicloud

import (
	"context"
	"net/http"
	"net/url"
	"time"

	vendorapi "prefetch_exporter/vendor_api"
	"prefetch_exporter/vendor_api/signing"
)

// Name is the value of the `provider` label.
const Name = "huaweicloud_vod"

// Options are what a [Provider] needs to know; only Now can be left out.
type Options struct {
	// Endpoint is scheme and host of the API, such as
	// https://vod.ap-southeast-3.myhuaweicloud.com.
	Endpoint string
	// ProjectID is the id of the project in the endpoint's region that the
	// tasks belong to.
	ProjectID string
	// Client sends the requests.
	Client *vendorapi.Client
	// Auth proves who is asking.
	Auth Auth
	// Now is the clock; nil means time.Now.
	Now func() time.Time
}

// Provider asks Huawei Cloud VOD about the tasks of one project. It is a
// [vendorapi.Provider], safe for concurrent use.
type Provider struct {
	target    url.URL
	projectID string
	auth      Auth
	call      vendorapi.Call
}

var _ vendorapi.Provider = (*Provider)(nil)

// New returns a provider, or an error if the endpoint is none. It makes no request.
func New(o Options) (*Provider, error) {
	target, err := vendorapi.ParseEndpoint(o.Endpoint)
	if err != nil {
		return nil, err
	}
	// Path and RawPath say the same, so that what is sent is what is signed.
	target.Path = "/v1.0/" + o.ProjectID + "/asset/preheating"
	target.RawPath = "/v1.0/" + signing.Escape(o.ProjectID) + "/asset/preheating"
	return &Provider{target: *target, projectID: o.ProjectID, auth: o.Auth, call: vendorapi.Call{
		Client: o.Client, Auth: o.Auth, Now: o.Now, Public: []string{headerSDKDate}, RequestID: headerRequestID,
	}}, nil
}

// Capabilities says that the vendor can be asked for single tasks only.
func (*Provider) Capabilities() vendorapi.Capabilities {
	return vendorapi.Capabilities{MaxInFlight: 4}
}

// Query asks for the rows of one task. Every other question, and every limit on
// the rows, is refused without a request: the vendor has no such parameter, and
// leaving it out would answer something else. Pages are ignored, as the vendor
// answers whole.
//
// The error is always a [*vendorapi.Error].
func (p *Provider) Query(ctx context.Context, q vendorapi.Query) (vendorapi.Answer, error) {
	return p.call.Do(ctx, q, p.request, p.read)
}

// request builds the question without its credentials. The headers are those
// that the vendor's SDK sends.
func (p *Provider) request(ctx context.Context, q *vendorapi.Query) (*http.Request, []byte, error) {
	if err := q.Complete(p.Capabilities()); err != nil {
		return nil, nil, err
	}
	target := p.target
	target.RawQuery = "task_id=" + signing.Escape(q.TaskID)
	req, body, err := vendorapi.NewRequest(ctx, http.MethodGet, &target, nil)
	if err != nil {
		return nil, nil, err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("X-Project-Id", p.projectID)
	return req, body, nil
}
