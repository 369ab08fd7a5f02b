// Package run builds and runs the programs that the end-to-end tests drive.
//
// It owns their life: they start with a test and end with it, without an error.
// It must not know what any of them does.
package run
