// Package replica is one of several exporters that share a store: it stands for what
// its configuration has, asks for its share of that, and hands over what is another's.
//
// Each identity (what a vendor counts calls by) has one owner, which asks for all its
// accounts. Who should own what is decided by package spread, from what every replica
// has registered; who does is a key in the store, under a lease. A lease decides only
// who should ask: that no call is one too many is the ledger's matter.
package replica
