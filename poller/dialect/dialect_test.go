package dialect_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"prefetch_exporter/poller/clock"
	"prefetch_exporter/poller/dialect"
	"prefetch_exporter/prefetch"
	vendorapi "prefetch_exporter/vendor_api"
)

var now = time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)

// huawei is a vendor that does everything.
func huawei(l dialect.Learned) dialect.Dialect {
	return dialect.Dialect{Learned: l, Capabilities: vendorapi.Capabilities{
		Windows: true, Paged: true, FilterWords: vendorapi.OneWord(prefetch.Waiting, prefetch.Running, prefetch.Succeeded, prefetch.Failed), Times: vendorapi.RowTimes{Created: true, Started: true, Finished: true}, Gradual: true,
		PageSize: 100, LookBack: 7 * 24 * time.Hour, MaxSpan: 24 * time.Hour,
	}}
}

func page(size int) vendorapi.Query {
	return vendorapi.Query{Kind: vendorapi.QueryTask, Page: 1, PageSize: size}
}

// Each refusal teaches one thing, and is no failure while there is another way
// to ask.
func TestRefused(t *testing.T) {
	t.Parallel()
	since := func(ago time.Duration) vendorapi.Query { return vendorapi.Query{From: now.Add(-ago), To: now} }
	status := func(s prefetch.Status) vendorapi.Query { return vendorapi.Query{Status: &s} }
	for _, c := range []struct {
		name    string
		feature vendorapi.Feature
		query   vendorapi.Query
		before  dialect.Learned
		want    dialect.Learned
		fails   bool
	}{
		{
			name: "a task without a window", feature: vendorapi.FeatureTaskAlone,
			want: dialect.Learned{NeedWindow: true},
		},
		{
			name: "a task with a window", feature: vendorapi.FeatureTaskAlone,
			before: dialect.Learned{NeedWindow: true}, want: dialect.Learned{NeedWindow: true}, fails: true,
		},
		{
			name: "a page, which is halved", feature: vendorapi.FeaturePageSize, query: page(100),
			want: dialect.Learned{PageSize: 50},
		},
		{
			name: "a page, which is what is given unasked then", feature: vendorapi.FeaturePageSize, query: page(30),
			before: dialect.Learned{PageSize: 30}, want: dialect.Learned{PageSize: 20},
		},
		{
			name: "a page smaller than that", feature: vendorapi.FeaturePageSize, query: page(20),
			before: dialect.Learned{PageSize: 20}, want: dialect.Learned{PageSize: 10},
		},
		{
			name: "a page of one row", feature: vendorapi.FeaturePageSize, query: page(1),
			before: dialect.Learned{PageSize: 1}, want: dialect.Learned{PageSize: 1}, fails: true,
		},
		{
			name: "a page that was asked for before that was learned", feature: vendorapi.FeaturePageSize, query: page(100),
			before: dialect.Learned{PageSize: 50}, want: dialect.Learned{PageSize: 50},
		},
		{
			name: "a small page for a count", feature: vendorapi.FeaturePageSize,
			query: vendorapi.Query{Kind: vendorapi.QueryCount, Page: 1, PageSize: 1},
			want:  dialect.Learned{NoSmallPage: true},
		},
		{
			name: "the documented look-back", feature: vendorapi.FeatureLookBack, query: since(6 * 24 * time.Hour),
			want: dialect.Learned{LookBack: 72 * time.Hour},
		},
		{
			name: "the look-back of the Chinese page", feature: vendorapi.FeatureLookBack, query: since(71 * time.Hour),
			before: dialect.Learned{LookBack: 72 * time.Hour}, want: dialect.Learned{LookBack: 71 * time.Hour},
		},
		{
			name: "the least look-back", feature: vendorapi.FeatureLookBack, query: since(23 * time.Hour),
			before: dialect.Learned{LookBack: 24 * time.Hour}, want: dialect.Learned{LookBack: 24 * time.Hour}, fails: true,
		},
		{
			name: "a look-back that was not asked for", feature: vendorapi.FeatureLookBack, query: page(100), fails: true,
		},
		{
			name: "a window that a wrong clock made", feature: vendorapi.FeatureLookBack, query: since(8 * 24 * time.Hour),
		},
		{
			name: "rows that succeeded", feature: vendorapi.FeatureStatusFilter, query: status(prefetch.Succeeded),
			want: dialect.Learned{NoStatusFilter: true, RefusedAt: now},
		},
		{
			name: "rows that run", feature: vendorapi.FeatureStatusFilter, query: status(prefetch.Running),
			want: dialect.Learned{NoRunFilter: true, RefusedAt: now},
		},
		{
			name: "rows that wait", feature: vendorapi.FeatureStatusFilter, query: status(prefetch.Waiting),
			want: dialect.Learned{NoWaitFilter: true, RefusedAt: now},
		},
		{
			name: "rows that succeeded, once more", feature: vendorapi.FeatureStatusFilter, query: status(prefetch.Succeeded),
			before: dialect.Learned{NoStatusFilter: true}, want: dialect.Learned{NoStatusFilter: true}, fails: true,
		},
		{
			name: "what nobody knows", feature: "colour", fails: true,
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			d := huawei(c.before)
			if otherwise := d.Refused(c.feature, c.query, now); otherwise == c.fails {
				t.Errorf("another way: %v", otherwise)
			}
			if diff := cmp.Diff(c.want, d.Learned); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// A vendor without windows has no other way to be asked for a task.
func TestRefusedWithoutWindows(t *testing.T) {
	t.Parallel()
	if d := new(dialect.Dialect); d.Refused(vendorapi.FeatureTaskAlone, vendorapi.Query{}, now) || d.NeedWindow {
		t.Error("windows were believed in")
	}
}

// The page that a vendor gives is what it says that it gives, while there is more
// to give.
func TestSawPage(t *testing.T) {
	t.Parallel()
	rows := make([]prefetch.URL, 50)
	for _, c := range []struct {
		name  string
		query vendorapi.Query
		ans   vendorapi.Answer
		want  int
	}{
		{name: "smaller", query: page(100), ans: vendorapi.Answer{URLs: rows, Count: 200, PageSize: 50}, want: 50},
		{name: "as asked", query: page(50), ans: vendorapi.Answer{URLs: rows, Count: 200, PageSize: 50}},
		{name: "all there is", query: page(100), ans: vendorapi.Answer{URLs: rows, Count: 50, PageSize: 50}},
		{name: "less than unasked", query: page(100), ans: vendorapi.Answer{URLs: rows, Count: 200, PageSize: 10}},
		{
			name: "a later page", query: vendorapi.Query{Page: 2, PageSize: 100},
			ans: vendorapi.Answer{URLs: rows, Count: 200, PageSize: 50},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			d := huawei(dialect.Learned{})
			if changed := d.SawPage(c.query, c.ans); changed != (c.want != 0) || d.PageSize != c.want {
				t.Errorf("changed %v, page size %d", changed, d.PageSize)
			}
		})
	}
}

// A filter that was ignored is not believed in for a day, and then once more.
func TestFilters(t *testing.T) {
	t.Parallel()
	succeeded, running := prefetch.Succeeded, prefetch.Running
	rows := []prefetch.URL{{Status: prefetch.Succeeded}}
	d := huawei(dialect.Learned{})
	if d.SawRows(vendorapi.Query{}, rows, now) || d.SawRows(vendorapi.Query{Status: &succeeded}, rows, now) {
		t.Error("rows as they were asked for taught something")
	}
	if !d.SawRows(vendorapi.Query{Status: &running}, rows, now) || !d.NoRunFilter || d.NoStatusFilter {
		t.Errorf("learned %+v", d.Learned)
	}
	for n, truth := range []bool{false, false, true, false, false, false} {
		d.NoRunFilter = false
		d.Scouted(truth, now)
		if d.NoRunFilter != (n == 5) {
			t.Errorf("judgement %d: believed %v", n, !d.NoRunFilter)
		}
	}
	if d.TryFilters(now.Add(24*time.Hour - 1)) {
		t.Error("tried again within a day")
	}
	later := now.Add(24 * time.Hour)
	if !d.TryFilters(later) || d.NoRunFilter || d.TryFilters(later) {
		t.Error("not tried again after a day")
	}
	if d.Scouted(false, later); !d.NoRunFilter {
		t.Error("the second try was not the last one")
	}
}

// So is whether it can limit answers to rows that wait.
func TestTryToCountWhatWaits(t *testing.T) {
	t.Parallel()
	d := huawei(dialect.Learned{NoWaitFilter: true, RefusedAt: now})
	if later := now.Add(24 * time.Hour); d.TryFilters(later.Add(-1)) || !d.TryFilters(later) || d.NoWaitFilter {
		t.Error("not tried again after a day")
	}
}

// What can be asked for is what is documented, less what was refused.
func TestTerms(t *testing.T) {
	t.Parallel()
	const day = 24 * time.Hour
	documented := huawei(dialect.Learned{})
	learned := huawei(dialect.Learned{
		PageSize: 20, NoSmallPage: true, LookBack: 72 * time.Hour, NoStatusFilter: true, Offset: time.Hour,
	})
	for _, c := range []struct {
		name           string
		terms          dialect.Terms
		page, count    int
		vendorNow      time.Time
		oldest         time.Time
		counts, scouts bool
	}{
		{"documented", documented.At(now), 100, 1, now, now.Add(dialect.Edge - 7*day), true, true},
		{"learned", learned.At(now), 20, 20, now.Add(time.Hour), now.Add(time.Hour + dialect.Edge - 3*day), false, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if got := c.terms.PageSize(); got != c.page {
				t.Errorf("page size %d", got)
			}
			if got := c.terms.CountPage(); got != c.count {
				t.Errorf("page size of counts %d", got)
			}
			if got := c.terms.VendorNow(); !got.Equal(c.vendorNow) {
				t.Errorf("the vendor's now %v", got)
			}
			if got := c.terms.Oldest(); !got.Equal(c.oldest) {
				t.Errorf("oldest %v", got)
			}
			if c.terms.CanCount() != c.counts || c.terms.CanScout() != c.scouts || !c.terms.HasLookBack() {
				t.Errorf("can count %v, scout %v, has a look-back %v", c.terms.CanCount(), c.terms.CanScout(), c.terms.HasLookBack())
			}
		})
	}
	// Larger than what is configured is nothing.
	generous := huawei(dialect.Learned{PageSize: 1000, LookBack: 30 * day})
	if terms := generous.At(now); terms.PageSize() != 100 || terms.LookBack() != 7*day {
		t.Errorf("pages of %d, a look-back of %v", terms.PageSize(), terms.LookBack())
	}
}

func TestClamp(t *testing.T) {
	t.Parallel()
	d := huawei(dialect.Learned{})
	terms := d.At(now)
	end, oldest := now.Add(dialect.Pad), terms.Oldest()
	for _, c := range []struct {
		name             string
		from, to         time.Time
		wantFrom, wantTo time.Time
	}{
		{"within", now.Add(-2 * time.Hour), now.Add(-time.Hour), now.Add(-2 * time.Hour), now.Add(-time.Hour)},
		{"not over yet", now.Add(-time.Hour), now.Add(time.Hour), now.Add(-time.Hour), end},
		{"begun before the look-back", oldest.Add(-time.Hour), now, oldest, now},
		{"in the future", now.Add(time.Hour), now.Add(2 * time.Hour), end.Add(-24 * time.Hour), end},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if from, to := terms.Clamp(c.from, c.to); !from.Equal(c.wantFrom) || !to.Equal(c.wantTo) {
				t.Errorf("%v to %v", from, to)
			}
		})
	}
}

