package demo

import (
	"fmt"
	"time"

	"prefetch_exporter/vendor_api/simulator"
)

const (
	huaweiURLs = 10 // the most that Huawei Cloud VOD takes in one task
	otherURLs  = 24
)

// launch is one prefetch before a premiere, and what becomes of it.
type launch struct {
	ID, Title string
	Created   time.Time
	Deadline  *time.Time

	// first and last are when the first and the last URL are on the edge,
	// after creation; the others follow evenly between.
	first, last time.Duration
	// failed and stuck are how many of the URLs end so, out of ten.
	failed, stuck int
}

// Story is what one sees, a line for each launch.
func Story() []string {
	var lines []string
	for _, l := range launches(time.Time{}) {
		lines = append(lines, fmt.Sprintf("%-24s %s", l.ID, l.Title))
	}
	return lines
}

// launches are the launches of a demo that starts at start. Some began before,
// so that every kind of series is there at once.
func launches(start time.Time) []launch {
	at := func(d time.Duration) *time.Time {
		t := start.Add(d)
		return &t
	}
	return []launch{
		{
			ID: "launch-done", Title: "finished before the demo began: everything is warm",
			Created: start.Add(-10 * time.Minute), Deadline: at(-2 * time.Minute),
			first: time.Minute, last: 5 * time.Minute,
		},
		{
			ID: "launch-succeeds", Title: "under way, all warm in about a minute",
			Created: start.Add(-2 * time.Minute), Deadline: at(15 * time.Minute),
			first: 90 * time.Second, last: 190 * time.Second,
		},
		{
			ID: "launch-with-failures", Title: "ends within two minutes with failed URLs",
			Created: start.Add(-2 * time.Minute), Deadline: at(15 * time.Minute),
			first: 100 * time.Second, last: 220 * time.Second, failed: 2,
		},
		{
			ID: "launch-stuck", Title: "hangs: some URLs never finish",
			Created: start.Add(-25 * time.Minute),
			first:   time.Minute, last: 4 * time.Minute, stuck: 3,
		},
		{
			ID: "launch-misses-deadline", Title: "too slow: its deadline passes three minutes from now",
			Created: start.Add(-4 * time.Minute), Deadline: at(3 * time.Minute),
			first: 2 * time.Minute, last: 30 * time.Minute,
		},
	}
}

// task is the launch at a vendor.
func (l launch) task(v *vendor) simulator.Task {
	n := v.urls
	urls := make([]simulator.URLPlan, n)
	step := (l.last - l.first) / time.Duration(n-1)
	for i := range urls {
		done := l.first + time.Duration(i)*step
		wait := done / 3
		// Spread over the launch, so that failures show while it is under way.
		bad := i * 10 / n
		urls[i] = simulator.URLPlan{
			URL:   fmt.Sprintf("https://video.example.com/%s/part-%02d.mp4", l.ID, i+1),
			Wait:  wait,
			Fetch: done - wait,
			Fails: bad < l.failed,
			Stuck: bad >= 10-l.stuck,
		}
		if urls[i].Fails {
			urls[i].Rate, urls[i].Reason = 40, v.reason
		}
	}
	return simulator.Task{ID: l.ID, Owner: v.owner, Created: l.Created, URLs: urls}
}
