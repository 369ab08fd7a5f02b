// Package dashboards builds the Grafana dashboards and keeps them as JSON files
// beside it, ready to be imported or provisioned.
//
// It owns what the dashboards have in common, so that it means the same
// everywhere: the variables, the matchers of every query, the colours, the
// thresholds, the layout. The files are written by `go test ./dashboards
// -update`; change this package, not them.
//
// It knows metrics by name only, as Grafana does: that the names are the
// exporter's is proven by tests. The program does not use it.
package dashboards
