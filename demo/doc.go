// Package demo runs four vendors' simulators on loopback, with launches that
// show what can become of a prefetch, and writes the configuration of an
// exporter that watches them.
//
// It owns the story that the demo tells. The exporter itself is the real one:
// nothing in the path is faked but the vendor.
package demo
