package cdnetworks

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

// failure classifies a response that is no answer. p is what could be decoded of
// it, and decodeErr why it could not be.
//
// The vendor signals its errors as Code 0 under HTTP 200 and has no numbers for
// them, so that only the text tells one from another; Wangsu's gateway has words
// for codes. An HTTP status comes from whatever stands before the API; a text that
// is known says more than it does, except that 429 leaves no doubt.
func (p *page) failure(x *vendorapi.Exchange, decodeErr error) *vendorapi.Error {
	resp, e := x.Response, &vendorapi.Error{Code: p.Code.Excerpt(), Message: p.text()}
	if resp.Status != http.StatusTooManyRequests {
		e.Reason, e.Refused = meaning(&x.Query, p.Code.Value(), e.Message)
	}
	switch {
	case resp.Success() && decodeErr != nil:
		e.Reason, e.Refused, e.Err = prefetch.ReasonDecode, "", decodeErr
	case e.Reason != "":
	case resp.Status == http.StatusForbidden:
		e.Reason = prefetch.ReasonAuth
	case resp.Status == http.StatusRequestURITooLong:
		e.Reason = prefetch.ReasonUnavailable // no part of the address is the task's
	case !resp.Success():
		// 404 concerns the account and no task: the API knows one path, so the
		// endpoint is wrong, and would be for every question.
		e.Reason = vendorapi.StatusReason(resp.Status, false)
	case e.Code == "":
		// Neither an answer nor an error in any form that the vendor has.
		e.Reason, e.Err = prefetch.ReasonDecode, errors.New("the answer has no Code")
	default:
		e.Reason = prefetch.ReasonUnavailable
	}
	// Only now, since words in a page of HTML or in the keys of an unknown
	// object must not classify it.
	e.Message = cmp.Or(e.Message, vendorapi.Excerpt(resp.Body))
	// The vendor's own words for a clock that is off are "username is invalid".
	inWords := resp.Success() && e.Reason == prefetch.ReasonUnavailable
	if e.Err == nil && (e.Reason == prefetch.ReasonAuth || inWords) {
		e.Err = x.Skew(maxSkew, nil)
	}
	return e
}

// documented are the error texts of the vendor's page, in lower case, and what
// each one means.
var documented = [...]struct {
	text   string
	reason prefetch.Reason
	// refused is what the vendor turned out not to support, if the query used
	// it.
	refused vendorapi.Feature
}{
	{text: "parse json error", reason: prefetch.ReasonInvalid},
	{text: "username is invalid", reason: prefetch.ReasonAuth},
	{text: "starttime or endtime must not be empty", reason: prefetch.ReasonInvalid, refused: vendorapi.FeatureTaskAlone},
	// The number of days is left unread: whoever asked knows how far back it
	// asked, and the text is in the error for people.
	{text: "query create time should not before", reason: prefetch.ReasonInvalid, refused: vendorapi.FeatureLookBack},
	{text: "query time error", reason: prefetch.ReasonInvalid},
	{text: "endtime should not before starttime", reason: prefetch.ReasonInvalid},
	{text: "page size error", reason: prefetch.ReasonInvalid, refused: vendorapi.FeaturePageSize},
	{text: "page no error", reason: prefetch.ReasonInvalid},
	{text: "task status error", reason: prefetch.ReasonInvalid, refused: vendorapi.FeatureStatusFilter},
}

// Texts that no page documents are told apart by words, English and Chinese, as
// the API answers in either. The order of the checks in [meaning] matters:
// "access denied: too many requests" is no matter of credentials.
var (
	throttledText = regexp.MustCompile(`too many|frequen|throttl|limit|\brate\b|quota|\bqps\b|flow control|频|限流|限制|超限|过多`)
	authText      = regexp.MustCompile(`signature|authori[sz]|authenticat|credential|password|denied|forbidden|permission|` +
		`access[ -]?key|api[ -]?key|timestamp|\bdate\b.*(invalid|expire|header)|\buser(name)?\b|签名|鉴权|认证|权限|密码|用户`)
	absentText = regexp.MustCompile(`not? (be )?(exist|found)|does(n't| not) exist|no such|cannot find|不存在|未找到`)
	taskText   = regexp.MustCompile(`item|\btasks?\b|\brecords?\b|\bdata\b|任务|数据|记录`)
	// invalidCode is a code that judges the question; in a message the same words
	// may be about anything.
	invalidCode = regexp.MustCompile(`^(invalid|illegal|missing|malformed|unsupported)\b|\b(invalid|missing|malformed)$`)
	// humps are where a code such as AccessDenied has a new word.
	humps = regexp.MustCompile(`([a-z0-9])([A-Z])|[._-]`)
)

// meaning is what the vendor's code and message say of q; empty if no table knows
// them.
func meaning(q *vendorapi.Query, code, message string) (prefetch.Reason, vendorapi.Feature) {
	code = strings.ToLower(humps.ReplaceAllString(code, "$1 $2"))
	message = strings.ToLower(code + ": " + message)
	for _, d := range documented {
		if strings.Contains(message, d.text) {
			return d.reason, d.refused.UsedBy(q)
		}
	}
	switch {
	case throttledText.MatchString(message):
		return prefetch.ReasonThrottled, ""
	case authText.MatchString(message):
		return prefetch.ReasonAuth, ""
	case q.TaskID != "" && absentText.MatchString(message) &&
		(taskText.MatchString(message) || strings.Contains(message, strings.ToLower(q.TaskID))):
		return prefetch.ReasonNotFound, ""
	case invalidCode.MatchString(code):
		return prefetch.ReasonInvalid, ""
	default:
		return "", ""
	}
}

// maxSkew is how far a request's date may be from the vendor's clock
// (documents.cdnetworks.com, "AK/SK authentication").
const maxSkew = 5 * time.Minute
