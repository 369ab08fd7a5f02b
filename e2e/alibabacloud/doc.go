// Package alibabacloud holds the tests that have Alibaba Cloud's own SDKs as the
// independent witnesses: for the exporter's signatures, and for the simulator that the
// exporter's other tests rely on. darabonba-openapi signs with ACS3-HMAC-SHA256 and
// knows no types; alibaba-cloud-sdk-go has the types of CDN and DCDN, and signs in the
// older RPC form.
package alibabacloud
