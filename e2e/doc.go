// Package e2e is a Go module of its own for what weighs too much to be a
// dependency of the exporter: tests that drive the built program with real
// counterparts, such as Prometheus and a vendor's own SDK. `make e2e` in the
// folder above runs them.
//
// It owns no code that the program uses, and it must not reach into the program
// by other ways than its flags, its endpoints and the packages' public names.
package e2e
