package cdnetworks

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"

	"prefetch_exporter/prefetch"
	vendorapi "prefetch_exporter/vendor_api"
)

// page is the body of an answer. encoding/json matches keys in any letter case,
// which covers code, Code, message and Message; msg and error are what gateways
// before the API call the message, and errorMessages is what Wangsu's does. The
// vendor's pageNo is not read: its page calls it the number of pages, but it is the
// page that was asked for.
type page struct {
	Code             scalar          `json:"Code"`
	Message          scalar          `json:"Message"`
	Msg              scalar          `json:"msg"`
	Error            scalar          `json:"error"`
	ErrorMessages    sentences       `json:"errorMessages"`
	RequestID        scalar          `json:"requestId"`
	CNCRequestID     scalar          `json:"x-cnc-request-id"`
	Count            scalar          `json:"count"`
	PageSize         scalar          `json:"pageSize"`
	ResultDetail     json.RawMessage `json:"resultDetail"`
	ResultDetailList json.RawMessage `json:"resultDetailList"`
}

// row is one element of resultDetail.
type row struct {
	URL        scalar `json:"url"`
	Status     scalar `json:"status"`
	Rate       scalar `json:"rate"`
	CreateTime scalar `json:"createTime"`
	BeginTime  scalar `json:"beginTime"`
	FinishTime scalar `json:"finishTime"`
}

// decodePage reads body into p. The error says that body is no JSON object.
func decodePage(body []byte, p *page) error {
	body = bytes.TrimSpace(body)
	if len(body) == 0 {
		return errors.New("the answer is empty")
	}
	if err := json.Unmarshal(body, p); err != nil {
		return fmt.Errorf("the answer is not a JSON object: %w", err)
	}
	return nil
}

// succeeded reports whether the vendor's own code says that it answered.
func (p *page) succeeded() bool {
	code, ok := p.Code.natural()
	return ok && code == 1
}

// text is what the vendor says in words, bounded; empty if it says nothing.
func (p *page) text() string {
	return cmp.Or(p.Message.excerpt(), p.Msg.excerpt(), p.ErrorMessages.excerpt(), p.Error.excerpt())
}

// requestID is the vendor's id of the call, of those that have none in their header.
func (p *page) requestID() string { return cmp.Or(p.CNCRequestID.value(), p.RequestID.value()) }

// reader turns one answer's rows into URLs and keeps what was odd about them.
type reader struct {
	location *time.Location

	unknownWords []string
	oddities     []string
	// told are the kinds of oddity that are in oddities: a page of a thousand
	// odd rows is worth one sentence.
	told map[string]struct{}
}

// oddf notes an oddity, unless one of the same kind was noted before.
func (r *reader) oddf(kind, format string, args ...any) {
	if _, ok := r.told[kind]; ok {
		return
	}
	if r.told == nil {
		r.told = map[string]struct{}{}
	}
	r.told[kind] = struct{}{}
	r.oddities = append(r.oddities, fmt.Sprintf(format, args...))
}

// rows reads the elements of the answer's list, under whichever of its two names
// it has any.
func (r *reader) rows(body *page) ([]prefetch.URL, error) {
	for _, list := range []json.RawMessage{body.ResultDetail, body.ResultDetailList} {
		if len(list) <= len("null") && slices.Contains([]string{"", "null", `""`}, string(list)) {
			continue
		}
		urls, err := vendorapi.Rows(list, r.url)
		if err != nil {
			return nil, fmt.Errorf("resultDetail %w", err)
		}
		if len(urls) > 0 {
			return urls, nil
		}
	}
	return []prefetch.URL{}, nil
}

// answer makes the answer to q, which is complete, of its rows. date is the
// vendor's clock, or zero.
func (r *reader) answer(q vendorapi.Query, body *page, urls []prefetch.URL, date time.Time) vendorapi.Answer {
	count := r.count(body, len(urls))
	pageSize := r.pageSize(q, body, count, len(urls))
	zoneCheck{from: q.From, to: q.To, date: date, location: r.location}.check(r, urls)
	return vendorapi.Answer{
		URLs:         urls,
		Count:        count,
		Page:         q.Page,
		PageSize:     pageSize,
		UnknownWords: r.unknownWords,
		Oddities:     r.oddities,
		RequestID:    body.requestID(),
	}
}

