package huaweicloud

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"prefetch_exporter/prefetch"
	vendorapi "prefetch_exporter/vendor_api"
	"prefetch_exporter/vendor_api/signing"
)

// CDNName is Huawei Cloud CDN's value of the `provider` label.
const CDNName = "huaweicloud_cdn"

// What "Querying Historical Tasks" and "Querying Historical Task Details" of the
// CDN's API reference say.
const (
	cdnTasksPath = "/v1.0/cdn/historytasks"
	// cdnPage is the largest page_size, of tasks and of URLs.
	cdnPage = 10_000
	// cdnLookBack is how old a task may be to be found by its id. How old one in a
	// list may be is not documented.
	cdnLookBack = 15 * 24 * time.Hour
	// cdnYoung is the age up to which a task is found without create_time, with a day
	// to spare: the vendor says 7 days.
	cdnYoung = 6 * 24 * time.Hour
)

// headerDomainID names the account that is asked for, as the vendor's SDK does.
const headerDomainID = "X-Domain-Id"

// CDNOptions are what a [CDN] needs to know; DomainID, EnterpriseProjectID and Now can
// be left out.
type CDNOptions struct {
	// Endpoint is scheme and host of the API, such as https://cdn.myhuaweicloud.com.
	Endpoint string
	// DomainID is the id of the account that the tasks belong to.
	DomainID string
	// EnterpriseProjectID limits answers to an enterprise project; "all" means every
	// one that the user may see.
	EnterpriseProjectID string
	// Client sends the requests.
	Client *vendorapi.Client
	// Auth proves who is asking.
	Auth Auth
	// Now is the clock; nil means time.Now.
	Now func() time.Time
}

// CDN asks Huawei Cloud CDN about the preheating tasks of one account. It is a
// [vendorapi.Provider], safe for concurrent use.
type CDN struct {
	target            url.URL
	domainID          string
	enterpriseProject string
	auth              Auth
	call              vendorapi.Call
}

var _ vendorapi.Provider = (*CDN)(nil)

// NewCDN returns a provider, or an error if the endpoint is none. It makes no request.
func NewCDN(o CDNOptions) (*CDN, error) {
	target, err := vendorapi.ParseEndpoint(o.Endpoint)
	if err != nil {
		return nil, err
	}
	return &CDN{
		target: *target, domainID: o.DomainID, enterpriseProject: o.EnterpriseProjectID, auth: o.Auth,
		call: vendorapi.Call{
			Client: o.Client, Auth: o.Auth, Now: o.Now, Public: []string{headerSDKDate}, RequestID: headerRequestID,
		},
	}, nil
}

// Capabilities says that the vendor tells which tasks there are, with their counts,
// and of each its URLs. The details can be limited to one status, but the vendor has
// two words for what runs, and a page holds every URL of a task.
func (*CDN) Capabilities() vendorapi.Capabilities {
	return vendorapi.Capabilities{
		Lists:       true,
		Paged:       true,
		Times:       vendorapi.RowTimes{Created: true},
		Causes:      true,
		PageSize:    cdnPage,
		ListSize:    cdnPage,
		LookBack:    cdnLookBack,
		MaxSpan:     cdnLookBack,
		MaxInFlight: 2,
	}
}

// Query asks for a page of the rows of one task, or of the tasks of a span of time.
// Every other question is refused without a request.
//
// The error is always a [*vendorapi.Error].
func (c *CDN) Query(ctx context.Context, q vendorapi.Query) (vendorapi.Answer, error) {
	return c.call.Do(ctx, q, c.request, c.read)
}

// request builds the question without its credentials.
func (c *CDN) request(ctx context.Context, q *vendorapi.Query) (*http.Request, []byte, error) {
	if err := q.Complete(c.Capabilities()); err != nil {
		return nil, nil, err
	}
	if q.Kind == vendorapi.QueryCount || q.TaskID != "" && (q.Kind == vendorapi.QueryList || q.HasWindow()) {
		return nil, nil, errors.New("the vendor tells the rows of a task, of any time, or the tasks of a span of time")
	}
	target := c.target
	// The page says that both are sent, or neither.
	query := url.Values{"page_size": {strconv.Itoa(q.PageSize)}, "page_number": {strconv.Itoa(q.Page)}}
	if q.Kind == vendorapi.QueryList {
		target.Path = cdnTasksPath
		query.Set("task_type", taskPreheating)
		setMillis(query, "start_date", q.From)
		setMillis(query, "end_date", q.To)
	} else {
		// Path and RawPath say the same, so that what is sent is what is signed.
		target.Path = cdnTasksPath + "/" + q.TaskID + "/detail"
		target.RawPath = cdnTasksPath + "/" + signing.Escape(q.TaskID) + "/detail"
		if c.call.Time().Sub(q.Created) > cdnYoung {
			setMillis(query, "create_time", q.Created)
		}
	}
	if c.enterpriseProject != "" {
		query.Set("enterprise_project_id", c.enterpriseProject)
	}
	target.RawQuery = signing.CanonicalQuery(query)
	req, body, err := vendorapi.NewRequest(ctx, http.MethodGet, &target, nil)
	if err != nil {
		return nil, nil, err
	}
	req.Header.Set("Content-Type", "application/json")
	if c.domainID != "" {
		req.Header.Set(headerDomainID, c.domainID)
	}
	return req, body, nil
}

// setMillis sets a time in milliseconds since 1970, unless it is not known.
func setMillis(query url.Values, name string, t time.Time) {
	if !t.IsZero() {
		query.Set(name, strconv.FormatInt(t.UnixMilli(), 10))
	}
}

// read turns a response into an answer or a classified error. Most errors come under
// HTTP 200, so that a body is an error before it is anything else.
func (c *CDN) read(x *vendorapi.Exchange) (vendorapi.Answer, error) {
	r := cdnReader{Exchange: x}
	err := vendorapi.Object(x.Response.Body, &r.body)
	switch {
	case !x.Response.Success(), r.body.refused():
		return vendorapi.Answer{}, c.refusal(x)
	case err != nil:
		return vendorapi.Answer{}, err
	case x.Query.Kind == vendorapi.QueryList:
		return r.list()
	default:
		return r.detail()
	}
}

// refusal is the error of an answer that is none.
func (c *CDN) refusal(x *vendorapi.Exchange) *vendorapi.Error {
	e := refusal(c.auth, x)
	switch code := strings.ToUpper(e.Code); {
	case e.Err != nil:
	case code == "CDN.0020", code == "CDN.0021":
		e.Err = errors.New("set enterprise_project_id to a project that the user may see, or to all")
	case code == "CDN.0001" && strings.Contains(strings.ToLower(e.Message), "page_size"):
		e.Refused = vendorapi.FeaturePageSize
	case e.Reason == prefetch.ReasonNotFound && x.Query.Kind == vendorapi.QueryList:
		e.Reason = prefetch.ReasonInvalid // a list has no task that could be missing
	}
	return e
}
