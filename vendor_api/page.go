package vendorapi

// Count is how many rows match a question by what the vendor says, which is never
// less than the rows at hand.
func (n *Notes) Count(told Text, rows int) int {
	count, ok := told.Natural()
	switch {
	case !ok:
		n.Oddf("count", "count %q is not a whole number; the %d rows of the page are taken for all", told.Excerpt(), rows)
		return rows
	case count < rows:
		n.Oddf("count", "count %d is less than the %d rows of the page", count, rows)
		return rows
	}
	return count
}

// PageSize is the size of the page that the vendor made of q, of which it may tell
// the size: what it says, unless the rows at hand, of count in all, prove something
// else.
func (n *Notes) PageSize(q Query, told Text, count, rows int) int {
	size := q.PageSize
	if echo, ok := told.Natural(); ok && echo > 0 {
		size = echo
	}
	if rows > size {
		return rows
	}
	// A division, since pages before this one times their size may overflow.
	beyond := count/size < q.Page-1
	if beyond || rows == size || count-(q.Page-1)*size <= rows {
		return size
	}
	if rows == 0 {
		n.Oddf("page", "page %d of %d rows has no row, although %d rows match", q.Page, size, count)
		return size
	}
	n.Oddf("page", "page %d has %d rows instead of %d, although %d rows match: the vendor capped the page", q.Page, rows, size, count)
	return rows
}
