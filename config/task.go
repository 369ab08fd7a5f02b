package config

import (
	"prefetch_exporter/config/form"
	"prefetch_exporter/prefetch"
	"prefetch_exporter/tasklist"
)

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
