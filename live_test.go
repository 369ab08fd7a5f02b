package main

import (
	"context"
	"io"
	"regexp"
	"testing"

	"github.com/creack/pty"

	"prefetch_exporter/exporter"
)

// TestDemoOnATerminal: a bar for each task and the budgets' countdown are drawn in
// their place, and the log goes above them.
func TestDemoOnATerminal(t *testing.T) {
	t.Setenv("TERM", "xterm")
	master, tty, err := pty.Open()
	if err != nil {
		t.Fatal(err)
	}
	defer master.Close()
	if err := pty.Setsize(tty, &pty.Winsize{Rows: 40, Cols: 80}); err != nil {
		t.Fatal(err)
	}
	screen := &output{}
	read := make(chan struct{})
	go func() {
		defer close(read)
		_, _ = io.Copy(screen, master) // ends with an error when the other side is closed
	}()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	done := make(chan error, 1)
	go func() {
		done <- runWith(ctx, []string{"--demo", "--web.listen-address=127.0.0.1:0"}, streams{tty, tty}, func(*exporter.Options) {})
	}()
	p := &process{t: t, stderr: screen}
	const esc = "\x1b"
	for _, want := range []string{
		`Four simulated vendors`,
		`(?m)^ {24}ali-demo   cn-demo    edge-demo  vod-demo   deadline\r$`,
		esc + `\[9A` + esc + `\[J`, // up to where the drawing begins
		`launch-done +(` + esc + `\[32m█{9}` + esc + `\[0m {2}){4}\d+m( \d+s)? ago`,
		`launch-stuck +` + esc + `\[32m█+` + esc + `\[0m` + esc + `\[36m▒+`,
		`next call allowed +(now|in \d\.\ds) +(now|in \d\.\ds)`,
		`(?m)^time=\S+ level=INFO .*msg="tasks changed"[^\r]*\r\n\r\n {24}ali-demo`, // a line of the log, and the drawing below it
	} {
		pattern := regexp.MustCompile(want)
		p.eventually("the terminal shows "+want, func() bool { return pattern.MatchString(screen.String()) })
	}
	cancel()
	if err := <-done; err != nil {
		t.Errorf("stopped with %v", err)
	}
	if err := tty.Close(); err != nil {
		t.Error(err)
	}
	<-read
}
