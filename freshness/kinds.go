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

// kinds are the scenarios at these vendors: many tasks at once, and a day of tasks
// that nobody names.
func kinds() []Scenario {
	const (
		median, p95 = 4 * time.Minute, 20 * time.Minute
		day         = 24 * time.Hour
		unsettled   = 500
		aDay        = 3000
		aWeek       = 7*day - 2*time.Minute
		threeDays   = 3*day - 2*time.Minute
	)
	var many, found []Scenario
	for _, of := range []struct {
		name, discovered string
		vendor           Vendor
	}{
		// The rows of a window tell their task, and are there at once.
		{RowsWithTasks, DiscoveredRows, Vendor{
			Name: "volcengine_cdn", Windows: true, PageSize: 100, OneWord: true, MaxSpan: aWeek, LookBack: aWeek,
		}},
		// A list tells of every task, and a question of the rows of one.
		{TasksListed, DiscoveredListed, Vendor{Name: "huaweicloud_cdn", Lists: true, PageSize: 10_000, LookBack: 14 * day}},
		// Ten tasks may be asked for by their ids, and windows have rows that tell their
		// task. Rows may appear gradually.
		{TenTasksAQuestion, DiscoveredQuestions, Vendor{
			Name: "alibabacloud_cdn", Windows: true, PageSize: 100, TasksPerQuery: 10, MaxSpan: threeDays, LookBack: threeDays,
			Proof: time.Minute,
		}},
	} {
		v := of.vendor
		v.Named, v.Limit = true, prefetch.Limit{Calls: 60, Per: time.Minute} // their pages say 5 to 30 a second
		v.PollInterval, v.Retention = time.Minute/2, 10*time.Minute
		s := Scenario{
			Name: of.name, Vendor: v, Within: time.Hour, Unsettled: unsettled, Ramp: 10 * time.Minute,
			LeastURLs: 3, MostURLs: 3, Fetch: fromPercentile(median, p95), Failing: 0.01,
		}
		many = append(many, s)
		s.Name, s.Within, s.Unsettled, s.Ramp, s.Items, s.Discover = of.discovered, day, 0, 0, aDay, day
		s.Vendor.PollInterval, s.Vendor.Retention = time.Minute, day // the defaults
		found = append(found, s)
	}
	return append(many, found...)
}
