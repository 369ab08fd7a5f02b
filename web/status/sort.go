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

// order is how two tasks are compared: at a moment, upwards (1) or downwards
// (-1).
type order struct {
	now       time.Time
	direction int
}

// comparison compares two tasks.
type comparison func(x, y entry, o order) int

// sorting is one of the orders of the list.
type sorting struct {
	// key is the value of the parameter sort, and name what people choose.
	key, name string
	// header is that of the column that it sorts by.
	header  column
	compare comparison
}

// sortings are all orders, the usual one first, which no column has.
func sortings() []sorting {
	return []sorting{
		{"", "trouble", column{}, byTrouble},
		{"task", "task", column{Name: "Task"}, by(func(e entry, _ time.Time) (string, bool) { return e.ID, true })},
		{"account", "account", column{Name: "Account"}, by(func(e entry, _ time.Time) (string, bool) { return e.Account.Name, true })},
		{"phase", "phase", column{Name: "State"}, by(func(e entry, _ time.Time) (prefetch.Phase, bool) { return e.Phase, true })},
		{"progress", "progress", column{Name: "Progress"}, by(func(e entry, _ time.Time) (float64, bool) {
			total := e.Counts.Total()
			return float64(e.Counts.Final()) / max(float64(total), 1), e.Answered && total > 0
		})},
		{"success", "success ratio", column{Name: "Success", Class: "number"}, by(func(e entry, _ time.Time) (float64, bool) {
			ratio, known := e.Counts.SuccessRatio()
			return ratio, known && e.Answered
		})},
		{"age", "age", column{Name: "Age", Class: "number"}, by(func(e entry, now time.Time) (float64, bool) {
			return now.Sub(e.Created).Seconds(), true
		})},
		{"deadline", "deadline", column{Name: "Deadline", Class: "number"}, by(deadline)},
		{"data_age", "data age", column{Name: "Data age", Class: "number"}, by(func(e entry, now time.Time) (float64, bool) {
			return now.Sub(e.LastRefresh).Seconds(), !e.LastRefresh.IsZero()
		})},
	}
}

// sortingOf returns the order of a key, the usual one for a key that there is not.
func sortingOf(key string) sorting {
	all := sortings()
	return all[max(0, slices.IndexFunc(all, func(s sorting) bool { return s.key == key }))]
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
		by(deadline)(x, y, o),
		o.direction*cmp.Compare(ratio(x), ratio(y)),
	)
}

func deadline(e entry, _ time.Time) (nanoseconds int64, known bool) {
	return e.Deadline.UnixNano(), !e.Deadline.IsZero()
}

// by puts tasks without a value last.
func by[V cmp.Ordered](valueOf func(e entry, now time.Time) (value V, known bool)) comparison {
	return func(x, y entry, o order) int {
		a, knownA := valueOf(x, o.now)
		b, knownB := valueOf(y, o.now)
		switch {
		case knownA && knownB:
			return o.direction * cmp.Compare(a, b)
		case knownA:
			return -1
		case knownB:
			return 1
		default:
			return 0
		}
	}
}

// columns are the headers of the list. A second click turns the order around.
func (q listQuery) columns() []column {
	var columns []column
	for _, s := range sortings()[1:] {
		current := q.sort == s.key
		if current {
			s.header.Order = "ascending"
			if q.desc {
				s.header.Order = "descending"
			}
		}
		s.header.Address = q.sortBy(s.key, current && !q.desc).link()
		columns = append(columns, s.header)
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
	for _, s := range sortings() {
		f.Sort = append(f.Sort, option{Value: s.key, Text: s.name, Selected: s.key == q.sort})
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
	add(q.sort != "", "by "+sortingOf(q.sort).name)
	add(q.desc, "reversed")
	add(q.refresh > 0, "every "+words.Span(time.Duration(q.refresh)*time.Second))
	return strings.Join(parts, ", ")
}
