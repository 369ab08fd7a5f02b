package tencentcloud

import (
	"time"

	"prefetch_exporter/prefetch"
	vendorapi "prefetch_exporter/vendor_api"
)

// The vendor's values of the `provider` label.
const (
	EdgeOneName = "tencentcloud_edgeone"
	CDNName     = "tencentcloud_cdn"
)

const day = 24 * time.Hour

// product is what tells one of the vendor's products from the other.
type product struct {
	// service, version and action are those of the request.
	service         Service
	version, action string
	// words are the statuses, in lower case, and filters the words that limit a
	// question to those of a status.
	words   map[string]prefetch.Status
	filters map[prefetch.Status][]string
	// timeLayout is how times are asked for.
	timeLayout string
	// pageSize is the largest Limit.
	pageSize int
	// lookBack and maxSpan are how far back, and how long a window, can be asked for.
	lookBack, maxSpan time.Duration
	// oneWord: a question has one word for a status; alone: and a task goes without
	// a window; zoneless: times have no offset.
	oneWord, alone, zoneless bool
	// limit puts the task and the words for the status into a request.
	limit func(w *wireQuery, q *vendorapi.Query, words []string)
}

// edgeOne is DescribePrefetchTasks. How long its rows are kept is not documented;
// a window spans at most 7 days (the text of InvalidParameter.ParameterError).
func edgeOne() *product {
	return &product{
		service: "teo", version: "2022-09-01", action: "DescribePrefetchTasks",
		words: map[string]prefetch.Status{
			"processing": prefetch.Running, "success": prefetch.Succeeded,
			"failed": prefetch.Failed, "timeout": prefetch.Failed, "canceled": prefetch.Failed, wordInvalid: prefetch.Failed,
		},
		filters: map[prefetch.Status][]string{
			prefetch.Running: {"processing"}, prefetch.Succeeded: {"success"},
			prefetch.Failed: {"failed", "timeout", "canceled", wordInvalid},
		},
		timeLayout: "2006-01-02T15:04:05Z",
		pageSize:   1000, lookBack: 7 * day, maxSpan: 7 * day,
		limit: func(w *wireQuery, q *vendorapi.Query, words []string) {
			if q.TaskID != "" {
				w.Filters = append(w.Filters, filter{"job-id", []string{q.TaskID}})
			}
			if len(words) > 0 {
				w.Filters = append(w.Filters, filter{"statuses", words})
			}
		},
	}
}

// cdn is DescribePushTasks. Neither its largest Limit nor its longest window is
// documented: these are what others use. Rows were kept for 30 days by its
// predecessor (cloud.tencent.com/document/api/228/12840), whose words had init too.
func cdn() *product {
	return &product{
		service: "cdn", version: "2018-06-06", action: "DescribePushTasks",
		words: map[string]prefetch.Status{
			"init": prefetch.Waiting, "process": prefetch.Running, "done": prefetch.Succeeded,
			"fail": prefetch.Failed, wordInvalid: prefetch.Failed,
		},
		filters: map[prefetch.Status][]string{
			prefetch.Running: {"process"}, prefetch.Succeeded: {"done"}, prefetch.Failed: {"fail", wordInvalid},
		},
		timeLayout: time.DateTime,
		pageSize:   100, lookBack: 30 * day, maxSpan: day,
		oneWord: true, alone: true, zoneless: true,
		limit: func(w *wireQuery, q *vendorapi.Query, words []string) {
			w.TaskID = q.TaskID
			if len(words) > 0 {
				w.Status = words[0]
			}
		},
	}
}

// filterWords is [vendorapi.Capabilities.FilterWords].
func (p *product) filterWords() (questions [prefetch.NumStatuses]int) {
	for status, words := range p.filters {
		questions[status] = 1
		if p.oneWord {
			questions[status] = len(words)
		}
	}
	return questions
}
