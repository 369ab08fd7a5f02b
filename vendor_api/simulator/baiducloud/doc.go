// Package baiducloud is the simulated server of Baidu AI Cloud CDN: the query of prefetch
// tasks of both editions, with the vendor's signature, its markers and its errors.
//
// It must not know the client that asks it: it is written from the vendor's pages.
package baiducloud
