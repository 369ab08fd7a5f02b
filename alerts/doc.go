// Package alerts holds what Prometheus and Alertmanager are given: the rules,
// their unit tests, an example of an Alertmanager and its template, and the
// runbooks, which the exporter serves so that an alert's link always works and
// fits the version.
//
// The files are made to be copied; of the program only the runbooks are part.
// It must not know the exporter: that rules and metrics fit each other is
// proven by tests.
package alerts
