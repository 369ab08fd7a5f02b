// Package browser holds the tests that look at the exporter's pages with a real
// headless Chromium: what people see, reach by keyboard and can read, and that
// nothing runs or is loaded that should not be.
package browser
