package volcengine

import (
	"cmp"
	"errors"
	"regexp"
	"strings"

	"prefetch_exporter/prefetch"
	vendorapi "prefetch_exporter/vendor_api"
)

// fault is what a body says of an error. The service's own may lack the number.
type fault struct {
	CodeN   vendorapi.Text `json:"CodeN"`
	Code    vendorapi.Text `json:"Code"`
	Message vendorapi.Text `json:"Message"`
}

// code is the vendor's code; empty if there is no error.
func (f *fault) code() string { return cmp.Or(f.Code.Excerpt(), f.CodeN.Excerpt()) }

var errClocksDiffer = errors.New("the clock here and the vendor's differ")

// wrongDate are the codes of a request that is too old, or from the future.
var wrongDate = map[string]error{"InvalidTimestamp": errClocksDiffer, "100006": errClocksDiffer}

// codes are those of https://www.volcengine.com/docs/6369/68677 and of
// https://docs.byteplus.com/en/docs/byteplus-platform/reference/common-error-codes.
var codes = map[string]prefetch.Reason{
	"MissingParameter": prefetch.ReasonInvalid, "100002": prefetch.ReasonInvalid,
	"MissingRequestInfo": prefetch.ReasonInvalid, "100004": prefetch.ReasonInvalid,
	"MissingAuthenticationToken": prefetch.ReasonAuth, "100003": prefetch.ReasonAuth,
	"MissingSignature": prefetch.ReasonAuth, "100005": prefetch.ReasonAuth,
	"InvalidTimestamp": prefetch.ReasonAuth, "100006": prefetch.ReasonAuth,
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

// failure classifies a response that is no answer.
func (p *Provider) failure(x *vendorapi.Exchange, f *fault) *vendorapi.Error {
	e := &vendorapi.Error{Code: f.code(), Message: cmp.Or(f.Message.Excerpt(), vendorapi.Excerpt(x.Response.Body))}
	e.Reason = reason(e.Code, x.Response.Status)
	switch e.Reason {
	case prefetch.ReasonInvalid:
		e.Refused = refused(&x.Query, e.Code+": "+e.Message)
	case prefetch.ReasonAuth:
		e.Err = x.Skew(p.maxSkew, wrongDate[e.Code])
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
func refused(q *vendorapi.Query, text string) vendorapi.Feature {
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
