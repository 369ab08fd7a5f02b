package match

import (
	"slices"
	"time"

	"prefetch_exporter/poller/dialect"
	"prefetch_exporter/prefetch"
	vendorapi "prefetch_exporter/vendor_api"
)

// byTask are the rows of a page by the task that they name.
func byTask(p *Page) map[string][]prefetch.URL {
	rows := map[string][]prefetch.URL{}
	for i, id := range p.RowTasks {
		rows[id] = append(rows[id], p.URLs[i])
	}
	return rows
}

// Named matches a page of all rows that name their task. The page shows a claim
// whole if it shows every row of when the claim was created, or if it has as many of
// the claim's as there were before.
func Named(p Page, claims []Claim) (r Result) {
	shown := p.Query
	shown.From, shown.To, r.Unordered = p.see()
	rows := byTask(&p)
	if len(rows[""]) > 0 {
		shown.To = time.Time{} // they may be anybody's
	}
	for i := range claims {
		c := &claims[i]
		urls := rows[c.ID]
		all := c.Within(shown) && !slices.ContainsFunc(urls, func(u prefetch.URL) bool {
			return u.Created.Before(shown.From) || u.Created.After(shown.To) // it was created at another time
		})
		switch {
		case c.Counted:
		case len(urls) > 0 && p.hides(c, urls, shown):
		case len(urls) > 0 && len(urls) >= c.Total && (all || c.Total > 0):
			r.Found = append(r.Found, Found{i, urls})
		case all && c.Joinable() && p.Asked.After(c.appeared()):
			r.Missed = append(r.Missed, i)
		}
	}
	return r
}

// hides reports whether there may be more rows of a task, some of which the page shows:
// they were created before what it shows, or after, and at another time than these.
func (p *Page) hides(c *Claim, urls []prefetch.URL, shown vendorapi.Query) bool {
	if !p.Gradual {
		return false
	}
	for i := range urls {
		u := &urls[i]
		before := c.Reach > 0 && u.Created.Before(shown.From.Add(dialect.Proof))
		if before || shown.To.Before(p.Asked) && shown.To.Before(u.Created.Add(dialect.Proof)) {
			return true
		}
	}
	return false
}

// NamedRunning matches a page of rows that run and name their task.
func NamedRunning(p Page, claims []Claim) (r Result) {
	r.Unordered = p.Unordered
	rows := byTask(&p)
	for i := range claims {
		if n := len(rows[claims[i].ID]); claims[i].Within(p.Query) && (n > 0 || p.Whole()) {
			r.Hints = append(r.Hints, Hint{Claim: i, Rows: n, Left: n})
		}
	}
	return r
}

// Listed finds the claims that a list should have told of and did not.
func Listed(p Page, claims []Claim) (missed []int) {
	listed := make(map[string]bool, len(p.Tasks))
	for i := range p.Tasks {
		listed[p.Tasks[i].ID] = true
	}
	for i := range claims {
		c := &claims[i]
		if !listed[c.ID] && p.Whole() && c.Joinable() && c.Within(p.Query) && p.Asked.After(c.appeared()) {
			missed = append(missed, i)
		}
	}
	return missed
}
