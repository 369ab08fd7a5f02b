// Package form reads the values of a configuration file strictly: every error with
// its file, line and field, all of them at once, and never with a secret in it.
//
// It knows how a file is written, and nothing of what its settings mean: the keys
// of each level are told to it.
package form
