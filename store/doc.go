// Package store keeps what must survive a restart: bytes under names, in one
// file, durable before a write returns.
//
// It owns the file: its lock, its format version, the check for damage when it
// is opened, and the grouping of writes into few syncs. It must not know what
// the bytes mean; the poller and discovery encode their own records. What it
// offers ([DB.Write], [DB.Scan], [DB.ScanScope]) is small enough for a second
// implementation over a network.
package store
