package priority_test

import (
	"testing"
	"time"

	"prefetch_exporter/poller/planner/priority"
)

var noon = time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)

// The class goes before the weight, and that before the worth.
func TestCompare(t *testing.T) {
	t.Parallel()
	order := []priority.Priority{
		{},
		{Class: priority.Hopeless, Worth: 100},
		{Class: priority.Ordinary, Worth: 1},
		{Class: priority.Ordinary, Worth: 2},
		{Class: priority.Starved, Weight: 10},
		{Class: priority.Starved, Weight: 11},
		{Class: priority.Imminent, Weight: 1, Worth: 5},
		{Class: priority.Overdue, Weight: 1, Worth: 7},
		{Class: priority.Overdue, Weight: 2, Worth: 1},
	}
	for i, p := range order {
		for j, o := range order {
			if got := p.Compare(o); got > 0 != (i > j) || got < 0 != (i < j) {
				t.Errorf("%+v compared with %+v: %d", p, o, got)
			}
		}
		if got, want := p.Presses(), i >= 6; got != want {
			t.Errorf("%+v presses: %v", p, got)
		}
	}
}

// item is a task that was created so many seconds after noon.
type item struct {
	created int
	priority.Share
}

func told(created int, rows, worth float64) item {
	return item{created, priority.Share{Priority: priority.Priority{Class: priority.Ordinary, Worth: worth}, Rows: rows, Told: 1}}
}

func of(class priority.Class, it item) item {
	it.Class = class
	if class > priority.Ordinary {
		it.Weight = 1
	}
	return it
}

func best(items []item, change func(*priority.Bounds)) priority.Window {
	b, shares := prepared(items, change)
	return priority.Best(shares, b)
}

func prepared(items []item, change func(*priority.Bounds)) (priority.Bounds, []priority.Share) {
	b := priority.Bounds{Oldest: noon.Add(-time.Hour), Newest: noon.Add(time.Hour), Most: 10 * time.Minute, Around: time.Second, Room: 100}
	if change != nil {
		change(&b)
	}
	shares := make([]priority.Share, len(items))
	for i, it := range items {
		shares[i] = it.Share
		shares[i].Created, shares[i].Margin = noon.Add(time.Duration(it.created)*time.Second).UnixNano(), int64(time.Second)
	}
	return b, shares
}

func TestBest(t *testing.T) {
	t.Parallel()
	idle := item{30, priority.Share{Rows: 60}}
	for name, c := range map[string]struct {
		items       []item
		change      func(*priority.Bounds)
		first, last int
		told        int
		class       priority.Class
		worth       float64
	}{
		"none": {},
		"all, while they fit": {
			items: []item{told(0, 40, 1), told(60, 40, 2), told(120, 20, 4)}, last: 2, told: 3, class: priority.Ordinary, worth: 7,
		},
		"those worth the most, if not all fit": {
			items: []item{told(0, 40, 1), told(60, 50, 2), told(120, 50, 4)}, first: 1, last: 2, told: 2, class: priority.Ordinary, worth: 6,
		},
		"rows of others take room": {
			items: []item{told(0, 40, 1), told(60, 40, 2)}, change: func(b *priority.Bounds) { b.Others = 1 },
			first: 1, last: 1, told: 1, class: priority.Ordinary, worth: 2,
		},
		"no longer than the vendor takes": {
			items: []item{told(0, 1, 3), told(700, 1, 2)}, told: 1, class: priority.Ordinary, worth: 3,
		},
		"none that is too old, too new or too large": {
			items: []item{told(-3600, 1, 9), told(0, 101, 9), told(10, 1, 1), told(3600, 1, 9)},
			first: 2, last: 2, told: 1, class: priority.Ordinary, worth: 1,
		},
		"none that ends with what nobody asks for": {items: []item{told(0, 40, 1), idle}, told: 1, class: priority.Ordinary, worth: 1},
		"a starved one before what is worth more": {
			items: []item{told(0, 60, 50), idle, of(priority.Starved, told(60, 30, 1))},
			first: 1, last: 2, told: 1, class: priority.Starved, worth: 1,
		},
		"two whose deadline passed before one": {
			items: []item{
				of(priority.Overdue, told(0, 50, 9)), of(priority.Overdue, told(60, 50, 1)), of(priority.Overdue, told(120, 60, 50)),
			},
			last: 1, told: 2, class: priority.Overdue, worth: 10,
		},
		"hopeless ones, if there is nothing else": {
			items: []item{of(priority.Hopeless, told(0, 50, 9)), of(priority.Hopeless, told(60, 50, 3))},
			last:  1, told: 2, class: priority.Hopeless, worth: 12,
		},
	} {
		got := best(c.items, c.change)
		if got.First != c.first || got.Last != c.last || got.Told != c.told || got.Class != c.class || got.Worth != c.worth {
			t.Errorf("%s: got %+v", name, got)
		}
	}
}

