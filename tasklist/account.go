package tasklist

import (
	"go.yaml.in/yaml/v3"

	"prefetch_exporter/prefetch"
)

// Account reads the tasks of one account in the configuration.
type Account struct {
	set

	given prefetch.Task
	form  form
}

// NewAccount returns an account without tasks. unknown says of a key that is not one
// of [Keys] what was probably meant, and returns "" for one that is.
func NewAccount(account string, unknown func(key string) string) *Account {
	return &Account{
		set: newSet(), given: prefetch.Task{Account: account, Source: prefetch.SourceConfig},
		form: form{example: `{"id": "3ff59d129a2c40a39b9be8c9de9975d6"}`, unknown: unknown, strictNull: true},
	}
}

// Read takes a task in unless something is wrong with it, which is returned; odd is
// what is only that. Unlike elsewhere, a key without a value is wrong. Nothing is said
// of the account's name.
func (a *Account) Read(item *yaml.Node) (wrong, odd prefetch.Faults) {
	r := reader{form: a.form}
	if !r.open(item) {
		return r.faults, nil
	}
	task := r.task(a.given)
	a.add(&r, task, item.Line)
	for _, f := range r.faults {
		if f.Key != keyAccount {
			wrong = append(wrong, f)
		}
	}
	if len(r.faults) == 0 {
		odd = r.doubts(task)
	}
	return wrong, odd
}
