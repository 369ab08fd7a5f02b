package submitted

import (
	"fmt"
	"maps"
	"slices"

	"prefetch_exporter/store"
)

// Heard takes over what any replica has put or deleted, where several share the
// keeper; changes of other tables are passed over.
func (t *Tasks) Heard(changes []store.Op) {
	t.forgetting.RLock()
	defer t.forgetting.RUnlock()
	var names []Name
	t.mu.Lock()
	for _, op := range changes {
		if op.Table == store.Submitted && t.take(Name{op.Scope, op.Key}, op.Value) {
			names = append(names, Name{op.Scope, op.Key})
		}
	}
	t.mu.Unlock()
	if len(names) > 0 {
		t.Listed(names...)
	}
}

// Reload reads the keeper anew, after changes may have been missed.
func (t *Tasks) Reload() error {
	t.forgetting.RLock()
	defer t.forgetting.RUnlock()
	changed, err := t.load()
	if changed {
		t.Listed()
	}
	return err
}

// load makes the tasks those of the keeper, and reports whether others were known.
func (t *Tasks) load() (changed bool, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	there := map[Name]bool{}
	err = t.Keeper.Scan(store.Submitted, func(account, id string, value []byte) error {
		there[Name{account, id}] = true
		changed = t.take(Name{account, id}, value) || changed
		return nil
	})
	if err != nil {
		return changed, fmt.Errorf("loading the tasks put through the API: %w", err)
	}
	for _, name := range slices.Concat(slices.Collect(maps.Keys(t.tasks)), slices.Collect(maps.Keys(t.unreadable))) {
		if !there[name] {
			t.drop(name)
			changed = true
		}
	}
	return changed, nil
}

// take takes over how a task stands in the keeper, and reports whether that is news.
// The lock is held.
func (t *Tasks) take(name Name, value []byte) (news bool) {
	known, there := t.tasks[name]
	if _, writing := t.overtaken[name]; writing {
		t.overtaken[name] = true
	}
	if value == nil {
		if news = t.has(name); news {
			t.drop(name)
		}
		return news
	}
	task, err := decode(name.Account, name.ID, value)
	if err != nil {
		t.drop(name)
		t.unreadable[name] = err
		return true
	}
	if there && task.SaysAs(known) {
		return false
	}
	t.set(name, task)
	return true
}
