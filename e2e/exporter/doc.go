// Package exporter holds the tests that run the built exporter beside a real
// Prometheus and promtool, as a user would.
package exporter
