package config

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"prefetch_exporter/remedy"
)

// level is a mapping or a list of the file: the keys that it may have, and how it
// is written, for those who wrote it otherwise.
type level struct {
	keys []string
	form string
}

// levels are all of them, by their paths; [] stands for each item of a list.
var levels = map[string]level{
	"": {keys: []string{"global", "accounts", "task_discovery"}},
	"global": {
		keys: []string{"poll_interval", "retention", "max_staleness", "task_limit"},
		form: "{poll_interval: 1m}",
	},
	"accounts": {form: "[{name: edge, cdnetworks: {…}}]"},
	"accounts[]": {
		keys: []string{"name", "rate_limit", "poll_interval", providerHuaweiCloudVOD, providerCDNetworks, "tasks"},
		form: "{name: edge, cdnetworks: {…}}",
	},
	"accounts[].rate_limit": {keys: []string{"calls", "per"}, form: "{calls: 1, per: 5m}"},
	"accounts[]." + providerHuaweiCloudVOD: {
		keys: []string{
			"region", "endpoint", "project_id",
			"access_key", "access_key_file", "secret_key", "secret_key_file", "security_token", "security_token_file",
			"token", "token_file", "iam", "http_client_config",
		},
		form: "{region: …, project_id: …, access_key: …, secret_key_file: …}",
	},
	"accounts[]." + providerHuaweiCloudVOD + ".iam": {
		keys: []string{"endpoint", "domain", "username", "password", "password_file"},
		form: "{domain: …, username: …, password_file: …}",
	},
	"accounts[]." + providerHuaweiCloudVOD + ".http_client_config": {keys: vendorHTTPKeys()},
	"accounts[]." + providerCDNetworks: {
		keys: []string{
			"endpoint", "username", "api_key", "api_key_file",
			"access_key", "access_key_file", "secret_key", "secret_key_file",
			"time_zone", "page_size", "lookback", "watch_window", "http_client_config",
		},
		form: "{username: …, api_key_file: …}",
	},
	"accounts[]." + providerCDNetworks + ".http_client_config": {keys: vendorHTTPKeys()},
	"accounts[].tasks": {form: "[{id: 3ff59d129a2c40a39b9be8c9de9975d6}]"},
	"accounts[].tasks[]": {
		keys: []string{"id", "created", "deadline", "urls", "labels"},
		form: "{id: 3ff59d129a2c40a39b9be8c9de9975d6}",
	},
	"accounts[].tasks[].urls":   {form: "[https://example.com/a.mp4]"},
	"accounts[].tasks[].labels": {form: "{title: launch}"},
	"task_discovery":            {keys: []string{"files", "http"}, form: "{files: [tasks/*.yml]}"},
	"task_discovery.files":      {form: "[tasks/*.yml]"},
	"task_discovery.http":       {form: "[{url: https://example.com/tasks}]"},
	"task_discovery.http[]": {
		keys: []string{"url", "refresh_interval", "http_client_config"},
		form: "{url: https://example.com/tasks}",
	},
	"task_discovery.http[].http_client_config": {keys: httpKeys()},
}

var index = regexp.MustCompile(`\[\d+\]`)

// level is what is known of the place of v; nothing of one whose keys are the
// user's own.
func (v value) level() level { return levels[v.path()] }

// path is the place of v without the numbers of items.
func (v value) path() string { return index.ReplaceAllString(v.field, "[]") }

// form shows how v is written, as the end of a message.
func (v value) form() string {
	if form := v.level().form; form != "" {
		return ", such as " + form
	}
	return ""
}

// meant says what somebody probably meant who gave m a key that it cannot have, as
// the end of a message.
func (m mapping) meant(key string, known []string) string {
	if strings.Contains(key, ":") {
		return "; a space is missing after the colon"
	}
	here := m.path()
	places := belongs(key, here, true)
	near := ""
	if len(places) == 0 {
		near = remedy.Slip(key, known)
	}
	if len(places) == 0 && near == "" {
		places = belongs(key, here, false)
	}
	if len(places) > 0 {
		return " here; it belongs " + strings.Join(places, " or ")
	}
	all := strings.Join(known, ", ")
	if near = cmp.Or(near, remedy.Nearest(key, known)); near != "" {
		return fmt.Sprintf("; did you mean %s? Known here: %s", near, all)
	}
	return "; known here: " + all
}

// belongs returns the other places where the key is known: those above and below
// here, or else all.
func belongs(key, here string, line bool) []string {
	var places []string
	for _, path := range sortedKeys(levels) {
		if path == here || !slices.Contains(levels[path].keys, key) ||
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
