package config

import (
	"slices"

	"prefetch_exporter/config/client"
	"prefetch_exporter/config/form"
	"prefetch_exporter/config/vendors"
	"prefetch_exporter/tasklist"
)

// levels returns all of them, by their paths; [] stands for each item of a list.
func levels() map[string]form.Level {
	all := map[string]form.Level{
		"":         {Keys: []string{"global", "accounts", "storage", "task_discovery"}},
		"global":   {Keys: form.KeysOf[Global](), Form: "{poll_interval: 1m}"},
		"accounts": {Form: "[{name: edge, cdnetworks: {…}}]"},
		"accounts[]": {
			Keys: slices.Concat([]string{"name", "rate_limit", "poll_interval", "discover"}, vendors.Names(), []string{"tasks"}),
			Form: "{name: edge, cdnetworks: {…}}",
		},
		"accounts[].rate_limit":                    {Keys: form.KeysOf[RateLimit](), Form: "{calls: 1, per: 5m}"},
		"accounts[].tasks":                         {Form: "[{id: 3ff59d129a2c40a39b9be8c9de9975d6}]"},
		"accounts[].tasks[]":                       {Keys: tasklist.Keys()},
		"storage":                                  {Keys: form.KeysOf[Storage](), Form: "{etcd: {…}}"},
		"storage.etcd":                             {Keys: form.KeysOf[Etcd](), Form: "{endpoints: [https://etcd-0:2379]}"},
		"storage.etcd.endpoints":                   {Form: "[https://etcd-0:2379]"},
		"storage.etcd.tls_config":                  {Keys: client.TLSKeys()},
		"task_discovery":                           {Keys: form.KeysOf[TaskDiscovery](), Form: "{files: [tasks/*.yml]}"},
		"task_discovery.files":                     {Form: "[tasks/*.yml]"},
		"task_discovery.http":                      {Form: "[{url: https://example.com/tasks}]"},
		"task_discovery.http[]":                    {Keys: form.KeysOf[HTTPDiscovery](), Form: "{url: https://example.com/tasks}"},
		"task_discovery.http[].http_client_config": {Keys: client.HTTPKeys()},
	}
	for _, s := range vendors.Sections() {
		path := "accounts[]." + s.Name
		all[path] = form.Level{Keys: s.Keys, Form: s.Form}
		all[path+".http_client_config"] = form.Level{Keys: client.VendorHTTPKeys()}
		for key, below := range s.Below {
			all[form.Join(path, key)] = below
		}
	}
	return all
}
