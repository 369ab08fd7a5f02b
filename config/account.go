package config

import (
	"net/url"
	"strings"
	"time"

	"prefetch_exporter/prefetch"
)

// The values of the `provider` label, which are the keys of the configuration
// too.
const (
	providerHuaweiCloudVOD = "huaweicloud_vod"
	providerCDNetworks     = "cdnetworks"
)

const (
	maxCalls  = 10_000
	maxPeriod = 31 * day
)

// Provider returns "huaweicloud_vod" or "cdnetworks".
func (a *Account) Provider() string {
	if a.HuaweiCloudVOD != nil {
		return providerHuaweiCloudVOD
	}
	return providerCDNetworks
}

// Identity returns whom the vendor counts, as provider|endpoint host|hash of who.
// Accounts with the same identity share one budget. It contains no secret and
// does not depend on the account's name or on values that rotate.
//
// Who is the CDNetworks user name, else the access key; the Huawei Cloud access
// key or IAM domain. A Huawei Cloud token, and an access key in a file, change
// with every renewal, so there it is the project id.
func (a *Account) Identity() string {
	if a.HuaweiCloudVOD != nil {
		return prefetch.Identity(a.Provider(), host(a.HuaweiCloudVOD.Endpoint), a.HuaweiCloudVOD.who())
	}
	return prefetch.Identity(a.Provider(), host(a.CDNetworks.Endpoint), a.CDNetworks.who())
}

func host(endpoint string) string {
	u, err := url.Parse(endpoint)
	if err != nil {
		return endpoint
	}
	return u.Host
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
		PollInterval: m.get("poll_interval").duration(pollIntervals(ar.global.PollInterval)),
	}
	if m.has("poll_interval") {
		warnIfStale(m.get("poll_interval"), a.PollInterval, ar.global.MaxStaleness)
	}
	huawei, cdn := m.get(providerHuaweiCloudVOD), m.get(providerCDNetworks)
	limit := RateLimit{Calls: 50, Per: time.Minute}
	switch {
	case huawei.given() && cdn.given():
		m.failf("has two providers; %s and %s need an account each", providerHuaweiCloudVOD, providerCDNetworks)
	case huawei.given():
		a.HuaweiCloudVOD = readHuaweiCloudVOD(huawei)
	case cdn.given():
		a.CDNetworks = readCDNetworks(cdn)
		limit = RateLimit{Calls: 1, Per: 5 * time.Minute}
	default:
		m.failf("has no provider; give %s or %s", providerHuaweiCloudVOD, providerCDNetworks)
	}
	a.RateLimit = readRateLimit(m.get("rate_limit"), limit)
	a.Tasks = readTasks(m.get("tasks"), a.Name)
	if len(v.r.errs) == before {
		ar.checkBudget(m.get("rate_limit"), v, &a)
	}
	return a
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

func readRateLimit(v value, def RateLimit) RateLimit {
	m, _ := v.mapping()
	return RateLimit{
		Calls: m.get("calls").integer(span[int]{def: def.Calls, low: 1, high: maxCalls}),
		Per:   m.get("per").duration(span[time.Duration]{def: def.Per, low: shortest, high: maxPeriod}),
	}
}

// way is one way to authenticate and the keys that belong to it.
type way struct {
	name string
	keys []string
}

// readWay returns the one way to authenticate that m gives; "" after it
// reported that there is none or more than one.
func readWay(m mapping, ways ...way) string {
	var all, given []string
	for _, w := range ways {
		all = append(all, w.name)
		if m.has(w.keys...) {
			given = append(given, w.name)
		}
	}
	switch len(given) {
	case 0:
		m.failf("has no way to authenticate; give %s", strings.Join(all, ", or "))
		return ""
	case 1:
		return given[0]
	default:
		m.failf("has more than one way to authenticate (%s); give only one", strings.Join(given, "; "))
		return ""
	}
}
