package status

import (
	"maps"
	"slices"
	"time"

	"prefetch_exporter/prefetch"
	"prefetch_exporter/web/status/judge"
	"prefetch_exporter/web/words"
)

// taskPage is the content of the page of one task.
type taskPage struct {
	Now                           words.Moment
	ID, Title                     string
	Account, Provider, AccountURL string
	State                         judge.Badge
	Badges                        []judge.Badge
	Listed                        string
	Bar                           bar
	Success, Edge, Progress       string
	Causes                        string // of failed URLs; empty if none is told
	SuccessTone                   judge.Tone
	Age                           string
	Created, FirstSeen, Finished  words.Moment
	Duration                      string
	FinishTold                    bool // else it finished at the latest then
	Deadline                      judge.Deadline
	NextLook                      string // when it is asked again; empty if it is not
	NextLookAt                    words.Moment
	Data                          judge.Data
	MaxStaleness                  string
	Error                         string
	ErrorAt                       words.Moment
	// Last and Next are the account's questions if they are about this task.
	Last, Next *queryView
	Labels     []label
	Advice     []advice
	URLs       []urlRow
	// Kept is how many rows there are; KeptFailed that only failed ones are.
	Kept       int
	KeptFailed bool
	// NoRow are the URLs that were submitted and have no row yet, the first of them,
	// and NoRows how many there are.
	NoRow  []string
	NoRows int
	// Timed, Rated and Caused: some row has a time, a rate, or why it failed.
	Timed, Rated, Caused bool
	Statuses             []tab
	Refresh              []option
	Status               string
	Pager                pager
	JSON                 string
}

// mostNoRow is how many URLs without a row are named.
const mostNoRow = 100

type label struct{ Name, Value string }

// urlRow is one URL of a task.
type urlRow struct {
	URL                        string
	Class, Status              string
	Created, Started, Finished words.Moment
	Wait, Fetch                string
	Rate                       string
	// Cause is why it failed, and Words are the vendor's own.
	Cause, Words string
}

func (p *Pages) task(a *prefetch.AccountState, t *prefetch.TaskState, q urlQuery) taskPage {
	now := p.options.Now()
	found := judge.Problems(t, now, a.MaxStaleness)
	all := badges(t, found)
	v := taskPage{
		Now: words.MomentOf(now, now), ID: words.Readable(t.ID), Title: words.Readable(t.Labels["title"]),
		Account: words.Readable(a.Account.Name), Provider: a.Account.Provider, Listed: listedBy(t.Source), Causes: causesOf(t),
		AccountURL: rootOfTask + listQuery{account: a.Account.Name, page: 1}.address(),
		State:      all[0], Badges: all[1:],
		Bar:     barOf(t),
		Age:     words.Span(now.Sub(t.Created)),
		Created: words.MomentOf(t.Created, now), FirstSeen: words.MomentOf(t.FirstSeen, now), Finished: words.MomentOf(t.Finished, now),
		Deadline: judge.DeadlineOf(t, now), Data: judge.DataOf(t, now, a.MaxStaleness), MaxStaleness: words.Span(a.MaxStaleness),
		Error: words.Readable(failureText(t.LastError)), Advice: p.advise(a, t, found),
		Refresh: refreshChoices(q.refresh), Status: q.status,
		JSON: taskAddress(rootOfTask+"api/v1/", a.Account.Name, t.ID),
	}
	v.Success, v.SuccessTone = success(t)
	if t.HasEdgeRatio {
		v.Edge = words.Percent(t.EdgeRatio)
	}
	if t.HasProgress {
		v.Progress = words.Percent(t.Progress)
	}
	if !t.Finished.IsZero() {
		v.Duration, v.FinishTold = words.Span(t.Finished.Sub(t.Created)), t.FinishTold
	}
	if at := a.NextLook(t); at.After(now) {
		v.NextLook, v.NextLookAt = "at the earliest", words.MomentOf(at, now)
	} else if !at.IsZero() {
		v.NextLook = "as soon as it is its turn"
	}
	if t.LastError != nil {
		v.ErrorAt = words.MomentOf(t.LastError.Time, now)
	}
	v.Last, v.Next = questionAbout(a, a.LastQuery, t, now), questionAbout(a, planned(a, now), t, now)
	for _, name := range slices.Sorted(maps.Keys(t.Labels)) {
		v.Labels = append(v.Labels, label{words.Readable(name), words.Readable(t.Labels[name])})
	}
	v.addURLs(t, q, now)
	return v
}

func questionAbout(a *prefetch.AccountState, q *prefetch.QueryState, t *prefetch.TaskState, now time.Time) *queryView {
	if q == nil || q.Task != t.ID {
		return nil
	}
	return viewQuery(a, q, now, rootOfTask)
}

