package status

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"time"

	"prefetch_exporter/prefetch"
	"prefetch_exporter/web/status/judge"
	"prefetch_exporter/web/words"
)

// listPage is the content of the page of all tasks.
type listPage struct {
	Now words.Moment
	// Group is nil where no store is shared.
	Group    *groupView
	Accounts []accountView
	Tasks    []taskRow
	// Watched is how many tasks there are, matching or not, and Troubled how many
	// of them need a person; Trouble lists those.
	Watched, Troubled int
	Trouble           string
	// Answering tells how many accounts answer, and Failing are those that do not.
	Answering string
	Failing   []accountView
	Tabs      []tab
	Columns   []column
	Form      form
	// Chosen tells the filters while they are folded.
	Chosen string
	Pager  pager
	// Clear is the address without filters; empty where there are none.
	Clear string
	// JSON is where the same is for programs.
	JSON string
}

// tab leads to some of the tasks, or of a task's URLs.
type tab struct {
	Name, Address string
	Count         int
	Current       bool
}

// column is one header of the list of tasks.
type column struct {
	Name, Class string
	// Address sorts by the column; empty where that is impossible.
	Address string
	// Order is the value of aria-sort; empty where another column sorts.
	Order string
}

// form is the filters as they stand.
type form struct {
	Text                              string
	Accounts, Providers, Phases, Sort []option
	Refresh                           []option
	Trouble, Desc                     bool
}

// option is one of a choice.
type option struct {
	Value, Text string
	Selected    bool
}

// entry is a task with what its place in the list depends on.
type entry struct {
	*prefetch.TaskState

	problems     []judge.Problem
	maxStaleness time.Duration
}

func (p *Pages) list(q listQuery) listPage {
	now := p.options.Now()
	accounts := p.options.Snapshot().Accounts
	view := listPage{
		Now: words.MomentOf(now, now), JSON: rootOfList + "api/v1/tasks", Form: q.form(accounts), Chosen: q.chosen(),
		Trouble: listQuery{page: 1}.inTrouble().link(), Columns: q.columns(),
	}
	if p.options.Group != nil {
		view.Group = viewGroup(p.options.Group(), now)
	}
	var matching []entry
	var phases [prefetch.NumPhases]int
	troubled := 0 // of those that the other filters leave
	text := strings.ToLower(q.text)
	for i := range accounts {
		a := &accounts[i]
		view.Watched += len(a.Tasks)
		shown := q.hasAccount(a.Account)
		if shown {
			account := viewAccount(a, now)
			account.Backoff = viewBackoff(a, now, p.options.Retry)
			if view.Group != nil {
				account.Owner = view.Group.owner(a, now)
			}
			view.Accounts = append(view.Accounts, account)
		}
		for _, t := range a.Tasks {
			e := entry{t, judge.Problems(t, now, a.MaxStaleness), a.MaxStaleness}
			if e.troubled() {
				view.Troubled++
			}
			if !shown || !contains(t, text) {
				continue
			}
			phases[t.Phase]++
			if e.troubled() {
				troubled++
			}
			if q.matches(e) {
				matching = append(matching, e)
			}
		}
	}
	view.addHealth(accounts, now)
	sortEntries(matching, q, now)
	view.Pager = paginate(len(matching), q.page, q.onPage)
	for _, e := range matching[view.Pager.From-1 : view.Pager.To] {
		view.Tasks = append(view.Tasks, e.row(now))
	}
	view.Tabs = q.tabs(troubled, phases)
	if q.filtered() {
		view.Clear = listQuery{sort: q.sort, desc: q.desc, page: 1, refresh: q.refresh}.link()
	}
	return view
}

func (q listQuery) hasAccount(a prefetch.Account) bool {
	return (q.account == "" || q.account == a.Name) && (q.provider == "" || q.provider == a.Provider)
}

// matches looks at what the tabs choose.
func (q listQuery) matches(e entry) bool {
	return (q.phase == "" || q.phase == e.Phase.String()) && (!q.trouble || e.troubled())
}

// contains reports whether a text in lower case is in the task's id or in one of
// its labels' values.
func contains(t *prefetch.TaskState, lower string) bool {
	if lower == "" || strings.Contains(strings.ToLower(t.ID), lower) {
		return true
	}
	for _, value := range t.Labels {
		if strings.Contains(strings.ToLower(value), lower) {
			return true
		}
	}
	return false
}

// taskRow is one task in the list.
type taskRow struct {
	Address, ID, Title, Account, Provider string
	Badges                                []judge.Badge
	Causes                                string // of failed URLs; empty if none is told
	Error                                 string
	Bar                                   bar
	Success                               string
	SuccessTone                           judge.Tone
	Age                                   string
	Created                               words.Moment
	Deadline                              judge.Deadline
	Data                                  judge.Data
}

// troubled reports whether the task needs a person.
func (e entry) troubled() bool { return e.problems[0] < judge.NoProblem }

func (e entry) row(now time.Time) taskRow {
	r := taskRow{
		Address: taskAddress(rootOfList, e.Account.Name, e.ID),
		ID:      words.Shorten(words.Readable(e.ID)), Title: shortTitle(e.TaskState),
		Account: words.Readable(e.Account.Name), Provider: e.Account.Provider,
		Badges: badges(e.TaskState, e.problems), Causes: causesOf(e.TaskState), Error: words.Shorten(words.Readable(failureText(e.LastError))),
		Bar: barOf(e.TaskState), Age: words.Span(now.Sub(e.Created)), Created: words.MomentOf(e.Created, now),
		Deadline: judge.DeadlineOf(e.TaskState, now), Data: judge.DataOf(e.TaskState, now, e.maxStaleness),
	}
	r.Success, r.SuccessTone = success(e.TaskState)
	return r
}

// success is the share of a task's URLs that are on the edge; empty where there
// is none to tell.
func success(t *prefetch.TaskState) (text string, colour judge.Tone) {
	ratio, known := t.Counts.SuccessRatio()
	switch {
	case !known || !t.Answered:
		return "", judge.Neutral
	case ratio == 1:
		return words.Percent(ratio), judge.Good
	case judge.FailedStill(t) > 0:
		return words.Percent(ratio), judge.Bad
	default:
		return words.Percent(ratio), judge.Neutral
	}
}

// badges are the phase's first.
func badges(t *prefetch.TaskState, found []judge.Problem) []judge.Badge {
	all := []judge.Badge{judge.PhaseBadge(t.Phase)}
	for _, p := range found {
		if b := p.Badge(); b.Text != "" {
			all = append(all, b)
		}
	}
	if t.Answered && t.Recovered > 0 {
		all = append(all, judge.Badge{Text: strconv.Itoa(t.Recovered) + " recovered", Tone: judge.Neutral})
	}
	return all
}

func failureText(f *prefetch.Failure) string {
	if f == nil {
		return ""
	}
	return f.Message
}

// sortEntries sorts by the query's order, then by account and id. What has no
// value is last, in whichever direction.
func sortEntries(entries []entry, q listQuery, now time.Time) {
	compare, o := sortingOf(q.sort).compare, order{now: now, direction: 1}
	if q.desc {
		o.direction = -1
	}
	slices.SortFunc(entries, func(x, y entry) int {
		return cmp.Or(compare(x, y, o), strings.Compare(x.Account.Name, y.Account.Name), strings.Compare(x.ID, y.ID))
	})
}
