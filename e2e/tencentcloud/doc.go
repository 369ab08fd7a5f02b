// Package tencentcloud holds the tests that have Tencent Cloud's own SDK as the
// independent witness: for the exporter's signatures, and for the simulator that the
// exporter's other tests rely on. The typed client of CDN is of an older SDK whose
// packages have the same names, so that it has a module of its own, in typed.
package tencentcloud
