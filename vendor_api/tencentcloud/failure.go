package tencentcloud

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"time"

	"prefetch_exporter/prefetch"
	vendorapi "prefetch_exporter/vendor_api"
)

// maxSkew is how far X-TC-Timestamp may be from the vendor's clock.
const maxSkew = 5 * time.Minute

// codeExpired is the code of a request that is dated further off.
const codeExpired = "authfailure.signatureexpire"

// refusal is the Error of a response. Reading one never fails.
type refusal struct {
	// told: there is one, whatever it says.
	told          bool
	code, message vendorapi.Text
}

// UnmarshalJSON reads a value; null is no error.
func (e *refusal) UnmarshalJSON(value []byte) error {
	*e = refusal{told: value[0] != 'n'}
	var words struct {
		Code    vendorapi.Text `json:"Code"`
		Message vendorapi.Text `json:"Message"`
	}
	if json.Unmarshal(value, &words) != nil && e.told { // a text, or a list
		return e.message.UnmarshalJSON(value)
	}
	e.code, e.message = words.Code, words.Message
	return nil
}

// failure classifies a response that is no answer. A code of the vendor says more than
// the HTTP status, which is 200 for most errors; but 429 leaves no doubt.
func (r *response) failure(x *vendorapi.Exchange) *vendorapi.Error {
	code, status := strings.ToLower(r.Error.code.Value()), x.Response.Status
	message := r.Error.message.Excerpt()
	e := &vendorapi.Error{Code: r.Error.code.Excerpt(), Message: cmp.Or(message, vendorapi.Excerpt(x.Response.Body))}
	switch {
	case status == http.StatusTooManyRequests:
		e.Reason = prefetch.ReasonThrottled
	case r.Error.told && (code != "" || x.Response.Success()):
		e.Reason = codeReason(code)
	default:
		e.Reason = vendorapi.StatusReason(status, false)
	}
	switch e.Reason {
	case prefetch.ReasonInvalid:
		e.Refused = refused(&x.Query, code, strings.ToLower(message))
	case prefetch.ReasonAuth:
		e.Err = x.Skew(maxSkew, nil)
		if e.Err == nil && strings.HasPrefix(code, codeExpired) {
			e.Err = fmt.Errorf("the clock here is off the vendor's, which allows %v", maxSkew)
		}
	default:
	}
	return e
}

// codes are the reasons of codes that begin so, in lower case; the first that fits
// counts. They are the common ones (tencentcloud.com/document/api/1252/68119) and
// those of both actions in the vendor's SDK (errors.go). A zone or a product that
// does not exist is invalid: the vendor has no code for a task that is unknown.
var codes = [...]struct {
	prefix string
	reason prefetch.Reason
}{
	{"requestlimitexceeded", prefetch.ReasonThrottled},
	{"limitexceeded.ratelimitexceeded", prefetch.ReasonThrottled},
	{"limitexceeded.cdnhostoptoooften", prefetch.ReasonThrottled},
	{"unauthorizedoperation.operationtoooften", prefetch.ReasonThrottled},
	{"authfailure", prefetch.ReasonAuth},
	{"unauthorizedoperation", prefetch.ReasonAuth},
	{"limitexceeded.querytimelimitexceeded", prefetch.ReasonInvalid},
	{"invalidparameter", prefetch.ReasonInvalid},
	{"missingparameter", prefetch.ReasonInvalid},
	{"unknownparameter", prefetch.ReasonInvalid},
	{"invalidaction", prefetch.ReasonInvalid},
	{"nosuchversion", prefetch.ReasonInvalid},
	{"resourcenotfound", prefetch.ReasonInvalid},
	{"resourceunavailable.zonenotfound", prefetch.ReasonInvalid},
}

// codeReason is the meaning of a code. Those that are not listed are of the vendor's
// own troubles, or of an account that it moves from one product to another
// (OperationDenied).
func codeReason(code string) prefetch.Reason {
	for _, c := range codes {
		if strings.HasPrefix(code, c.prefix) {
			return c.reason
		}
	}
	return prefetch.ReasonUnavailable
}

var (
	limitText  = regexp.MustCompile(`\blimit\b`)
	statusText = regexp.MustCompile(`\bstatus(es)?\b`)
	spanText   = regexp.MustCompile(`\bdays?\b`)
)

// refused is the feature that the vendor turned out not to support, if q used it:
// most of its limits are not documented.
func refused(q *vendorapi.Query, code, message string) vendorapi.Feature {
	switch {
	case q.HasWindow() && (strings.HasSuffix(code, ".cdnstatinvaliddate") || strings.HasSuffix(code, ".querytimelimitexceeded") ||
		spanText.MatchString(message)):
		return vendorapi.FeatureLookBack
	case q.Status != nil && (strings.HasSuffix(code, ".toomanyfiltervalues") || statusText.MatchString(message)):
		return vendorapi.FeatureStatusFilter
	case limitText.MatchString(message):
		return vendorapi.FeaturePageSize
	default:
		return ""
	}
}
