// Package simulator is the two vendors' prefetch APIs as HTTP servers: what
// their pages promise, their authentication, their quotas, and tasks that
// progress with a clock. It serves --demo over real listeners and the tests in
// process, see [Transport].
//
// It must not know the clients that ask it, nor share their code: it verifies
// signatures and writes answers from the vendors' pages alone, so that a
// misreading on one side does not cancel out on the other. Of this module it
// imports the prefetch package only.
//
// Where a vendor's pages are silent, the reading that is harshest to a client
// is the default, and the options hold the others. The pages:
//
//   - https://support.huaweicloud.com/intl/en-us/api-vod/vod_04_0120.html
//   - https://support.huaweicloud.com/intl/en-us/api-iam/iam_30_0001.html
//   - https://documents.cdnetworks.com/document/api-doc/api-key-authentication
//   - https://documents.cdnetworks.com/document/api-doc/ak-sk-authentication
//   - QueryPrefetchStatus, beside those
package simulator
