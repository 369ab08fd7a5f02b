package lookback_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"prefetch_exporter/poller/clock"
	"prefetch_exporter/poller/dialect"
	"prefetch_exporter/poller/lookback"
	"prefetch_exporter/prefetch"
	vendorapi "prefetch_exporter/vendor_api"
)

const slot = 5 * time.Minute

var noon = time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)

// vendor answers about rows that run for ten minutes. Of ten rows one fails.
type vendor struct {
	rows    []prefetch.URL
	largest int  // page
	uncount bool // it refuses to count by status
	cursor  bool // it tells where the next page begins, and not how many rows there are
	asked   []string
}

func (v *vendor) submit(created time.Time, n int) {
	for range n {
		v.rows = append(v.rows, prefetch.URL{Created: created})
	}
}

// rowsAt are the rows as they are at a time, of those created between two others.
func (v *vendor) rowsAt(now, from, to time.Time) (found []prefetch.URL) {
	for i, u := range v.rows {
		if u.Created.Before(from) || u.Created.After(to) || u.Created.After(now) {
			continue
		}
		switch ended := now.Sub(u.Created) >= 10*time.Minute; {
		case !ended:
			u.Status = prefetch.Running
		case i%10 == 3:
			u.Status = prefetch.Failed
		default:
			u.Status = prefetch.Succeeded
		}
		found = append(found, u)
	}
	return found
}

func (v *vendor) answer(q vendorapi.Query, now time.Time) vendorapi.Answer {
	var found []prefetch.URL
	for _, u := range v.rowsAt(now, q.From, q.To) {
		if q.Status == nil || u.Status == *q.Status {
			found = append(found, u)
		}
	}
	ans := vendorapi.Answer{Count: len(found), URLs: found[:min(len(found), q.PageSize)]}
	if v.cursor && ans.Count > len(ans.URLs) {
		ans.Next, ans.Count = "more", len(ans.URLs)
	}
	return ans
}

// watcher counts a look-back of three days.
type watcher struct {
	*lookback.LookBack

	m dialect.Moment
	v *vendor
}

func watching(v *vendor) *watcher {
	d := dialect.Dialect{Capabilities: vendorapi.Capabilities{
		Windows: true, Paged: true, PageSize: v.largest, LookBack: 72 * time.Hour, MaxSpan: 24 * time.Hour,
	}}
	if !v.uncount {
		d.Capabilities.FilterWords = vendorapi.OneWord(prefetch.Waiting, prefetch.Running, prefetch.Succeeded, prefetch.Failed)
	}
	return &watcher{
		LookBack: &lookback.LookBack{}, v: v,
		m: dialect.Moment{Terms: d.At(noon), PollInterval: time.Minute, Slot: slot},
	}
}

// step asks one question, and reports false if there is none.
func (w *watcher) step() (lookback.Outcome, bool) {
	s, due := w.Next(&w.m)
	if due.After(w.m.Now) {
		return lookback.Outcome{}, false
	}
	q := s.Question(&w.m)
	w.v.asked = append(w.v.asked, q.Why)
	w.Leaves(true)
	ans := w.v.answer(q.Query, w.m.VendorNow())
	w.Ended()
	return w.Answered(q, ans, lookback.Sent{Left: w.m.Now, Asked: w.m.VendorNow()}, &w.m), true
}

// run asks a question each slot until a time is over.
func (w *watcher) run(d time.Duration) {
	for end := w.m.Now.Add(d); w.m.Now.Before(end); w.m.Now = w.m.Now.Add(w.m.Slot) {
		w.step()
	}
}

// truth is what the vendor has of the whole segments.
func (w *watcher) truth() prefetch.Counts {
	first, last := w.Segments[0], w.Segments[len(w.Segments)-1]
	return prefetch.CountURLs(w.v.rowsAt(w.m.VendorNow(), first.From, last.To))
}

// Whatever was created when, and however the vendor lets itself be asked: once all
// is quiet, the sum is the truth, and before everything was counted there is none.
// After a restart it is the same.
func TestTheLookBackIsCounted(t *testing.T) {
	t.Parallel()
	for seed := range uint64(100) {
		random := rand.New(rand.NewPCG(seed, 5))
		v := &vendor{largest: []int{60, 500}[random.IntN(2)], uncount: random.IntN(4) == 0}
		w := watching(v)
		w.m.Offset = time.Duration(random.IntN(81)-40) * time.Minute // of the vendor's clock
		for range random.IntN(12) {
			// A second has no more rows than fit a page.
			v.submit(w.m.VendorNow().Add(-time.Duration(random.IntN(80*3600)-300)*time.Second), []int{1, 5, 50}[random.IntN(3)])
		}
		w.step()
		if got, _ := w.Sum(); got != nil {
			t.Errorf("seed %d: after one call %v", seed, got)
		}
		w.run(30 * time.Hour)
		got, at := w.Sum()
		if got == nil || *got != w.truth() {
			t.Errorf("seed %d: %v, the vendor has %v", seed, got, w.truth())
		}
		if age := w.m.Now.Sub(at); age < 0 || age > time.Hour {
			t.Errorf("seed %d: %v old, with nothing else to ask", seed, age)
		}
		data, err := json.Marshal(w.LookBack)
		if err != nil {
			t.Fatal(err)
		}
		var again lookback.LookBack
		if err := json.Unmarshal(data, &again); err != nil {
			t.Fatal(err)
		}
		if sum, since := again.Sum(); got != nil && (sum == nil || *sum != *got || !since.Equal(at)) {
			t.Errorf("seed %d: %v of %v, after a restart %v of %v", seed, got, at, sum, since)
		}
	}
}

