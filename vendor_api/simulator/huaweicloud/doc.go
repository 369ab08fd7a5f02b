// Package huaweicloud is the prefetch query of Huawei Cloud VOD and the token API of
// its IAM as an HTTP server, written from the vendor's pages:
//
//   - https://support.huaweicloud.com/intl/en-us/api-vod/vod_04_0120.html
//   - https://support.huaweicloud.com/intl/en-us/api-iam/iam_30_0001.html
package huaweicloud
