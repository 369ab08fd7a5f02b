package prefetch_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"prefetch_exporter/prefetch"
)

// wellFormed is a task with which nothing is wrong.
func wellFormed() prefetch.Task {
	return prefetch.Task{
		Account: "edge", ID: "3ff59d129a2c40a39b9be8c9de9975d6",
		Created:  time.Date(2026, 11, 21, 8, 0, 0, 0, time.UTC),
		Deadline: time.Date(2026, 11, 21, 10, 0, 0, 0, time.UTC),
		URLs:     []string{"https://example.com/a.mp4", "HTTP://example.com/b.mp4"},
		Labels:   map[string]string{"title": "launch", "_x9": ""},
	}
}

func labels(n int) map[string]string {
	all := map[string]string{}
	for i := range n {
		all[fmt.Sprintf("l%d", i)] = "x"
	}
	return all
}

func urls(n, length int) []string {
	all := make([]string, n)
	for i := range all {
		u := fmt.Sprintf("https://example.com/%d/", i)
		all[i] = u + strings.Repeat("a", max(0, length-len(u)))
	}
	return all
}

func TestFaults(t *testing.T) {
	t.Parallel()
	const years = "must be between the years 2000 and 2199"
	for name, c := range map[string]struct {
		change func(*prefetch.Task)
		want   []string
	}{
		"well formed": {func(*prefetch.Task) {}, nil},
		"nothing but its name": {func(t *prefetch.Task) {
			*t = prefetch.Task{Account: "a", ID: "i"}
		}, nil},
		"no name": {func(t *prefetch.Task) { t.Account, t.ID = "", "" }, []string{
			"account: is missing or empty", "id: is missing or empty",
		}},
		"dots": {func(t *prefetch.Task) { t.Account, t.ID = ".", ".." }, []string{
			"account: must not be . or .., which no address of the API can carry",
			"id: must not be . or .., which no address of the API can carry",
		}},
		"three dots": {func(t *prefetch.Task) { t.ID = "..." }, nil},
		"blanks": {func(t *prefetch.Task) { t.Account, t.ID = " a", "i " }, []string{
			"account: must not begin or end with a blank", "id: must not begin or end with a blank",
		}},
		"a long id":         {func(t *prefetch.Task) { t.ID = strings.Repeat("i", 256) }, nil},
		"an id that is not": {func(t *prefetch.Task) { t.ID = strings.Repeat("i", 257) }, []string{"id: must not be longer than 256 bytes, has 257"}},
		"not UTF-8":         {func(t *prefetch.Task) { t.ID = "i\xff" }, []string{"id: must not contain bytes that are not UTF-8"}},
		"a control character": {func(t *prefetch.Task) { t.ID = "i\x00j" }, []string{
			"id: must not contain control characters",
		}},
		"first and last year": {func(t *prefetch.Task) {
			t.Created, t.Deadline = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(2199, 12, 31, 23, 59, 59, 0, time.UTC)
		}, nil},
		"other years": {func(t *prefetch.Task) {
			t.Created, t.Deadline = time.Date(1999, 12, 31, 23, 59, 59, 0, time.UTC), time.Date(2200, 1, 1, 0, 0, 0, 0, time.UTC)
		}, []string{"created: " + years, "deadline: " + years}},
		"a year of another zone": {func(t *prefetch.Task) {
			t.Created = time.Date(2000, 1, 1, 1, 0, 0, 0, time.FixedZone("", 2*60*60))
		}, []string{"created: " + years}},
		"deadline before created": {func(t *prefetch.Task) { t.Deadline = t.Created.Add(-1) }, []string{"deadline: must not be before created"}},
		"deadline at created":     {func(t *prefetch.Task) { t.Deadline = t.Created }, nil},
		"only a deadline":         {func(t *prefetch.Task) { t.Created = time.Time{} }, nil},
		"as many URLs as allowed": {func(t *prefetch.Task) { t.URLs = urls(20_000, 0) }, nil},
		"one URL more": {func(t *prefetch.Task) { t.URLs = urls(20_001, 0) }, []string{
			"urls: must not be more than 20000, are 20001",
		}},
		"a long URL": {func(t *prefetch.Task) { t.URLs = urls(1, 2048) }, nil},
		"a URL that is not": {func(t *prefetch.Task) { t.URLs = append(urls(2, 0), urls(1, 2049)...) }, []string{
			"urls[2]: must not be longer than 2048 bytes, has 2049",
		}},
		"no URL": {func(t *prefetch.Task) { t.URLs = []string{"ftp://example.com/", "", "https:/", "http://a\n"} }, []string{
			"urls[0]: must begin with http:// or https://", "urls[1]: must begin with http:// or https://",
			"urls[2]: must begin with http:// or https://", "urls[3]: must not contain control characters",
		}},
		"as much text as allowed": {func(t *prefetch.Task) { t.URLs, t.Labels = urls(512, 2048), nil }, nil},
		"one byte more": {func(t *prefetch.Task) { t.URLs, t.Labels = urls(512, 2048), map[string]string{"l": ""} }, []string{
			"URLs and labels must not have more than 1048576 bytes together, have 1048577",
		}},
		"as many labels as allowed": {func(t *prefetch.Task) { t.Labels = labels(30) }, nil},
		"one label more":            {func(t *prefetch.Task) { t.Labels = labels(31) }, []string{"labels: must not be more than 30, are 31"}},
		"our own labels": {func(t *prefetch.Task) {
			t.Labels = map[string]string{"provider": "", "account": "", "task": "", "status": "", "phase": ""}
		}, []string{
			"labels.account: the label would hide the exporter's own label of this name",
			"labels.provider: the label would hide the exporter's own label of this name",
			"labels.status: the label would hide the exporter's own label of this name",
			"labels.task: the label would hide the exporter's own label of this name",
		}},
		"names of labels": {func(t *prefetch.Task) {
			t.Labels = map[string]string{"": "", "9a": "", "__a": "", "a-b": "", "ä": "", strings.Repeat("l", 257): ""}
		}, []string{
			"labels: a label's name must not be empty",
			"labels.9a: a label's name must match [a-zA-Z_][a-zA-Z0-9_]*",
			"labels.__a: a label's name must not begin with __",
			"labels.a-b: a label's name must match [a-zA-Z_][a-zA-Z0-9_]*",
			"labels." + strings.Repeat("l", 64) + "…: a label's name must not be longer than 256 bytes, has 257",
			"labels.…: a label's name must match [a-zA-Z_][a-zA-Z0-9_]*",
		}},
		"values of labels": {func(t *prefetch.Task) {
			t.Labels = map[string]string{"long": strings.Repeat("v", 1024), "longer": strings.Repeat("v", 1025), "two": "a\nb"}
		}, []string{
			"labels.longer: must not be longer than 1024 bytes, has 1025", "labels.two: must not contain control characters",
		}},
		"name and value of a label": {func(t *prefetch.Task) { t.Labels = map[string]string{"a b": "\x7f"} }, []string{
			"labels.a…: a label's name must match [a-zA-Z_][a-zA-Z0-9_]*", "labels.a…: must not contain control characters",
		}},
	} {
		task := wellFormed()
		c.change(&task)
		var got []string
		for _, fault := range task.Faults() {
			got = append(got, fault.String())
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s: -want +got\n%s", name, diff)
		}
		switch err := task.Validate(); {
		case (err != nil) != (c.want != nil):
			t.Errorf("%s: Validate says %v", name, err)
		case err != nil && err.Error() != strings.Join(c.want, "; "):
			t.Errorf("%s: Validate says %q, want all faults", name, err)
		}
	}
}

