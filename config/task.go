package config

import (
	"prefetch_exporter/prefetch"
	"prefetch_exporter/tasklist"
)

func readTasks(v value, account string) []prefetch.Task {
	item := value{r: v.r, field: v.field + "[0]"}
	keys := tasklist.Keys()
	list := tasklist.NewAccount(account, func(key string) string { return item.unknown(key, keys) })
	for _, item := range v.list() {
		wrong, odd := list.Read(item.node)
		for _, fault := range wrong {
			v.r.failf(fault.Line, join(item.field, fault.Place()), "%s", fault.What)
		}
		for _, fault := range odd {
			v.r.warnf(fault.Line, join(item.field, fault.Place()), "%s", fault.What)
		}
	}
	return list.Tasks
}

// checkName checks what becomes a label value and part of a path of the API.
func checkName(v value, name string) {
	if fault := prefetch.NameFault(name); fault != "" {
		v.failf("%s", fault)
	}
}

// checkedText reads a text that must be given.
func checkedText(v value) string {
	text := v.requiredText()
	if text != "" {
		if fault := prefetch.TextFault(text, prefetch.MaxName); fault != "" {
			v.failf("%s", fault)
		}
		v.warnVariable(text)
	}
	return text
}
