package cdnetworks_test

import (
	"strings"
	"testing"
	"time"

	vendorapi "prefetch_exporter/vendor_api"
)

// TestTimeZoneIgnored: an answer whose rows cannot have been created when they
// say is told to the user with the offset that would explain it.
func TestTimeZoneIgnored(t *testing.T) {
	t.Parallel()
	noon := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	twoHours := vendorapi.Query{Kind: vendorapi.QueryWindow, From: noon.Add(-2 * time.Hour), To: noon}
	const ignored = "X-Time-Zone was probably ignored"
	for name, tc := range map[string]struct {
		query   vendorapi.Query
		zone    *time.Location
		created []string
		date    string
		want    []string
	}{
		"obeyed":                      {query: twoHours, created: []string{"2026-11-21 10:00:00", "2026-11-21 12:00:00"}},
		"within the padding":          {query: twoHours, created: []string{"2026-11-21 09:59:58", "2026-11-21 12:00:02"}},
		"no time told":                {query: twoHours, created: []string{""}},
		"no window and no date":       {query: taskQuery(), created: []string{"2036-11-21 10:00:00"}},
		"not long in the future":      {query: taskQuery(), created: []string{"2026-11-21 12:04:59"}, date: "Sat, 21 Nov 2026 12:00:00 GMT"},
		"the vendor's default offset": {query: twoHours, created: []string{"", "2026-11-21 18:30:00", "2026-11-21 19:59:59"}, want: []string{"createTime 2026-11-21 18:30:00 GMT+00:00 lies outside the window asked for, 2026-11-21 10:00:00 GMT+00:00 to 2026-11-21 12:00:00 GMT+00:00: " + ignored + "; times of GMT+08:00 would fit"}},
		"just before the window":      {query: twoHours, created: []string{"2026-11-21 09:59:57"}, want: []string{"outside the window", ignored}},
		"another offset, only one":    {query: twoHours, created: []string{"2026-11-21 13:59:59", "2026-11-21 12:00:30"}, want: []string{ignored + "; times of GMT+02:00 would fit"}, date: "Sat, 21 Nov 2026 12:00:00 GMT"},
		"not by whole hours":          {query: vendorapi.Query{Kind: vendorapi.QueryWindow, From: noon, To: noon.Add(10 * time.Minute)}, created: []string{"2026-11-21 17:35:00"}, want: []string{ignored}},
		"several offsets would do":    {query: twoHours, zone: time.FixedZone("", 60*60), created: []string{"2026-11-21 14:30:00"}, want: []string{"14:30:00 GMT+01:00 lies outside", ignored}},
		"in the vendor's future":      {query: taskQuery(), created: []string{"2026-11-21 19:00:00"}, date: "Sat, 21 Nov 2026 12:00:00 GMT", want: []string{"createTime 2026-11-21 19:00:00 GMT+00:00 lies after the vendor's own time, 2026-11-21 12:00:00 GMT+00:00: " + ignored + "; times of GMT+08:00 would fit"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			elements := make([]string, len(tc.created))
			for i, created := range tc.created {
				elements[i] = `{"url":"u","status":"run","createTime":"` + created + `"}`
			}
			zone := tc.zone
			if zone == nil {
				zone = time.UTC
			}
			answer := reply{status: 200, header: map[string]string{"Date": tc.date}, body: rows(elements...)}
			got, err := ask(t, answer, tc.query, zone)
			if err != nil {
				t.Fatal(err)
			}
			if (len(got.Oddities) == 1) != (tc.want != nil) {
				t.Fatalf("oddities = %q, want %q", got.Oddities, tc.want)
			}
			for _, want := range tc.want {
				if !strings.Contains(got.Oddities[0], want) {
					t.Errorf("oddity %q does not say %q", got.Oddities[0], want)
				}
			}
			if tc.want != nil && strings.Contains(tc.want[len(tc.want)-1], "would fit") != strings.Contains(got.Oddities[0], "would fit") {
				t.Errorf("oddity %q suggests an offset, or lacks one", got.Oddities[0])
			}
		})
	}
}
