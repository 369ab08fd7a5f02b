package huaweicloud

import (
	"encoding/json"
	"fmt"
	"strings"

	"prefetch_exporter/prefetch"
	vendorapi "prefetch_exporter/vendor_api"
)

// body is the body of a success. The vendor may tell an error in it.
type body struct {
	Results   json.RawMessage `json:"preheating_results"`
	ErrorCode json.RawMessage `json:"error_code"`
	RequestID vendorapi.Text  `json:"request_id"`
}

// row is one element of preheating_results.
type row struct {
	URL    vendorapi.Text `json:"url"`
	Status vendorapi.Text `json:"status"`
}

// statuses are the vendor's words. Its page has them in lower case, its SDK in upper
// case.
var statuses = map[string]prefetch.Status{
	"processing": prefetch.Running, "succeed": prefetch.Succeeded, "failed": prefetch.Failed,
}

// read turns a response into an answer or a classified error. A missing or null list
// is an answer without rows; a row that cannot be read is a row all the same.
func (p *Provider) read(x *vendorapi.Exchange) (vendorapi.Answer, error) {
	var b body
	err := vendorapi.Object(x.Response.Body, &b)
	x.RequestID = firstText(b.RequestID)
	switch {
	case !x.Response.Success(), isNull(b.Results) && !isNull(b.ErrorCode):
		return vendorapi.Answer{}, refusal(p.auth, x)
	case err != nil:
		return vendorapi.Answer{}, err
	case isNull(b.Results):
		x.Oddities = []string{"the answer has no preheating_results"}
		return vendorapi.Answer{}, nil
	}
	r := reader{Exchange: x}
	urls, err := vendorapi.Rows(b.Results, r.url)
	if err != nil {
		return vendorapi.Answer{}, fmt.Errorf("preheating_results %w", err)
	}
	r.count()
	return vendorapi.Answer{URLs: urls, Count: len(urls)}, nil
}

// reader turns one answer's rows into URLs and counts those that are not as documented.
type reader struct {
	*vendorapi.Exchange

	notObject, noURL, longURL, noStatus int
}

// url reads what can be read of a row, which is nil if it is no object.
func (r *reader) url(w *row, _ json.RawMessage) (u prefetch.URL, keep bool) {
	u.Status = prefetch.Unknown
	if w == nil {
		r.notObject++
		return u, true
	}
	if w.URL.Kind == '"' {
		u.URL = w.URL.String
	} else {
		r.noURL++
	}
	if u.URL != "" && w.URL.Cut {
		// The row counts as it is: a status is not less true for a URL that
		// nobody can have submitted.
		r.longURL++
	}
	word := strings.TrimSpace(w.Status.String)
	switch status, known := statuses[strings.ToLower(word)]; {
	case known:
		u.Status = status
	case word == "":
		r.noStatus++
	default:
		r.UnknownWords = vendorapi.AddWord(r.UnknownWords, vendorapi.Excerpt([]byte(word)))
	}
	return u, true
}

// count notes how many rows are not as documented.
func (r *reader) count() {
	for _, odd := range []struct {
		rows int
		what string
	}{
		{r.notObject, "is no JSON object"},
		{r.noURL, "has no url, or one that is not text"},
		{r.longURL, fmt.Sprintf("has a url of more than %d bytes, of which the rest is cut", vendorapi.MaxText)},
		{r.noStatus, "has no status"},
	} {
		if odd.rows > 0 {
			r.Oddf(odd.what, "a row %s (%d in this answer)", odd.what, odd.rows)
		}
	}
}

func isNull(raw json.RawMessage) bool { return len(raw) == 0 || raw[0] == 'n' }
