//go:build linux

package clock

// BootOf is for tests: no test can enter a time namespace.
var BootOf = bootOf
