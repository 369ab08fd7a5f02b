// Package etcdstore keeps in etcd what package store keeps in a file, for replicas
// that share it: who is there, who owns which budget identity, and the records of
// all.
//
// A lease decides who should ask a vendor, a transaction whether a call is charged,
// and nothing here decides when a slot is free again. Everything below one prefix is
// read once and then followed by one watch, so that reading costs etcd nothing; a
// write compares the revisions of what it replaces. The package must not know what
// records mean, nor who ought to own what.
package etcdstore
