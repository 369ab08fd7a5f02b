// Package edge holds the test that has blackbox_exporter ask an edge for what the
// exporter says has been prefetched, with the files that users are given: the
// modules, the scrape configuration, the rules.
package edge
