package pages

// RefreshNow does in the foreground what [Handler.Refresh] does later:
// for benchmarks, which cannot wait for it.
func RefreshNow(h *Handler) { h.refresher.refresh() }
