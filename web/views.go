package web

import (
	"time"

	"prefetch_exporter/prefetch"
)

// The forms of the API. A pointer is null where there is nothing to tell; a time
// is RFC 3339 in UTC.

type accountView struct {
	Provider  string     `json:"provider"`
	Account   string     `json:"account"`
	Owner     *string    `json:"owner"` // null where nobody owns it, or no store is shared
	Up        bool       `json:"up"`
	LastQuery *askedView `json:"last_query"`
	NextQuery *queryView `json:"next_query"`
}

type queryView struct {
	Kind   string  `json:"kind"`
	Task   *string `json:"task"` // null for a window
	Reason *string `json:"reason"`
	Time   *string `json:"time"`
}

type askedView struct {
	queryView
	Error *string `json:"error"`
}

type taskView struct {
	Account     string            `json:"account"`
	Provider    string            `json:"provider"`
	ID          string            `json:"id"`
	Source      string            `json:"source"`
	Phase       string            `json:"phase"`
	Settled     bool              `json:"settled"`
	NextLook    *string           `json:"next_look"`
	Created     *string           `json:"created"`
	Finished    *string           `json:"finished"`
	Deadline    *string           `json:"deadline"`
	Labels      map[string]string `json:"labels"`
	LastRefresh *string           `json:"last_refresh"`
	LastError   *string           `json:"last_error"`
	URLs        *countsView       `json:"urls"` // null before the first answer
	// FailedRecovered is null before the first answer too.
	FailedRecovered *int `json:"failed_urls_recovered"`
	// FailedCauses is null where the vendor tells no causes, too.
	FailedCauses *causesView `json:"failed_causes"`
}

// countsView has every status. It is no map, which costs as much as the rest of
// a task.
type countsView struct {
	Waiting   int `json:"waiting"`
	Running   int `json:"running"`
	Succeeded int `json:"succeeded"`
	Failed    int `json:"failed"`
	Unknown   int `json:"unknown"`
}

// causesView has every cause.
type causesView struct {
	Origin  int `json:"origin"`
	Vendor  int `json:"vendor"`
	Unknown int `json:"unknown"`
}

type taskDetail struct {
	taskView
	// URLList is a part of the rows that are kept, and URLListTotal how many these
	// are; null before the first answer.
	URLList      []urlView `json:"url_list"`
	URLListTotal *int      `json:"url_list_total"`
	// URLsWithoutRow are those that were submitted and that the vendor showed no row
	// for yet, the first of them.
	URLsWithoutRow []string `json:"urls_without_row"`
}

type urlView struct {
	URL      string   `json:"url"`
	Status   string   `json:"status"`
	Created  *string  `json:"created"`
	Started  *string  `json:"started"`
	Finished *string  `json:"finished"`
	Rate     *float64 `json:"rate"`
	// Cause is null unless the URL failed and the vendor tells causes; Words are the
	// vendor's own, null if it has none.
	Cause *string `json:"cause"`
	Words *string `json:"words"`
	// Recovered is true for failed URLs only.
	Recovered bool `json:"recovered"`
}

func viewAccount(a *prefetch.AccountState) accountView {
	view := accountView{Provider: a.Account.Provider, Account: a.Account.Name, Owner: orNull(a.Owner), Up: a.Up}
	if q := a.LastQuery; q != nil {
		view.LastQuery = &askedView{queryView: viewQuery(q), Error: viewFailure(q.Error)}
	}
	if q := a.NextQuery; q != nil {
		next := viewQuery(q)
		view.NextQuery = &next
	}
	return view
}

func viewQuery(q *prefetch.QueryState) queryView {
	return queryView{Kind: q.Kind, Task: orNull(q.Task), Reason: orNull(q.Why), Time: viewTime(q.Time)}
}

// viewTask is the form of a task of the account; of one that is not watched nothing
// is asked.
func viewTask(a *prefetch.AccountState, t *prefetch.TaskState) taskView {
	view := taskView{
		Account: t.Account.Name, Provider: t.Account.Provider, ID: t.ID, Source: t.Source,
		Phase: t.Phase.String(), Settled: t.Settled(), NextLook: viewTime(a.NextLook(t)),
		Created: viewTime(t.Created), Finished: viewTime(t.Finished), Deadline: viewTime(t.Deadline),
		Labels: t.Labels, LastRefresh: viewTime(t.LastRefresh), LastError: viewFailure(t.LastError),
	}
	if view.Labels == nil {
		view.Labels = map[string]string{} // none is a fact, and not absent
	}
	if t.Answered {
		c := &t.Counts
		view.URLs = &countsView{
			Waiting: c[prefetch.Waiting], Running: c[prefetch.Running],
			Succeeded: c[prefetch.Succeeded], Failed: c[prefetch.Failed], Unknown: c[prefetch.Unknown],
		}
		view.FailedRecovered = &t.Recovered
	}
	if t.Answered && t.HasCauses {
		view.FailedCauses = &causesView{
			Origin: t.Causes[prefetch.CauseOrigin], Vendor: t.Causes[prefetch.CauseVendor], Unknown: t.Causes[prefetch.CauseUnknown],
		}
	}
	return view
}

func viewDetail(a *prefetch.AccountState, t *prefetch.TaskState, rows part) taskDetail {
	detail := taskDetail{taskView: viewTask(a, t)}
	if !t.Answered {
		return detail
	}
	total := len(t.URLs)
	urls := t.URLs[min(rows.offset, total):min(rows.offset+rows.limit, total)]
	detail.URLsWithoutRow = append([]string{}, t.NoRow[:min(defaultLimit, len(t.NoRow))]...)
	detail.URLList, detail.URLListTotal = make([]urlView, 0, len(urls)), &total
	for i := range urls {
		u := &urls[i]
		view := urlView{
			URL: u.URL, Status: u.Status.String(),
			Created: viewTime(u.Created), Started: viewTime(u.Started), Finished: viewTime(u.Finished),
			Words: orNull(u.Words), Recovered: u.Recovered,
		}
		if t.HasCauses && u.Status == prefetch.Failed {
			view.Cause = orNull(u.Cause.String())
		}
		// JSON has no word for what is not a number.
		if u.HasRate && u.Rate >= 0 && u.Rate <= 1 {
			view.Rate = &u.Rate
		}
		detail.URLList = append(detail.URLList, view)
	}
	return detail
}

func viewFailure(f *prefetch.Failure) *string {
	if f == nil {
		return nil
	}
	return &f.Message
}

// viewTime is a text and not a [time.Time], whose JSON fails for years that a
// vendor may well send.
func viewTime(t time.Time) *string {
	if t.IsZero() {
		return nil
	}
	return orNull(t.UTC().Format(time.RFC3339Nano))
}

func orNull(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}