// addURLs adds the page of rows that was asked for, what needs a person first.
func (v *taskPage) addURLs(t *prefetch.TaskState, q urlQuery, now time.Time) {
	v.Kept, v.KeptFailed = len(t.URLs), t.Settled()
	v.NoRows = len(t.NoRow)
	for _, url := range t.NoRow[:min(mostNoRow, v.NoRows)] {
		v.NoRow = append(v.NoRow, words.Readable(words.Cut(url, words.MaxURL)))
	}
	self := taskAddress(rootOfTask, t.Account.Name, t.ID)
	v.addStatuses(t, q, self)
	rows := make([]*prefetch.URL, 0, len(t.URLs))
	for i := range t.URLs {
		u := &t.URLs[i]
		v.Rated = v.Rated || u.HasRate
		v.Caused = v.Caused || u.Words != "" || t.HasCauses && u.Status == prefetch.Failed
		v.Timed = v.Timed || !u.Created.IsZero() || !u.Started.IsZero() || !u.Finished.IsZero()
		if q.status == "" || u.Status.String() == q.status {
			rows = append(rows, u)
		}
	}
	order := urgency()
	placeOf := func(u *prefetch.URL) int {
		if u.Recovered {
			return prefetch.NumStatuses
		}
		return slices.Index(order[:], u.Status)
	}
	slices.SortStableFunc(rows, func(x, y *prefetch.URL) int { return placeOf(x) - placeOf(y) })
	v.Pager = paginate(len(rows), q.page, func(n int) string {
		return urlQuery{status: q.status, page: n, refresh: q.refresh}.link(self)
	})
	for _, u := range rows[v.Pager.From-1 : v.Pager.To] {
		v.URLs = append(v.URLs, viewURL(u, now, t.HasCauses))
	}
}

// addStatuses adds the choice of a status.
func (v *taskPage) addStatuses(t *prefetch.TaskState, q urlQuery, self string) {
	kept := prefetch.CountURLs(t.URLs)
	v.Statuses = append(v.Statuses, tab{
		Name: "all", Count: v.Kept, Current: q.status == "", Address: urlQuery{page: 1, refresh: q.refresh}.link(self),
	})
	for _, s := range urgency() {
		name := s.String()
		if kept[s] > 0 || q.status == name {
			v.Statuses = append(v.Statuses, tab{
				Name: name, Count: kept[s], Current: q.status == name,
				Address: urlQuery{status: name, page: 1, refresh: q.refresh}.link(self),
			})
		}
	}
}

// urgency are the statuses in the order in which URLs are listed.
func urgency() [prefetch.NumStatuses]prefetch.Status {
	return [...]prefetch.Status{prefetch.Failed, prefetch.Unknown, prefetch.Running, prefetch.Waiting, prefetch.Succeeded}
}

// viewURL is a row; caused tells that the vendor says why URLs failed.
func viewURL(u *prefetch.URL, now time.Time, caused bool) urlRow {
	row := urlRow{
		URL: words.Readable(words.Cut(u.URL, words.MaxURL)), Class: u.Status.String(), Status: u.Status.String(),
		Created: words.MomentOf(u.Created, now), Started: words.MomentOf(u.Started, now), Finished: words.MomentOf(u.Finished, now),
		Wait: between(u.Created, u.Started), Fetch: between(u.Started, u.Finished), Words: vendorWords(u),
	}
	if u.Recovered {
		row.Class, row.Status = "recovered", "failed, recovered"
	}
	if caused && u.Status == prefetch.Failed {
		row.Cause = causeText(u.Cause)
	}
	if u.HasRate {
		row.Rate = words.Percent(u.Rate)
	}
	return row
}

// between is empty where a time is missing or they contradict each other.
func between(from, to time.Time) string {
	if from.IsZero() || to.IsZero() || to.Before(from) {
		return ""
	}
	return words.Span(to.Sub(from))
}

// advice is a section of the runbooks that fits a task.
type advice struct{ Text, Address string }

// advise tells what to read, causes before what follows from them: an account
// whose calls fail is why data is old, and a task that the vendor does not know,
// or whose URLs failed, misses its deadline. The sections of the task's own vendor
// are linked to where there are some.
func (p *Pages) advise(a *prefetch.AccountState, t *prefetch.TaskState, found []judge.Problem) []advice {
	var all []advice
	add := func(text, anchor string) {
		if address := p.runbooks.Link(rootOfTask, anchor, a.Account.Provider); address != "" {
			all = append(all, advice{text, address})
		}
	}
	has := func(some ...judge.Problem) bool {
		return slices.ContainsFunc(some, func(p judge.Problem) bool { return slices.Contains(found, p) })
	}
	unknown := has(judge.CallFailed, judge.DataStale, judge.DeadlineUnclear, judge.NotAnswered)
	if unknown {
		adviseOnAccount(a, add)
	}
	if has(judge.TaskLost) || t.LastError != nil && t.LastError.Reason == prefetch.ReasonNotFound {
		add("The vendor does not know the task", "prefetchtaskslost")
	}
	if has(judge.URLsFailed) {
		add(words.Plural(judge.FailedStill(t), "URL")+" failed", "prefetchfailedurls")
	}
	if !unknown && !t.Settled() {
		adviseOnAccount(a, add)
	}
	if has(judge.CallFailed, judge.DataStale) {
		add("The data is old", "prefetchdatastale")
	}
	if has(judge.DeadlineMissed, judge.DeadlineUnclear) {
		add("The deadline passed", "prefetchdeadlinemissed")
	}
	if t.Phase == prefetch.Active {
		add("If it does not move", "prefetchtaskstuck")
		if !t.Deadline.IsZero() && !has(judge.DeadlineMissed) {
			add("If it may miss its deadline", "prefetchdeadlineatrisk")
		}
	}
	return all
}

// adviseOnAccount tells what keeps the account's tasks from being known.
func adviseOnAccount(a *prefetch.AccountState, add func(text, anchor string)) {
	switch {
	case a.Up || a.Failing == "":
	case a.Failing == prefetch.ReasonAuth:
		add("The account's credentials are refused", "prefetchcredentialsrefused")
	case a.Failing == prefetch.ReasonThrottled:
		add("The vendor throttles the account", "prefetchthrottled")
	default:
		add("The account's calls fail", "prefetchaccountdown")
	}
}
