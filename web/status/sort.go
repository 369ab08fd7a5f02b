package status

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"time"

	"prefetch_exporter/prefetch"
	"prefetch_exporter/web/words"
)

const defaultSort = "trouble"

// order is how two tasks are compared: at a moment, upwards (1) or downwards
// (-1).
type order struct {
	now       time.Time
	direction int
}

// sorting compares two tasks.
type sorting func(x, y entry, o order) int

// sortings are the values of the parameter sort.
func sortings() map[string]sorting {
	return map[string]sorting{
		defaultSort: byTrouble,
		"task":      byText(func(e entry) string { return e.ID }),
		"account":   byText(func(e entry) string { return e.Account.Name }),
		"phase":     byNumber(func(e entry, _ time.Time) (float64, bool) { return float64(e.Phase), true }),
		"progress": byNumber(func(e entry, _ time.Time) (float64, bool) {
			total := e.Counts.Total()
			return float64(e.Counts.Final()) / max(float64(total), 1), e.Answered && total > 0
		}),
		"success": byNumber(func(e entry, _ time.Time) (float64, bool) {
			ratio, known := e.Counts.SuccessRatio()
			return ratio, known && e.Answered
		}),
		"age":      byNumber(func(e entry, now time.Time) (float64, bool) { return now.Sub(e.Created).Seconds(), true }),
		"deadline": byTime(func(e entry) time.Time { return e.Deadline }),
		"data_age": byNumber(func(e entry, now time.Time) (float64, bool) {
			return now.Sub(e.LastRefresh).Seconds(), !e.LastRefresh.IsZero()
		}),
	}
}

// sortNames are the sortings as people choose them, in this order.
func sortNames() [][2]string {
	return [][2]string{
		{"", "trouble"}, {"task", "task"}, {"account", "account"}, {"phase", "phase"}, {"progress", "progress"},
		{"success", "success ratio"}, {"age", "age"}, {"deadline", "deadline"}, {"data_age", "data age"},
	}
}

// byTrouble puts what needs a person first: the worst problem, then the nearest
// deadline, then the lowest success ratio.
func byTrouble(x, y entry, o order) int {
	ratio := func(e entry) float64 {
		r, _ := e.Counts.SuccessRatio()
		return r
	}
	return cmp.Or(
		o.direction*slices.Compare(x.problems[:1], y.problems[:1]),
		byTime(func(e entry) time.Time { return e.Deadline })(x, y, o),
		o.direction*cmp.Compare(ratio(x), ratio(y)),
	)
}

func byText(text func(entry) string) sorting {
	return func(x, y entry, o order) int { return o.direction * strings.Compare(text(x), text(y)) }
}

// byNumber puts tasks without a number last.
func byNumber(number func(e entry, now time.Time) (value float64, known bool)) sorting {
	return func(x, y entry, o order) int {
		a, knownA := number(x, o.now)
		b, knownB := number(y, o.now)
		if !knownA || !knownB {
			return last(knownA, knownB)
		}
		return o.direction * cmp.Compare(a, b)
	}
}

// byTime puts tasks without the time last.
func byTime(at func(entry) time.Time) sorting {
	return func(x, y entry, o order) int {
		a, b := at(x), at(y)
		if a.IsZero() || b.IsZero() {
			return last(!a.IsZero(), !b.IsZero())
		}
		return o.direction * a.Compare(b)
	}
}

func last(knownA, knownB bool) int {
	switch {
	case knownA == knownB:
		return 0
	case knownA:
		return -1
	default:
		return 1
	}
}

