// Package prefetch is the domain of the exporter: tasks that push content to a
// CDN's edge, the URLs in them, and what is known of both at one moment.
//
// It holds pure values. It imports only the standard library and knows nothing
// of vendors, Prometheus, HTTP or polling; everything else speaks in its terms.
package prefetch
