// Package replicas holds the tests that run a group of exporters on a real etcd
// cluster against simulated vendors, kill, stop and cut off whatever there is, and
// look whether a vendor was called too often, a task was lost, a URL was observed
// twice or two replicas tell different things.
//
// It counts calls by itself, from what reaches the vendors, and trusts neither the
// exporters' metrics in this nor the simulators' own quotas.
package replicas
