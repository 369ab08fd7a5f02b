package vendorapi

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"

	"prefetch_exporter/prefetch"
)

// Notes are what a client finds odd about one answer while it reads the rows.
type Notes struct {
	UnknownWords []string
	Oddities     []string
	// told are the kinds of oddity that are in Oddities: a page of a thousand
	// odd rows is worth one sentence.
	told []string
}

// Oddf notes an oddity, unless one of the same kind was noted before.
func (n *Notes) Oddf(kind, format string, args ...any) {
	if !slices.Contains(n.told, kind) {
		n.told, n.Oddities = append(n.told, kind), append(n.Oddities, fmt.Sprintf(format, args...))
	}
}

// NoRow notes that a row is no object, and returns what stands for it, which is kept.
func (n *Notes) NoRow(raw json.RawMessage) (u prefetch.URL, keep bool) {
	if !slices.Contains(n.told, "row") { // an excerpt of each would cost memory
		n.Oddf("row", "a row is not an object: %s", Excerpt(raw))
	}
	return prefetch.URL{Status: prefetch.Unknown}, true
}

// URL reads the URL of a row, without white space: no URL holds any, but vendors'
// examples do.
func (n *Notes) URL(t Text) string {
	url := strings.Map(func(c rune) rune {
		if unicode.IsSpace(c) {
			return -1
		}
		return c
	}, t.String)
	if url == "" {
		n.Oddf("url", "a row has no url")
	}
	if t.Cut {
		// The row counts as it is: a status is not less true for a URL that
		// nobody can have submitted.
		n.Oddf("long url", "a row has a url of more than %d bytes, of which the rest is cut", MaxText)
	}
	return url
}

// Status reads a status word by a table of words in lower case. A word that is not
// there is [prefetch.Unknown], and noted.
func (n *Notes) Status(t Text, words map[string]prefetch.Status) prefetch.Status {
	word := strings.ToLower(t.Value())
	if s, ok := words[word]; ok {
		return s
	}
	if word == "" {
		n.Oddf("status", "a row has no status; taken as unknown")
	} else {
		n.UnknownWords = AddWord(n.UnknownWords, t.Excerpt())
	}
	return prefetch.Unknown
}

// Share reads a percentage as a share between 0 and 1; false where it is not told, or
// is none.
func (n *Notes) Share(field string, t Text) (share float64, told bool) {
	if t.Value() == "" {
		return 0, false
	}
	if share, told = t.Share(); !told {
		n.Oddf(field, "%s %q is not a number from 0 to 100; taken as not told", field, t.Excerpt())
	}
	return share, told
}

// Time reads the time of a field, in zone where it has no offset of its own; zero where
// it is not told. form is how the vendor writes it.
func (n *Notes) Time(field string, t Text, zone *time.Location, form string) time.Time {
	if t.Value() == "" {
		return time.Time{}
	}
	at, ok := t.Time(zone)
	if !ok {
		n.Oddf(field, "%s %q is not a time of the form %s; taken as not told", field, t.Excerpt(), form)
		return time.Time{}
	}
	return at
}
