// Package baiducloud asks Baidu AI Cloud CDN about prefetch tasks: GET
// /v2/cache/prefetch (https://cloud.baidu.com/doc/CDN/s/4jwvyf01w), or the same below
// /v2/abroad (https://cloud.baidu.com/doc/CDN-ABROAD/s/Mlj5e9y0i).
//
// A question is about one task, and the answer then has every row of it, or about a
// window of creation time, in pages that follow from one another. A row is one URL with
// its status, its times and its progress; it does not tell its task, nor why it failed.
//
// It owns the vendor's wire form, its signature and what each error means. It must not
// know when or why it is called.
package baiducloud
