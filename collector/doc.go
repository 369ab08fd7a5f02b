// Package collector turns what the exporter knows into metrics and serves them.
//
// It owns the table of all metrics ([Metrics]), the [Collector] that renders an
// immutable snapshot at each scrape, the [Recorder] for what accumulates between
// scrapes, and the /metrics [Handler]. What is replaced and what accumulates are
// kept apart: a task or account that is gone from the snapshot is gone from the
// next scrape, without anybody having to delete its series.
//
// It must not know vendors or polling. A scrape reads memory only and never
// causes a vendor call.
package collector
