package task

import (
	"cmp"
	"fmt"
	"hash/fnv"
	"slices"
	"time"

	"prefetch_exporter/poller/clock"
	"prefetch_exporter/poller/task/rows"
	"prefetch_exporter/prefetch"
	vendorapi "prefetch_exporter/vendor_api"
)

// What is read of one task is bounded by its rows, see [rows.Most], and by the bytes
// of their URLs.
const mostBytes = 32 << 20

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

// Reading is an answer that is being read page by page. It is applied when it
// is whole.
type Reading struct {
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
	Count int       `json:"count"`
	Rows  rows.Rows `json:"rows"`
}

// Pages is how many pages there are, as far as their first one told.
func (r *Reading) Pages() int { return PagesOf(r.Count, r.PageSize) }

// Left is how many of them are to be read.
func (r *Reading) Left() int { return max(1, r.Pages()-r.Page) }

// PagesOf is how many pages so many rows fill.
func PagesOf(rows, size int) int { return (rows + size - 1) / max(1, size) }

// Until is until when the next page of a task that was asked for last at a time
// must follow.
func (r *Reading) Until(lastAsked time.Time, slot time.Duration) time.Time {
	begun := cmp.Or(r.Begun, lastAsked) // an earlier version did not note the first
	return clock.Earlier(lastAsked.Add(readingKept), begun.Add(max(readingKept, readingTime(r.Pages(), slot))))
}

// readingTime is how long so many pages take if others want calls too.
func readingTime(pages int, slot time.Duration) time.Duration {
	return turns * time.Duration(pages) * slot
}

// trouble is what is wrong while it goes on.
func (r *Reading) trouble() *Failure {
	if r == nil || r.Again == "" {
		return nil
	}
	return &Failure{Reason: prefetch.ReasonTimeout, Message: r.Again, Time: r.Begun}
}

// unreadable says why a task whose first page came is not read in pages; empty if
// it can be, or need not.
func (t *Task) unreadable(ans vendorapi.Answer, m *Moment) string {
	size := len(ans.URLs)
	switch pages := PagesOf(ans.Count, size); {
	case size >= ans.Count:
		return ""
	case ans.Count > rows.Most:
		return fmt.Sprintf("the vendor counts %d rows, more than any task can have", ans.Count)
	case ans.Count == t.Doubted:
		return fmt.Sprintf("the vendor counts %d rows again, which its pages did not bear out", ans.Count)
	case size > 0 && m.tooMany(pages):
		return fmt.Sprintf("the vendor counts %d rows and gives %d a page: its %d pages are too many to read at this limit",
			ans.Count, size, pages)
	default:
		return ""
	}
}

// tooLong says why a task whose rows were read is not read on; empty if it can be.
func (r *Reading) tooLong() string {
	if r.Begun.IsZero() || r.Rows.Bytes() <= mostBytes { // one page is bounded as an answer
		return ""
	}
	return fmt.Sprintf("the URLs of %d rows have more than %d bytes, more than any task can have", len(r.Rows.URLs), mostBytes)
}

// giveUp leaves a task alone that cannot be read. What the vendor counts is believed
// once more after that.
func (t *Task) giveUp(complaint string, m *Moment) {
	t.StopReading()
	t.Doubted = 0
	t.Failures++
	t.RetryAt = m.Now.Add(readingKept)
	t.Up, t.LastError = false, &Failure{Reason: prefetch.ReasonDecode, Message: complaint, Time: m.Now}
}

// misread notes that what was read of a task had to be thrown away. Once that may
// be chance; a task that it happens to again and again is asked less often.
func (t *Task) misread(complaint string, m *Moment) {
	const chance = 3
	t.Failures++
	t.RetryAt = m.Now.Add(m.Backoff(m.PollInterval, t.Failures))
	if t.Failures >= chance {
		t.Up, t.LastError = false, &Failure{Reason: prefetch.ReasonDecode, Message: complaint, Time: m.Now}
	}
}

