package prefetch

import (
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// The bounds of what a task may say, whoever lists it. With those of labels, a
// Prometheus that limits them takes the task's line still.
const (
	// MaxName bounds an account's name, a task's id and a label's name, in bytes.
	MaxName = 256
	// MaxURLs is how many URLs a task may have. Vendors take as many a day.
	MaxURLs = 20_000
	// MaxURL bounds a URL, in bytes.
	MaxURL = 2048
	// MaxLabels is how many labels a task may have.
	MaxLabels = 30
	// MaxLabelValue bounds a label's value, in bytes.
	MaxLabelValue = 1024
	// MaxTask bounds all of a task's URLs and labels together, in bytes.
	MaxTask = 1 << 20
	// MinYear and MaxYear are the years of its times. Others are mistakes, such as
	// seconds taken for years.
	MinYear = 2000
	MaxYear = 2199
)

// maxFaults bounds what is told of one task, which can be wrong in thousands of
// places.
const maxFaults = 20

var labelName = regexp.MustCompile(`^[a-zA-Z_][a-zA-Z0-9_]*$`)

// plainKey is as much of a key as looks like one.
var plainKey = regexp.MustCompile(`^[A-Za-z0-9_.-]{0,64}`)

// ShownKey returns a key as far as it looks like one. The rest is left out: in
// {api_key:abc} the blank is missing and the value is part of the key.
func ShownKey(key string) string {
	if plain := plainKey.FindString(key); plain != key || key == "" {
		return plain + "…"
	}
	return key
}

// Fault is one thing that is wrong with a task.
type Fault struct {
	// Key is the key of the task as users write it, such as "urls"; empty for the
	// task as a whole.
	Key string
	// Index is the place of the URL that is wrong, from 0; -1 if it is none.
	Index int
	// Label is the name of the label that is wrong; empty if it is none.
	Label string
	// What is wrong, such as "must begin with http:// or https://".
	What string
	// Line is where it is written, from 1; 0 for a task that was not read from a
	// text.
	Line int
}

// Place names what is wrong, such as "urls[3]" or "labels.title"; empty for the task
// as a whole.
func (f Fault) Place() string {
	switch {
	case f.Key == "":
		return ""
	case f.Index >= 0:
		return fmt.Sprintf("%s[%d]", ShownKey(f.Key), f.Index)
	case f.Label != "":
		return ShownKey(f.Key) + "." + ShownKey(f.Label)
	default:
		return ShownKey(f.Key)
	}
}

// String returns the fault with its place, such as "urls[3]: must begin with
// http:// or https://".
func (f Fault) String() string {
	if place := f.Place(); place != "" {
		return place + ": " + f.What
	}
	return f.What
}

// Faults are at most 20 faults of one task, and one that says that there are more.
type Faults []Fault

// Put adds a fault unless there are enough.
func (f *Faults) Put(fault Fault) {
	switch {
	case len(*f) > maxFaults:
	case len(*f) == maxFaults:
		*f = append(*f, Fault{Index: -1, Line: fault.Line, What: "and more"})
	default:
		*f = append(*f, fault)
	}
}

// String returns all faults, separated by "; ".
func (f Faults) String() string {
	texts := make([]string, len(f))
	for i := range f {
		texts[i] = f[i].String()
	}
	return strings.Join(texts, "; ")
}

func (f *Faults) add(key, what string) {
	if what != "" {
		f.Put(Fault{Key: key, Index: -1, What: what})
	}
}

// Validate returns an error that names all [Task.Faults], separated by "; "; nil
// if there is none.
func (t Task) Validate() error {
	if faults := t.Faults(); len(faults) > 0 {
		return errors.New(faults.String())
	}
	return nil
}

// Faults returns what keeps the task from being watched: the first 20 things, and
// one that says that there are more. They never speak of the source, nor of whether
// the account exists.
//
// Account and id are names (see [NameFault]). Times lie in the years 2000 to 2199,
// and the deadline is not before created. Label names match [a-zA-Z_][a-zA-Z0-9_]*,
// do not begin with "__" and are not those of the exporter's own labels. URLs begin
// with http:// or https://. All texts are valid UTF-8 without control characters,
// and within the bounds above.
func (t Task) Faults() Faults {
	var f Faults
	f.add("account", NameFault(t.Account))
	f.add("id", NameFault(t.ID))
	f.add("created", timeFault(t.Created))
	f.add("deadline", timeFault(t.Deadline))
	if !t.Created.IsZero() && !t.Deadline.IsZero() && t.Deadline.Before(t.Created) {
		f.add("deadline", "must not be before created")
	}
	if n := len(t.URLs); n > MaxURLs {
		f.add("urls", tooMany(MaxURLs, n))
	}
	if n := len(t.Labels); n > MaxLabels {
		f.add("labels", tooMany(MaxLabels, n))
	}
	if n := t.Size(); n > MaxTask {
		f.add("", fmt.Sprintf("URLs and labels must not have more than %d bytes together, have %d", MaxTask, n))
	}
	for i, u := range t.URLs[:min(len(t.URLs), MaxURLs)] {
		if what := urlFault(u); what != "" {
			f.Put(Fault{Key: "urls", Index: i, What: what})
		}
	}
	for _, name := range slices.Sorted(maps.Keys(t.Labels)) {
		for _, what := range []string{labelFault(name), TextFault(t.Labels[name], MaxLabelValue)} {
			if what != "" {
				f.Put(Fault{Key: "labels", Index: -1, Label: name, What: what})
			}
		}
	}
	return f
}

// Size is how many bytes the task's URLs and labels have.
func (t Task) Size() int {
	n := 0
	for _, u := range t.URLs {
		n += len(u)
	}
	for name, value := range t.Labels {
		n += len(name) + len(value)
	}
	return n
}

// Doubts says what is odd of a task that can be watched: a URL that is listed
// twice. The vendor may have two rows of it if it was submitted twice; if it has
// one, the task waits for the other for ever. The first shows what is wrong with
// a list that was built wrongly, so only that is told.
func (t Task) Doubts() Faults {
	first := make(map[string]int, len(t.URLs))
	for i, u := range t.URLs {
		if before, twice := first[u]; twice {
			return Faults{{Key: "urls", Index: i, What: fmt.Sprintf(
				"is listed already, as urls[%d]: the task settles only when the vendor shows a row for each", before)}}
		}
		first[u] = i
	}
	return nil
}

// tooMany says that there are more than most of something.
func tooMany(most, are int) string { return fmt.Sprintf("must not be more than %d, are %d", most, are) }

// NameFault says what is wrong with a name that becomes a label's value and a part
// of a path of the API; empty if nothing is.
func NameFault(name string) string {
	switch {
	case name == "":
		return "is missing or empty"
	case name == "." || name == "..":
		return "must not be . or .., which no address of the API can carry"
	case strings.TrimSpace(name) != name:
		return "must not begin or end with a blank"
	default:
		return TextFault(name, MaxName)
	}
}

// TextFault says what is wrong with a text of at most limit bytes; empty if nothing is.
func TextFault(text string, limit int) string {
	switch {
	case len(text) > limit:
		return fmt.Sprintf("must not be longer than %d bytes, has %d", limit, len(text))
	case !utf8.ValidString(text):
		return "must not contain bytes that are not UTF-8"
	case strings.ContainsFunc(text, unicode.IsControl):
		return "must not contain control characters"
	default:
		return ""
	}
}

// urlFault judges the beginning only: what a vendor makes of odd URLs is its own
// affair, and the rows must be recognised.
func urlFault(u string) string {
	const longest = len("https://")
	beginning := strings.ToLower(u[:min(len(u), longest)])
	if !strings.HasPrefix(beginning, "http://") && !strings.HasPrefix(beginning, "https://") {
		return "must begin with http:// or https://"
	}
	return TextFault(u, MaxURL)
}

func timeFault(t time.Time) string {
	if year := t.UTC().Year(); !t.IsZero() && (year < MinYear || year > MaxYear) {
		return fmt.Sprintf("must be between the years %d and %d", MinYear, MaxYear)
	}
	return ""
}

// labelFault says what is wrong with a label's name; empty if nothing is.
func labelFault(name string) string {
	switch name {
	case "provider", "account", "task", "status":
		return "the label would hide the exporter's own label of this name"
	case "":
		return "a label's name must not be empty"
	}
	if len(name) > MaxName {
		return fmt.Sprintf("a label's name must not be longer than %d bytes, has %d", MaxName, len(name))
	}
	if strings.HasPrefix(name, "__") {
		return "a label's name must not begin with __"
	}
	if !labelName.MatchString(name) {
		return "a label's name must match [a-zA-Z_][a-zA-Z0-9_]*"
	}
	return ""
}
