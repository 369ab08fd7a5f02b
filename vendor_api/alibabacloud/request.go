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

// filterWords are the vendor's words to filter by a status, where it has one only: it
// takes one at a time.
var filterWords = map[prefetch.Status]string{prefetch.Succeeded: "Complete", prefetch.Running: "Refreshing"}

// byID reports whether q is asked by task id. That is the cheapest call: it takes
// several tasks, answers whole and has a limit of its own (30 calls a second where
// the list has 5), but it can be limited to nothing. So whatever is about more than
// the rows of tasks goes to the list, and so do the pages of a task after the first.
func byID(q *vendorapi.Query) bool {
	return q.Kind == vendorapi.QueryTask && q.Page <= 1 && q.Status == nil && !q.HasWindow()
}

// complete fills in the page of q and its size, or says why the API has no form for it.
func (p *Provider) complete(q *vendorapi.Query) error {
	if err := q.Complete(p.Capabilities()); err != nil {
		return err
	}
	tasks := q.Tasks()
	switch {
	case len(tasks) > 1 && !byID(q):
		return fmt.Errorf("the vendor cannot be asked this of %d tasks at once", len(tasks))
	case slices.ContainsFunc(tasks, func(id string) bool { return strings.Contains(id, ",") }):
		return errors.New("an id holds a comma: the vendor returned several ids, each of which is a task of its own")
	}
	q.PageSize = min(q.PageSize, p.api.pageSize)
	if byID(q) {
		q.PageSize = 0 // it has none
	}
	return nil
}

// request is the HTTP request for q without its credentials: all in the query of a POST
// without a body, as the vendor's SDK sends it.
func (p *Provider) request(ctx context.Context, q *vendorapi.Query) (*http.Request, []byte, error) {
	if err := p.complete(q); err != nil {
		return nil, nil, err
	}
	action, query := p.api.list, url.Values{}
	if byID(q) {
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
		query.Set("Status", filterWords[*q.Status])
	}
	if q.HasWindow() {
		from, to := q.From.UTC().Truncate(time.Second), q.To.UTC().Truncate(time.Second)
		if !to.After(from) {
			to = from.Add(time.Second) // the vendor wants an end after the start
		}
		query.Set("StartTime", from.Format(dateLayout))
		query.Set("EndTime", to.Format(dateLayout))
	}
	target := *p.target
	target.RawQuery = signing.CanonicalQuery(query)
	req, body, err := vendorapi.NewRequest(ctx, http.MethodPost, &target, nil)
	if err != nil {
		return nil, nil, err
	}
	req.Header.Set("Accept", "application/json")
	req.Header.Set("X-Acs-Action", action)
	req.Header.Set("X-Acs-Version", p.api.version)
	return req, body, nil
}
