// Package installed tests what is installed and started for real: the Debian and
// the RPM package in a system of their own with systemd, and the image.
//
// It needs root and minutes, so that `make packagetest` runs it and `make test`
// does not.
package installed
