package zone_test

import (
	"strings"
	"testing"
	"time"

	"prefetch_exporter/prefetch"
	vendorapi "prefetch_exporter/vendor_api"
	"prefetch_exporter/vendor_api/zone"
)

// Rows that cannot have been created when they say are noted once, with the offset
// that would explain all of them, if one does.
func TestNote(t *testing.T) {
	t.Parallel()
	noon := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	window := vendorapi.Query{Kind: vendorapi.QueryWindow, From: noon.Add(-2 * time.Hour), To: noon}
	task := vendorapi.Query{Kind: vendorapi.QueryTask, TaskID: "a"}
	const outside = "lies outside the window asked for, 2026-11-21 10:00:00 GMT+00:00 to 2026-11-21 12:00:00 GMT+00:00: ignored"
	for name, tt := range map[string]struct {
		query   vendorapi.Query
		date    time.Time
		created []time.Duration // after noon; 0 is not told
		want    string
	}{
		"obeyed":              {query: window, created: []time.Duration{-2 * time.Hour, -time.Second}},
		"within the padding":  {query: window, created: []time.Duration{-2*time.Hour - 2*time.Second, 2 * time.Second}},
		"not told":            {query: window, created: []time.Duration{0}},
		"no window, no clock": {query: task, created: []time.Duration{24 * time.Hour}},
		"clocks differ":       {query: task, date: noon, created: []time.Duration{5 * time.Minute}},
		"China's": {
			query: window, created: []time.Duration{0, 7 * time.Hour, 8 * time.Hour},
			want: "createTime 2026-11-21 19:00:00 GMT+00:00 " + outside + "; times of GMT+08:00 would fit",
		},
		"the only one": {
			query: window, date: noon, created: []time.Duration{2*time.Hour - time.Second, 30 * time.Second},
			want: "createTime 2026-11-21 13:59:59 GMT+00:00 " + outside + "; times of GMT+02:00 would fit",
		},
		"several":       {query: window, created: []time.Duration{3 * time.Hour}, want: "createTime 2026-11-21 15:00:00 GMT+00:00 " + outside},
		"none on Earth": {query: window, created: []time.Duration{-20 * time.Hour}, want: "createTime 2026-11-20 16:00:00 GMT+00:00 " + outside},
		"the vendor's future": {
			query: task, date: noon, created: []time.Duration{7 * time.Hour},
			want: "createTime 2026-11-21 19:00:00 GMT+00:00 lies after the vendor's own time, 2026-11-21 12:00:00 GMT+00:00: ignored" +
				"; times of GMT+08:00 would fit",
		},
	} {
		x := vendorapi.Exchange{Query: tt.query, Response: &vendorapi.Response{Date: tt.date}}
		urls := make([]prefetch.URL, len(tt.created))
		for i, after := range tt.created {
			if after != 0 {
				urls[i].Created = noon.Add(after)
			}
		}
		zone.Note(&x, urls, time.UTC, "ignored")
		if got := strings.Join(x.Oddities, "; "); got != tt.want {
			t.Errorf("%s:\ngot  %q\nwant %q", name, got, tt.want)
		}
	}
}

func TestName(t *testing.T) {
	t.Parallel()
	for offset, want := range map[int]string{0: "GMT+00:00", -12600: "GMT-03:30", 20700: "GMT+05:45"} {
		if got := zone.Name(offset); got != want {
			t.Errorf("%d: %s, want %s", offset, got, want)
		}
	}
	if got := zone.China().String(); got != "GMT+08:00" {
		t.Errorf("China is %s", got)
	}
}
