package alibabacloud

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"prefetch_exporter/prefetch"
	vendorapi "prefetch_exporter/vendor_api"
	"prefetch_exporter/vendor_api/signing"
)

// preload is the ObjectType of a prefetch; the others are purges.
const preload = "preload"

// byID reports whether q is asked by task id. That is the cheapest call: it takes
// several tasks, answers whole and has a limit of its own (30 calls a second where
// the list has 5), but it can be limited to nothing. So whatever is about more than
// the rows of tasks goes to the list, and so do the pages of a task after the first.
func byID(q *vendorapi.Query) bool {
	return q.Kind == vendorapi.QueryTask && q.Page <= 1 && q.Status == nil && !hasWindow(q)
}

// hasWindow reports whether q limits the time of creation.
func hasWindow(q *vendorapi.Query) bool { return !q.From.IsZero() || !q.To.IsZero() }

// check says why the API has no form for a question.
func check(q *vendorapi.Query) error {
	tasks := q.Tasks()
	switch {
	case q.Kind == vendorapi.QueryList:
		return errors.New("the vendor has no list of tasks")
	case q.TaskID == "" && (q.Kind == vendorapi.QueryTask || !hasWindow(q)):
		return errors.New("neither a task nor a window to ask for")
	case q.From.IsZero() != q.To.IsZero(), q.To.Before(q.From):
		return errors.New("the window has only one end, or ends before it starts")
	case q.Page < 0 || q.PageSize < 0:
		return fmt.Errorf("page %d of %d rows cannot be asked for", q.Page, q.PageSize)
	case q.Status != nil && filterWord(*q.Status) == "":
		return fmt.Errorf("the vendor has no single word to filter by the status %v", *q.Status)
	case len(tasks) > 1 && !byID(q), len(tasks) > tasksPerQuery:
		return fmt.Errorf("the vendor cannot be asked this of %d tasks at once", len(tasks))
	case slices.ContainsFunc(tasks, func(id string) bool { return strings.Contains(id, ",") }):
		return errors.New("an id holds a comma: the vendor returned several ids, each of which is a task of its own")
	default:
		return nil
	}
}

// complete returns q with its page and page size filled in.
func (p *Provider) complete(q vendorapi.Query) vendorapi.Query {
	if byID(&q) {
		return q
	}
	q.Page = max(q.Page, 1)
	if q.PageSize == 0 && q.Kind == vendorapi.QueryCount {
		q.PageSize = 1
	}
	if q.PageSize == 0 || q.PageSize > p.api.pageSize {
		q.PageSize = p.api.pageSize
	}
	return q
}

// request is the HTTP request for q, which is complete, without its credentials: all
// in the query of a POST without a body, as the vendor's SDK sends it.
func (p *Provider) request(ctx context.Context, q vendorapi.Query) (*http.Request, error) {
	action, query := p.api.list, url.Values{}
	if byID(&q) {
		action = p.api.byID
	} else {
		query.Set("ObjectType", preload)
		query.Set("PageNumber", strconv.Itoa(q.Page))
		query.Set("PageSize", strconv.Itoa(q.PageSize))
	}
	if q.TaskID != "" {
		query.Set("TaskId", strings.Join(q.Tasks(), ","))
	}
	if q.Status != nil {
		query.Set("Status", filterWord(*q.Status))
	}
	if hasWindow(&q) {
		from, to := q.From.UTC().Truncate(time.Second), q.To.UTC().Truncate(time.Second)
		if !to.After(from) {
			to = from.Add(time.Second) // the vendor wants an end after the start
		}
		query.Set("StartTime", from.Format(dateLayout))
		query.Set("EndTime", to.Format(dateLayout))
	}
	target := *p.target
	target.RawQuery = signing.CanonicalQuery(query)
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, target.String(), http.NoBody)
	if err != nil {
		return nil, fmt.Errorf("building the request: %w", err)
	}
	req.Header.Set("Accept", "application/json")
	req.Header.Set("X-Acs-Action", action)
	req.Header.Set("X-Acs-Version", p.api.version)
	return req, nil
}

// filterWord is the vendor's word to filter by a status, empty if it has none, or
// several, of which it takes one at a time.
func filterWord(s prefetch.Status) string {
	switch s {
	case prefetch.Succeeded:
		return "Complete"
	case prefetch.Running:
		return "Refreshing"
	default:
		return ""
	}
}
