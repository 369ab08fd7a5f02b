package tasklist_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"

	"prefetch_exporter/internal/strict"
	"prefetch_exporter/prefetch"
	"prefetch_exporter/tasklist"
)

// account reads tasks as the configuration does, and returns what is wrong with each
// as "line: place: what".
func account(t *testing.T, name, items string) (tasks []prefetch.Task, wrong, odd []string) {
	t.Helper()
	var root yaml.Node
	if err := yaml.Unmarshal([]byte(items), &root); err != nil {
		t.Fatal(err)
	}
	a := tasklist.NewAccount(name, func(key string) string {
		if slices.Contains(tasklist.Keys(), key) {
			return ""
		}
		return strict.Unknown(key, tasklist.Keys())
	})
	for _, item := range root.Content[0].Content {
		w, o := a.Read(item)
		for _, f := range w {
			wrong = append(wrong, fmt.Sprintf("%d: %s", f.Line, f))
		}
		for _, f := range o {
			odd = append(odd, fmt.Sprintf("%d: %s", f.Line, f))
		}
	}
	return a.Tasks, wrong, odd
}

// TestTheSameForAllUsers has the parts of a task after its name, in JSON, which all
// three users read: they take the same of it, and refuse it in the same words.
func TestTheSameForAllUsers(t *testing.T) {
	t.Parallel()
	const noTime = " is not an RFC 3339 time with an offset, such as 2026-11-21T08:00:00Z or 2026-11-21T16:00:00+08:00"
	const years = "must be between the years 2000 and 2199"
	at := time.Date(2026, 11, 21, 8, 0, 0, 0, time.UTC)
	cases := map[string]struct {
		says string
		want prefetch.Task
		err  string
	}{
		"nothing":        {says: `"urls": [], "labels": {}`},
		"scalars":        {says: `"labels": {"a": 1e5, "b": 0.50, "c": true, "d": ""}`, want: prefetch.Task{Labels: map[string]string{"a": "1e5", "b": "0.50", "c": "true", "d": ""}}},
		"all that wrong": {says: `"created": "x", "urls": ["y"], "labels": {"status": "z"}`, err: `created: "x"` + noTime + "; urls[0]: must begin with http:// or https://; labels.status: the label would hide the exporter's own label of this name"},
		"list":           {says: `"urls": "https://h/"`, err: `urls: must be a list such as ["https://example.com/a.mp4"], found "https://h/"`},
		"null in a list": {says: `"urls": [null]`, err: "urls[0]: must be a text, found nothing"},
		"number as URL":  {says: `"urls": [0]`, err: "urls[0]: must begin with http:// or https://"},
		"mapping":        {says: `"labels": ["a"]`, err: `labels: must be a mapping such as {"title": "launch"}, found a list`},
		"nested label":   {says: `"labels": {"a": {}}`, err: "labels.a: must be a text, found a mapping"},
		"label twice":    {says: `"labels": {"a": "1", "a": "2"}`, err: "labels.a: is given twice, first in line 1"},
		"key twice":      {says: `"urls": [], "urls": ["https://h/"]`, err: "urls: is given twice, first in line 1"},
		"a time as list": {says: `"created": []`, err: "created: must be a text, found a list"},
	}
	for text, err := range map[string]string{
		"2026-11-21T08:00:00Z":           "",
		"2026-11-21T16:00:00+08:00":      "",
		"2026-11-20T08:00:01-23:59":      `the time is another`,
		"2026-11-21T08:00:00.000Z":       "",
		"2026-11-21T08:00:00-00:00":      "",
		"2026-11-21T8:00:00Z":            "is no time",
		"2026-11-21T08:00:00,5+24:00":    "is no time",
		"2026-11-21T08:00:00,5Z":         "is no time",
		"2026-11-21T08:00:00+24:00":      "is no time",
		"2026-11-21T08:00:00+08:60":      "is no time",
		"2026-11-21T08:00:00+0800":       "is no time",
		"2026-11-21T08:00:00+8:00":       "is no time",
		"2026-11-21T08:00:00.Z":          "is no time",
		"2026-11-21T08:00:00":            "is no time",
		"2026-11-21T08:00Z":              "is no time",
		"2026-11-21 08:00:00Z":           "is no time",
		"2026-11-21t08:00:00z":           "is no time",
		"2026-11-21T24:00:00Z":           "is no time",
		"2026-11-21T23:59:60Z":           "is no time",
		"2026-02-29T08:00:00Z":           "is no time",
		"2026-1-21T08:00:00Z":            "is no time",
		"12026-11-21T08:00:00Z":          "is no time",
		"2026-11-21":                     "is no time",
		"1763712000":                     "is no time",
		" 2026-11-21T08:00:00Z":          "is no time",
		"2026-11-21T08:00:00Z\n":         "is no time",
		"":                               "is no time",
		"1999-12-31T23:59:59Z":           years,
		"0001-01-01T00:00:00Z":           years, // which Go takes for no time
		"0001-01-01T08:00:00+08:00":      years,
		"2200-01-01T00:00:00Z":           years,
		"2200-01-01T00:00:00.5+00:01":    "",
		strings.Repeat("2026-11-21T", 9): "is no time",
	} {
		c := cases["nothing"]
		c.says = fmt.Sprintf(`"created": %q`, text)
		switch err {
		case "":
			c.want.Created = at
			if strings.HasPrefix(text, "2200") {
				c.want.Created = time.Date(2199, 12, 31, 23, 59, 0, 5e8, time.UTC)
			}
		case "the time is another":
			c.want.Created = at.Add(-time.Minute + time.Second)
			c.want.Created = time.Date(2026, 11, 21, 7, 59, 1, 0, time.UTC)
		case "is no time":
			c.err = "created: " + strict.Quote(text) + noTime
		default:
			c.err = "created: " + err
		}
		cases["time "+text] = c
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			users := map[string]func() (prefetch.Task, string){
				"configuration": func() (prefetch.Task, string) {
					tasks, wrong, _ := account(t, "a", `[{"id": "x", `+c.says+"}]")
					for i := range wrong {
						wrong[i] = strings.TrimPrefix(wrong[i], "1: ")
					}
					return append(tasks, prefetch.Task{})[0], strings.Join(wrong, "; ")
				},
				"list": func() (prefetch.Task, string) {
					tasks, problems, err := parse(`[{"account": "a", "id": "x", `+c.says+"}]", "name")
					if err != nil || len(problems) > 1 {
						t.Fatal(problems, err)
					}
					return append(tasks, prefetch.Task{})[0], strings.TrimPrefix(append(problems, tasklist.Problem{})[0].Message, `task "x" of account "a": `)
				},
				"body": func() (prefetch.Task, string) {
					task, _, err := tasklist.Body([]byte("{"+c.says+"}"), "a", "x")
					if err != nil {
						return prefetch.Task{}, err.Error()
					}
					return task, ""
				},
			}
			for user, read := range users {
				want := c.want
				if c.err == "" {
					want.Account, want.ID = "a", "x"
				}
				got, err := read()
				got.Source = ""
				if diff := cmp.Diff(want, got); diff != "" || err != c.err {
					t.Errorf("%s: %s\nwant: %s\ntask (-want +got):\n%s", user, err, c.err, diff)
				}
			}
		})
	}
}

