package vendorapi_test

import (
	"testing"
	"time"

	"prefetch_exporter/prefetch"
	vendorapi "prefetch_exporter/vendor_api"
)

// What a vendor cannot be asked is told from its capabilities alone.
func TestCheck(t *testing.T) {
	t.Parallel()
	const hour = time.Hour
	noon := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	all := vendorapi.Capabilities{
		Windows: true, Lists: true, Paged: true, TasksPerQuery: 2, MaxSpan: hour, FilterWords: vendorapi.OneWord(prefetch.Failed),
	}
	window := func(kind vendorapi.QueryKind, span time.Duration) vendorapi.Query {
		return vendorapi.Query{Kind: kind, From: noon, To: noon.Add(span)}
	}
	task := vendorapi.Query{Kind: vendorapi.QueryTask, TaskID: "a"}
	for _, tt := range []struct {
		name string
		caps vendorapi.Capabilities
		ask  vendorapi.Query
		want string // empty if it can be asked
	}{
		{"a task", vendorapi.Capabilities{}, task, ""},
		{"a task in a window", all, vendorapi.Query{Kind: vendorapi.QueryTask, TaskID: "a", From: noon, To: noon}, ""},
		{"two tasks", all, vendorapi.Query{Kind: vendorapi.QueryTask, TaskID: "a", Others: []string{"b"}}, ""},
		{"a window", all, window(vendorapi.QueryWindow, hour), ""},
		{"a list", all, window(vendorapi.QueryList, hour), ""},
		{"a count", all, vendorapi.Query{Kind: vendorapi.QueryCount, TaskID: "a", Status: new(prefetch.Failed)}, ""},
		{"a list of any time", all, vendorapi.Query{Kind: vendorapi.QueryList}, ""},
		{"a count by its filter", vendorapi.Capabilities{FilterWords: all.FilterWords}, vendorapi.Query{Kind: vendorapi.QueryCount, TaskID: "a"}, ""},
		{"any span", vendorapi.Capabilities{Windows: true}, window(vendorapi.QueryWindow, 1000*hour), ""},
		{"no kind", all, vendorapi.Query{TaskID: "a"}, `the vendor cannot be asked for a ""`},
		{"no windows", vendorapi.Capabilities{}, window(vendorapi.QueryWindow, hour), `the vendor cannot be asked for a "window"`},
		{"no lists", vendorapi.Capabilities{}, window(vendorapi.QueryList, hour), `the vendor cannot be asked for a "list"`},
		{"no counts", vendorapi.Capabilities{}, window(vendorapi.QueryCount, hour), `the vendor cannot be asked for a "count"`},
		{
			"too many tasks", all, vendorapi.Query{Kind: vendorapi.QueryTask, TaskID: "a", Others: []string{"b", "c"}},
			"the vendor cannot be asked for 3 tasks at once",
		},
		{"no start", all, vendorapi.Query{Kind: vendorapi.QueryWindow, To: noon}, "the window has only one end"},
		{"no end", all, vendorapi.Query{Kind: vendorapi.QueryWindow, From: noon}, "the window has only one end"},
		{"no task", all, window(vendorapi.QueryTask, hour), "neither a task nor a window to ask for"},
		{"no window", all, vendorapi.Query{Kind: vendorapi.QueryCount}, "neither a task nor a window to ask for"},
		{
			"no times", vendorapi.Capabilities{}, vendorapi.Query{Kind: vendorapi.QueryTask, TaskID: "a", From: noon, To: noon},
			"the vendor cannot filter by time",
		},
		{
			"no filter", all, vendorapi.Query{Kind: vendorapi.QueryTask, TaskID: "a", Status: new(prefetch.Waiting)},
			"the vendor cannot filter by the status waiting",
		},
		{"a long window", all, window(vendorapi.QueryWindow, hour+1), "the window spans 1h0m0.000000001s, not between 0 and 1h0m0s"},
		{"a window that ends before", all, window(vendorapi.QueryWindow, -hour), "the window spans -1h0m0s, not between 0 and 1h0m0s"},
		{"a negative page", all, vendorapi.Query{Kind: vendorapi.QueryTask, TaskID: "a", Page: -1}, "page -1 of 0 rows is negative"},
		{"a negative page size", all, vendorapi.Query{Kind: vendorapi.QueryTask, TaskID: "a", PageSize: -1}, "page 0 of -1 rows is negative"},
	} {
		got := ""
		if err := tt.caps.Check(&tt.ask); err != nil {
			got = err.Error()
		}
		if got != tt.want {
			t.Errorf("%s: got %q, want %q", tt.name, got, tt.want)
		}
	}
}

// Pages begin with the first, of the size that suits the question.
func TestComplete(t *testing.T) {
	t.Parallel()
	caps := vendorapi.Capabilities{Lists: true, Paged: true, PageSize: 100, ListSize: 1000}
	for _, tt := range []struct {
		ask        vendorapi.Query
		page, size int
	}{
		{vendorapi.Query{Kind: vendorapi.QueryTask, TaskID: "a"}, 1, 100},
		{vendorapi.Query{Kind: vendorapi.QueryCount, TaskID: "a"}, 1, 1},
		{vendorapi.Query{Kind: vendorapi.QueryList}, 1, 1000},
		{vendorapi.Query{Kind: vendorapi.QueryCount, TaskID: "a", Page: 3, PageSize: 7}, 3, 7},
	} {
		if err := tt.ask.Complete(caps); err != nil || tt.ask.Page != tt.page || tt.ask.PageSize != tt.size {
			t.Errorf("%s: page %d of %d rows, %v", tt.ask.Kind, tt.ask.Page, tt.ask.PageSize, err)
		}
	}
	if err := (&vendorapi.Query{Kind: vendorapi.QueryWindow}).Complete(caps); err == nil {
		t.Error("a window is asked of a vendor without any")
	}
}
