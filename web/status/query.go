package status

import (
	"net/url"
	"strconv"

	"prefetch_exporter/prefetch"
)

// The parameters of the pages' addresses. A page that is shared shows the same
// to whoever opens it.
const (
	paramAccount  = "account"
	paramProvider = "provider"
	paramPhase    = "phase"
	paramText     = "text"
	paramTrouble  = "trouble"
	paramSort     = "sort"
	paramDesc     = "desc"
	paramPage     = "page"
	paramRefresh  = "refresh"
	paramStatus   = "status"
)

const (
	// pageSize is how many tasks, or URLs of a task, are on one page.
	pageSize = 100
	// Refreshing more often shows nothing new, since vendors are not asked for
	// it; more seldom needs no machine.
	minRefresh = 5
	maxRefresh = 3600
)

// listQuery is what the page of all tasks is asked for.
type listQuery struct {
	account, provider, phase, text string
	trouble                        bool
	sort                           string
	desc                           bool
	page                           int // from 1
	refresh                        int
}

// parseListQuery reads parameters. What it does not understand it leaves out,
// but a filter that nothing matches stays: a link to what is gone must not show
// something else.
func parseListQuery(v url.Values) listQuery {
	q := listQuery{
		account: v.Get(paramAccount), provider: v.Get(paramProvider), phase: v.Get(paramPhase), text: v.Get(paramText),
		sort: sortingOf(v.Get(paramSort)).key, page: parsePage(v), refresh: parseRefresh(v),
	}
	q.desc, _ = strconv.ParseBool(v.Get(paramDesc))
	q.trouble, _ = strconv.ParseBool(v.Get(paramTrouble))
	return q
}

// address leads from the page of all tasks to itself with other parameters.
func (q listQuery) address() string {
	v := url.Values{}
	set(v, paramAccount, q.account)
	set(v, paramProvider, q.provider)
	set(v, paramPhase, q.phase)
	set(v, paramText, q.text)
	set(v, paramSort, q.sort)
	if q.trouble {
		v.Set(paramTrouble, "1")
	}
	if q.desc {
		v.Set(paramDesc, "1")
	}
	setNumber(v, paramPage, q.page, 1)
	setNumber(v, paramRefresh, q.refresh, 0)
	return withQuery("tasks", v)
}

// link is address for who looks at the list, which the next page begins with.
func (q listQuery) link() string { return q.address() + "#tasks" }

// filtered reports whether tasks may be left out.
func (q listQuery) filtered() bool {
	return q.account != "" || q.provider != "" || q.phase != "" || q.text != "" || q.trouble
}

// sortBy is the query for another order, from its first page.
func (q listQuery) sortBy(key string, desc bool) listQuery {
	q.sort, q.desc, q.page = key, desc, 1
	return q
}

// inPhase is the query for another phase, from its first page.
func (q listQuery) inPhase(phase string) listQuery {
	q.phase, q.trouble, q.page = phase, false, 1
	return q
}

// inTrouble is the query for tasks with a problem, from their first page.
func (q listQuery) inTrouble() listQuery {
	q.phase, q.trouble, q.page = "", true, 1
	return q
}

func (q listQuery) onPage(n int) string {
	q.page = n
	return q.link()
}

// urlQuery is what the page of one task is asked for.
type urlQuery struct {
	status  string
	page    int
	refresh int
}

func parseURLQuery(v url.Values) urlQuery {
	q := urlQuery{page: parsePage(v), refresh: parseRefresh(v)}
	var status prefetch.Status
	if text := v.Get(paramStatus); status.UnmarshalText([]byte(text)) == nil {
		q.status = status.String()
	}
	return q
}

// link leads from the page of a task to its URLs with other parameters.
func (q urlQuery) link(base string) string {
	v := url.Values{}
	set(v, paramStatus, q.status)
	setNumber(v, paramPage, q.page, 1)
	setNumber(v, paramRefresh, q.refresh, 0)
	return withQuery(base, v) + "#urls"
}

func parsePage(v url.Values) int {
	n, err := strconv.Atoi(v.Get(paramPage))
	if err != nil {
		return 1
	}
	return max(n, 1)
}

// parseRefresh is 0 for no refreshing.
func parseRefresh(v url.Values) int {
	n, err := strconv.Atoi(v.Get(paramRefresh))
	if err != nil || n <= 0 {
		return 0
	}
	return min(max(n, minRefresh), maxRefresh)
}

func set(v url.Values, key, value string) {
	if value != "" {
		v.Set(key, value)
	}
}

func setNumber(v url.Values, key string, value, usual int) {
	if value != usual {
		v.Set(key, strconv.Itoa(value))
	}
}

func withQuery(address string, v url.Values) string {
	if len(v) == 0 {
		return address
	}
	return address + "?" + v.Encode()
}

// pager is the navigation between pages.
type pager struct {
	Page, Pages, From, To, Total int
	Previous, Next               string // addresses; empty where there is none
}

// paginate clamps page to those there are. The slice of the page is
// items[From-1 : To].
func paginate(total, page int, address func(page int) string) pager {
	pages := max((total+pageSize-1)/pageSize, 1)
	page = min(max(page, 1), pages)
	p := pager{
		Page: page, Pages: pages, Total: total,
		From: (page-1)*pageSize + 1, To: min(page*pageSize, total),
	}
	if page > 1 {
		p.Previous = address(page - 1)
	}
	if page < pages {
		p.Next = address(page + 1)
	}
	return p
}
