package terminal_test

import (
	"bytes"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/creack/pty"
	"github.com/google/go-cmp/cmp"
	"github.com/jedib0t/go-pretty/v6/text"

	"prefetch_exporter/internal/terminal"
	"prefetch_exporter/prefetch"
)

func env(values map[string]string) func(string) string {
	return func(name string) string { return values[name] }
}

// drawn returns what do writes to a terminal of a size.
func drawn(t *testing.T, rows, columns uint16, do func(s *terminal.Screen)) string {
	t.Helper()
	master, tty, err := pty.Open()
	if err != nil {
		t.Fatal(err)
	}
	defer master.Close()
	if err := pty.Setsize(tty, &pty.Winsize{Rows: rows, Cols: columns}); err != nil {
		t.Fatal(err)
	}
	s := terminal.New(tty, env(map[string]string{"TERM": "xterm"}))
	if s == nil {
		t.Fatal("a terminal is none")
	}
	var screen bytes.Buffer
	read := make(chan struct{})
	go func() {
		defer close(read)
		_, _ = io.Copy(&screen, master) // ends with an error when the other side is closed
	}()
	do(s)
	if err := tty.Close(); err != nil {
		t.Error(err)
	}
	<-read
	return strings.ReplaceAll(screen.String(), "\r\n", "\n")
}

func TestScreen(t *testing.T) {
	t.Parallel()
	const top, up1, up2, up3 = "\r\x1b[J", "\r\x1b[1A\x1b[J", "\r\x1b[2A\x1b[J", "\r\x1b[3A\x1b[J"
	got := drawn(t, 4, 21, func(s *terminal.Screen) {
		s.Draw("one", "a line that is too wide for it")
		s.Draw("one")
		if n, err := s.Write([]byte("logged\n")); n != len("logged\n") || err != nil {
			t.Errorf("wrote %d bytes: %v", n, err)
		}
		s.Draw("1", "2", "3")
		s.Draw("1", "2", "3", "4")
	})
	want := top + "one\na line that is too w\n" + up2 + "one\n" + up1 + "logged\none\n" + up1 + "1\n2\n3\n" + up3 + "1\n2\n… and 2 more lines\n"
	if got != want {
		t.Errorf("drew\n%q, want\n%q", got, want)
	}
	got = drawn(t, 0, 0, func(s *terminal.Screen) { // one that does not know
		if lines := s.Wrap(strings.Repeat("word ", 20)); len(lines) != 2 || len(lines[0]) > 79 {
			t.Errorf("wrapped to %q", lines)
		}
		s.Draw(strings.Repeat("x", 100))
	})
	if want := top + strings.Repeat("x", 79) + "\n"; got != want {
		t.Errorf("drew %q, want %q", got, want)
	}
}

func TestNoTerminal(t *testing.T) {
	t.Parallel()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	defer w.Close()
	if terminal.New(w, env(nil)) != nil || terminal.New(&bytes.Buffer{}, env(nil)) != nil {
		t.Error("a pipe or a buffer is a terminal")
	}
	master, tty, err := pty.Open()
	if err != nil {
		t.Fatal(err)
	}
	defer master.Close()
	defer tty.Close()
	if terminal.New(tty, env(map[string]string{"TERM": "dumb"})) != nil {
		t.Error("a terminal that says that it cannot draw is drawn on")
	}
}

func TestBar(t *testing.T) {
	t.Parallel()
	part := func(n int, fill string) terminal.Part { return terminal.Part{N: n, Fill: fill, Color: text.Reset} }
	for _, tt := range []struct {
		parts []terminal.Part
		want  string
	}{
		{nil, "          "},
		{[]terminal.Part{part(0, "a")}, "          "},
		{[]terminal.Part{part(7, "a")}, "aaaaaaaaaa"},
		{[]terminal.Part{part(1, "a"), part(1, "b"), part(1, "c")}, "aaaabbbccc"},
		{[]terminal.Part{part(9999, "a"), part(1, "b")}, "aaaaaaaaab"},
		{[]terminal.Part{part(1, "a"), part(0, "x"), part(100_000, "b")}, "abbbbbbbbb"},
	} {
		if got := terminal.Bar(10, tt.parts...); got != tt.want {
			t.Errorf("%v: %q, want %q", tt.parts, got, tt.want)
		}
	}
	if got := terminal.Bar(2, terminal.Part{N: 1, Fill: "█", Color: text.FgGreen}); got != "\x1b[32m██\x1b[0m" {
		t.Errorf("got %q", got)
	}
}

func TestTable(t *testing.T) {
	t.Parallel()
	got := terminal.Table([]string{"task", "phase"}, [][]string{{"a long one", "-"}, {"b", "lost"}})
	if diff := cmp.Diff([]string{"TASK        PHASE", "a long one  -", "b           lost"}, got); diff != "" {
		t.Error(diff)
	}
}

func TestStatusBar(t *testing.T) {
	t.Parallel()
	c := prefetch.Counts{prefetch.Succeeded: 2, prefetch.Failed: 1, prefetch.Running: 1, prefetch.Waiting: 1}
	if got, want := text.StripEscape(terminal.StatusBar(10, c)), "████▓▓▒▒░░"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	looks := map[string]bool{}
	for _, p := range terminal.Statuses(c) {
		looks[p.Fill] = true
	}
	if len(looks) != prefetch.NumStatuses {
		t.Error("without colours, two statuses look alike")
	}
}
