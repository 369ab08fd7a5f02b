// Package baiducloud holds the tests that have Baidu AI Cloud's own SDK as the
// independent witness: for the exporter's signatures, and for the simulator that the
// exporter's other tests rely on.
package baiducloud
