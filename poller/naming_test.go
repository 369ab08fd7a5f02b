package poller_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"prefetch_exporter/poller"
	"prefetch_exporter/prefetch"
	vendorapi "prefetch_exporter/vendor_api"
)

// odd is a vendor whose answers name their tasks, and that is as odd as real ones are.
type odd struct {
	*stub

	mu     sync.Mutex
	random *rand.Rand
	tasks  []*oddTask
	order  int                     // of rows and tasks: 1 the oldest first, -1 the newest, 0 any
	offset time.Duration           // of its clock
	jumped time.Duration           // that for a while
	slow   time.Duration           // how long after its creation a list has a task
	cut    int                     // most rows of an answer about several tasks; 0 for any
	fails  vendorapi.Error         // of a question about several tasks of which one is broken
	more   int                     // how much larger its counts are than they should be
	lacks  bool                    // answers about everything lack some tasks
	vain   bool                    // questions about a task that is over have no rows
	trips  map[int]prefetch.Reason // calls that fail, by their number
}

// oddTask is one task: its rows appear and end at some age, the first fails of them fail.
type oddTask struct {
	id      string
	created time.Time // by our clock
	appear  []time.Duration
	end     []time.Duration
	fails   int
	purge   bool
	broken  bool // questions about it fail
}

func (o *oddTask) rows(now time.Time, offset time.Duration) (urls []prefetch.URL) {
	for i := range o.end {
		u := prefetch.URL{
			URL: fmt.Sprintf("https://example.com/%x/%d", o.id, i), Status: prefetch.Running,
			Created: o.created.Add(o.appear[i] + offset).Truncate(second),
		}
		switch age := now.Sub(o.created); {
		case age < o.appear[i]:
			continue
		case age < o.end[i]:
		case i < o.fails:
			u.Status, u.Cause, u.Words = prefetch.Failed, prefetch.CauseOrigin, "origin timeout"
		default:
			u.Status = prefetch.Succeeded
		}
		urls = append(urls, u)
	}
	return urls
}

func (o *oddTask) over() time.Time { return o.created.Add(slices.Max(o.end)) }

func (v *odd) reply(n int, q vendorapi.Query) (vendorapi.Answer, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	now := time.Now()
	date := now.Add(v.offset + v.jumped).Truncate(second)
	if reason := v.trips[n]; reason != "" {
		return vendorapi.Answer{}, &vendorapi.Error{Reason: reason, HTTPStatus: 500, Date: date}
	}
	ans := vendorapi.Answer{Date: date, Page: q.Page, PageSize: q.PageSize}
	ids := q.Tasks()
	inside := func(at time.Time) bool { return !at.Before(q.From) && !at.After(q.To) }
	for _, o := range v.sorted() {
		asked := slices.Contains(ids, o.id)
		switch {
		case asked && o.broken:
			err := v.fails
			err.Date = date
			return vendorapi.Answer{}, &err
		case asked && o.purge && len(ids) > 1:
			ans.Refused = map[string]*vendorapi.Error{o.id: {Reason: prefetch.ReasonInvalid, Message: "a purge"}}
			continue
		case asked && o.purge:
			return vendorapi.Answer{}, &vendorapi.Error{Reason: prefetch.ReasonInvalid, Message: "a purge", Date: date}
		case v.lacks && len(ids) == 0 && v.random.IntN(4) == 0, v.vain && asked && now.After(o.over()):
			continue
		case o.purge, len(ids) > 0 && !asked, now.Before(o.created), len(ids) == 0 && now.Before(o.created.Add(v.slow)):
			continue
		}
		rows := o.rows(now, v.offset)
		if q.Kind == vendorapi.QueryList {
			if created := o.created.Add(v.offset).Truncate(second); inside(created) && len(rows) > 0 {
				c := prefetch.CountURLs(rows)
				ans.Tasks = append(ans.Tasks, vendorapi.TaskSummary{ID: o.id, Created: created, Counts: c, Done: c.AllFinal()})
			}
			continue
		}
		for _, u := range rows {
			if (len(ids) > 0 && q.From.IsZero() || inside(u.Created)) && (q.Status == nil || *q.Status == u.Status) {
				ans.URLs, ans.RowTasks = append(ans.URLs, u), append(ans.RowTasks, o.id)
			}
		}
	}
	ans.Count = len(ans.URLs) + len(ans.Tasks)
	all := ans.Count
	if q.Status == nil { // else nobody could tell
		ans.Count += v.more
	}
	size, page := q.PageSize, max(1, q.Page)
	if len(ids) > 1 && v.cut > 0 {
		size, page = v.cut, 1
	}
	if size > 0 {
		first := min(all, (page-1)*size)
		last := min(all, first+size)
		if q.Kind == vendorapi.QueryList {
			ans.Tasks = ans.Tasks[first:last]
		} else {
			ans.URLs, ans.RowTasks = ans.URLs[first:last], ans.RowTasks[first:last]
		}
	}
	return ans, nil
}

