package record

import (
	"encoding/json"
	"time"

	"prefetch_exporter/store"
)

// Unused finds the scopes of accounts that are not configured, and since when. One
// that was not before is marked with the time.
func Unused(st store.Keeper, used map[string]bool, now time.Time) (since map[string]time.Time, err error) {
	since = map[string]time.Time{}
	var marks []store.Op
	err = st.Scan(store.Accounts, func(scope, key string, value []byte) error {
		if used[scope] {
			return nil
		}
		var r Account
		if err := json.Unmarshal(value, &r); err != nil {
			r = Account{} // nobody can use it, but its tasks may be whole
		}
		if r.Removed.IsZero() || r.Removed.After(now) {
			r.Removed = now
			mark, err := r.op(scope, key)
			if err != nil {
				return err
			}
			marks = append(marks, mark)
		}
		since[scope] = r.Removed
		return nil
	})
	if err == nil && len(marks) > 0 {
		err = st.Write(marks...)
	}
	return since, err
}

// Delete deletes an account's record and all of its tasks.
func Delete(st store.Keeper, scope string) error {
	ops := []store.Op{{Table: store.Accounts, Scope: scope, Key: accountKey}}
	err := st.ScanScope(store.Tasks, scope, func(key string, _ []byte) error {
		ops = append(ops, store.Op{Table: store.Tasks, Scope: scope, Key: key})
		return nil
	})
	if err == nil {
		err = st.Write(ops...)
	}
	return err
}
