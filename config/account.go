package config

import (
	"fmt"
	"time"

	"go.yaml.in/yaml/v3"

	"prefetch_exporter/prefetch"
)

const (
	maxCalls  = 10_000
	maxPeriod = 31 * day
)

// Provider returns the key of the account's section, which is the value of the
// `provider` label.
func (a *Account) Provider() string { return a.provider }

// Identity returns whom the vendor counts, as provider|endpoint host|hash of who.
// Accounts with the same identity share one budget. It contains no secret and
// does not depend on the account's name or on values that rotate.
func (a *Account) Identity() string {
	endpoint, who := a.Vendor.identity()
	return prefetch.Identity(a.provider, host(endpoint), who)
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
	names  map[string]value
	owners map[string]owner
}

// owner is the first account that spends an identity's budget.
type owner struct {
	place value
	limit RateLimit
}

func readAccounts(v value, global Global) []Account {
	if !v.given() {
		v.failf("is required")
		return nil
	}
	reader := accountReader{global: global, names: map[string]value{}, owners: map[string]owner{}}
	before := len(v.r.errs)
	items := v.list()
	if len(items) == 0 && len(v.r.errs) == before {
		v.failf("must list at least one account")
	}
	accounts := make([]Account, len(items))
	for i, item := range items {
		accounts[i] = reader.account(item)
	}
	return accounts
}

func (ar *accountReader) account(v value) Account {
	before := len(v.r.errs)
	m, ok := v.mapping()
	if !ok {
		return Account{}
	}
	a := Account{
		Name:         ar.name(m.get("name")),
		PollInterval: m.get("poll_interval").duration(pollIntervals(time.Duration(ar.global.PollInterval))),
	}
	if m.has("poll_interval") {
		warnIfStale(m.get("poll_interval"), a.PollInterval, ar.global.MaxStaleness)
	}
	s := a.readVendor(m)
	a.RateLimit = readRateLimit(m.get("rate_limit"), s.calls, s.per)
	a.Tasks = readTasks(m.get("tasks"), a.Name)
	if len(v.r.errs) == before {
		ar.checkBudget(m.get("rate_limit"), v, &a)
	}
	return a
}

// readVendor reads the account's one section of a vendor, and returns what is
// known of that vendor; nothing after it reported that there is none or more.
func (a *Account) readVendor(m mapping) (known section) {
	var given []section
	for _, s := range sections {
		if m.has(s.name) {
			given = append(given, s)
		}
	}
	switch len(given) {
	case 0:
		m.failf("has no provider; give %s", oneOf(vendorNames()))
	case 1:
		known = given[0]
		a.provider = known.name
		if below, ok := m.get(known.name).mapping(); ok {
			a.Vendor = known.read(below)
		}
	default:
		m.failf("has two providers; %s and %s need an account each", given[0].name, given[1].name)
	}
	return known
}

func (ar *accountReader) name(v value) string {
	name := v.requiredText()
	if name == "" {
		return ""
	}
	checkName(v, name)
	if first, ok := ar.names[name]; ok {
		v.failf("an account of this name exists already, in line %d", first.line)
		return name
	}
	ar.names[name] = v
	return name
}

// checkBudget reports an account that shares a budget with one before it and
// wants it to be of another size.
func (ar *accountReader) checkBudget(limit, account value, a *Account) {
	identity := a.Identity()
	first, shared := ar.owners[identity]
	if !shared {
		ar.owners[identity] = owner{place: account, limit: a.RateLimit}
		return
	}
	if first.limit != a.RateLimit {
		limit.failf("is %s, but the account shares its budget with the one in line %d (%s), whose limit is %s",
			a.RateLimit, first.place.line, first.place.field, first.limit)
	}
}

// readRateLimit reads a limit, which is calls per time if that is not given.
func readRateLimit(v value, calls int, per time.Duration) RateLimit {
	m, _ := v.mapping()
	return RateLimit{
		Calls: m.get("calls").integer(span[int]{def: calls, low: 1, high: maxCalls}),
		Per:   m.get("per").duration(span[time.Duration]{def: per, low: shortest, high: maxPeriod}),
	}
}