// sorted are the tasks in the vendor's order.
func (v *odd) sorted() []*oddTask {
	tasks := slices.Clone(v.tasks)
	v.random.Shuffle(len(tasks), func(i, j int) { tasks[i], tasks[j] = tasks[j], tasks[i] })
	if v.order != 0 {
		slices.SortStableFunc(tasks, func(a, b *oddTask) int { return v.order * a.created.Compare(b.created) })
	}
	return tasks
}

// oddity is what is drawn of an odd vendor and of what happens.
type oddity struct {
	seed                uint64
	order               int
	offset, jump        time.Duration
	slow                time.Duration
	cut, page, list     int
	tasks, named        int
	gradual, spread     bool
	large, broken       bool
	unknown, purge      bool
	more                int
	lacks, vain         bool
	reason              prefetch.Reason
	trips               int
	wrong               time.Duration // how far off configured creations are
	restarts, renames   bool
	discover, retention time.Duration
	limit               int
	takes               time.Duration
}

func drawOddity(rt *rapid.T) oddity {
	flag := func(name string) bool { return rapid.IntRange(0, 3).Draw(rt, name) == 3 }
	some := func(name string, d ...time.Duration) time.Duration { return rapid.SampledFrom(d).Draw(rt, name) }
	return oddity{
		seed: rapid.Uint64().Draw(rt, "seed"), order: rapid.IntRange(-1, 1).Draw(rt, "order"),
		offset: some("offset", 0, 0, 0, -7*time.Hour, 5*time.Hour, 40*second), jump: some("jump", 0, 0, 0, 3*time.Hour, -2*time.Hour),
		slow: some("slow", 0, 0, 20*second, 100*second),
		cut:  rapid.SampledFrom([]int{0, 0, 5}).Draw(rt, "cut"), page: rapid.SampledFrom([]int{20, 100}).Draw(rt, "page"),
		list: rapid.SampledFrom([]int{5, 10_000, 10_000}).Draw(rt, "list"), tasks: rapid.IntRange(1, 15).Draw(rt, "tasks"),
		named: rapid.IntRange(0, 15).Draw(rt, "named"), gradual: flag("gradual"), spread: flag("spread"), large: flag("large"), broken: flag("broken"),
		unknown: flag("unknown"), purge: flag("purge"),
		reason: rapid.SampledFrom([]prefetch.Reason{prefetch.ReasonInvalid, prefetch.ReasonNotFound, prefetch.ReasonDecode, prefetch.ReasonTimeout}).Draw(rt, "reason"),
		trips:  rapid.SampledFrom([]int{0, 0, 5}).Draw(rt, "trips"), wrong: some("wrong", 0, 0, 3*time.Minute, -3*time.Minute, 90*time.Minute, 8*time.Hour),
		restarts: flag("restarts"), renames: flag("renames"), discover: some("discover", 0, 24*time.Hour, 24*time.Hour),
		retention: some("retention", time.Hour, 24*time.Hour), limit: rapid.SampledFrom([]int{5000, 5000, 5}).Draw(rt, "limit"),
		more: rapid.SampledFrom([]int{0, 0, 0, 0, 3, 1_000_000}).Draw(rt, "more"), lacks: flag("lacks"), vain: flag("vain"),
		takes: some("takes", 0, 300*time.Millisecond, 3*second),
	}
}

