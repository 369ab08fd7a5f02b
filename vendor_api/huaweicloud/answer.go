package huaweicloud

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"prefetch_exporter/prefetch"
	vendorapi "prefetch_exporter/vendor_api"
)

// errErrorBody is a body that tells an error under an HTTP status of success.
var errErrorBody = errors.New("the answer is an error")

// parseAnswer reads the body of a success. A missing or null list is an answer
// without rows; a row that cannot be read is a row all the same. RequestID is the
// body's own, if it has one.
func parseAnswer(body []byte) (vendorapi.Answer, error) {
	var doc struct {
		Results   json.RawMessage `json:"preheating_results"`
		ErrorCode json.RawMessage `json:"error_code"`
		RequestID vendorapi.Text  `json:"request_id"`
	}
	if err := vendorapi.Object(body, &doc); err != nil {
		return vendorapi.Answer{}, err
	}
	if isNull(doc.Results) {
		if !isNull(doc.ErrorCode) {
			return vendorapi.Answer{}, errErrorBody
		}
		return vendorapi.Answer{
			RequestID: firstText(doc.RequestID), Oddities: []string{"the answer has no preheating_results"},
		}, nil
	}
	var odd oddities
	a := vendorapi.Answer{RequestID: firstText(doc.RequestID)}
	var err error
	a.URLs, err = vendorapi.Rows(doc.Results, func(r *row, _ json.RawMessage) prefetch.URL {
		u, word := odd.parseRow(r)
		if word != "" {
			a.UnknownWords = vendorapi.AddWord(a.UnknownWords, word)
		}
		return u
	})
	if err != nil {
		return vendorapi.Answer{}, fmt.Errorf("preheating_results %w", err)
	}
	a.Count, a.Oddities = len(a.URLs), odd.sentences()
	return a, nil
}

// unreadable is the error of an answer that cannot be read, and why.
func unreadable(resp *vendorapi.Response, cause error) *vendorapi.Error {
	if e, ok := errors.AsType[*vendorapi.Error](cause); ok {
		return e // it was read, and is no answer
	}
	return &vendorapi.Error{Reason: prefetch.ReasonDecode, Message: vendorapi.Excerpt(resp.Body), Err: cause}
}

// row is one element of preheating_results.
type row struct {
	URL    vendorapi.Text `json:"url"`
	Status vendorapi.Text `json:"status"`
}

// oddities counts rows that are not as documented.
type oddities struct {
	notObject, noURL, longURL, noStatus int
}

// parseRow reads what can be read of a row, which is nil if it is no object, and
// returns the status word if it is not a documented one.
func (o *oddities) parseRow(r *row) (u prefetch.URL, unknownWord string) {
	u.Status = prefetch.Unknown
	if r == nil {
		o.notObject++
		return u, ""
	}
	switch {
	case r.URL.Kind != '"':
		o.noURL++
	case r.URL.Cut:
		// The row counts as it is: a status is not less true for a URL that
		// nobody can have submitted.
		o.longURL++
		u.URL = r.URL.String
	default:
		u.URL = r.URL.String
	}
	word := strings.TrimSpace(r.Status.String)
	if word == "" {
		o.noStatus++
		return u, ""
	}
	var known bool
	if u.Status, known = parseStatus(word); known {
		return u, ""
	}
	return u, vendorapi.Excerpt([]byte(word))
}

func (o *oddities) sentences() []string {
	var s []string
	for _, odd := range []struct {
		rows int
		what string
	}{
		{o.notObject, "is no JSON object"},
		{o.noURL, "has no url, or one that is not text"},
		{o.longURL, fmt.Sprintf("has a url of more than %d bytes, of which the rest is cut", vendorapi.MaxText)},
		{o.noStatus, "has no status"},
	} {
		if odd.rows > 0 {
			s = append(s, fmt.Sprintf("a row %s (%d in this answer)", odd.what, odd.rows))
		}
	}
	return s
}

// parseStatus reads a status word. The vendor's page has them in lower case,
// its SDK in upper case.
func parseStatus(word string) (prefetch.Status, bool) {
	switch strings.ToLower(word) {
	case "processing":
		return prefetch.Running, true
	case "succeed":
		return prefetch.Succeeded, true
	case "failed":
		return prefetch.Failed, true
	default:
		return prefetch.Unknown, false
	}
}

// kind is the first byte of a JSON value, which tells its type; 0 if there is
// none.
func kind(raw []byte) byte {
	if len(raw) == 0 {
		return 0
	}
	return raw[0]
}

func isNull(raw json.RawMessage) bool { return len(raw) == 0 || kind(raw) == 'n' }
