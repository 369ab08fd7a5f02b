// Package tencentcloud asks Tencent Cloud for the status of prefetch tasks, in two
// products that share signing, envelope and errors: DescribePrefetchTasks of EdgeOne
// (teo 2022-09-01, tencentcloud.com/document/product/1145/50533) and
// DescribePushTasks of CDN (cdn 2018-06-06, tencentcloud.com/document/product/228/33603).
//
// It owns the vendor's wire form: the requests, the signature TC3-HMAC-SHA256, the
// answers, and what each error code means. It must not know when or why it is
// called, nor any other vendor.
package tencentcloud
