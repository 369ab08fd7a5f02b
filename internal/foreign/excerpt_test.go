package foreign_test

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"pgregory.net/rapid"

	"prefetch_exporter/internal/foreign"
)

func TestExcerpt(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"":                                     "",
		"\ta  b\r\nc\u2028d\u00a0e\n":          "a b c d e",
		"a\x00b\x1b[31mc\u009bd\u202ee\u200bf": "ab[31mcdef",
		"a\xff\xfeb":                           "a\uFFFDb",
		strings.Repeat("x", 300):               strings.Repeat("x", 300),
		strings.Repeat("x", 301):               strings.Repeat("x", 297) + "…",
		strings.Repeat("é", 200):               strings.Repeat("é", 148) + "…",
		"a" + strings.Repeat(" ", 5000) + "b":  "a…",
	} {
		if got := foreign.Excerpt([]byte(text)); got != want {
			t.Errorf("Excerpt(%.20q) is %q, want %q", text, got, want)
		}
	}
}

func TestExcerptIsSafe(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.OneOf(
			rapid.SliceOf(rapid.Byte()),
			rapid.Map(rapid.StringN(0, 2000, -1), func(s string) []byte { return []byte(s) }),
		).Draw(t, "text")
		s := foreign.Excerpt(text)
		if len(s) > 300 || !utf8.ValidString(s) || s != strings.TrimSpace(s) {
			t.Fatalf("%d bytes: %q", len(s), s)
		}
		for _, r := range s {
			if unicode.IsControl(r) || unicode.Is(unicode.Cf, r) || unicode.IsSpace(r) && r != ' ' {
				t.Fatalf("%U in %q", r, s)
			}
		}
		if again := foreign.Excerpt([]byte(s)); again != s {
			t.Fatalf("%q becomes %q", s, again)
		}
	})
}
