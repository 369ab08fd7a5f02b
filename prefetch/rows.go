package prefetch

// RowKey identifies a row of a vendor: some give rows no id, but one submission has
// one creation time. The same URL may stand in a task twice.
type RowKey struct {
	URL string
	// Created is in Unix seconds, since vendors tell no more; 0 if it is not known.
	Created int64
}

// Key is what identifies the row of the URL.
func (u *URL) Key() RowKey {
	if u.Created.IsZero() {
		return RowKey{URL: u.URL}
	}
	return RowKey{u.URL, u.Created.Unix()}
}

// SameRows reports whether two answers show the same rows, in whatever order and
// state.
func SameRows(a, b []URL) bool {
	if len(a) != len(b) {
		return false
	}
	left := make(map[RowKey]int, len(a))
	for i := range a {
		left[a[i].Key()]++
	}
	for i := range b {
		k := b[i].Key()
		if left[k] == 0 {
			return false
		}
		left[k]--
	}
	return true
}
