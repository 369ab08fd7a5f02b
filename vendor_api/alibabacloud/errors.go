package alibabacloud

import (
	"cmp"
	"errors"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"

	"prefetch_exporter/prefetch"
	vendorapi "prefetch_exporter/vendor_api"
)

const (
	// maxSkew is how far x-acs-date may be from the vendor's clock.
	maxSkew = 15 * time.Minute
	// maxTimeLeft bounds what a broken header can do.
	maxTimeLeft = time.Hour
	// codeTime begins the codes of a time that the vendor does not accept.
	codeTime = "InvalidTimeStamp"
	// codeTaskID is the code of an id that the vendor does not take.
	codeTaskID = "InvalidTaskId"
)

// codes are the vendor's codes, of the pages of its CDN calls and of the common
// errors of its APIs, by how they begin: what follows a full stop only says more.
// refused is what the vendor turned out not to support, if the question used it.
var codes = [...]struct {
	begin   string
	reason  prefetch.Reason
	refused vendorapi.Feature
}{
	{begin: "Throttling", reason: prefetch.ReasonThrottled},
	{begin: "ServiceUnavailable", reason: prefetch.ReasonUnavailable},
	{begin: "InternalError", reason: prefetch.ReasonUnavailable},
	{begin: "InvalidAction", reason: prefetch.ReasonUnavailable}, // a wrong endpoint
	{begin: "InvalidVersion", reason: prefetch.ReasonUnavailable},
	{begin: codeTime, reason: prefetch.ReasonAuth},
	{begin: "SignatureNonceUsed", reason: prefetch.ReasonAuth},
	{begin: "SignatureDoesNotMatch", reason: prefetch.ReasonAuth},
	{begin: "IncompleteSignature", reason: prefetch.ReasonAuth},
	{begin: "InvalidAccessKeyId", reason: prefetch.ReasonAuth},
	{begin: "MissingAccessKeyId", reason: prefetch.ReasonAuth},
	{begin: "InvalidSecurityToken", reason: prefetch.ReasonAuth},
	{begin: "MissingSecurityToken", reason: prefetch.ReasonAuth},
	{begin: "Forbidden", reason: prefetch.ReasonAuth},
	{begin: "NoPermission", reason: prefetch.ReasonAuth},
	{begin: "OperationDenied", reason: prefetch.ReasonAuth},
	{begin: codeTaskID, reason: prefetch.ReasonInvalid},
	{begin: "InvalidStartTime.ValueNotSupported", reason: prefetch.ReasonInvalid, refused: vendorapi.FeatureLookBack},
	{begin: "InvalidStatus", reason: prefetch.ReasonInvalid, refused: vendorapi.FeatureStatusFilter},
	{begin: "InvalidPageSize", reason: prefetch.ReasonInvalid, refused: vendorapi.FeaturePageSize},
}

// failure classifies a response that is no answer.
func (p *page) failure(x *vendorapi.Exchange) *vendorapi.Error {
	e := &vendorapi.Error{Code: p.Code.Excerpt(), Message: cmp.Or(p.Message.Excerpt(), vendorapi.Excerpt(x.Response.Body))}
	e.Reason, e.Refused = meaning(&x.Query, x.Response.Status, e.Code)
	switch {
	case e.Reason == prefetch.ReasonAuth:
		e.Err = x.Skew(maxSkew, nil)
		if e.Err == nil && begins(e.Code, codeTime) {
			e.Err = errors.New("look at the clock here: the vendor allows 15 minutes")
		}
	case e.Reason == prefetch.ReasonThrottled:
		e.RetryAfter = timeLeft(x.Response.Header)
	case begins(e.Code, codeTaskID) && len(x.Query.Others) == 0 && idForm.MatchString(x.Query.TaskID):
		// What looks like one of its ids and is called invalid does not exist: "check
		// that the TaskId exists", one of the vendor's pages says.
		e.Reason = prefetch.ReasonNotFound
	}
	return e
}

// idForm is what the vendor's ids look like.
var idForm = regexp.MustCompile(`^[0-9]{5,20}$`)

// meaning is what a code says of q, and the status where no table knows the code.
func meaning(q *vendorapi.Query, status int, code string) (prefetch.Reason, vendorapi.Feature) {
	if status == http.StatusTooManyRequests {
		return prefetch.ReasonThrottled, ""
	}
	for _, c := range codes {
		if begins(code, c.begin) {
			return c.reason, c.refused.UsedBy(q)
		}
	}
	if status == http.StatusNotFound {
		// What the vendor does not find is a call or a key, never a task.
		return prefetch.ReasonUnavailable, ""
	}
	// Without a code it was not the API that spoke.
	return vendorapi.StatusReason(status, code != ""), ""
}

// begins reports whether a code is, or continues, one of the table, in letters of any
// case.
func begins(code, begin string) bool {
	n := len(begin)
	return len(code) >= n && strings.EqualFold(code[:n], begin) && (len(code) == n || strings.ContainsRune(".(", rune(code[n])))
}

// timeLeftForm is when a limit counts anew, in milliseconds, in a header such as
// x-ratelimit-user: Limit:1,Remain:0,TimeLeft:2000,Reset:1234.
var timeLeftForm = regexp.MustCompile(`(?i)\bTimeLeft:\s*([0-9]{1,12})\b`)

// timeLeft is how long the vendor asks to be left alone: the longer of what it tells
// of its two limits, at most an hour.
func timeLeft(header http.Header) (longest time.Duration) {
	for _, name := range []string{"X-Ratelimit-User", "X-Ratelimit-User-Api"} {
		m := timeLeftForm.FindStringSubmatch(header.Get(name))
		if m == nil {
			continue
		}
		ms, err := strconv.ParseInt(m[1], 10, 64)
		if err == nil {
			longest = max(longest, time.Duration(ms)*time.Millisecond)
		}
	}
	return min(longest, maxTimeLeft)
}
