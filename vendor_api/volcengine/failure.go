package volcengine

import (
	"cmp"
	"errors"
	"net/http"
	"regexp"
	"strings"
	"time"

	"prefetch_exporter/prefetch"
	vendorapi "prefetch_exporter/vendor_api"
)

// fault is what a body says of an error. The service's own may lack the number.
type fault struct {
	CodeN   vendorapi.Text `json:"CodeN"`
	Code    vendorapi.Text `json:"Code"`
	Message vendorapi.Text `json:"Message"`
}

// told reports whether there is an error.
func (f *fault) told() bool { return f.code() != "" }

func (f *fault) code() string { return cmp.Or(f.Code.Excerpt(), f.CodeN.Excerpt()) }

// codeInvalidTimestamp refuses a request that is too old, or from the future.
const codeInvalidTimestamp = "InvalidTimestamp"

// codes are those of https://www.volcengine.com/docs/6369/68677 and of
// https://docs.byteplus.com/en/docs/byteplus-platform/reference/common-error-codes.
var codes = map[string]prefetch.Reason{
	"MissingParameter": prefetch.ReasonInvalid, "100002": prefetch.ReasonInvalid,
	"MissingRequestInfo": prefetch.ReasonInvalid, "100004": prefetch.ReasonInvalid,
	"MissingAuthenticationToken": prefetch.ReasonAuth, "100003": prefetch.ReasonAuth,
	"MissingSignature": prefetch.ReasonAuth, "100005": prefetch.ReasonAuth,
	codeInvalidTimestamp: prefetch.ReasonAuth, "100006": prefetch.ReasonAuth,
	// The endpoint is wrong, and no task is gone.
	"ServiceNotFound": prefetch.ReasonUnavailable, "100007": prefetch.ReasonUnavailable,
	"InvalidActionOrVersion": prefetch.ReasonUnavailable, "100008": prefetch.ReasonUnavailable,
	"InvalidAccessKey": prefetch.ReasonAuth, "100009": prefetch.ReasonAuth,
	"SignatureDoesNotMatch": prefetch.ReasonAuth, "100010": prefetch.ReasonAuth,
	"LackPolicy": prefetch.ReasonAuth, "100012": prefetch.ReasonAuth,
	"AccessDenied": prefetch.ReasonAuth, "100013": prefetch.ReasonAuth,
	"InternalError": prefetch.ReasonUnavailable, "100014": prefetch.ReasonUnavailable,
	"InternalServiceTimeout": prefetch.ReasonTimeout, "100016": prefetch.ReasonTimeout,
	"FlowLimitExceeded": prefetch.ReasonThrottled, "100018": prefetch.ReasonThrottled,
}

// Codes that no page has are told apart by their words.
var (
	throttledCode = regexp.MustCompile(`Throttl|LimitExceeded|TooMany`)
	invalidCode   = regexp.MustCompile(`^(Invalid|Missing)`)
	// What InvalidParameter is about: the pages do not say how many rows a page may
	// have, and an older one has another look-back.
	pageSizeText = regexp.MustCompile(`(?i)page[ _-]?size`)
	statusText   = regexp.MustCompile(`(?i)\bstatus\b`)
	startText    = regexp.MustCompile(`(?i)start[ _-]?time`)
)

// failure classifies a response that is no answer to q.
func (p *Provider) failure(q vendorapi.Query, body *document, req *http.Request, resp *vendorapi.Response) *vendorapi.Error {
	f := &body.fault
	e := &vendorapi.Error{
		Code: f.code(), Message: cmp.Or(f.Message.Excerpt(), vendorapi.Excerpt(resp.Body)), RequestID: body.requestID,
	}
	e.Reason = reason(e.Code, resp.Status)
	switch e.Reason {
	case prefetch.ReasonInvalid:
		e.Refused = refused(q, e.Code+": "+e.Message)
	case prefetch.ReasonAuth:
		e.Err = p.blameClock(e.Code, req, resp)
	default:
	}
	return e
}

func reason(code string, status int) prefetch.Reason {
	// A code may have a detail: InvalidParameter.PageSize.
	code, _, _ = strings.Cut(code, ".")
	known, ok := codes[code]
	switch {
	case ok:
		return known
	case throttledCode.MatchString(code):
		return prefetch.ReasonThrottled
	case invalidCode.MatchString(code):
		return prefetch.ReasonInvalid
	default:
		return vendorapi.StatusReason(status, code != "")
	}
}

// refused is the feature that an invalid parameter is about, if q uses it.
func refused(q vendorapi.Query, text string) vendorapi.Feature {
	switch {
	case pageSizeText.MatchString(text):
		return vendorapi.FeaturePageSize
	case q.Status != nil && statusText.MatchString(text):
		return vendorapi.FeatureStatusFilter
	case q.TaskID == "" && startText.MatchString(text):
		return vendorapi.FeatureLookBack
	default:
		return ""
	}
}

// blameClock is the cause of a refusal if the clock here explains it.
func (p *Provider) blameClock(code string, req *http.Request, resp *vendorapi.Response) error {
	dated, err := time.Parse(dateLayout, req.Header.Get(headerDate))
	if err == nil {
		err = vendorapi.Skew(dated, resp.Date, p.maxSkew)
	}
	if err == nil && (code == codeInvalidTimestamp || code == "100006") {
		err = errors.New("the clock here and the vendor's differ")
	}
	return err
}
