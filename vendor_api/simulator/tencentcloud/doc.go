// Package tencentcloud is Tencent Cloud's API for prefetch tasks as an HTTP server,
// EdgeOne's DescribePrefetchTasks or CDN's DescribePushTasks, written from the
// vendor's pages:
//
//   - https://www.tencentcloud.com/document/product/1145/50533 (EdgeOne)
//   - https://www.tencentcloud.com/document/product/228/33603 (CDN)
//   - https://www.tencentcloud.com/document/product/213/33224 (Signature v3)
package tencentcloud
