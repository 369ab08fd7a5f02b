// Command prefetchtool puts prefetch tasks to a prefetch_exporter, waits for them
// and shows them: what amtool is to Alertmanager.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"prefetch_exporter/cmd/prefetchtool/internal/tool"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := tool.Run(ctx, tool.Process{Args: os.Args[1:], Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr, Getenv: os.Getenv})
	stop()
	os.Exit(code)
}
