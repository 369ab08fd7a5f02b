package form

import (
	"maps"
	"regexp"
	"slices"
	"strings"

	"prefetch_exporter/internal/strict"
	"prefetch_exporter/remedy"
)

// Level is a mapping or a list of the file: the keys that it may have, and how it
// is written, for those who wrote it otherwise.
type Level struct {
	Keys []string
	Form string
}

var index = regexp.MustCompile(`\[\d+\]`)

// level is what is known of the place of v; nothing of one whose keys are the
// user's own.
func (v Value) level() Level { return v.R.Levels[v.path()] }

// path is the place of v without the numbers of items.
func (v Value) path() string { return index.ReplaceAllString(v.Field, "[]") }

// form shows how v is written, as the end of a message.
func (v Value) form() string {
	if form := v.level().Form; form != "" {
		return ", such as " + form
	}
	return ""
}

// Unknown says what somebody probably meant who gave v a key that it cannot have;
// empty if it can.
func (v Value) Unknown(key string, known []string) string {
	if len(known) == 0 || slices.Contains(known, key) {
		return ""
	}
	here := v.path()
	places := v.R.belongs(key, here, true)
	if len(places) == 0 && remedy.Slip(key, known) == "" {
		places = v.R.belongs(key, here, false)
	}
	if len(places) > 0 {
		return "unknown key here; it belongs " + strings.Join(places, " or ")
	}
	return strict.Unknown(key, known)
}

// belongs returns the other places where the key is known: those above and below
// here, or else all.
func (r *Reader) belongs(key, here string, line bool) []string {
	var places []string
	for _, path := range slices.Sorted(maps.Keys(r.Levels)) {
		if path == here || !slices.Contains(r.Levels[path].Keys, key) ||
			line && !strings.HasPrefix(path, here) && !strings.HasPrefix(here, path) {
			continue
		}
		list, item := strings.CutSuffix(path, "[]")
		switch {
		case path == "":
			places = append(places, "at the top level")
		case item:
			places = append(places, "in an item of "+list)
		default:
			places = append(places, "under "+path)
		}
	}
	return places
}
