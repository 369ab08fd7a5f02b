package record

import (
	"encoding/json"
	"fmt"

	"prefetch_exporter/prefetch"
	"prefetch_exporter/store"
)

// Migrations are what the store has to change of what earlier versions of the
// exporter wrote.
func Migrations() []store.Migration { return []store.Migration{hashIdentities} }

// hashIdentities takes access keys and user names out of the store: version 1 kept
// ledgers under them, and in each account's record.
func hashIdentities(r store.Op) (store.Op, error) {
	switch r.Table {
	case store.Ledger:
		r.Scope = prefetch.HashedIdentity(r.Scope)
	case store.Accounts:
		return hashRecord(r)
	case store.Tasks, store.Submitted:
	}
	return r, nil
}

// hashRecord changes nothing of an account's record but the identity. One that
// cannot be read is of no use to anybody, and may have it.
func hashRecord(r store.Op) (store.Op, error) {
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(r.Value, &fields); err != nil {
		r.Value = nil
		return r, nil //nolint:nilerr // it is left out
	}
	var identity string
	if err := json.Unmarshal(fields["identity"], &identity); err != nil {
		delete(fields, "identity") // there is none, or it is none
	} else if fields["identity"], err = json.Marshal(prefetch.HashedIdentity(identity)); err != nil {
		return r, fmt.Errorf("identity of %q: %w", r.Scope, err)
	}
	var err error
	if r.Value, err = json.Marshal(fields); err != nil {
		return r, fmt.Errorf("record of %q: %w", r.Scope, err)
	}
	return r, nil
}