// vendor makes the vendor of what was drawn, with tasks that are created over an hour
// from half an hour ago on.
func (d *oddity) vendor(caps vendorapi.Capabilities) *odd {
	caps.PageSize, caps.ListSize = d.page, d.list
	v := &odd{
		random: rand.New(rand.NewPCG(d.seed, 1)), order: d.order, more: d.more, lacks: d.lacks, vain: d.vain, offset: d.offset, slow: d.slow, cut: d.cut,
		fails: vendorapi.Error{Reason: d.reason, HTTPStatus: 400}, trips: map[int]prefetch.Reason{},
	}
	v.stub = &stub{caps: caps, answer: v.reply, takes: func(int) time.Duration { return d.takes }}
	for range d.trips {
		v.trips[v.random.IntN(100)] = d.reason
	}
	for i := range d.tasks {
		o := &oddTask{id: fmt.Sprintf("task-%02d", i), created: time.Now().Add(-30*time.Minute + time.Duration(v.random.IntN(3600))*second)}
		n := 1 + v.random.IntN(4)
		if d.large && i%5 == 0 {
			n = 150
		}
		over := v.random.IntN(7200)
		for range n {
			appear := time.Duration(0)
			if caps.Gradual && d.gradual {
				appear = time.Duration(v.random.IntN(30)) * second
			}
			o.appear = append(o.appear, appear)
			o.end = append(o.end, appear+time.Duration(1+v.random.IntN(60+over))*second)
		}
		slices.Sort(o.appear)
		o.fails = max(0, v.random.IntN(4)-2)
		o.purge, o.broken = d.purge && i == 1, d.broken && i == 2
		v.tasks = append(v.tasks, o)
	}
	return v
}

// configured are the named ones of the vendor's tasks that were created.
func (d *oddity) configured(v *odd) (specs []prefetch.Task) {
	for i, o := range v.tasks {
		if i >= d.named || time.Now().Before(o.created) {
			continue
		}
		spec := configured(edgeAccount, o.id)
		if i%3 > 0 {
			spec.Created = o.created.Add(d.offset)
		}
		if i%3 > 1 {
			spec.Created = spec.Created.Add(d.wrong)
		}
		specs = append(specs, spec)
	}
	if d.unknown {
		spec := configured(edgeAccount, "unknown")
		spec.Created = time.Now().Add(-10 * time.Minute)
		specs = append(specs, spec, configured(edgeAccount, "unknown too"))
	}
	return specs
}

// judge checks what is shown.
func (d *oddity) judge(rt *rapid.T, v *odd, state prefetch.AccountState, over map[string]time.Time) {
	tasks := map[string]*oddTask{}
	for _, o := range v.tasks {
		tasks[o.id] = o
	}
	seen := map[string]bool{}
	for _, s := range state.Tasks {
		if seen[s.ID] {
			rt.Errorf("%s is there twice", s.ID)
		}
		seen[s.ID] = true
		o := tasks[s.ID]
		if o == nil || o.purge {
			if s.Answered {
				rt.Errorf("%s is shown with %v", s.ID, s.Counts)
			}
			continue
		}
		if !s.Answered {
			continue
		}
		truth := func(at time.Time) prefetch.Counts { return prefetch.CountURLs(o.rows(at, 0)) }
		if s.Settled() {
			last := truth(o.over())
			if s.Counts != last || time.Now().Before(o.over()) {
				rt.Errorf("%s is settled with %v as of %v; it ended %v with %v", s.ID, s.Counts, s.LastRefresh, o.over(), last)
			}
			continue
		}
		if len(o.end) > d.page || d.more > 0 {
			continue // counted, or read in pages, or nobody can tell
		}
		honest := false
		for at := s.LastRefresh.Add(-d.takes - second); !at.After(s.LastRefresh); at = at.Add(second / 10) {
			honest = honest || truth(at) == s.Counts
		}
		if !honest {
			rt.Errorf("%s is shown with %v as of %v, and it was %v", s.ID, s.Counts, s.LastRefresh, truth(s.LastRefresh))
		}
	}
	for _, s := range state.Tasks {
		if at := over[s.ID]; !at.IsZero() && time.Since(at) > d.retention+time.Minute {
			rt.Errorf("%s is watched %v after it was settled", s.ID, time.Since(at))
		}
		if s.Settled() && over[s.ID].IsZero() {
			over[s.ID] = time.Now()
		}
	}
	// Pages in no order hide tasks, and nobody can tell.
	pages := d.order == 0 && (d.large || d.tasks*4 > min(d.page, d.list))
	for _, o := range v.tasks {
		visible := o.created.Add(d.slow + slices.Min(o.appear))
		ready := time.Since(visible) > 4*time.Minute && v.jumped == 0
		if d.discover > 0 && ready && !d.renames && !pages && !o.purge && !o.broken && d.trips == 0 && d.more == 0 && !d.lacks && !d.vain && d.limit > 100 && !seen[o.id] && over[o.id].IsZero() {
			rt.Errorf("%s is not watched %v after it could be seen", o.id, time.Since(visible))
		}
	}
}

