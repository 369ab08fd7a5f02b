// Package pages keeps the metrics of the collector rendered, and serves them.
//
// A page of /metrics is put together from pieces that were rendered, and
// compressed, when a task changed: a [Handler] keeps them for each format and
// compression that clients ask for ([exposition] knows how a format is divided).
// What a page shows is not decided here: that is the table of the collector's
// metrics.
//
// All that package collector says is a piece that stays, but for one gauge:
// prefetch_task_age_seconds is another number in each scrape. Its price is a
// template that values are filled into, a writer of DEFLATE of its own, and
// [ageWriters], about 400 lines, and most of what a scrape takes. PromQL can tell
// the same by time() - prefetch_task_created_timestamp_seconds. It is a part of
// the contract; whoever may drop it drops these.
//
// This package must not know vendors, polling, or what a metric means.
package pages
