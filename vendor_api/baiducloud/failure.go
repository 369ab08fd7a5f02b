package baiducloud

import (
	"cmp"
	"errors"
	"regexp"
	"strings"
	"time"

	"prefetch_exporter/prefetch"
	vendorapi "prefetch_exporter/vendor_api"
)

// maxSkew is how far a request's date may be from the vendor's clock, and how long its
// signature is good for (https://cloud.baidu.com/doc/DataBuilder/s/Mmdya6ldu).
const maxSkew = 30 * time.Minute

// wrongDate are the codes of a request that is too old, or from the future.
var wrongDate = map[string]error{"RequestExpired": errors.New("the clock here and the vendor's differ")}

// codes are those of https://cloud.baidu.com/doc/BCC/s/Ojwvyo6nc and
// https://cloud.baidu.com/doc/IAM/s/Rjx4d0rxo-en.
var codes = map[string]prefetch.Reason{
	"AccessDenied":          prefetch.ReasonAuth,
	"InvalidAccessKeyId":    prefetch.ReasonAuth,
	"InvalidHTTPAuthHeader": prefetch.ReasonAuth,
	// The service is not opened.
	"OptInRequired":         prefetch.ReasonAuth,
	"RequestExpired":        prefetch.ReasonAuth,
	"SignatureDoesNotMatch": prefetch.ReasonAuth,
	"InappropriateJSON":     prefetch.ReasonInvalid,
	"MalformedJSON":         prefetch.ReasonInvalid,
	"InvalidHTTPRequest":    prefetch.ReasonInvalid,
	"InvalidURI":            prefetch.ReasonInvalid,
	// The endpoint is wrong, and no task is gone.
	"InvalidVersion": prefetch.ReasonUnavailable,
	"InternalError":  prefetch.ReasonUnavailable,
}

// What no page documents is told apart by its words: the code of throttling, and what
// an unknown id or a window from too long ago is answered with.
var (
	throttledCode = regexp.MustCompile(`Throttl|RateLimit|TooMany`)
	idText        = regexp.MustCompile(`(?i)\bid\b`)
	startText     = regexp.MustCompile(`(?i)start[ _-]?time`)
)

// failure classifies a response that is no answer.
func (d *document) failure(x *vendorapi.Exchange) *vendorapi.Error {
	q, e := &x.Query, &vendorapi.Error{Code: d.Code.Excerpt(), Message: cmp.Or(d.Message.Excerpt(), vendorapi.Excerpt(x.Response.Body))}
	e.Reason = reason(e.Code, x.Response)
	switch e.Reason {
	case prefetch.ReasonInvalid:
		if q.TaskID != "" && (idText.MatchString(e.Message) || strings.Contains(e.Message, q.TaskID)) {
			e.Reason = prefetch.ReasonNotFound
		} else if q.TaskID == "" && startText.MatchString(e.Message) {
			e.Refused = vendorapi.FeatureLookBack
		}
	case prefetch.ReasonNotFound:
		if q.TaskID == "" {
			// There is nothing to be found but the API.
			e.Reason = prefetch.ReasonUnavailable
		}
	case prefetch.ReasonAuth:
		e.Err = x.Skew(maxSkew, wrongDate[e.Code])
	default:
	}
	return e
}

func reason(code string, resp *vendorapi.Response) prefetch.Reason {
	known, ok := codes[code]
	switch {
	case ok:
		return known
	case throttledCode.MatchString(code):
		return prefetch.ReasonThrottled
	default:
		// The body of an error may be empty.
		return vendorapi.StatusReason(resp.Status, code != "" || resp.Header.Get(headerRequestID) != "")
	}
}
