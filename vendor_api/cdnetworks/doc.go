// Package cdnetworks asks CDNetworks, and Wangsu behind the same API, for the
// status of prefetch tasks: POST /ccm/fetch/ItemIdQuery, the page
// "QueryPrefetchStatus" of documents.cdnetworks.com.
//
// It owns the vendor's wire form: the request, both ways to authenticate, the
// time zone, the loosely typed answer, and what each error text means. It must
// not know when or why it is called: which window, page and page size to ask
// for, and what to do after a refusal, is the caller's decision.
package cdnetworks
