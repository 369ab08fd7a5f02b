// Package exporter puts the parts together: configuration, store, poller,
// metrics and pages, started and stopped in the right order.
//
// It owns which part is given what, and reloading. It must not know what any
// part does: whatever could live in a part belongs there.
package exporter