// A task is out of reach when it lies before the look-back, if the vendor wants a
// window and has told its time.
func TestOutOfReach(t *testing.T) {
	t.Parallel()
	told := clock.Stamp{Wall: now}
	old := now.Add(-8 * 24 * time.Hour)
	for _, c := range []struct {
		name    string
		learned dialect.Learned
		created time.Time
		want    bool
	}{
		{"old", dialect.Learned{NeedWindow: true, OffsetAt: told}, old, true},
		{"young", dialect.Learned{NeedWindow: true, OffsetAt: told}, now, false},
		{"nobody knows how old", dialect.Learned{NeedWindow: true, OffsetAt: told}, time.Time{}, false},
		{"no window is wanted", dialect.Learned{OffsetAt: told}, old, false},
		{"nobody knows what time it is", dialect.Learned{NeedWindow: true}, old, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			d := huawei(c.learned)
			terms := d.At(now)
			if got := terms.OutOfReach(c.created); got != c.want {
				t.Errorf("out of reach: %v", got)
			}
		})
	}
}

// A Date header tells the offset as well as the call was quick.
func TestSawDate(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name  string
		date  time.Time
		took  time.Duration
		moved time.Duration
		told  bool
	}{
		{"ahead", now.Add(3 * time.Minute), 2 * time.Second, 3*time.Minute + time.Second, true},
		{"behind", now.Add(-8 * time.Hour), 0, -8 * time.Hour, true},
		{"within what a second and the call explain", now.Add(-4 * time.Second), 2 * time.Second, 0, true},
		{"a call that took too long", now.Add(-time.Hour), dialect.SlowCall + 1, 0, false},
		{"no header", time.Time{}, 0, 0, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			d := huawei(dialect.Learned{})
			moved := d.SawDate(c.date, clock.Stamp{Wall: now, Boot: "b"}, c.took)
			if moved != c.moved || d.Offset != c.moved || d.OffsetAt.Wall.IsZero() == c.told {
				t.Errorf("moved by %v to %v, told at %v", moved, d.Offset, d.OffsetAt)
			}
		})
	}
}

