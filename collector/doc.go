// Package collector says what of the exporter's state is shown as metrics.
//
// It owns the one table of all metrics ([Metrics]), in which a metric is one row:
// its name, its help text, its labels and the function that gives its value. The
// [Collector] shows an immutable snapshot by the rows of tasks and accounts, the
// [Recorder] what accumulates between scrapes. What is replaced and what
// accumulates are kept apart: a task or account that is gone from the snapshot is
// gone from the next scrape, without anybody having to delete its series.
//
// How a page is rendered and served stands in collector/pages, which this package
// must not know. It must not know vendors or polling either. A scrape reads memory
// only and never causes a vendor call.
package collector