// page applies an answer to a question for the task's rows, which may be one page of
// several: see Apply. Its next page takes turns with other questions.
func (t *Task) page(q vendorapi.Query, ans vendorapi.Answer, m *Moment) (rows []prefetch.URL, complaint string) {
	if q.Page > 1 && t.Reading == nil {
		t.Up, t.LastError = true, nil
		return nil, "" // another answer told of the task while this one was under way
	}
	if q.Page <= 1 || t.Reading == nil {
		if complaint = t.unreadable(ans, m); complaint != "" {
			t.giveUp(complaint, m)
			return nil, complaint
		}
	}
	r, whole, complaint := t.add(q, ans, m)
	if hopeless := r.tooLong(); hopeless != "" {
		t.giveUp(hopeless, m)
		return nil, hopeless
	}
	if !whole {
		t.Up, t.LastError = true, r.trouble()
	}
	switch {
	case complaint != "":
		t.misread(complaint, m)
		return nil, complaint
	case !whole:
		return nil, ""
	case len(r.Rows.URLs) == 0:
		t.empty(q, m)
		return nil, ""
	default:
		t.read(r, m)
		return r.Rows.URLs, ""
	}
}

// add adds one page to what was read. It returns that, and whether it is every page,
// and a complaint if it had to be thrown away.
func (t *Task) add(q vendorapi.Query, ans vendorapi.Answer, m *Moment) (r *Reading, whole bool, complaint string) {
	r = t.Reading
	t.StopReading()
	if r == nil || q.Page == 1 {
		if len(ans.URLs) >= ans.Count {
			t.Doubted = 0
			return &Reading{Rows: rows.Rows{URLs: ans.URLs}}, true, ""
		}
		again := ""
		if r != nil {
			again = fmt.Sprintf("only %d of its %d pages were read in time; reading it anew", r.Page, r.Pages())
		}
		r = &Reading{Count: ans.Count, Begun: m.Left, Again: again}
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
	r.Rows = r.Rows.With(ans.URLs)
	if len(r.Rows.URLs) < r.Count {
		t.BecomeRead(r)
		return r, false, ""
	}
	if complaint = t.checkUnion(r); complaint != "" {
		return r, false, complaint
	}
	t.Doubted = 0
	return r, true, ""
}

// read applies what was read. What stands on several pages is as old as the first.
func (t *Task) read(r *Reading, m *Moment) {
	if r.Begun.IsZero() {
		t.Prove(r.Rows.URLs, m)
		return
	}
	before, since := t.LastRefresh, *m
	since.Left = r.Begun
	t.Prove(r.Rows.URLs, &since)
	t.LastRefresh = clock.Later(before, r.Begun)
}

// checkUnion complains if a row stands on two pages: rows that moved from page to
// page while they were read hide as many others. A task may well have the same URL
// twice, so the reading counts if it was submitted so often, or, where nobody said
// what was submitted, if just the same rows stood twice when it was read before.
func (t *Task) checkUnion(r *Reading) (complaint string) {
	missing := map[string]int{}
	for _, url := range t.Expected {
		missing[url]++
	}
	var twice []prefetch.RowKey
	pages := map[prefetch.RowKey]int{} // the page where a row stood last, from 1
	for i := range r.Rows.URLs {
		u := &r.Rows.URLs[i]
		k, page := u.Key(), 1+i/r.PageSize
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
	return fmt.Sprintf("%d rows of %d stand on two pages, as %q does; reading it anew", len(twice), r.Count, twice[0].URL)
}

// digest stands for rows in any order; 0 for none.
func digest(keys []prefetch.RowKey) uint64 {
	if len(keys) == 0 {
		return 0
	}
	slices.SortFunc(keys, func(a, b prefetch.RowKey) int {
		return cmp.Or(cmp.Compare(a.URL, b.URL), cmp.Compare(a.Created, b.Created))
	})
	h := fnv.New64a()
	for _, k := range keys {
		_, _ = fmt.Fprintf(h, "%q %d\n", k.URL, k.Created)
	}
	return max(1, h.Sum64())
}
