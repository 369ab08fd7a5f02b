// Package alibabacloud asks Alibaba Cloud CDN and Alibaba Cloud DCDN about prefetch
// tasks, which the vendor calls preload: DescribeRefreshTaskById for up to ten
// tasks at once and DescribeRefreshTasks for windows and counts, or the calls of
// the same form that DCDN has (https://www.alibabacloud.com/help/en/cdn/developer-reference/api-describerefreshtasks).
//
// It owns the vendor's wire form: the requests, the signature ACS3-HMAC-SHA256,
// the answers in each of their envelopes, and what each error code means. It must
// not know when or why it is called, nor any other vendor.
package alibabacloud
