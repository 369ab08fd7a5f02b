package task

import "time"

// awaitRows takes down for how many submitted URLs the vendor has no row, and since
// when the task waits for nothing else.
func (t *Task) awaitRows(rowless int, now time.Time) {
	left := t.Counts.Total() - t.Counts.Final()
	switch {
	case rowless <= 0 || rowless < left:
		t.RowlessSince = time.Time{}
	case t.RowlessSince.IsZero() || rowless != t.Rowless:
		t.RowlessSince = now
	}
	t.Rowless = max(0, rowless)
}

// RowlessGap is how long after the last answer a task is asked again that waits for
// nothing but rows that were never shown, and may never be: so long as that has been
// so, but no less than least and no more than most. It is 0 for any other task.
func (t *Task) RowlessGap(least, most time.Duration) time.Duration {
	if t.RowlessSince.IsZero() {
		return 0
	}
	return min(most, max(least, t.LastRefresh.Sub(t.RowlessSince)))
}

// noRow are the submitted URLs that the vendor showed no row for; nil where there are
// none, or where its rows are not known.
func (t *Task) noRow() (missing []string) {
	if t.Rowless == 0 || len(t.Rows.URLs)+t.Rowless != t.Counts.Total() {
		return nil
	}
	rows := make(map[string]int, len(t.Rows.URLs))
	for i := range t.Rows.URLs {
		rows[t.Rows.URLs[i].URL]++
	}
	for _, url := range t.Expected {
		if rows[url]--; rows[url] < 0 {
			missing = append(missing, url)
		}
	}
	return missing
}
