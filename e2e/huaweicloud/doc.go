// Package huaweicloud holds the tests that have Huawei Cloud's own SDK as the
// independent witness: for the exporter's signatures, and for the simulator
// that the exporter's other tests rely on.
package huaweicloud
