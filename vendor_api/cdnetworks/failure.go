package cdnetworks

import (
	"errors"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"

	"prefetch_exporter/prefetch"
	vendorapi "prefetch_exporter/vendor_api"
)

// failure classifies a response that is no answer to q. body is what could be
// decoded of it, and decodeErr why it could not be.
//
// The vendor signals its errors as Code 0 under HTTP 200 and has no numbers for
// them, so that only the text tells one from another; Wangsu's gateway has words
// for codes. An HTTP status comes from
// whatever stands before the API; a text that is known says more than it does,
// except that 429 leaves no doubt.
func failure(q vendorapi.Query, resp *vendorapi.Response, body *page, decodeErr error) *vendorapi.Error {
	e := &vendorapi.Error{
		Code: body.Code.Excerpt(), Message: body.text(), RequestID: body.requestID(),
	}
	if resp.Status != http.StatusTooManyRequests {
		e.Reason, e.Refused = meaning(q, body.Code.Value(), e.Message)
	}
	switch {
	case resp.Success() && decodeErr != nil:
		e.Reason, e.Refused, e.Err = prefetch.ReasonDecode, "", decodeErr
	case e.Reason != "":
	case !resp.Success():
		e.Reason = statusReason(resp.Status)
	case e.Code == "":
		// Neither an answer nor an error in any form that the vendor has.
		e.Reason, e.Err = prefetch.ReasonDecode, errors.New("the answer has no Code")
	default:
		e.Reason = prefetch.ReasonUnavailable
	}
	// Only now, since words in a page of HTML or in the keys of an unknown
	// object must not classify it.
	if e.Message == "" {
		e.Message = vendorapi.Excerpt(resp.Body)
	}
	return e
}

// statusReason is the meaning of an HTTP status on its own. 404 concerns the
// account and no task: the API knows one path, so the endpoint is wrong, and
// would be for every question.
func statusReason(status int) prefetch.Reason {
	switch status {
	case http.StatusUnauthorized, http.StatusForbidden:
		return prefetch.ReasonAuth
	case http.StatusTooManyRequests:
		return prefetch.ReasonThrottled
	case http.StatusRequestTimeout, http.StatusGatewayTimeout:
		return prefetch.ReasonTimeout
	default:
		return prefetch.ReasonUnavailable
	}
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
// them. A feature counts as refused only if q used it: otherwise the message
// is about something else, and nothing was learned.
func meaning(q vendorapi.Query, code, message string) (prefetch.Reason, vendorapi.Feature) {
	code = strings.ToLower(humps.ReplaceAllString(code, "$1 $2"))
	message = strings.ToLower(code + ": " + message)
	for _, d := range documented {
		if !strings.Contains(message, d.text) {
			continue
		}
		if uses(q, d.refused) {
			return d.reason, d.refused
		}
		return d.reason, ""
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

// blameClock adds to a refusal that the clock here explains it, if it does: the
// vendor's own words for that are "username is invalid".
func blameClock(e *vendorapi.Error, req *http.Request, resp *vendorapi.Response) {
	inWords := resp.Success() && e.Reason == prefetch.ReasonUnavailable
	if e.Err != nil || e.Reason != prefetch.ReasonAuth && !inWords {
		return
	}
	dated, err := http.ParseTime(req.Header.Get("Date"))
	if seconds, parseErr := strconv.ParseInt(req.Header.Get(headerTimestamp), 10, 64); parseErr == nil {
		dated, err = time.Unix(seconds, 0).UTC(), nil
	}
	if err == nil {
		e.Err = vendorapi.Skew(dated, resp.Date, maxSkew)
	}
}

// uses reports whether q relies on the feature.
func uses(q vendorapi.Query, feature vendorapi.Feature) bool {
	switch feature {
	case vendorapi.FeaturePageSize:
		return true
	case vendorapi.FeatureStatusFilter:
		return q.Status != nil
	case vendorapi.FeatureTaskAlone:
		return !hasWindow(q)
	case vendorapi.FeatureLookBack:
		return hasWindow(q)
	default:
		return false
	}
}
