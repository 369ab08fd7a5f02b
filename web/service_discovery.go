package web

import (
	"iter"
	"net/http"
	"strings"

	"prefetch_exporter/prefetch"
)

// defaultPerTask is how many URLs of a task are listed unless it is asked for
// others.
const defaultPerTask = 3

// targetGroup is one of a list that Prometheus' HTTP service discovery reads.
type targetGroup struct {
	Targets []string `json:"targets"`
	Labels  struct {
		Provider string `json:"__meta_prefetch_provider"`
		Account  string `json:"__meta_prefetch_account"`
		Task     string `json:"__meta_prefetch_task"`
		Status   string `json:"__meta_prefetch_status"`
	} `json:"labels"`
}

// listURLs answers with a sample of the tasks' URLs, without the envelope: the
// reader is Prometheus. It keeps what it had when the answer is an error. So one is
// due where an empty list would have it forget its targets, or ask for none at all
// because of a slip.
func (a *api) listURLs(w http.ResponseWriter, r *http.Request) *apiError {
	which, wrong := parseFilter(r.URL.Query())
	if wrong != nil {
		return wrong
	}
	if !a.Ready() {
		return &apiError{http.StatusServiceUnavailable, errorUnavailable, "the tasks are not known yet: the exporter is starting"}
	}
	accounts := a.Snapshot().Accounts
	if doubts := which.doubts(accounts); len(doubts) > 0 {
		return &apiError{http.StatusNotFound, errorNotFound, strings.Join(doubts, "; ")}
	}
	groups := []targetGroup{}
	for i := range accounts {
		if !which.hasAccount(accounts[i].Account.Name) {
			continue
		}
		for _, t := range accounts[i].Tasks {
			groups = append(groups, which.groupsOf(t)...)
		}
	}
	writeJSON(w, http.StatusOK, groups)
	return nil
}

// groupsOf returns one group for each status of which the task has URLs.
func (f *filter) groupsOf(t *prefetch.TaskState) []targetGroup {
	var groups []targetGroup
	for _, status := range f.statuses {
		targets := prefetch.Sample(urlsOf(t, status), f.perTask)
		if t.Settled() && status == prefetch.Succeeded {
			targets = t.Sample[:min(len(t.Sample), f.perTask)]
		}
		if len(targets) == 0 {
			continue
		}
		g := targetGroup{Targets: targets}
		g.Labels.Provider, g.Labels.Account = t.Account.Provider, t.Account.Name
		g.Labels.Task, g.Labels.Status = t.ID, status.String()
		groups = append(groups, g)
	}
	return groups
}

// urlsOf are the URLs of a task that have a status.
func urlsOf(t *prefetch.TaskState, status prefetch.Status) iter.Seq[string] {
	return func(yield func(string) bool) {
		for i := range t.URLs {
			if u := &t.URLs[i]; u.Status == status && !yield(u.URL) {
				return
			}
		}
	}
}