// When our clock is set, the vendor's stays where it is.
func TestSawClock(t *testing.T) {
	t.Parallel()
	stamp := func(boot string, wall, up time.Duration) clock.Stamp {
		return clock.Stamp{Wall: now.Add(wall), Boot: boot, Up: up}
	}
	for _, c := range []struct {
		name    string
		present clock.Stamp
		offset  time.Duration
		changed bool
		doubted bool
	}{
		{"as time passes", stamp("b", time.Minute, time.Minute), time.Hour, false, false},
		{"slewed a little", stamp("b", time.Minute+999*time.Millisecond, time.Minute), time.Hour, false, false},
		{"set ahead", stamp("b", 31*time.Minute, time.Minute), 30 * time.Minute, true, false},
		{"after another boot", stamp("c", 31*time.Minute, time.Minute), time.Hour, false, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			d := huawei(dialect.Learned{Offset: time.Hour, OffsetAt: stamp("b", 0, 0)})
			if changed := d.SawClock(c.present); changed != c.changed || d.Offset != c.offset {
				t.Errorf("changed %v, offset %v", changed, d.Offset)
			}
			if d.DoubtClock(c.present); d.OffsetAt.Wall.IsZero() != c.doubted {
				t.Errorf("told at %v", d.OffsetAt)
			}
		})
	}
}
