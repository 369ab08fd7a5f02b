package config

import (
	"fmt"
	"strings"
	"time"
	"unicode"

	"github.com/prometheus/common/model"
	"go.yaml.in/yaml/v3"

	"prefetch_exporter/config/address"
	"prefetch_exporter/config/form"
	"prefetch_exporter/config/vendors"
	"prefetch_exporter/prefetch"
	"prefetch_exporter/tasklist"
)

const (
	maxCalls  = 10_000
	maxPeriod = 31 * day
	// maxDiscover is as far back as any vendor tells of tasks.
	maxDiscover = 30 * day
)

// Provider returns the key of the account's section, which is the value of the
// `provider` label.
func (a *Account) Provider() string { return a.provider }

// groupPlace stands for the endpoint's host in the identity of a group. No host has
// a blank.
const groupPlace = "rate_limit group"

// Identity returns whom the vendor counts, as provider|endpoint host|hash of who,
// or as provider|rate_limit group|hash of the group. Accounts with the same
// identity share one budget. It contains no secret and does not depend on the
// account's name or on values that rotate.
func (a *Account) Identity() string {
	if group := a.RateLimit.Group; group != "" {
		return prefetch.Identity(a.provider, groupPlace, group)
	}
	endpoint, who := a.Vendor.Identity()
	return prefetch.Identity(a.provider, address.Host(endpoint), who)
}

// MarshalYAML returns the account in the form of the file, with the provider's
// name as the key of its section.
func (a Account) MarshalYAML() (any, error) {
	type account Account // without this method
	var node yaml.Node
	if err := node.Encode(account(a)); err != nil {
		return nil, fmt.Errorf("account %q: %w", a.Name, err)
	}
	for i := 0; i < len(node.Content); i += 2 {
		if node.Content[i].Value == vendorKey {
			node.Content[i].Value = a.provider
		}
	}
	return &node, nil
}

// accountReader reads the accounts and remembers what must be unique over all
// of them.
type accountReader struct {
	global Global
	names  map[string]form.Value
	owners map[string]owner
}

// owner is the first account that spends an identity's budget.
type owner struct {
	place form.Value
	limit RateLimit
}

func readAccounts(v form.Value, global Global) []Account {
	reader := accountReader{global: global, names: map[string]form.Value{}, owners: map[string]owner{}}
	var accounts []Account
	for _, item := range v.RequiredList("account") {
		accounts = append(accounts, reader.account(item))
	}
	return accounts
}

func (ar *accountReader) account(v form.Value) Account {
	before := len(v.R.Errs)
	m, ok := v.Mapping()
	if !ok {
		return Account{}
	}
	a := Account{
		Name:         ar.name(m.Get("name")),
		PollInterval: m.Get("poll_interval").Duration(pollIntervals(time.Duration(ar.global.PollInterval))),
	}
	if m.Has("poll_interval") {
		warnIfStale(m.Get("poll_interval"), a.PollInterval, ar.global.MaxStaleness)
	}
	s := a.readVendor(m)
	a.RateLimit = readRateLimit(m.Get("rate_limit"), s.Calls, s.Per)
	a.Discover = readDiscover(m.Get("discover"), s)
	a.Tasks = readTasks(m.Get("tasks"), a.Name)
	if len(v.R.Errs) == before {
		ar.checkBudget(m.Get("rate_limit"), v, &a)
	}
	return a
}

// readVendor reads the account's one section of a vendor, and returns what is
// known of that vendor; nothing after it reported that there is none or more.
func (a *Account) readVendor(m form.Mapping) (known vendors.Section) {
	var given []vendors.Section
	for _, s := range vendors.Sections() {
		if m.Has(s.Name) {
			given = append(given, s)
		}
	}
	switch len(given) {
	case 0:
		m.Failf("has no provider; give %s", form.OneOf(vendors.Names()))
	case 1:
		known = given[0]
		a.provider = known.Name
		if below, ok := m.Get(known.Name).Mapping(); ok {
			a.Vendor = known.Read(below)
		}
	default:
		m.Failf("has two providers; %s and %s need an account each", given[0].Name, given[1].Name)
	}
	return known
}

func (ar *accountReader) name(v form.Value) string {
	name := v.RequiredText()
	if name == "" {
		return ""
	}
	// It becomes a label value and part of a path of the API.
	if fault := prefetch.NameFault(name); fault != "" {
		v.Failf("%s", fault)
	}
	if first, ok := ar.names[name]; ok {
		v.Failf("an account of this name exists already, in line %d", first.Line)
		return name
	}
	ar.names[name] = v
	return name
}

// checkBudget reports an account that shares a budget with one before it and
// wants it to be of another size.
func (ar *accountReader) checkBudget(limit, account form.Value, a *Account) {
	identity := a.Identity()
	first, shared := ar.owners[identity]
	if !shared {
		ar.owners[identity] = owner{place: account, limit: a.RateLimit}
		return
	}
	if first.limit != a.RateLimit {
		limit.Failf("is %s, but the account shares its budget with the one in line %d (%s), whose limit is %s",
			a.RateLimit, first.place.Line, first.place.Field, first.limit)
	}
}

// readRateLimit reads a limit, which is calls per time if that is not given.
func readRateLimit(v form.Value, calls int, per time.Duration) RateLimit {
	m, _ := v.Mapping()
	return RateLimit{
		Calls: m.Get("calls").Integer(form.Span[int]{Def: calls, Low: 1, High: maxCalls}),
		Per:   m.Get("per").Duration(form.Span[time.Duration]{Def: per, Low: shortest, High: maxPeriod}),
		Group: readGroup(m.Get("group")),
	}
}

// readGroup reads a name that is compared with others: two that look alike must be
// the same, or one budget is spent twice.
func readGroup(v form.Value) string {
	if !v.Given() {
		return ""
	}
	group := v.RequiredLine()
	switch {
	case strings.TrimSpace(group) != group:
		v.Failf("must not begin or end with a blank")
	case strings.ContainsFunc(group, func(r rune) bool { return !unicode.IsControl(r) && !unicode.IsPrint(r) }):
		v.Failf("must not contain characters that cannot be seen")
	}
	return group
}

// readDiscover reads how young tasks must be that the vendor lists. No section
// means that there is none, or more than one, which was reported.
func readDiscover(v form.Value, s vendors.Section) model.Duration {
	discover := v.Duration(form.Span[time.Duration]{Low: time.Millisecond, High: maxDiscover})
	if v.Given() && s.Name != "" && !s.Discovers {
		v.Failf("%s does not tell which tasks there are; name them, in tasks or task_discovery", s.Name)
	}
	return discover
}

func readTasks(v form.Value, account string) []prefetch.Task {
	item := form.Value{R: v.R, Field: v.Field + "[0]"}
	keys := tasklist.Keys()
	list := tasklist.NewAccount(account, func(key string) string { return item.Unknown(key, keys) })
	for _, item := range v.List() {
		wrong, odd := list.Read(item.Node)
		for _, fault := range wrong {
			v.R.Failf(fault.Line, form.Join(item.Field, fault.Place()), "%s", fault.What)
		}
		for _, fault := range odd {
			v.R.Warnf(fault.Line, form.Join(item.Field, fault.Place()), "%s", fault.What)
		}
	}
	return list.Tasks
}
