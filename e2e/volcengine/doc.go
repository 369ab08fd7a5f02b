// Package volcengine holds the tests that have Volcengine's own SDKs as the independent
// witness: for the exporter's signatures, and for the simulator that the exporter's
// other tests rely on. BytePlus has the same API; its SDK cannot be had.
package volcengine
