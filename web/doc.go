// Package web serves what the exporter shows over HTTP besides the metrics
// themselves: the landing page, health, the configuration with its secrets
// masked, the JSON API, and what an operator or a pipeline may ask for (reload,
// profiles, putting and deleting tasks).
//
// It owns routes, headers, the forms of the JSON API and what is escaped. It
// must not know vendors, polling or the store: all it shows it gets as values or
// functions. Users find the API described in docs/http_api.md.
package web