// The look-back moves on segment by segment, and the sum with it: never absent.
func TestTheLookBackMoves(t *testing.T) {
	t.Parallel()
	v := &vendor{largest: 10}
	for i := range 24 * 7 {
		v.submit(noon.Add(time.Duration(i-72)*time.Hour), 15)
	}
	w := watching(v)
	w.run(5 * time.Hour)
	for range 24 * 4 {
		w.run(time.Hour)
		got, at := w.Sum()
		if got == nil {
			t.Fatalf("absent at %v", w.m.Now)
		}
		if age := w.m.Now.Sub(at); age > time.Hour {
			t.Errorf("%v old at %v", age, w.m.Now)
		}
		// Of the last half hour not all may be counted yet.
		if n, all := got.Total(), w.truth().Total(); n > all || n < all-15 {
			t.Errorf("%d URLs at %v, of %d", n, w.m.Now, all)
		}
	}
}

// A segment that does not fit a page takes no more calls than it must: no page is
// read in vain again, no total asked for twice, and what failed is not asked for
// where nothing else can be left.
func TestWhatALargeSegmentCosts(t *testing.T) {
	t.Parallel()
	v := &vendor{largest: 10}
	w := watching(v)
	w.run(4 * time.Hour)
	v.submit(w.m.Now.Add(-2*time.Minute), 40)
	v.asked = nil
	w.run(40 * time.Minute)
	var got []string
	for _, why := range v.asked {
		got = append(got, strings.Fields(why)[1]+" "+strings.Fields(why)[2])
	}
	// Until the segment ends there may be more rows: their total is asked for again.
	want := "[every URL what succeeded what failed every URL what succeeded every URL what succeeded every URL]"
	if fmt.Sprint(got) != want {
		t.Errorf("asked %v, want %v", got, want)
	}
	if sum, _ := w.Sum(); sum == nil || *sum != w.truth() {
		t.Errorf("%v, want %v", sum, w.truth())
	}
}

// Counts that do not fit each other, and more rows of one second than can be read,
// are no sum; nothing of what was doubted counts later.
func TestTrouble(t *testing.T) {
	t.Parallel()
	v := &vendor{largest: 10}
	v.submit(noon.Add(-time.Hour), 40)
	w := watching(v)
	var about string
	for range 30 {
		s, due := w.Next(&w.m)
		if due.After(w.m.Now) {
			break
		}
		q := s.Question(&w.m)
		ans := v.answer(q.Query, w.m.Now)
		if q.Query.Status != nil {
			ans.Count = 39
		}
		if out := w.Answered(q, ans, lookback.Sent{Left: w.m.Now, Asked: w.m.Now}, &w.m); out.Trouble != "" {
			about = out.About
			break
		}
	}
	if about != "counts" {
		t.Errorf("the trouble is about %q", about)
	}
	w.run(6 * time.Hour)
	if sum, _ := w.Sum(); sum == nil || *sum != w.truth() {
		t.Errorf("counted anew: %v, want %v", sum, w.truth())
	}

	v = &vendor{largest: 10, uncount: true}
	v.submit(noon.Add(-time.Hour), 11)
	w = watching(v)
	for range 100 {
		out, asked := w.step()
		if about = out.About; about != "" || !asked {
			break
		}
	}
	if sum, _ := w.Sum(); about != "too large" || sum != nil {
		t.Errorf("%v, the trouble is about %q", sum, about)
	}
}

