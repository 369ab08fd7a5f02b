package huaweicloud

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"

	"prefetch_exporter/prefetch"
	vendorapi "prefetch_exporter/vendor_api"
)

// maxSkew is how far X-Sdk-Date may be from the vendor's clock (API Request
// Signing Guide).
const maxSkew = 15 * time.Minute

// words is what a body says of an error.
type words struct {
	code, message, requestID string
	// fromAPI reports that the body has the form of the vendor's API, so that
	// nothing between here and there (a proxy, a portal, a wrong host) spoke.
	fromAPI bool
}

// readWords reads an error body: {"error_code","error_msg"} of the service,
// {"code","message"} of others, either also inside {"error":…} as IAM does.
// Anything else is kept as it came. Both texts are bounded.
func readWords(body []byte) words {
	w := findWords(body, true)
	w.fromAPI = w.code != "" || w.message != ""
	w.code, w.message = vendorapi.Excerpt([]byte(w.code)), cmp.Or(vendorapi.Excerpt([]byte(w.message)), vendorapi.Excerpt(body))
	return w
}

func findWords(body []byte, nested bool) words {
	var doc struct {
		ErrorCode vendorapi.Text  `json:"error_code"`
		ErrorMsg  vendorapi.Text  `json:"error_msg"`
		Code      vendorapi.Text  `json:"code"`
		Message   vendorapi.Text  `json:"message"`
		Error     json.RawMessage `json:"error"`
		RequestID vendorapi.Text  `json:"request_id"`
	}
	if kind(bytes.TrimSpace(body)) != '{' || json.Unmarshal(body, &doc) != nil {
		return words{}
	}
	w := words{
		code: firstText(doc.ErrorCode, doc.Code), message: firstText(doc.ErrorMsg, doc.Message), requestID: firstText(doc.RequestID),
	}
	if nested && kind(doc.Error) == '{' {
		inner := findWords(doc.Error, false)
		w.code, w.message = cmp.Or(w.code, inner.code), cmp.Or(w.message, inner.message)
		w.requestID = cmp.Or(w.requestID, inner.requestID)
	}
	return w
}

// firstText is the first of the values that is a text or a number and not
// empty; IAM's codes are numbers.
func firstText(values ...vendorapi.Text) string {
	for _, v := range values {
		if k := v.Kind; k == '"' || k == '-' || '0' <= k && k <= '9' {
			if s := strings.TrimSpace(v.String); s != "" {
				return s
			}
		}
	}
	return ""
}

// refusal is the error of an answer that is none. It tells auth if the vendor
// refused the credentials.
func refusal(auth Auth, req *http.Request, resp *vendorapi.Response) *vendorapi.Error {
	w := readWords(resp.Body)
	e := w.error(classify(resp, w))
	if e.Reason == prefetch.ReasonAuth {
		e.Err = skewOf(req, resp, w)
	}
	if credentialsRefused(resp.Status, w) {
		auth.Refused(req)
	}
	return e
}

// classify says what an error answer means. The vendor's code counts before the
// HTTP status, since internal errors come as 403 too.
func classify(resp *vendorapi.Response, w words) prefetch.Reason {
	if reason, ok := classifyCode(w.code); ok {
		return reason
	}
	if _, ok := gatewayCode(w.code); ok && resp.Status == http.StatusNotFound {
		// The gateway knows no such API: a wrong endpoint, not a task that is gone.
		return prefetch.ReasonUnavailable
	}
	if resp.Success() && strings.HasPrefix(strings.ToUpper(w.code), cdnCodes) {
		return prefetch.ReasonInvalid // CDN says most of what it refuses under 200
	}
	return vendorapi.StatusReason(resp.Status, w.fromAPI)
}

// cdnCodes begins the codes of CDN.
const cdnCodes = "CDN."

// classifyCode knows the codes of VOD's and CDN's pages "Error Codes", and of the
// gateway's. What it lacks of CDN's concerns submissions: as the answer to a
// question it is invalid.
func classifyCode(code string) (prefetch.Reason, bool) {
	if number, ok := gatewayCode(code); ok {
		switch number {
		case "0308":
			return prefetch.ReasonThrottled, true
		case "0301", "0303":
			return prefetch.ReasonAuth, true
		default:
			return "", false
		}
	}
	switch strings.ToUpper(code) {
	case "VOD.10051", "VOD.10052", "VST.10002", "CDN.0000":
		return prefetch.ReasonUnavailable, true
	case "VOD.10054", "VOD.10055", "VOD.10056", "VOD.10057", "VST.10004", "CDN.0002", "CDN.0004", "CDN.0020", "CDN.0021", "CDN.0114":
		return prefetch.ReasonAuth, true
	case "VOD.10053", "VOD.10058", "VOD.10059", "VST.10001", "CDN.0001":
		return prefetch.ReasonInvalid, true
	case "VOD.10062", "CDN.0003", "CDN.0108":
		// The last one speaks of a domain of another tenant; the details of a task that
		// does not exist are answered so.
		return prefetch.ReasonNotFound, true
	default:
		return "", false
	}
}

// gatewayCode returns the number of an API gateway's code. The vendor's pages
// show both APIG.0308 and APIGW.0308.
func gatewayCode(code string) (number string, ok bool) {
	prefix, number, found := strings.Cut(code, ".")
	if !found || !strings.EqualFold(prefix, "APIG") && !strings.EqualFold(prefix, "APIGW") {
		return "", false
	}
	return number, true
}

// credentialsRefused reports whether the credentials themselves were refused,
// so that other ones are worth a try: not so where an account has not been
// verified or lacks a permission.
func credentialsRefused(status int, w words) bool {
	if number, ok := gatewayCode(w.code); ok && number == "0301" {
		return true
	}
	switch strings.ToUpper(w.code) {
	case "VOD.10054", "VST.10004", "CDN.0002":
		return true
	default:
		return status == http.StatusUnauthorized
	}
}

// error holds what the body tells of an error.
func (w words) error(reason prefetch.Reason) *vendorapi.Error {
	return &vendorapi.Error{Reason: reason, Code: w.code, Message: w.message, RequestID: w.requestID}
}

// skewOf is the cause of an error if req was signed at a time that the vendor
// does not accept, by its clock or by its words; nil otherwise.
func skewOf(req *http.Request, resp *vendorapi.Response, w words) error {
	signed, err := time.Parse(sdkDateLayout, req.Header.Get(headerSDKDate))
	if err != nil {
		return nil //nolint:nilerr // a request that is not signed has no date
	}
	skew := vendorapi.Skew(signed, resp.Date, maxSkew)
	if number, ok := gatewayCode(w.code); skew == nil && ok && number == "0303" {
		return fmt.Errorf("by the vendor's words its clock and the one here are more than %v apart", maxSkew)
	}
	return skew
}
