package poller

import (
	"cmp"
	"fmt"
	"hash/fnv"
	"slices"
	"time"

	"prefetch_exporter/poller/clock"
	"prefetch_exporter/prefetch"
	vendorapi "prefetch_exporter/vendor_api"
)

// What is read of one task is bounded by its rows and by the bytes of their URLs.
// Vendors take 20,000 URLs a day.
const (
	mostRows  = 100_000
	mostBytes = 32 << 20
)

const (
	// readingKept is how long the pages of a task may take to be read at least, and
	// how long they may wait for the next one: the first are too old then to be
	// shown beside it. It is also how long a task is left alone that cannot be read.
	readingKept = time.Hour
	// longestReading is how long they may take at most, and mostPages how many there
	// may be: with a vendor's own small pages, 20,000 rows.
	longestReading = 12 * time.Hour
	mostPages      = 1000
	// turns is how many calls there are for each page, if others want as many.
	turns = 2
)

// reading is an answer that is being read page by page. It is applied when it
// is whole.
type reading struct {
	// Begun is when the question for its first page left.
	Begun time.Time `json:"begun,omitzero"`
	// Again is why the reading before it was given up; empty if none was.
	Again string `json:"again,omitempty"`
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
func (r *reading) pages() int { return pagesOf(r.Count, r.PageSize) }

// left is how many of them are to be read.
func (r *reading) left() int { return max(1, r.pages()-r.Page) }

func pagesOf(rows, size int) int { return (rows + size - 1) / max(1, size) }

// trouble is what is wrong while it goes on.
func (r *reading) trouble() *failure {
	if r == nil || r.Again == "" {
		return nil
	}
	return &failure{Reason: prefetch.ReasonTimeout, Message: r.Again, Time: r.Begun}
}

// continues reports whether the next question is for the next page of what was
// begun.
func (s *situation) continues(t *task) bool {
	return t.Reading != nil && s.Now.Before(s.readUntil(t))
}

// readUntil is until when the pages of a task that is being read must follow.
func (s *situation) readUntil(t *task) time.Time {
	r := t.Reading
	begun := r.Begun
	if begun.IsZero() { // an earlier version began it
		begun = t.LastAsked
	}
	return clock.Earlier(t.LastAsked.Add(readingKept), begun.Add(max(readingKept, s.readingTime(r.pages()))))
}

// readingTime is how long so many pages take if others want calls too.
func (s *situation) readingTime(pages int) time.Duration {
	return turns * time.Duration(pages) * s.slot
}

// tooManyPages reports whether so many pages cannot be read at this limit.
func (s *situation) tooManyPages(pages int) bool {
	return pages > mostPages || s.readingTime(pages) > longestReading
}

// nearerToTheEnd is the one of two tasks that are being read which has fewer pages
// left. It counts the calls that the second needs.
func (s *situation) nearerToTheEnd(a, b *card) *card {
	left := b.task.Reading.left()
	s.asks += left - 1
	if a == nil {
		return b
	}
	if cmp.Or(cmp.Compare(left, a.task.Reading.left()), compareTasks(b.task, a.task)) < 0 {
		return b
	}
	return a
}

// unreadable says why a task whose first page came is not read in pages; empty if
// it can be, or need not.
func (t *task) unreadable(ans vendorapi.Answer, m *moment) string {
	size := len(ans.URLs)
	switch pages := pagesOf(ans.Count, size); {
	case size >= ans.Count:
		return ""
	case ans.Count > mostRows:
		return fmt.Sprintf("the vendor counts %d rows, more than any task can have", ans.Count)
	case ans.Count == t.Doubted:
		return fmt.Sprintf("the vendor counts %d rows again, which its pages did not bear out", ans.Count)
	case size > 0 && m.tooManyPages(pages):
		return fmt.Sprintf("the vendor counts %d rows and gives %d a page: its %d pages are too many to read at this limit",
			ans.Count, size, pages)
	default:
		return ""
	}
}

// tooLong says why a task whose rows were read is not read on; empty if it can be.
func (r *reading) tooLong() string {
	if r.Begun.IsZero() || r.Rows.bytes() <= mostBytes { // one page is bounded as an answer
		return ""
	}
	return fmt.Sprintf("the URLs of %d rows have more than %d bytes, more than any task can have", len(r.Rows.urls), mostBytes)
}

// giveUp leaves a task alone that cannot be read. What the vendor counts is believed
// once more after that.
func (t *task) giveUp(complaint string, m *moment) {
	t.Reading, t.Doubted = nil, 0
	t.Failures++
	t.RetryAt = m.Now.Add(readingKept)
	t.Up, t.LastError = false, &failure{Reason: prefetch.ReasonDecode, Message: complaint, Time: m.Now}
}

// misread notes that what was read of a task had to be thrown away. Once that may
// be chance; a task that it happens to again and again is asked less often.
func (t *task) misread(complaint string, m *moment) {
	const chance = 3
	t.Failures++
	t.RetryAt = m.Now.Add(m.backoff(m.pollInterval, t.Failures))
	if t.Failures >= chance {
		t.Up, t.LastError = false, &failure{Reason: prefetch.ReasonDecode, Message: complaint, Time: m.Now}
	}
}

// begin begins to read a task in pages. The reading before it may not have come to
// its end.
func begin(before *reading, count int, m *moment) *reading {
	r := &reading{Count: count, Begun: m.left}
	if before != nil {
		r.Again = fmt.Sprintf("only %d of its %d pages were read in time; reading it anew", before.Page, before.pages())
	}
	return r
}

// page takes one page of an answer. It returns what was read, and whether that is
// every page, and a complaint if it had to be thrown away.
func (t *task) page(q vendorapi.Query, ans vendorapi.Answer, m *moment) (r *reading, whole bool, complaint string) {
	r = t.Reading
	t.Reading = nil
	if r == nil || q.Page == 1 {
		if len(ans.URLs) >= ans.Count {
			t.Doubted = 0
			return &reading{Rows: rows{urls: ans.URLs}}, true, ""
		}
		r = begin(r, ans.Count, m)
	}
	if r.Count != ans.Count || len(ans.URLs) == 0 {
		t.Doubted = r.Count
		return r, false, fmt.Sprintf("page %d has %d rows of %d, where page 1 counted %d; reading it anew",
			q.Page, len(ans.URLs), ans.Count, r.Count)
	}
	if q.Page == 1 {
		// What page 1 really holds, whatever was asked for or said: the pages
		// after it must begin where it ended.
		r.PageSize = len(ans.URLs)
	}
	r.From, r.To, r.Page = q.From, q.To, q.Page
	r.Rows = r.Rows.with(ans.URLs)
	if len(r.Rows.urls) < r.Count {
		t.Reading = r
		return r, false, ""
	}
	if complaint = t.checkUnion(r); complaint != "" {
		return r, false, complaint
	}
	t.Doubted = 0
	return r, true, ""
}

// read applies what was read. What stands on several pages is as old as the first.
func (t *task) read(r *reading, m *moment) {
	if r.Begun.IsZero() {
		t.answered(r.Rows.urls, m)
		return
	}
	before, since := t.LastRefresh, *m
	since.left = r.Begun
	t.answered(r.Rows.urls, &since)
	t.LastRefresh = clock.Later(before, r.Begun)
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
