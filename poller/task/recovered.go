package task

import (
	"encoding/binary"

	"prefetch_exporter/poller/task/rows"
	"prefetch_exporter/prefetch"
)

// hashSize is the size of a hash in [Record.Warmed].
const hashSize = 8

// After reports whether the task was created later than another one. Of one
// second, that later one is which was seen later.
func (t *Task) After(o *Task) bool {
	if c := t.CreatedAt().Compare(o.CreatedAt()); c != 0 {
		return c > 0
	}
	return t.FirstSeen.After(o.FirstSeen)
}

// EachWarm calls f for every URL that the task shows as succeeded.
func (t *Task) EachWarm(f func(hash uint64)) {
	for i := range t.Rows.URLs {
		if u := &t.Rows.URLs[i]; u.Status == prefetch.Succeeded {
			f(rows.HashOf(u.URL))
		}
	}
	for rest := t.Warmed; len(rest) >= hashSize; rest = rest[hashSize:] {
		f(binary.LittleEndian.Uint64(rest))
	}
}

// warmed is what a task that settles keeps of the rows that succeeded. Of a task
// whose rows were not all read these are the submitted ones that did not fail, if all
// that failed are known.
func (t *Task) warmed() []byte {
	var kept []byte
	keep := func(hash uint64) { kept = binary.LittleEndian.AppendUint64(kept, hash) }
	submitted := t.submittedWarm() // has the URLs of the rows among them
	if submitted == nil {
		t.EachWarm(keep)
	}
	for _, url := range submitted {
		keep(rows.HashOf(url))
	}
	return kept
}

// recovered is how many of the failed URLs are.
func (t *Task) recovered() int {
	failed, n := t.Counts[prefetch.Failed], 0
	if failed == 0 {
		return 0
	}
	for i := range t.Rows.URLs {
		if t.Rows.URLs[i].Recovered {
			n++
		}
	}
	return min(n, failed)
}
