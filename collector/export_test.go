package collector

// RefreshNow does in the foreground what [MetricsHandler.Refresh] does later:
// for benchmarks, which cannot wait for it.
func RefreshNow(h *MetricsHandler) { h.refresher.refresh() }