// In the configuration each fault has its own line, and a key without a value is one.
func TestAccount(t *testing.T) {
	t.Parallel()
	tasks, wrong, odd := account(t, "edge", `
- id: one
  created: 2026-11-21T08:00:00Z
  urls: [https://h/1]
- id: # later
  created:
  urls:
  labels:
    none:
    status: x
    "": y
- id: two
  url: https://h/
  urls:
    - https://h/1
    - h/2
  deadline: [now]
- three
- id: one
  urls: ["https://h/1"]
  created: "2026-11-21T16:00:00+08:00"
- {urls: [https://h/1]}
- id: one
- id: twice
  urls:
    - https://h/1
    - https://h/1
`)
	if diff := cmp.Diff([]string{
		"5: id: has no value; what begins with # is a comment, and a text that does needs quotes",
		"6: created: has no value",
		"9: labels.none: has no value",
		"8: labels: a label's name must not be empty",
		"10: labels.status: the label would hide the exporter's own label of this name",
		"13: url: unknown key; did you mean urls? Known here: id, created, deadline, urls, labels",
		"17: deadline: must be a text, found a list",
		"16: urls[1]: must begin with http:// or https://",
		`18: must be a mapping such as {"id": "3ff59d129a2c40a39b9be8c9de9975d6"}, found "three"`,
		"22: id: is missing or empty",
		"23: id: is listed already, in line 2, with other content",
	}, wrong); diff != "" {
		t.Errorf("wrong (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"27: urls[1]: is listed already, as urls[0]: the task settles only when the vendor shows a row for each"}, odd); diff != "" {
		t.Errorf("odd (-want +got):\n%s", diff)
	}
	want := []prefetch.Task{
		{Account: "edge", ID: "one", Source: prefetch.SourceConfig, Created: time.Date(2026, 11, 21, 8, 0, 0, 0, time.UTC), URLs: []string{"https://h/1"}},
		{Account: "edge", ID: "twice", Source: prefetch.SourceConfig, URLs: []string{"https://h/1", "https://h/1"}},
	}
	if diff := cmp.Diff(want, tasks); diff != "" {
		t.Errorf("tasks (-want +got):\n%s", diff)
	}
	// What is wrong with the account's name is said of the account, once.
	if _, wrong, _ := account(t, "", "- id: x\n- id: ..\n"); len(wrong) != 1 || !strings.HasPrefix(wrong[0], "2: id: ") {
		t.Errorf("without a name: %q", wrong)
	}
}

func TestBody(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]string{
		"":                                      "",
		" \r\n\t":                               "",
		"{}":                                    "",
		`{"urls": null, "labels": {"a": null}}`: "",
		"null":                                  `body: must be a mapping such as {"deadline": "2026-11-21T10:00:00Z"}, found nothing`,
		"[]":                                    `body: must be a mapping such as {"deadline": "2026-11-21T10:00:00Z"}, found a list`,
		"{":                                     "the body is not JSON: unexpected end of JSON input",
		"id: x":                                 "the body is not JSON: invalid character 'i' looking for beginning of value",
		"{} {}":                                 "the body is not JSON: invalid character '{' after top-level value",
		"{\"a\":\"\xff\"}":                      "the body is not valid UTF-8",
		`{"id": "x"}`:                           "id: unknown key here; it belongs in the path, /api/v1/tasks/{account}/{id}",
		`{"Urls": []}`:                          "Urls: unknown key; did you mean urls? Known here: created, deadline, urls, labels",
		`{"urls": [` + strings.Repeat("[],", 50_000) + "[]]}":   "the body has more than 50000 elements",
		`{"urls": ["` + strings.Repeat(`,[{\"`, 60_000) + `"]}`: "urls[0]: must begin with http:// or https://",
		"{" + strings.Repeat(`"a": 0,`, 100) + `"b": 0}`:        "a: unknown key; known here: created, deadline, urls, labels; a: ",
	} {
		_, odd, err := tasklist.Body([]byte(body), "edge", "x")
		if (err == nil) != (want == "") || err != nil && !strings.HasPrefix(err.Error(), want) || odd != nil {
			t.Errorf("%.100s: %v, want %s", body, err, want)
		}
	}
	if _, _, err := tasklist.Body(nil, "edge", ".."); err == nil || err.Error() != "id: must not be . or .., which no address of the API can carry" {
		t.Errorf("an id that cannot be: %v", err)
	}
	if _, odd, err := tasklist.Body([]byte(`{"urls": ["https://h/", "https://h/"]}`), "edge", "x"); err != nil || len(odd) != 1 {
		t.Errorf("a URL twice: %v, %v", odd, err)
	}
}

func TestPlace(t *testing.T) {
	t.Parallel()
	list, err := tasklist.Parse([]byte("- {account: a, id: x}\n\n- targets: [y]\n  labels: {account: a}\n"), "name")
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []string{"name:1", "name:3"} {
		if got := list.Place(list.Tasks[i]); got != want {
			t.Errorf("task %d is at %s, want %s", i, got, want)
		}
	}
}