// TestNaming asks of vendors that name tasks, and are odd in many ways, whether
// everything that is shown is true, everything that can settle does, and how often
// they are asked.
func TestNaming(t *testing.T) {
	t.Parallel()
	for name, caps := range kinds() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rapid.Check(t, func(rt *rapid.T) {
				d := drawOddity(rt)
				synctest.Test(t, func(t *testing.T) { d.run(t, rt, caps) })
			})
		})
	}
}

func (d *oddity) run(t *testing.T, rt *rapid.T, caps vendorapi.Capabilities) {
	t.Helper()
	random := rand.New(rand.NewPCG(d.seed, 2)) // the vendor has its own
	const hours = 4
	v := d.vendor(caps)
	a := account(edgeAccount, v, prefetch.Limit{Calls: 600, Per: time.Minute})
	a.Discover, a.Retention, a.TaskLimit, a.MaxStaleness = d.discover, d.retention, d.limit, 24*time.Hour
	st := newMemory()
	r := start(t, st, []poller.Account{a}, d.configured(v)...)
	before, over := 0, map[string]time.Time{}
	for minute := range hours * 60 {
		wait(time.Minute)
		switch v.mu.Lock(); minute {
		case 40:
			v.jumped = d.jump
		case 70:
			v.jumped = 0
		}
		v.mu.Unlock()
		if d.restarts && random.IntN(20) == 0 {
			r.stop()
			wait(time.Duration(random.IntN(100)) * second)
			r = start(t, st, []poller.Account{a}, d.configured(v)...)
			wait(3 * time.Minute)
		} else if minute <= 90 { // at last every task is named: what is not for long is new then
			if specs := d.configured(v); d.renames && minute < 90 && random.IntN(3) == 0 && len(specs) > 0 {
				i := random.IntN(len(specs))
				r.list(slices.Delete(specs, i, i+1)...)
			} else {
				r.list(specs...)
			}
		}
		state := r.account(t, edgeAccount)
		if minute < 41 || minute > 73 || d.jump == 0 {
			d.judge(rt, v, state, over)
		}
		if minute%10 == 9 {
			calls := len(v.calls()) - before
			before += calls
			pages := 1 + (d.tasks*8+150)/min(d.page, d.list)
			if most := 10 * (2*pages + 2*(d.tasks+2)); calls > most {
				rt.Errorf("%d calls in ten minutes, more than %d, at minute %d; some are %+v", calls, most, minute, v.asked()[before-calls:][calls/2:][:4])
			}
		}
		if rt.Failed() {
			break
		}
	}
	state := r.account(t, edgeAccount)
	for _, s := range state.Tasks {
		i := slices.IndexFunc(v.tasks, func(o *oddTask) bool { return o.id == s.ID })
		if i < 0 || v.tasks[i].purge || v.tasks[i].broken {
			continue
		}
		if !s.Settled() && d.more == 0 && !d.vain && !rt.Failed() {
			rt.Errorf("%s has not settled: %+v; the last questions are %+v", s.ID, s, last(v.asked(), 6))
		}
	}
	if err := overQuota(v.calls(), a.Limit); err != nil {
		rt.Error(err)
	}
	r.stop()
}

func last[E any](s []E, n int) []E { return s[max(0, len(s)-n):] }
