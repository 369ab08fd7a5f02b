package status

import (
	"net/url"
	"strconv"
	"strings"
	"time"

	"prefetch_exporter/prefetch"
	"prefetch_exporter/web/status/judge"
	"prefetch_exporter/web/words"
)

// accountView is one account in the list.
type accountView struct {
	Name, Provider string
	// Address leads to the account's tasks.
	Address string
	State   judge.Badge
	// Backoff is nil for an account that does not pause after failures.
	Backoff *backoffView
	Phases  string
	Dropped int
	Limit   string
	Last    *queryView
	Planned *queryView
	Window  *bar
	// Owner is nil where no store is shared.
	Owner *ownerView
}

// backoffView is the pause of an account after failures.
type backoffView struct {
	Until words.Moment
	// Retry is where to POST to end it; empty where that is not allowed.
	Retry string
}

// viewBackoff is nil for an account that does not pause.
func viewBackoff(a *prefetch.AccountState, now time.Time, retry bool) *backoffView {
	if a.Up || !a.BackoffUntil.After(now) {
		return nil
	}
	v := &backoffView{Until: words.MomentOf(a.BackoffUntil, now)}
	if retry && a.Owned {
		v.Retry = withQuery(rootOfList+"-/retry", url.Values{"account": {a.Account.Name}})
	}
	return v
}

// queryView is one question to a vendor.
type queryView struct {
	Kind, Task, Address, Why string
	At                       words.Moment
	Error                    string
}

func viewAccount(a *prefetch.AccountState, now time.Time) accountView {
	v := accountView{
		Name: words.Readable(a.Account.Name), Provider: a.Account.Provider,
		Address: listQuery{account: a.Account.Name, page: 1}.link(),
		State:   accountState(a), Phases: phaseCounts(a.Phases), Dropped: a.Dropped,
		Limit: words.Plural(a.Limit.Calls, "call") + " per " + words.Span(a.Limit.Per),
		Last:  viewQuery(a, a.LastQuery, now, rootOfList), Planned: viewQuery(a, planned(a, now), now, rootOfList),
	}
	if a.Window != nil {
		window := newBar(*a.Window, 0, true)
		v.Window = &window
	}
	return v
}

// planned is the account's next question. One whose time has come leaves now.
func planned(a *prefetch.AccountState, now time.Time) *prefetch.QueryState {
	q := a.NextQuery
	if q == nil || !q.Time.Before(now) {
		return q
	}
	due := *q
	due.Time = now
	return &due
}

// mostFailing bounds how many failing accounts are named above the tasks.
const mostFailing = 5

// addHealth tells above the tasks how the accounts fare, whatever the filters.
func (v *listPage) addHealth(accounts []prefetch.AccountState, now time.Time) {
	up, failing := 0, 0
	for i := range accounts {
		a := &accounts[i]
		switch {
		case a.Up:
			up++
		case accountState(a).Tone == judge.Bad:
			failing++
			if failing <= mostFailing {
				v.Failing = append(v.Failing, viewAccount(a, now))
			}
		}
	}
	v.Answering = strconv.Itoa(up) + " of " + strconv.Itoa(len(accounts)) + " answering"
	if failing > 0 {
		v.Answering += ", " + strconv.Itoa(failing) + " failing:"
	}
}

func accountState(a *prefetch.AccountState) judge.Badge {
	switch {
	case a.Up:
		return judge.Badge{Text: "answering", Tone: judge.Good}
	case a.Failing != "":
		return judge.Badge{Text: "failing: " + string(a.Failing), Tone: judge.Bad}
	case a.LastQuery == nil:
		return judge.Badge{Text: "not asked yet", Tone: judge.Neutral}
	default:
		return judge.Badge{Text: "failing", Tone: judge.Bad}
	}
}

// phaseCounts tells the phases that have tasks.
func phaseCounts(counts [prefetch.NumPhases]int) string {
	var words []string
	for _, phase := range prefetch.Phases() {
		if n := counts[phase]; n > 0 {
			words = append(words, strconv.Itoa(n)+" "+phase.String())
		}
	}
	if len(words) == 0 {
		return "none"
	}
	return strings.Join(words, ", ")
}

func viewQuery(a *prefetch.AccountState, q *prefetch.QueryState, now time.Time, root string) *queryView {
	if q == nil {
		return nil
	}
	v := &queryView{
		Kind: kindText(q.Kind), Why: words.Readable(q.Why), At: words.MomentOf(q.Time, now), Error: words.Readable(failureText(q.Error)),
	}
	if q.Task != "" {
		v.Task, v.Address = words.Shorten(words.Readable(q.Task)), taskAddress(root, a.Account.Name, q.Task)
	}
	return v
}
