// Package deploy tests what strangers install: the Kubernetes manifests, the
// compose files, the systemd units, the packages and the image.
//
// It is a module of its own, so that what knows Kubernetes, compose and packages
// reaches neither the exporter's go.mod nor that of the other tests.
package deploy