// url reads one row, nil if it is no object. Whatever cannot be read of it, the row
// is there.
func (r *reader) url(w *row, raw json.RawMessage) prefetch.URL {
	if w == nil {
		r.oddf("row", "a row is not an object: %s", vendorapi.Excerpt(raw))
		return prefetch.URL{Status: prefetch.Unknown}
	}
	u := prefetch.URL{
		URL:      withoutSpace(w.URL.String),
		Status:   r.status(w.Status),
		Created:  r.time("createTime", w.CreateTime),
		Started:  r.time("beginTime", w.BeginTime),
		Finished: r.time("finishTime", w.FinishTime),
	}
	if u.URL == "" {
		r.oddf("url", "a row has no url")
	}
	if w.URL.Cut {
		// The row counts as it is: a status is not less true for a URL that
		// nobody can have submitted.
		r.oddf("long url", "a row has a url of more than %d bytes, of which the rest is cut", vendorapi.MaxText)
	}
	if w.Rate.value() != "" {
		u.Rate, u.HasRate = w.Rate.rate()
		if !u.HasRate {
			r.oddf("rate", "rate %q is not a number from 0 to 100; taken as not told", w.Rate.excerpt())
		}
	}
	return u
}

// withoutSpace removes white space, which no URL holds but the vendor's own
// example does ("http: //…").
func withoutSpace(s string) string {
	return strings.Map(func(c rune) rune {
		if unicode.IsSpace(c) {
			return -1
		}
		return c
	}, s)
}

// status reads a status word. The page writes them as Success, Failure, Wait
// and Run, its example in lower case, and its error text adds init.
func (r *reader) status(s scalar) prefetch.Status {
	switch strings.ToLower(s.value()) {
	case "success":
		return prefetch.Succeeded
	case "failure", "fail", "failed":
		return prefetch.Failed
	case "wait", "waiting", "init":
		return prefetch.Waiting
	case "run", "running":
		return prefetch.Running
	case "":
		r.oddf("status", "a row has no status; taken as unknown")
		return prefetch.Unknown
	}
	r.unknownWords = vendorapi.AddWord(r.unknownWords, s.excerpt())
	return prefetch.Unknown
}

// time reads the time of a row's field; zero where it is not told.
func (r *reader) time(field string, s scalar) time.Time {
	if s.value() == "" {
		return time.Time{}
	}
	t, ok := s.time(r.location)
	if !ok {
		r.oddf(field, "%s %q is not a time of the form %s; taken as not told", field, s.excerpt(), timeLayout)
		return time.Time{}
	}
	return t
}

// count is how many rows match, which is never less than the rows at hand.
func (r *reader) count(body *page, rows int) int {
	count, ok := body.Count.natural()
	switch {
	case !ok:
		r.oddf("count", "count %q is not a whole number; the %d rows of the page are taken for all", body.Count.excerpt(), rows)
		return rows
	case count < rows:
		r.oddf("count", "count %d is less than the %d rows of the page", count, rows)
		return rows
	}
	return count
}

// pageSize is the size of the page that the vendor made of q: what it says,
// unless the rows at hand prove something else.
func (r *reader) pageSize(q vendorapi.Query, body *page, count, rows int) int {
	size := q.PageSize
	if echo, ok := body.PageSize.natural(); ok && echo > 0 {
		size = echo
	}
	if rows > size {
		return rows
	}
	// A division, since pages before this one times their size may overflow.
	beyond := count/size < q.Page-1
	if beyond || rows == size || count-(q.Page-1)*size <= rows {
		return size
	}
	if rows == 0 {
		r.oddf("page", "page %d of %d rows has no row, although %d rows match", q.Page, size, count)
		return size
	}
	r.oddf("page", "page %d has %d rows instead of %d, although %d rows match: the vendor capped the page", q.Page, rows, size, count)
	return rows
}
