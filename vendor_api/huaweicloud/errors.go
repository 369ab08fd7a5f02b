package huaweicloud

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
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
	if vendorapi.Object(body, &doc) != nil {
		return words{}
	}
	w := words{
		code: firstText(doc.ErrorCode, doc.Code), message: firstText(doc.ErrorMsg, doc.Message), requestID: firstText(doc.RequestID),
	}
	if nested {
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

// key is the code as the tables below have it. The vendor's pages show both APIG.0308
// and APIGW.0308 of the API gateway.
func (w *words) key() string {
	code := strings.ToUpper(w.code)
	if number, ok := strings.CutPrefix(code, "APIGW."); ok {
		return codesOfGateway + number
	}
	return code
}

// The beginnings of the gateway's codes, and of CDN's.
const (
	codesOfGateway = "APIG."
	codesOfCDN     = "CDN."
	codeWrongDate  = codesOfGateway + "0303"
)

// codes are those of VOD's and CDN's pages "Error Codes", and of the gateway's. What is
// missing of CDN's concerns submissions: as the answer to a question it is invalid.
var codes = map[string]prefetch.Reason{
	"APIG.0308": prefetch.ReasonThrottled, "APIG.0301": prefetch.ReasonAuth, codeWrongDate: prefetch.ReasonAuth,

	"VOD.10051": prefetch.ReasonUnavailable, "VOD.10052": prefetch.ReasonUnavailable,
	"VST.10002": prefetch.ReasonUnavailable, "CDN.0000": prefetch.ReasonUnavailable,

	"VOD.10054": prefetch.ReasonAuth, "VOD.10055": prefetch.ReasonAuth, "VOD.10056": prefetch.ReasonAuth, "VOD.10057": prefetch.ReasonAuth,
	"VST.10004": prefetch.ReasonAuth, "CDN.0002": prefetch.ReasonAuth, "CDN.0004": prefetch.ReasonAuth,
	"CDN.0020": prefetch.ReasonAuth, "CDN.0021": prefetch.ReasonAuth, "CDN.0114": prefetch.ReasonAuth,

	"VOD.10053": prefetch.ReasonInvalid, "VOD.10058": prefetch.ReasonInvalid, "VOD.10059": prefetch.ReasonInvalid,
	"VST.10001": prefetch.ReasonInvalid, "CDN.0001": prefetch.ReasonInvalid,

	// The last one speaks of a domain of another tenant; the details of a task that
	// does not exist are answered so.
	"VOD.10062": prefetch.ReasonNotFound, "CDN.0003": prefetch.ReasonNotFound, "CDN.0108": prefetch.ReasonNotFound,
}

// credentialsCodes refuse the credentials themselves, so that other ones are worth a
// try: not so where an account has not been verified or lacks a permission.
var credentialsCodes = []string{"APIG.0301", "VOD.10054", "VST.10004", "CDN.0002"}

// refusal is the error of an answer that is none. It tells auth if the vendor
// refused the credentials.
func refusal(auth Auth, x *vendorapi.Exchange) *vendorapi.Error {
	w := readWords(x.Response.Body)
	e := w.error(x)
	if e.Reason == prefetch.ReasonAuth && x.Request.Header.Get(headerSDKDate) != "" {
		e.Err = x.Skew(maxSkew, nil)
		if e.Err == nil && w.key() == codeWrongDate {
			e.Err = fmt.Errorf("by the vendor's words its clock and the one here are more than %v apart", maxSkew)
		}
	}
	if x.Response.Status == http.StatusUnauthorized || slices.Contains(credentialsCodes, w.key()) {
		auth.Refused(x.Request)
	}
	return e
}

// error holds what the body tells of an error.
func (w *words) error(x *vendorapi.Exchange) *vendorapi.Error {
	x.RequestID = w.requestID
	return &vendorapi.Error{Reason: w.reason(x.Response), Code: w.code, Message: w.message}
}

// reason says what an error means. The vendor's code counts before the HTTP status,
// since internal errors come as 403 too.
func (w *words) reason(resp *vendorapi.Response) prefetch.Reason {
	code := w.key()
	reason, known := codes[code]
	switch {
	case known:
		return reason
	case strings.HasPrefix(code, codesOfGateway) && resp.Status == http.StatusNotFound:
		// The gateway knows no such API: a wrong endpoint, not a task that is gone.
		return prefetch.ReasonUnavailable
	case strings.HasPrefix(code, codesOfCDN) && resp.Success():
		return prefetch.ReasonInvalid // CDN says most of what it refuses under 200
	default:
		return vendorapi.StatusReason(resp.Status, w.fromAPI)
	}
}
