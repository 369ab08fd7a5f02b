package freshness

import (
	"time"

	"prefetch_exporter/prefetch"
)

// Names of the scenarios at vendors whose answers say of which tasks they are, one
// for each way in which an answer tells of many.
const (
	RowsWithTasks       = "rows with tasks"
	TasksListed         = "tasks listed"
	TenTasksAQuestion   = "ten tasks a question"
	DiscoveredRows      = "discovered, rows with tasks"
	DiscoveredListed    = "discovered, tasks listed"
	DiscoveredQuestions = "discovered, ten tasks a question"
)

// naming is what these vendors have in common in the scenarios. They take 5 to 30
// calls a second by their pages.
func naming(name string) Vendor {
	return Vendor{
		Name: name, Limit: prefetch.Limit{Calls: 60, Per: time.Minute},
		PollInterval: 30 * time.Second, Retention: 10 * time.Minute, Named: true,
	}
}

// The rows of a window tell their task, and are there at once.
func volcengine() Vendor {
	const week = 7 * 24 * time.Hour
	v := naming("volcengine_cdn")
	v.Windows, v.PageSize, v.OneWord = true, 100, true
	v.MaxSpan, v.LookBack = week-2*time.Minute, week-2*time.Minute
	return v
}

// A list tells of every task, and a question of the rows of one.
func huaweicloudCDN() Vendor {
	const twoWeeks = 14 * 24 * time.Hour
	v := naming("huaweicloud_cdn")
	v.Lists, v.PageSize = true, 10_000
	v.LookBack = twoWeeks
	return v
}

// Ten tasks may be asked for by their ids, and windows have rows that tell their task.
// Rows may appear gradually.
func alibabacloud() Vendor {
	const days = 3 * 24 * time.Hour
	v := naming("alibabacloud_cdn")
	v.Windows, v.PageSize, v.TasksPerQuery = true, 100, 10
	v.MaxSpan, v.LookBack = days-2*time.Minute, days-2*time.Minute
	v.Proof = time.Minute
	return v
}

// kinds are the scenarios at these vendors: many tasks at once, and a day of tasks
// that nobody names.
func kinds() []Scenario {
	const (
		median, p95 = 4 * time.Minute, 20 * time.Minute
		day         = 24 * time.Hour
		unsettled   = 500
		aDay        = 3000
	)
	var many, found []Scenario
	for _, of := range []struct {
		vendor           Vendor
		name, discovered string
	}{
		{volcengine(), RowsWithTasks, DiscoveredRows},
		{huaweicloudCDN(), TasksListed, DiscoveredListed},
		{alibabacloud(), TenTasksAQuestion, DiscoveredQuestions},
	} {
		s := Scenario{
			Name: of.name, Vendor: of.vendor, Within: time.Hour, Unsettled: unsettled, Ramp: 10 * time.Minute,
			LeastURLs: 3, MostURLs: 3, Fetch: fromPercentile(median, p95), Failing: 0.01,
		}
		many = append(many, s)
		s.Name, s.Within, s.Unsettled, s.Ramp, s.Items, s.Discover = of.discovered, day, 0, 0, aDay, day
		s.Vendor.PollInterval, s.Vendor.Retention = time.Minute, day // the defaults
		found = append(found, s)
	}
	return append(many, found...)
}
