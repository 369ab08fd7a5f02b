// Package poller watches tasks: one loop per account picks the most useful
// question that the budget allows, asks it, and applies the answer.
//
// It owns the planner, the budget with its ledger of calls, and the life of a
// task. What it knows it publishes as an immutable [prefetch.Snapshot]; what
// must survive a restart it hands to a [Store] as bytes. It must not know
// Prometheus, HTTP or any vendor: those are behind [Recorder] and
// [vendorapi.Provider].
package poller
