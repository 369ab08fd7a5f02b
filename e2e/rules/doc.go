// Package rules holds the test that reads every expression of the dashboards,
// the alerts and the runbooks with Prometheus' own parser and compares it with
// the exporter's table of metrics: nothing is asked for that is not there.
package rules
