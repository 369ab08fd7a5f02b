// Package poller watches the tasks of all accounts: which are watched, with whose
// budget, and, where replicas share the store, for which of them this one asks. Each
// account asks by itself, in package account, whose text has the words used here.
//
// What is known is published as an immutable [prefetch.Snapshot]; what must survive a
// restart is handed to a [Store] as bytes. The package knows no Prometheus, HTTP or
// vendor: those are behind [Recorder] and [vendorapi.Provider].
package poller
