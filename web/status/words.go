package status

import (
	"strconv"
	"strings"

	"prefetch_exporter/prefetch"
	"prefetch_exporter/web/words"
)

// causesOf tells why URLs of a task failed, such as "6 at the origin, 1 at the
// vendor"; empty where the vendor does not tell, and where none failed.
func causesOf(t *prefetch.TaskState) string {
	if !t.Answered || !t.HasCauses {
		return ""
	}
	var parts []string
	for _, cause := range prefetch.AllCauses() {
		n := t.Causes[cause]
		switch {
		case n == 0:
		case cause == prefetch.CauseUnknown:
			parts = append(parts, strconv.Itoa(n)+" of unknown cause")
		default:
			parts = append(parts, strconv.Itoa(n)+" "+causeText(cause))
		}
	}
	return strings.Join(parts, ", ")
}

// causeText is where a URL failed.
func causeText(c prefetch.Cause) string {
	switch c {
	case prefetch.CauseOrigin:
		return "at the origin"
	case prefetch.CauseVendor:
		return "at the vendor"
	default:
		return c.String()
	}
}

// maxVendorWords bounds what a vendor says of one URL, in characters. What it says
// is kept in as many bytes.
const maxVendorWords = 300

// vendorWords are those that the vendor has for a URL, fit for a page.
func vendorWords(u *prefetch.URL) string { return words.Readable(words.Cut(u.Words, maxVendorWords)) }

// listedBy tells where a task comes from.
func listedBy(source string) string {
	if source == prefetch.SourceVendor {
		return "listed by the vendor, named by nobody"
	}
	return "listed by: " + source
}

// shortTitle is what a task is called in a list, beside its id.
func shortTitle(t *prefetch.TaskState) string {
	title := t.Labels["title"]
	if title == "" && t.Source == prefetch.SourceVendor {
		return "listed by the vendor"
	}
	return words.Shorten(words.Readable(title))
}

// kindText is what a question asks for.
func kindText(kind string) string {
	if kind == "list" {
		return "the list of tasks"
	}
	return kind
}
