package poller

import (
	"cmp"
	"fmt"
	"hash/fnv"
	"slices"
	"time"

	"prefetch_exporter/prefetch"
	vendorapi "prefetch_exporter/vendor_api"
)

// What is read of one task is bounded by its rows and by the bytes of their URLs.
// Vendors take 20,000 URLs a day.
const (
	mostRows  = 100_000
	mostBytes = 32 << 20
)

// reading is an answer that is being read page by page. It is applied when it
// is whole.
type reading struct {
	// From, To, Page and PageSize are those of the last page read.
	From     time.Time `json:"from,omitzero"`
	To       time.Time `json:"to,omitzero"`
	Page     int       `json:"page"`
	PageSize int       `json:"page_size"`
	// Count is what every page must say that there is.
	Count int  `json:"count"`
	Rows  rows `json:"rows"`
}

// pages is how many pages there are, as far as their first one told.
func (r *reading) pages() int { return (r.Count + r.PageSize - 1) / max(1, r.PageSize) }

// misread notes that what was read of a task had to be thrown away. Once that may
// be chance; a task that it happens to again and again is asked less often.
func (t *task) misread(complaint string, m *moment) {
	const chance = 3
	t.Failures++
	t.RetryAt = m.now.Add(m.backoff(m.pollInterval, t.Failures))
	if t.Failures >= chance {
		t.Up, t.LastError = false, &failure{Reason: prefetch.ReasonDecode, Message: complaint, Time: m.now}
	}
}

// page takes one page of an answer. It returns the whole answer once every page
// was read, and a complaint if what was read so far had to be thrown away.
func (t *task) page(q vendorapi.Query, ans vendorapi.Answer) (urls []prefetch.URL, whole bool, complaint string) {
	r := t.Reading
	t.Reading = nil
	if r == nil || q.Page == 1 {
		if len(ans.URLs) >= ans.Count {
			return ans.URLs, true, ""
		}
		if ans.Count > mostRows {
			return nil, false, fmt.Sprintf("the vendor counts %d rows, more than any task can have", ans.Count)
		}
		r = &reading{Count: ans.Count}
	}
	if r.Count != ans.Count || len(ans.URLs) == 0 {
		return nil, false, fmt.Sprintf("page %d has %d rows of %d, where page 1 counted %d; reading it anew",
			q.Page, len(ans.URLs), ans.Count, r.Count)
	}
	if q.Page == 1 {
		// What page 1 really holds, whatever was asked for or said: the pages
		// after it must begin where it ended.
		r.PageSize = len(ans.URLs)
	}
	r.From, r.To, r.Page = q.From, q.To, q.Page
	r.Rows = r.Rows.with(ans.URLs)
	if r.Rows.bytes() > mostBytes {
		return nil, false, fmt.Sprintf("the URLs of %d rows have more than %d bytes, more than any task can have", len(r.Rows.urls), mostBytes)
	}
	if len(r.Rows.urls) < r.Count {
		t.Reading = r
		return nil, false, ""
	}
	if complaint = t.checkUnion(r); complaint != "" {
		return nil, false, complaint
	}
	return r.Rows.urls, true, ""
}

// checkUnion complains if a row stands on two pages: rows that moved from page to
// page while they were read hide as many others. A task may well have the same URL
// twice, so the reading counts if it was submitted so often, or, where nobody said
// what was submitted, if just the same rows stood twice when it was read before.
func (t *task) checkUnion(r *reading) (complaint string) {
	missing := map[string]int{}
	for _, url := range t.Expected {
		missing[url]++
	}
	var twice []rowKey
	pages := map[rowKey]int{} // the page where a row stood last, from 1
	for i := range r.Rows.urls {
		u := &r.Rows.urls[i]
		k, page := keyOf(u), 1+i/r.PageSize
		missing[u.URL]--
		if before := pages[k]; before != 0 && before != page && missing[u.URL] < 0 {
			twice = append(twice, k)
		}
		pages[k] = page
	}
	before := t.Repeated
	t.Repeated = digest(twice)
	hidden := slices.ContainsFunc(t.Expected, func(url string) bool { return missing[url] > 0 })
	if t.Repeated == 0 || t.Repeated == before && !hidden {
		return ""
	}
	return fmt.Sprintf("%d rows of %d stand on two pages, as %q does; reading it anew", len(twice), r.Count, twice[0].url)
}

// digest stands for rows in any order; 0 for none.
func digest(keys []rowKey) uint64 {
	if len(keys) == 0 {
		return 0
	}
	slices.SortFunc(keys, func(a, b rowKey) int {
		return cmp.Or(cmp.Compare(a.url, b.url), cmp.Compare(a.created, b.created))
	})
	h := fnv.New64a()
	for _, k := range keys {
		_, _ = fmt.Fprintf(h, "%q %d\n", k.url, k.created)
	}
	return max(1, h.Sum64())
}
