// Package cdnetworks is the prefetch query of CDNetworks and Wangsu as an HTTP
// server, written from the vendor's pages:
//
//   - https://documents.cdnetworks.com/document/api-doc/api-key-authentication
//   - https://documents.cdnetworks.com/document/api-doc/ak-sk-authentication
//   - QueryPrefetchStatus, beside those
package cdnetworks
