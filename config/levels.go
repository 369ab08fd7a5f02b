package config

import (
	"regexp"
	"slices"
	"strings"

	"prefetch_exporter/internal/strict"
	"prefetch_exporter/remedy"
	"prefetch_exporter/tasklist"
)

// level is a mapping or a list of the file: the keys that it may have, and how it
// is written, for those who wrote it otherwise.
type level struct {
	keys []string
	form string
}

// levels returns all of them, by their paths; [] stands for each item of a list.
func levels() map[string]level {
	all := map[string]level{
		"":         {keys: []string{"global", "accounts", "task_discovery"}},
		"global":   {keys: keysOf[Global](), form: "{poll_interval: 1m}"},
		"accounts": {form: "[{name: edge, cdnetworks: {…}}]"},
		"accounts[]": {
			keys: slices.Concat([]string{"name", "rate_limit", "poll_interval"}, vendorNames(), []string{"tasks"}),
			form: "{name: edge, cdnetworks: {…}}",
		},
		"accounts[].rate_limit":                    {keys: keysOf[RateLimit](), form: "{calls: 1, per: 5m}"},
		"accounts[].tasks":                         {form: "[{id: 3ff59d129a2c40a39b9be8c9de9975d6}]"},
		"accounts[].tasks[]":                       {keys: tasklist.Keys()},
		"task_discovery":                           {keys: keysOf[TaskDiscovery](), form: "{files: [tasks/*.yml]}"},
		"task_discovery.files":                     {form: "[tasks/*.yml]"},
		"task_discovery.http":                      {form: "[{url: https://example.com/tasks}]"},
		"task_discovery.http[]":                    {keys: keysOf[HTTPDiscovery](), form: "{url: https://example.com/tasks}"},
		"task_discovery.http[].http_client_config": {keys: httpKeys()},
	}
	for _, s := range sections {
		path := "accounts[]." + s.name
		all[path] = level{keys: s.keys, form: s.form}
		all[path+".http_client_config"] = level{keys: vendorHTTPKeys()}
		for key, below := range s.below {
			all[join(path, key)] = below
		}
	}
	return all
}

var index = regexp.MustCompile(`\[\d+\]`)

// level is what is known of the place of v; nothing of one whose keys are the
// user's own.
func (v value) level() level { return v.r.levels[v.path()] }

// path is the place of v without the numbers of items.
func (v value) path() string { return index.ReplaceAllString(v.field, "[]") }

// form shows how v is written, as the end of a message.
func (v value) form() string {
	if form := v.level().form; form != "" {
		return ", such as " + form
	}
	return ""
}

// unknown says what somebody probably meant who gave v a key that it cannot have;
// empty if it can.
func (v value) unknown(key string, known []string) string {
	if len(known) == 0 || slices.Contains(known, key) {
		return ""
	}
	here := v.path()
	places := v.r.belongs(key, here, true)
	if len(places) == 0 && remedy.Slip(key, known) == "" {
		places = v.r.belongs(key, here, false)
	}
	if len(places) > 0 {
		return "unknown key here; it belongs " + strings.Join(places, " or ")
	}
	return strict.Unknown(key, known)
}

// belongs returns the other places where the key is known: those above and below
// here, or else all.
func (r *reader) belongs(key, here string, line bool) []string {
	var places []string
	for _, path := range sortedKeys(r.levels) {
		if path == here || !slices.Contains(r.levels[path].keys, key) ||
			line && !strings.HasPrefix(path, here) && !strings.HasPrefix(here, path) {
			continue
		}
		list, item := strings.CutSuffix(path, "[]")
		switch {
		case path == "":
			places = append(places, "at the top level")
		case item:
			places = append(places, "in an item of "+list)
		default:
			places = append(places, "under "+path)
		}
	}
	return places
}
