// Package discovery knows which tasks to watch. It reads them from the
// configuration, from files, from HTTP sources and from those that were
// put through the task API (package submitted), and merges them by (account, id) into one
// set per account.
//
// It must not know vendors, polling, metrics or the exporter's own HTTP
// endpoints: what it has to say of a source's health goes to a [Reporter].
package discovery
