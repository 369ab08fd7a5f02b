// Package web serves what the exporter shows over HTTP besides the metrics
// themselves: the landing page, health, the configuration with its secrets
// masked, and what an operator may ask for (reload, profiles).
//
// It owns routes, headers and what is escaped. It must not know vendors or
// polling: all it shows it gets as values or functions.
package web
