// Package secret holds what must not be seen: values of the configuration and of the
// files that it names, which are read again when they change. However a secret is
// printed, logged or marshalled, it shows as <secret>.
package secret