// A question that was refused, discarded or overtaken changes no count; and rows
// that may still appear are not counted.
func TestAnswersThatDoNotCount(t *testing.T) {
	t.Parallel()
	v := &vendor{largest: 10}
	v.submit(noon.Add(-time.Hour), 8)
	v.submit(noon.Add(-2*time.Hour), 8)
	w := watching(v)
	s, _ := w.Next(&w.m)
	q := s.Question(&w.m)
	sent := lookback.Sent{Left: noon, Asked: noon.Add(-time.Minute)}
	w.Answered(q, v.answer(q.Query, noon), sent, &w.m)
	if s.Count != nil || !s.At.IsZero() {
		t.Errorf("asked too early, but counted: %+v", s)
	}
	sent.Asked = noon
	w.Answered(q, v.answer(q.Query, noon), sent, &w.m)
	if s.Count == nil {
		t.Fatal("no count was begun")
	}
	q.Discard()
	if s.Count != nil {
		t.Error("what was discarded goes on")
	}
	w.Refused(noon.Add(10 * time.Minute))
	if _, due := w.Next(&w.m); !due.Equal(noon.Add(10 * time.Minute)) {
		t.Errorf("after a refusal asked at %v", due)
	}
	w.Refused(noon.Add(clock.LongestRetry + time.Hour)) // by a clock that was set back since
	if _, due := w.Next(&w.m); due.After(noon) {
		t.Errorf("asked at %v", due)
	}
	w.m.Now = noon.Add(100 * time.Hour)
	w.Next(&w.m)
	if out := w.Answered(q, v.answer(q.Query, w.m.Now), sent, &w.m); s.Count != nil || out.Whole {
		t.Error("what left the look-back is counted")
	}
	// Refused since it was begun: it goes on by reading.
	w = watching(v)
	w.step()
	w.m.NoStatusFilter = true
	if s, _ := w.Next(&w.m); s.Question(&w.m).Query.Kind != vendorapi.QueryWindow {
		t.Error("it is still counted by status")
	}
	w.run(24 * time.Hour)
	if sum, _ := w.Sum(); sum == nil || *sum != w.truth() {
		t.Errorf("%v, want %v", sum, w.truth())
	}
}

// Where tasks want every call, the look-back gets one in twelve, and of questions
// that are pressing half as many.
func TestTurns(t *testing.T) {
	t.Parallel()
	w := watching(&vendor{largest: 10})
	w.Leaves(false)
	if w.Since != 0 {
		t.Error("a call counts before there is a segment")
	}
	w.Next(&w.m)
	w.Leaves(true)
	if !w.UnderWay() || !w.Clone().UnderWay() {
		t.Error("no call is under way")
	}
	w.Ended()
	for n := range 30 {
		if got, want := w.Turn(false), n >= 11; got != want {
			t.Errorf("after %d calls it is its turn: %v", n, got)
		}
		if got, want := w.Turn(true), n >= 23; got != want {
			t.Errorf("after %d pressing calls it is its turn: %v", n, got)
		}
		w.Leaves(false)
	}
	w.Leaves(true)
	c := w.Clone()
	for n := range 11 {
		if at := c.Yield(&w.m); !at.Equal(w.m.Now.Add(slot)) || c.Turn(false) != (n == 10) {
			t.Errorf("after %d calls were left to others the next look is at %v", n+1, at)
		}
		c.Yield(&w.m) // in the same slot
		w.m.Now = w.m.Now.Add(slot)
	}
	if w.Turn(false) {
		t.Error("a copy changed what it was made of")
	}
}

// What a clock that ran ahead dated is as old as now, and moves when that is set; a
// look-back that grew is counted from its beginning.
func TestClocks(t *testing.T) {
	t.Parallel()
	w := watching(&vendor{largest: 10})
	w.run(2 * time.Hour)
	_, at := w.Sum()
	w.Move(func(at *time.Time) {
		if !at.IsZero() {
			*at = at.Add(time.Hour)
		}
	})
	if _, got := w.Sum(); !got.Equal(at.Add(time.Hour)) {
		t.Errorf("known since %v, want an hour after %v", got, at)
	}
	if !w.Clamp(at) || w.Clamp(at) {
		t.Error("times from the future stay")
	}
	if _, got := w.Sum(); got.After(at) {
		t.Errorf("known since %v, now it is %v", got, at)
	}
	n, first := len(w.Segments), w.Segments[0].From
	w.m.Capabilities.LookBack = 7 * 24 * time.Hour
	w.Next(&w.m)
	if sum, _ := w.Sum(); sum != nil || len(w.Segments) <= n || !w.Segments[0].From.Before(first) {
		t.Errorf("%d segments from %v on, with a sum of %v", len(w.Segments), w.Segments[0].From, sum)
	}
	w.m.Hasty, w.m.Begun = true, w.m.Now
	asked := 0
	for ; asked < 100; asked++ {
		if _, more := w.step(); !more {
			break
		}
	}
	if asked == 100 {
		t.Error("what was asked since it began is asked again")
	}
	w.m.Now = noon.Add(-1000 * time.Hour) // set back: everything is to come
	if _, due := w.Next(&w.m); due.After(w.m.Now.Add(time.Hour)) {
		t.Errorf("the next question is at %v", due)
	}
}

// A page that another follows is not all rows of a window, whatever it counts.
func TestCursors(t *testing.T) {
	t.Parallel()
	v := &vendor{largest: 10, uncount: true, cursor: true}
	for minutes := range 8 {
		v.submit(noon.Add(-time.Hour-time.Duration(minutes)*time.Minute), 8)
	}
	w := watching(v)
	w.run(6 * time.Hour)
	if sum, _ := w.Sum(); sum == nil || *sum != w.truth() {
		t.Errorf("%v, the vendor has %v", sum, w.truth())
	}
}
