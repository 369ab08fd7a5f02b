package logwriter_test

import (
	"bufio"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"prefetch_exporter/logwriter"
)

// A reader that stops, goes on and stops again holds nobody up: what fits comes out
// in order and whole, and what did not is told of by its number.
func TestAReaderThatStops(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		out, in := io.Pipe()
		var told []uint64
		w := logwriter.New(in, func(dropped uint64) { told = append(told, dropped) })
		written := 0
		write := func(lines int) {
			t.Helper()
			for range lines {
				line := fmt.Sprintf("line %07d %s\n", written, strings.Repeat("x", 80))
				if n, err := w.Write([]byte(line)); n != len(line) || err != nil {
					t.Fatalf("line %d: %d, %v", written, n, err)
				}
				written++
			}
		}
		lines, read, lost, next := bufio.NewScanner(out), 0, 0, 0
		readAll := func(n int) {
			t.Helper()
			for range n {
				if !lines.Scan() {
					t.Fatal(lines.Err())
				}
				var number int
				if _, err := fmt.Sscanf(lines.Text(), "line %d ", &number); err != nil || number < next || len(lines.Text()) != 93 {
					t.Fatalf("read %q after line %d (%v)", lines.Text(), next-1, err)
				}
				lost += number - next
				next = number + 1
				read++
			}
			synctest.Wait()
		}
		const many = 100_000
		for range 2 {
			write(100)
			readAll(100)
			write(many)
			synctest.Wait()
			readAll(written - read - int(w.Dropped()))
			write(1)
			readAll(1)
		}
		if dropped := int(w.Dropped()); dropped == 0 || dropped != lost || dropped > 2*many-10_000 {
			t.Errorf("%d lines of %d were dropped by its count, and %d are missing", dropped, written, lost)
		}
		// Each time, lines are dropped once or twice: in between the queue may be taken
		// when it is full already.
		var sum uint64
		for _, n := range told {
			sum += n
		}
		if len(told) < 2 || len(told) > 4 || sum != w.Dropped() {
			t.Errorf("told %d, want the %d dropped in two to four parts", told, w.Dropped())
		}
		w.Close(time.Second)
	})
}

// The end waits for what is read, and not for what nobody reads.
func TestClose(t *testing.T) {
	t.Parallel()
	for _, reads := range []bool{true, false} {
		t.Run(fmt.Sprint("reads ", reads), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				out, in := io.Pipe()
				w := logwriter.New(in, func(uint64) {})
				var reading sync.WaitGroup
				var got []byte
				if reads {
					reading.Go(func() {
						time.Sleep(500 * time.Millisecond)
						got, _ = io.ReadAll(out)
					})
				}
				fmt.Fprintln(w, "the last line")
				began, want := time.Now(), time.Second
				w.Close(time.Second)
				if reads {
					want = 500 * time.Millisecond
				}
				if took := time.Since(began); took != want {
					t.Errorf("it took %v, want %v", took, want)
				}
				fmt.Fprintln(w, "one more")
				_, _ = in.Close(), out.Close()
				reading.Wait()
				if reads && string(got) != "the last line\n" {
					t.Errorf("read %q", got)
				}
				if w.Dropped() != 1 {
					t.Errorf("%d dropped, want the one after the end", w.Dropped())
				}
			})
		})
	}
}
