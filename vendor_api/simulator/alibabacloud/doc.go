// Package alibabacloud is the prefetch queries of Alibaba Cloud CDN and DCDN as an
// HTTP server, written from the vendor's pages and its SDKs:
//
//   - https://www.alibabacloud.com/help/en/cdn/developer-reference/api-describerefreshtasks
//   - https://www.alibabacloud.com/help/en/cdn/developer-reference/api-describerefreshtaskbyid
//   - https://help.aliyun.com/document_detail/2593177.html, the signature ACS3-HMAC-SHA256
//   - "Common request parameters" and "Signature" of the RPC form, HMAC-SHA1, which
//     older SDKs send
//
// It answers in JSON only. The code for a page size that is too large is a guess.
package alibabacloud
