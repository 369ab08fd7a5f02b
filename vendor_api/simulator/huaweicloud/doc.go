// Package huaweicloud is Huawei Cloud as HTTP servers: the prefetch query of VOD
// ([Server]) and the history of tasks of CDN ([CDN]), each with the token API of IAM,
// written from the vendor's pages:
//
//   - https://support.huaweicloud.com/intl/en-us/api-vod/vod_04_0120.html
//   - https://support.huaweicloud.com/api-cdn/ShowHistoryTasks.html
//   - https://support.huaweicloud.com/api-cdn/ShowHistoryTaskDetails.html
//   - https://support.huaweicloud.com/api-cdn/ErrorCode.html
//   - https://support.huaweicloud.com/intl/en-us/api-iam/iam_30_0001.html
package huaweicloud
