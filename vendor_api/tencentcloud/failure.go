package tencentcloud

import (
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"strconv"
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

// failure classifies a response to req that is no answer to q. decodeErr is why it
// could not be read, if so. A code of the vendor says more than the HTTP status, which
// is 200 for most errors; but 429 leaves no doubt.
func (r *response) failure(q *vendorapi.Query, req *http.Request, resp *vendorapi.Response, decodeErr error) *vendorapi.Error {
	e := &vendorapi.Error{
		Code: r.Error.code.Excerpt(), Message: r.Error.message.Excerpt(), RequestID: r.RequestID.Value(),
	}
	code := strings.ToLower(r.Error.code.Value())
	switch {
	case resp.Status == http.StatusTooManyRequests:
		e.Reason = prefetch.ReasonThrottled
	case r.Error.told && (code != "" || resp.Success()):
		e.Reason = codeReason(code)
		if e.Reason == prefetch.ReasonInvalid {
			e.Refused = refused(q, code, strings.ToLower(e.Message))
		}
	case !resp.Success():
		e.Reason = vendorapi.StatusReason(resp.Status, false)
	default:
		e.Reason, e.Err = prefetch.ReasonDecode, decodeErr
	}
	if e.Message == "" {
		e.Message = vendorapi.Excerpt(resp.Body)
	}
	if e.Reason == prefetch.ReasonAuth {
		e.Err = skew(req, resp, code)
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
	case hasWindow(q) && (strings.HasSuffix(code, ".cdnstatinvaliddate") || strings.HasSuffix(code, ".querytimelimitexceeded") ||
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

// skew is the cause of a refusal if the request was dated too far off the vendor's
// clock, as its Date or its code says; nil otherwise.
func skew(req *http.Request, resp *vendorapi.Response, code string) error {
	seconds, err := strconv.ParseInt(req.Header.Get(headerTimestamp), 10, 64)
	if err == nil {
		if off := vendorapi.Skew(time.Unix(seconds, 0), resp.Date, maxSkew); off != nil {
			return off
		}
	}
	if strings.HasPrefix(code, codeExpired) {
		return fmt.Errorf("the clock here is off the vendor's, which allows %v", maxSkew)
	}
	return nil
}
