// Package huaweicloud asks Huawei Cloud VOD about CDN prefetch tasks.
//
// The vendor offers one question, "Querying CDN prefetching" of VOD's API
// reference (GET /v1.0/{project_id}/asset/preheating?task_id=): the URLs of one
// task, each with a status. It tells no times, and it has no list of tasks.
//
// The package owns how the question is put, the three ways to authenticate (a
// signature with an access key, a ready token, a token fetched from IAM), how
// the answer is read, and which class an error belongs to. It must not know
// when or why it is called, nor any other vendor. The vendor's own SDK is not
// used: it takes no context and weighs more than the exporter.
package huaweicloud
