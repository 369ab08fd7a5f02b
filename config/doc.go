// Package config is what the user wrote: the configuration file, read strictly,
// with defaults filled in and every value checked, and the secrets in it or in
// files beside it.
//
// It owns the form of the file, the limits of every value and the messages for
// what is wrong, each with the line it stands in. A [*Config] that exists is
// valid. The package must not know how the values are used: it makes no
// request, watches no file, logs nothing and keeps no state but the last value
// of each secret.
package config