// A list that was built wrongly is wrong everywhere, and nobody reads ten thousand
// lines of it.
func TestFaultsAreBounded(t *testing.T) {
	t.Parallel()
	for wrong, want := range map[int]int{19: 19, 20: 20, 21: 21, 20_000: 21} {
		task := wellFormed()
		task.URLs = make([]string, wrong)
		faults := task.Faults()
		if len(faults) != want {
			t.Errorf("%d wrong URLs have %d faults, want %d", wrong, len(faults), want)
		}
		if last := faults[len(faults)-1].String(); (last == "and more") != (wrong > 20) {
			t.Errorf("the last fault of %d wrong URLs is %q", wrong, last)
		}
	}
}

func TestSize(t *testing.T) {
	t.Parallel()
	task := prefetch.Task{Account: "edge", ID: "x"}
	if n := task.Size(); n != 0 {
		t.Errorf("a task without URLs and labels has %d bytes", n)
	}
	task.URLs, task.Labels = []string{"http://a", "http://bc"}, map[string]string{"ä": "xyz"}
	if n := task.Size(); n != 8+9+2+3 {
		t.Errorf("the task has %d bytes, want 22", n)
	}
}

func TestDoubts(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		urls []string
		want string
	}{
		"none":  {nil, ""},
		"each":  {[]string{"https://a/", "https://b/"}, ""},
		"twice": {[]string{"https://a/", "https://b/", "https://b/", "https://a/"}, "urls[2]: is listed already, as urls[1]: the task settles only when the vendor shows a row for each"},
	} {
		got := ""
		for _, doubt := range (prefetch.Task{URLs: c.urls}).Doubts() {
			got += doubt.String()
		}
		if got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}
