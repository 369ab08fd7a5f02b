package remedy

import (
	"strings"

	"github.com/agnivade/levenshtein"
)

const (
	// perMistake is how many letters a word must have for each that may be wrong.
	perMistake = 3
	// leastPart is how many letters of a word are enough to know it by.
	leastPart = 4
	// longest bounds the words that are compared, in bytes: the effort is that of
	// both lengths multiplied.
	longest = 64
)

// separators are what keys and flags are divided by, and people mix up.
var separators = strings.NewReplacer("_", "", "-", "", ".", "")

// Nearest returns the known word that somebody probably meant who wrote another,
// and "" if none is near: the one with the fewest wrong, missing and additional
// letters, at most a third of them, whatever the case and the separators; else the
// only one that it is a part of, or that is a part of it.
func Nearest(word string, known []string) string {
	near := within(word, known, max(1, len(plain(word))/perMistake))
	if near == "" {
		near = part(word, known)
	}
	return near
}

// Slip returns the known word that is another with one letter wrong, missing or
// additional at most, whatever the case and the separators; "" if there is none.
func Slip(word string, known []string) string { return within(word, known, 1) }

func within(word string, known []string, most int) string {
	if len(word) > longest {
		return ""
	}
	bare, best := plain(word), ""
	for _, k := range known {
		if d := levenshtein.ComputeDistance(bare, plain(k)); d <= most {
			best, most = k, d-1
		}
	}
	return best
}

func part(word string, known []string) string {
	if len(word) > longest {
		return ""
	}
	best := ""
	for _, k := range known {
		whole, part := plain(k), plain(word)
		if len(whole) < len(part) {
			whole, part = part, whole
		}
		if len(part) < leastPart || !strings.Contains(whole, part) {
			continue
		}
		if best != "" {
			return ""
		}
		best = k
	}
	return best
}

func plain(word string) string { return strings.ToLower(separators.Replace(word)) }