// columns are the headers of the list. A second click turns the order around.
func (q listQuery) columns() []column {
	columns := make([]column, 0, len(sortings()))
	for _, c := range []struct{ name, key, class string }{
		{"Task", "task", ""},
		{"Account", "account", ""},
		{"State", "phase", ""},
		{"Progress", "progress", ""},
		{"Success", "success", "number"},
		{"Age", "age", "number"},
		{"Deadline", "deadline", "number"},
		{"Data age", "data_age", "number"},
	} {
		col := column{Name: c.name, Class: c.class}
		current := q.sort == c.key
		if current {
			col.Order = "ascending"
			if q.desc {
				col.Order = "descending"
			}
		}
		col.Address = q.sortBy(c.key, current && !q.desc).link()
		columns = append(columns, col)
	}
	return columns
}

// form is the filters as they stand. What is chosen is among the choices even if
// there is no such thing any more.
func (q listQuery) form(accounts []prefetch.AccountState) form {
	f := form{Text: q.text, Trouble: q.trouble, Desc: q.desc}
	var names, providers, phases []string
	for i := range accounts {
		names = append(names, accounts[i].Account.Name)
		providers = append(providers, accounts[i].Account.Provider)
	}
	for _, phase := range prefetch.Phases() {
		phases = append(phases, phase.String())
	}
	f.Accounts = choices(names, q.account, "all accounts")
	f.Providers = choices(providers, q.provider, "all providers")
	f.Phases = choices(phases, q.phase, "all phases")
	for _, s := range sortNames() {
		f.Sort = append(f.Sort, option{Value: s[0], Text: s[1], Selected: s[0] == q.sort})
	}
	f.Refresh = refreshChoices(q.refresh)
	return f
}

func choices(values []string, chosen, all string) []option {
	options := []option{{Text: all, Selected: chosen == ""}}
	if chosen != "" && !slices.Contains(values, chosen) {
		values = append(values, chosen)
	}
	seen := map[string]bool{}
	for _, v := range values {
		if !seen[v] {
			seen[v] = true
			options = append(options, option{Value: v, Text: words.Readable(v), Selected: v == chosen})
		}
	}
	return options
}

// refreshChoices are seconds.
func refreshChoices(chosen int) []option {
	offered := []int{0, 10, 30, 60, 300}
	if !slices.Contains(offered, chosen) {
		offered = append(offered, chosen)
	}
	options := make([]option, 0, len(offered))
	for _, seconds := range offered {
		o := option{Text: "never", Selected: seconds == chosen}
		if seconds > 0 {
			d := time.Duration(seconds) * time.Second
			o.Value, o.Text = strconv.Itoa(seconds), "every "+words.Span(d)
		}
		options = append(options, o)
	}
	return options
}

// tabs lead to the tasks in trouble and to each phase, with the other filters as
// they are.
func (q listQuery) tabs(troubled int, counts [prefetch.NumPhases]int) []tab {
	all := 0
	for _, n := range counts {
		all += n
	}
	tabs := []tab{
		{Name: "all", Address: q.inPhase("").link(), Count: all, Current: q.phase == "" && !q.trouble},
		{Name: "in trouble", Address: q.inTrouble().link(), Count: troubled, Current: q.trouble && q.phase == ""},
	}
	for _, phase := range prefetch.Phases() {
		name := phase.String()
		tabs = append(tabs, tab{
			Name: name, Address: q.inPhase(name).link(), Count: counts[phase], Current: q.phase == name && !q.trouble,
		})
	}
	return tabs
}

// chosen tells the filters and the order that are not the usual ones.
func (q listQuery) chosen() string {
	var parts []string
	add := func(is bool, text string) {
		if is {
			parts = append(parts, words.Readable(text))
		}
	}
	add(q.text != "", "contains "+q.text)
	add(q.account != "", "account "+q.account)
	add(q.provider != "", "provider "+q.provider)
	add(q.phase != "", q.phase)
	add(q.trouble, "in trouble")
	for _, s := range sortNames() {
		add(q.sort != "" && q.sort == s[0], "by "+s[1])
	}
	add(q.desc, "reversed")
	add(q.refresh > 0, "every "+words.Span(time.Duration(q.refresh)*time.Second))
	return strings.Join(parts, ", ")
}
