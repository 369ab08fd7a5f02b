// Package stack holds the test that runs everything that stands between a vendor
// and whoever is woken: the exporter, Prometheus with this repository's rules,
// Alertmanager with its example configuration, and a receiver; and that asks
// Prometheus every question of every dashboard.
//
// It runs them twice side by side, with the current releases and with those that
// are installed (Debian's, if none are), on one exporter.
//
// Another test has both releases of Prometheus store what the exporter's handler
// serves beside what client_golang's serves of the same state.
package stack
