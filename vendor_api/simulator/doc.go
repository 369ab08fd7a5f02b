// Package simulator is what the simulated servers of vendors share: tasks that
// progress with a clock, quotas, latencies, faults, what signatures are made of, and an
// in-process [Transport]. The vendors are in folders below it, each a [Server] that a
// [Vendor] describes: what their pages promise, their authentication, their answers.
// They serve --demo over real listeners and the tests in process.
//
// They must not know the clients that ask them, nor share their code: they verify
// signatures and write answers from the vendors' pages alone, so that a misreading
// on one side does not cancel out on the other. Of this module they import the
// prefetch package only.
//
// Where a vendor's pages are silent, the reading that is harshest to a client is
// the default, and the options hold the others.
package simulator
