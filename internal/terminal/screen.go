// Package terminal draws what changes: lines that are drawn anew in their place,
// tables, and bars of how many URLs have come how far. It must not know whose these
// are.
package terminal

import (
	"fmt"
	"io"
	"os"
	"strings"
	"sync"

	"github.com/jedib0t/go-pretty/v6/text"
	"golang.org/x/term"
)

// eraseBelow erases from the cursor to the end of the screen.
const eraseBelow = text.EscapeStart + "J"

// usualWidth and usualHeight are what a terminal is taken for that does not tell.
const usualWidth, usualHeight = 80, 24

// Screen keeps some lines at the end of a terminal up to date. It is safe for
// concurrent use.
type Screen struct {
	file *os.File

	mu    sync.Mutex
	shown string // what is drawn, cut to the screen
	lines int    // of it
}

// New returns the screen of w; nil if w is no terminal, or one that cannot move its
// cursor, as TERM says.
func New(w io.Writer, getenv func(string) string) *Screen {
	file, ok := w.(*os.File)
	if !ok || !term.IsTerminal(int(file.Fd())) || getenv("TERM") == "dumb" {
		return nil
	}
	return &Screen{file: file}
}

// Draw shows lines in the place of those that were drawn before. What is too wide
// or too much for the terminal is cut, and the last line says how much is missing.
func (s *Screen) Draw(lines ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	above := s.up()
	s.shown, s.lines = s.fit(lines)
	s.write(above + s.shown)
}

// Write writes text above the lines that are drawn, as a log does that shares the
// terminal with them. The text should end with a line's end.
func (s *Screen) Write(text []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.write(s.up() + string(text) + s.shown)
	return len(text), nil
}

// up moves the cursor to where the drawing begins, and erases it.
func (s *Screen) up() string {
	if s.lines == 0 {
		return "\r" + eraseBelow
	}
	return "\r" + text.CursorUp.Sprintn(s.lines) + eraseBelow
}

// fit cuts lines to the terminal, which people make larger and smaller.
func (s *Screen) fit(lines []string) (shown string, n int) {
	width, height := s.size()
	if most := height - 1; len(lines) > most { // the cursor has a line of its own
		kept := max(most-1, 0)
		lines = append(lines[:kept:kept], fmt.Sprintf("… and %d more lines", len(lines)-kept))
	}
	var b strings.Builder
	for _, line := range lines {
		b.WriteString(text.Trim(line, width-1) + "\n")
	}
	return b.String(), len(lines)
}

// Wrap breaks a text between words into lines that [Screen.Draw] does not cut.
func (s *Screen) Wrap(words string) []string {
	width, _ := s.size()
	return strings.Split(text.WrapSoft(words, max(width-1, 1)), "\n")
}

func (s *Screen) size() (width, height int) {
	width, height, err := term.GetSize(int(s.file.Fd()))
	if err != nil || width <= 0 || height <= 0 {
		return usualWidth, usualHeight
	}
	return width, height
}

func (s *Screen) write(text string) {
	// A terminal that is gone has no reader.
	_, _ = s.file.WriteString(text)
}
