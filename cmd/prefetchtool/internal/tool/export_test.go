package tool

import (
	"context"
	"time"
)

// RunQuickly is [Run] that asks every 20 ms, and gives a task that the exporter does
// not know a second.
func RunQuickly(ctx context.Context, p Process) int {
	return runAt(ctx, p, pace{ask: 20 * time.Millisecond, draw: 20 * time.Millisecond, answer: 2 * time.Second, unknown: time.Second})
}
