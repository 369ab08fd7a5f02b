// Package huaweicloud asks Huawei Cloud about CDN prefetch tasks, which it calls
// preheating: VOD ([Provider]) and CDN ([CDN]).
//
// VOD has one question, "Querying CDN prefetching" of its API reference (GET
// /v1.0/{project_id}/asset/preheating?task_id=): the URLs of one task, each with a
// status. It tells no times, and it has no list of tasks. CDN has two, "Querying
// Historical Tasks" (GET /v1.0/cdn/historytasks): the tasks of a span of time with
// their counts; and "Querying Historical Task Details" (GET
// /v1.0/cdn/historytasks/{id}/detail): the URLs of one task, with their creation and
// why they failed.
//
// The package owns how the questions are put, the three ways to authenticate (a
// signature with an access key, a ready token, a token fetched from IAM), how
// the answers are read, and which class an error belongs to. It must not know
// when or why it is called, nor any other vendor. The vendor's own SDK is not
// used: it takes no context, takes CDN's errors under HTTP 200 for empty answers,
// and weighs more than the exporter.
package huaweicloud