// A window tells of what is around its tasks as well, as far as there is room.
func TestWiden(t *testing.T) {
	t.Parallel()
	open := func(created int, rows float64) item { return item{created, priority.Share{Rows: rows, Open: 1}} }
	settled := func(created int, rows float64) item { return item{created, priority.Share{Rows: rows}} }
	for name, c := range map[string]struct {
		items       []item
		change      func(*priority.Bounds)
		first, last int
		told        int
	}{
		"all there is":            {items: []item{open(0, 10), told(60, 10, 1), settled(70, 10), open(120, 10)}, last: 3, told: 3},
		"nothing beyond the last": {items: []item{settled(0, 10), told(60, 10, 1), settled(120, 10)}, first: 1, last: 1, told: 1},
		"newer ones first":        {items: []item{open(0, 60), told(60, 20, 1), open(120, 60)}, first: 1, last: 2, told: 2},
		"in the place of idle ones": {
			items: []item{settled(0, 40), settled(30, 40), told(60, 20, 1), open(120, 60)}, first: 2, last: 3, told: 2,
		},
		"as far as rows go":      {items: []item{open(0, 50), open(30, 30), told(60, 30, 1), settled(70, 5)}, first: 1, last: 2, told: 2},
		"settled ones have some": {items: []item{open(0, 30), settled(30, 60), told(60, 30, 1)}, first: 2, last: 2, told: 1},
		"and so has what is in the margins": {
			items: []item{settled(29, 30), open(30, 40), told(60, 30, 1), settled(61, 30)}, first: 2, last: 2, told: 1,
		},
		"no more than there is room for with what is in the margins": {
			items: []item{told(0, 40, 1), told(60, 40, 1), settled(61, 40)}, first: 1, last: 1, told: 1,
		},
		"none, if that is too much": {items: []item{told(0, 80, 1), settled(1, 80)}, first: 1, last: 0},
		"rows of others": {
			items: []item{open(0, 30), told(60, 30, 1)}, change: func(b *priority.Bounds) { b.Others = 1 }, first: 1, last: 1, told: 1,
		},
		"no longer than the vendor takes": {items: []item{told(0, 1, 1), open(700, 1)}, told: 1},
		"nothing too old or too new":      {items: []item{open(-3600, 1), told(0, 1, 1), open(3600, 1)}, change: func(b *priority.Bounds) { b.Most = 4 * time.Hour }, first: 1, last: 1, told: 1},
		"others that are asked for, if it comes to that": {
			items: []item{told(0, 60, 1), told(60, 40, 5), open(61, 0)}, last: 2, told: 3,
		},
	} {
		b, shares := prepared(c.items, c.change)
		w := priority.Best(shares, b)
		if w.Widen(shares, b); w.First != c.first || w.Last != c.last || w.Told != c.told {
			t.Errorf("%s: got %+v", name, w)
		}
	}
}
