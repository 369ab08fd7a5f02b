package tasklist_test

import (
	"fmt"
	"math"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"strings"
	"testing"
	"time"

	"prefetch_exporter/tasklist"
)

// TestMemoryOfDocuments has documents that are long, and short ones with many
// elements: what one holds at once while it is read, with what is made of it, is at
// most 10 times its bytes, or 32 MiB.
//
//nolint:paralleltest // measures memory
func TestMemoryOfDocuments(t *testing.T) {
	const allowance = 32 << 20
	// Collected so often that hardly anything is in use unseen.
	defer debug.SetGCPercent(debug.SetGCPercent(5))
	for name, document := range documents() {
		t.Run(name, func(t *testing.T) {
			data := []byte(document)
			var problems []tasklist.Problem
			most := uint64(max(10*len(data), allowance))
			peak := uint64(math.MaxUint64)
			// Where a busy machine is late to collect, garbage counts: the least tells.
			for n := 0; n < 5 && peak > most; n++ {
				peak = min(peak, peakOf(func() any {
					list, err := tasklist.Parse(data, "name")
					if err == nil {
						problems = list.Problems
					}
					return []any{list, err}
				}))
			}
			t.Logf("%d bytes: %d at once, %.1f times; %d problems", len(data), peak, float64(peak)/float64(len(data)), len(problems))
			if peak > most {
				t.Errorf("%d bytes take %d at once, more than %d", len(data), peak, most)
			}
		})
	}
}

func documents() map[string]string {
	var blocks, lines strings.Builder
	for i := range 20_000 {
		id := fmt.Sprintf("8ff1d0f7b2b04bd8b4b6b9f2f2%06d", i)
		url := "https://example.com/launch/2026-11-21/segment-" + id + ".mp4"
		fmt.Fprintf(&blocks, "- account: a\n  id: %s\n  created: 2026-11-21T08:00:00Z\n  labels: {title: launch}\n  urls:\n    - %s\n", id, url)
		fmt.Fprintf(&lines, `,{"account":"a","id":%q,"created":"2026-11-21T08:00:00Z","labels":{"title":"launch"},"urls":[%q]}`, id, url)
	}
	var ids, short strings.Builder
	for i := range 49_000 {
		fmt.Fprintf(&ids, `,"8ff1d0f7b2b04bd8b4b6b9f2f2%06d"`, i)
		fmt.Fprintf(&short, `,"%d"`, i)
	}
	group := func(ids string) string { return `[{"labels":{"account":"a"},"targets":[` + ids[1:] + `]}]` }
	return map[string]string{
		"YAML": blocks.String(), "JSON": "[" + lines.String()[1:] + "]",
		"a target group": group(ids.String()), "a target group of short ids": group(short.String()),
		"numbers in JSON":       "[" + strings.Repeat("0,", 490_000) + "0]",
		"mappings in JSON":      "[" + strings.Repeat("{},", 240_000) + "0]",
		"keys in JSON":          "{" + strings.Repeat(`"a":0,`, 480_000) + `"a":0}`,
		"numbers in YAML":       strings.Repeat("- 0\n", 240_000),
		"lists in YAML":         strings.Repeat("- [0, 0, 0]\n", 90_000),
		"flow":                  "[" + strings.Repeat("a,", 490_000) + "a]",
		"a mistake at the end":  strings.Repeat("- a\n", 240_000) + "- ]",
		"URLs of one task":      `[{"account":"a","id":"x","urls":[` + strings.Repeat("0,", 490_000) + "0]}]",
		"URLs of one in YAML":   "- account: a\n  id: x\n  urls:\n" + strings.Repeat("    - u\n", 240_000),
		"labels of one task":    `[{"account":"a","id":"x","labels":{` + strings.Repeat(`"a":0,`, 490_000) + `"a":0}}]`,
		"one long text":         `[{"account":"a","id":"` + strings.Repeat("x", 16<<20) + `"}]`,
		"one long text in YAML": "- account: a\n  id: " + strings.Repeat("x", 16<<20),
	}
}

// peakOf is how many bytes are in use at once at most while f runs, with what it
// returns. Garbage does not count, since when it is collected depends on what else
// the machine does.
func peakOf(f func() any) uint64 {
	runtime.GC()
	before := liveBytes()
	stop, peak := make(chan struct{}), make(chan uint64)
	go func() {
		for top := uint64(0); ; {
			select {
			case <-stop:
				peak <- top
				return
			case <-time.After(100 * time.Microsecond):
				top = max(top, liveBytes())
			}
		}
	}()
	result := f()
	runtime.GC()
	now := liveBytes()
	close(stop)
	most := max(now, <-peak) - min(before, now)
	runtime.KeepAlive(result)
	return most
}

// liveBytes is what the last collection found in use.
func liveBytes() uint64 {
	sample := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	metrics.Read(sample)
	return sample[0].Value.Uint64()
}
