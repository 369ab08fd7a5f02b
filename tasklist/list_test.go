package tasklist_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"

	"prefetch_exporter/prefetch"
	"prefetch_exporter/tasklist"
)

func TestParse(t *testing.T) {
	t.Parallel()
	inGroup := launch
	inGroup.URLs = nil
	inGroup2 := inGroup
	inGroup2.ID = "8ff2"
	for name, c := range map[string]struct {
		in   string
		want []prefetch.Task
	}{
		"empty list": {in: "[]"},
		"yaml entry": {
			in: `
# what the pipeline submitted
- account: vod
  id: 8ff1
  created: 2026-11-21T08:00:00Z
  deadline: "2026-11-21T18:00:00+08:00"
  urls: [https://example.com/a.mp4]
  labels: {title: launch}
`, want: []prefetch.Task{launch},
		},
		"json entry, indented with tabs": {
			in: "\xef\xbb\xbf[\n\t{\"account\": \"vod\", \"id\": \"8ff1\", \"created\": \"2026-11-21T08:00:00Z\",\n" +
				"\t\"deadline\": \"2026-11-21T10:00:00Z\", \"urls\": [\"https:\\/\\/example.com/a.mp4\"], \"labels\": {\"title\": \"launch\"}}\n]\n",
			want: []prefetch.Task{launch},
		},
		"json with an emoji as most encoders write it": {
			in:   `[{"account": "vod", "id": "a", "labels": {"title": "\ud83d\ude80"}}]`,
			want: []prefetch.Task{{Account: "vod", ID: "a", Labels: map[string]string{"title": "🚀"}}},
		},
		"null is absent": {
			in:   `[{"account": "vod", "id": "a", "created": null, "deadline": null, "urls": null, "labels": {"title": null}}]`,
			want: []prefetch.Task{task("vod", "a")},
		},
		"no urls are unknown urls": {
			in:   `[{"account": "vod", "id": "a", "urls": [], "labels": {}}]`,
			want: []prefetch.Task{task("vod", "a")},
		},
		"scalars keep their text": {
			in: "- {account: 007, id: 1e5, labels: {episode: 0x1F, live: true, day: 2026-11-21, part: 1_0}}\n" +
				`- {account: vod, id: 00}`,
			want: []prefetch.Task{
				{Account: "007", ID: "1e5", Labels: map[string]string{"episode": "0x1F", "live": "true", "day": "2026-11-21", "part": "1_0"}},
				task("vod", "00"),
			},
		},
		"json numbers and booleans keep their text": {
			in:   `[{"account": "vod", "id": 12345678901234567890, "labels": {"live": false, "rate": 1.50}}]`,
			want: []prefetch.Task{{Account: "vod", ID: "12345678901234567890", Labels: map[string]string{"live": "false", "rate": "1.50"}}},
		},
		"target group": {
			in: `[{"targets": ["8ff1", "8ff2"], "labels": {"__meta_x": "y", "account": "vod", "created": "2026-11-21T08:00:00Z",
				"deadline": "2026-11-21T10:00:00Z", "title": "launch"}}]`,
			want: []prefetch.Task{inGroup, inGroup2},
		},
		"target group whose empty times are absent": {
			in:   `- {targets: [a], labels: {account: vod, created: "", deadline: ""}}`,
			want: []prefetch.Task{task("vod", "a")},
		},
		"target groups without targets": {in: `[{"targets": [], "labels": {}}, {"targets": null}, {"targets": []}]`},
		"both forms": {
			in:   "- {targets: [a], labels: {account: vod}}\n- {account: vod, id: b}\n",
			want: []prefetch.Task{task("vod", "a"), task("vod", "b")},
		},
		"the same id in two accounts": {
			in: `[{"account": "a", "id": "1"}, {"account": "b", "id": "1"}]`, want: []prefetch.Task{task("a", "1"), task("b", "1")},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, problems, err := parse(c.in, "tasks.yml")
			if err != nil || len(problems) > 0 {
				t.Fatalf("problems %v, error %v", problems, err)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("tasks (-want +got):\n%s", diff)
			}
		})
	}
}

func TestParseBrokenDocument(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ in, want string }{
		"nothing":           {"", "t: is empty; an empty list is written []"},
		"blank":             {" \n\n", "t: is empty; an empty list is written []"},
		"only comments":     {"# later\n", "t: is empty; an empty list is written []"},
		"null":              {"null", "t: is empty; an empty list is written []"},
		"only a marker":     {"---\n", "t: is empty; an empty list is written []"},
		"mapping":           {"tasks: []", "t: line 1: a list of tasks or target groups is expected, found a mapping; such a list is [{\"account\": \"edge\", \"id\": \"3ff59d129a2c40a39b9be8c9de9975d6\"}]"},
		"json object":       {"\n{}", "t: line 2: a list of tasks or target groups is expected, found a mapping; such a list is [{\"account\": \"edge\", \"id\": \"3ff59d129a2c40a39b9be8c9de9975d6\"}]"},
		"web page":          {"<!DOCTYPE html>", `t: line 1: a list of tasks or target groups is expected, found "<!DOCTYPE html>"; such a list is [{"account": "edge", "id": "3ff59d129a2c40a39b9be8c9de9975d6"}]`},
		"two documents":     {"[]\n---\n[]\n", "t: line 2: a second YAML document begins here; there must be only one"},
		"broken afterwards": {"[]\n---\n[\n", "t: is neither JSON (line 2: invalid character '-' after top-level value) nor YAML (line 3: did not find expected node content)"},
		"cut off":           {`[{"account": "a`, "t: is neither JSON (line 1: unexpected end of JSON input) nor YAML (line 1: found unexpected end of stream; is each quote closed?)"},
		"JSON with a comma too many": {
			"[\n\t{\"account\": \"a\", \"id\": \"x\"},\n\t{\"account\": \"a\" \"id\": \"y\"}\n]",
			`t: is neither JSON (line 3: invalid character '"' after object key:value pair) nor YAML (line 1: did not find expected ',' or '}')`,
		},
		"tab":                 {"- account: a\n\tid: x\n", "t: is neither JSON nor YAML: line 2: a tab indents the line; YAML allows only spaces"},
		"tab after spaces":    {"- account: a\n  id: x\n  \turls: []\n", "t: is neither JSON nor YAML: line 3: a tab indents the line; YAML allows only spaces"},
		"value like an alias": {"- account: a\n  id: *x\n", "t: is neither JSON nor YAML: line 2: id: begins with *: YAML aliases and anchors are not supported; if it is a text, quote it"},
		"value like nothing":  {"- account: a\n  id: %x\n", "t: is neither JSON nor YAML: line 2: id: begins with %, which means something else in YAML; quote it"},
		"item like nothing":   {"- account: a\n  id: x\n  urls:\n    - @x\n", "t: is neither JSON nor YAML: line 4: begins with @, which means something else in YAML; quote it"},
		"not UTF-8":           {"- {account: \xff, id: a}", "t: is not valid UTF-8"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tasks, problems, err := parse(c.in, "t")
			if len(tasks) > 0 || len(problems) > 0 {
				t.Errorf("tasks %v, problems %v from a broken document", tasks, problems)
			}
			if err == nil || err.Error() != c.want {
				t.Errorf("error is %v, want %s", err, c.want)
			}
		})
	}
}

func TestParseProblems(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ entry, want string }{
		"unknown key":               {`{account: a, id: x, url: u}`, `task "x" of account "a": url: unknown key; did you mean urls? Known here: account, id, created, deadline, urls, labels`},
		"key in another case":       {`{account: a, id: x, Deadline: u}`, `task "x" of account "a": Deadline: unknown key; did you mean deadline? Known here: account, id, created, deadline, urls, labels`},
		"label beside":              {`{account: a, id: x, title: u}`, `task "x" of account "a": title: unknown key; known here: account, id, created, deadline, urls, labels`},
		"like an anchor":            {`{account: a, id: &x}`, `id: begins with &: YAML aliases and anchors are not supported; if it is a text, quote it`},
		"like a tag":                {`{account: a, id: !x ""}`, `id: begins with !: YAML tags are not supported; if it is a text, quote it`},
		"group with a label beside": {`{targets: [x], account: a}`, `account: unknown key here; it belongs under labels`},
		"key twice":                 {`{account: a, id: x, id: y}`, `task "x" of account "a": id: is given twice, first in line 2`},
		"key no word":               {`{account: a, id: x, [b]: c}`, `task "x" of account "a": a key must be a single word`},
		"null":                      {`null`, `must be a mapping such as {"account": "edge", "id": "3ff59d129a2c40a39b9be8c9de9975d6"}, found nothing`},
		"text":                      {`8ff1`, `must be a mapping such as {"account": "edge", "id": "3ff59d129a2c40a39b9be8c9de9975d6"}, found "8ff1"`},
		"no account":                {`{id: x}`, `task "x" of account "": account: is missing or empty`},
		"no id":                     {`{account: a}`, `id: is missing or empty`},
		"id is a list":              {`{account: a, id: [x]}`, `id: must be a text, found a list`},
		"binary":                    {`{account: a, id: !!binary eA==}`, `id: begins with !: YAML tags are not supported; if it is a text, quote it`},
		"alias":                     {`{account: &a a, id: *a}`, `account: begins with &: YAML aliases and anchors are not supported; if it is a text, quote it; id: begins with *: YAML aliases and anchors are not supported; if it is a text, quote it`},
		"dots":                      {`{account: a, id: ..}`, `task ".." of account "a": id: must not be . or .., which no address of the API can carry`},
		"blank":                     {`{account: a, id: " x"}`, `task " x" of account "a": id: must not begin or end with a blank`},
		"control character":         {`{account: a, id: "x\ty"}`, `task "x\ty" of account "a": id: must not contain control characters`},
		"long": {`{account: a, id: ` + strings.Repeat("é", 129) + `}`,
			`task "` + strings.Repeat("é", 64) + `"… of account "a": id: must not be longer than 256 bytes, has 258`},
		"time without an offset": {`{account: a, id: x, created: 2026-11-21T08:00:00}`,
			`task "x" of account "a": created: "2026-11-21T08:00:00" is not an RFC 3339 time with an offset, such as 2026-11-21T08:00:00Z or 2026-11-21T16:00:00+08:00`},
		"day":         {`{account: a, id: x, created: 2026-11-21}`, `task "x" of account "a": created: "2026-11-21" is not an RFC 3339 time with an offset, such as 2026-11-21T08:00:00Z or 2026-11-21T16:00:00+08:00`},
		"empty time":  {`{account: a, id: x, created: ""}`, `task "x" of account "a": created: "" is not an RFC 3339 time with an offset, such as 2026-11-21T08:00:00Z or 2026-11-21T16:00:00+08:00`},
		"time a list": {`{account: a, id: x, created: []}`, `task "x" of account "a": created: must be a text, found a list`},
		"year one":    {`{account: a, id: x, created: 0001-01-01T00:00:00Z}`, `task "x" of account "a": created: must be between the years 2000 and 2199`},
		"year 1970":   {`{account: a, id: x, deadline: 1970-01-01T00:00:00Z}`, `task "x" of account "a": deadline: must be between the years 2000 and 2199`},
		"year 2263":   {`{account: a, id: x, created: 2263-01-01T00:00:00Z}`, `task "x" of account "a": created: must be between the years 2000 and 2199`},
		"deadline before created": {`{account: a, id: x, created: 2026-11-21T08:00:00Z, deadline: 2026-11-21T08:00:00+01:00}`,
			`task "x" of account "a": deadline: must not be before created`},
		"urls no list":      {`{account: a, id: x, urls: https://h/a}`, `task "x" of account "a": urls: must be a list such as ["https://example.com/a.mp4"], found "https://h/a"`},
		"url null":          {`{account: a, id: x, urls: [null]}`, `task "x" of account "a": urls[0]: must be a text, found nothing`},
		"url no address":    {`{account: a, id: x, urls: [https://h/a, h/b]}`, `task "x" of account "a": urls[1]: must begin with http:// or https://`},
		"labels no mapping": {`{account: a, id: x, labels: [b]}`, `task "x" of account "a": labels: must be a mapping such as {"title": "launch"}, found a list`},
		"label names": {`{account: a, id: x, labels: {__x: 1, 9a: 1, a-b: 1, status: 1, provider: 1, account: 1, task: 1, "": 1}}`,
			`task "x" of account "a": labels: a label's name must not be empty; labels.9a: a label's name must match [a-zA-Z_][a-zA-Z0-9_]*; ` +
				`labels.__x: a label's name must not begin with __; labels.a-b: a label's name must match [a-zA-Z_][a-zA-Z0-9_]*; ` +
				`labels.account: the label would hide the exporter's own label of this name; labels.provider: the label would hide the exporter's own label of this name; ` +
				`labels.status: the label would hide the exporter's own label of this name; labels.task: the label would hide the exporter's own label of this name`},
		"label value": {`{account: a, id: x, labels: {b: {}}}`, `task "x" of account "a": labels.b: must be a text, found a mapping`},
		"long label name": {`{account: a, id: x, labels: {` + strings.Repeat("b", 257) + `: c}}`,
			`task "x" of account "a": labels.` + strings.Repeat("b", 64) + `…: a label's name must not be longer than 256 bytes, has 257`},
		"several":                  {`{created: x, foo: 1}`, `foo: unknown key; known here: account, id, created, deadline, urls, labels; created: "x" is not an RFC 3339 time with an offset, such as 2026-11-21T08:00:00Z or 2026-11-21T16:00:00+08:00; account: is missing or empty; id: is missing or empty`},
		"group without an account": {`{targets: [x], labels: {b: c}}`, `task "x" of account "": account: is missing or empty`},
		"group with another key":   {`{targets: [x], labels: {account: a}, id: y}`, `id: unknown key; known here: targets, labels`},
		"group of one target":      {`{targets: x, labels: {account: a}}`, `targets: must be a list such as ["3ff59d129a2c40a39b9be8c9de9975d6"], found "x"`},
		"group with a bad target":  {`{targets: [{}], labels: {account: a}}`, `targets[0]: must be a text, found a mapping`},
		"group with a bad time":    {`{targets: [x], labels: {account: a, created: y}}`, `labels.created: "y" is not an RFC 3339 time with an offset, such as 2026-11-21T08:00:00Z or 2026-11-21T16:00:00+08:00`},
		"group of another age":     {`{targets: [x], labels: {account: a, deadline: "2263-01-01T00:00:00Z"}}`, `task "x" of account "a": deadline: must be between the years 2000 and 2199`},
		"group with a bad label":   {`{targets: [x], labels: {account: a, task: y}}`, `task "x" of account "a": labels.task: the label would hide the exporter's own label of this name`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			in := "- {account: good, id: before}\n- " + c.entry + "\n- {account: good, id: after}\n"
			tasks, problems, err := parse(in, "t")
			if err != nil {
				t.Fatal(err)
			}
			want := []tasklist.Problem{{Place: "t:2", Entry: 2, Tasks: 1, Message: c.want}}
			if diff := cmp.Diff(want, problems); diff != "" {
				t.Errorf("problems (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff([]prefetch.Task{task("good", "before"), task("good", "after")}, tasks); diff != "" {
				t.Errorf("the other tasks (-want +got):\n%s", diff)
			}
		})
	}
}

func TestParseCountsTheTasksOfAGroup(t *testing.T) {
	t.Parallel()
	in := `[
	{"targets": ["a", "b", "c"], "labels": {"account": "x"}, "extra": 1},
	{"targets": ["a", "b", "a", ""], "labels": {"account": "x"}}
]`
	tasks, problems, err := parse(in, "t")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]prefetch.Task{task("x", "a"), task("x", "b")}, tasks); diff != "" {
		t.Errorf("tasks (-want +got):\n%s", diff)
	}
	want := []tasklist.Problem{
		{Place: "t:2", Entry: 1, Tasks: 3, Message: `extra: unknown key; known here: targets, labels`},
		{Place: "t:3", Entry: 2, Tasks: 1, Message: `id: is missing or empty`},
	}
	if diff := cmp.Diff(want, problems); diff != "" {
		t.Errorf("problems (-want +got):\n%s", diff)
	}
}

// FuzzParse asserts that nothing is lost silently: a document is broken as a
// whole, or each of its entries is a valid task, one that says the same as an entry
// before, or a problem.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{
		"", "[]", "null", "- a", "- {account: a, id: b}", "- {account: a, id: b, urls: [http://a, http://a]}", "- {targets: [a, b], labels: {account: c, __d: e}}",
		`[{"account":"a","id":"b","created":"2026-11-21T08:00:00Z","urls":["https://h/"],"labels":{"a":"b"}}]`,
		`[{"targets":["a","a"],"labels":{"account":"c","deadline":""}}]`, "- &a {account: b}\n- *a", "- <<: {account: a}\n  id: b",
		"- {account: a, id: b}\n- {account: a, id: b}\n- {account: a, id: c}", `[{"account":"a","id":"b"},{"account":"a","id":"b"},{}]`,
		"- ? [a]\n  : b", "[]\n---\n[]", "- {targets: , labels: }", "%YAML 1.1\n---\n- !!str a", "[[[[", `[{"a":1,"a":2}]`, "- {id: \"\\ud800\"}",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		tasks, problems, err := parse(string(data), "name")
		if err != nil {
			if len(tasks)+len(problems) > 0 || !strings.HasPrefix(err.Error(), "name: ") {
				t.Fatalf("a broken document gave %v, %v, %v", tasks, problems, err)
			}
			return
		}
		seen := make(map[[2]string]bool)
		for _, task := range tasks {
			if err := task.Validate(); err != nil {
				t.Fatalf("task %+v: %v", task, err)
			}
			name := [2]string{task.Account, task.ID}
			if seen[name] {
				t.Fatalf("%v is there twice", name)
			}
			seen[name] = true
		}
		unusable := 0
		for _, problem := range problems {
			if problem.Message == "" || problem.Tasks < 0 || !strings.HasPrefix(problem.Place, "name:") || !utf8.ValidString(problem.Message) {
				t.Fatalf("problem %+v", problem)
			}
			unusable += problem.Tasks
		}
		low, high := wantTasks(t, data)
		if got := len(tasks) + unusable; got < low || got > high {
			t.Fatalf("%d tasks and %d unusable ones of a list of %d to %d", len(tasks), unusable, low, high)
		}
	})
}

// wantTasks returns how many tasks a document lists, counted in another way. An
// unusable target group without targets may count as one, and entries of one account
// and id are one at least.
func wantTasks(t *testing.T, data []byte) (low, high int) {
	var elements []yaml.Node
	names := make(map[string]bool)
	if json.Valid(data) {
		var raw []json.RawMessage
		if err := json.Unmarshal(data, &raw); err != nil {
			t.Fatalf("no list was read as one: %v", err)
		}
		for _, element := range raw {
			var entry struct {
				Account any             `json:"account"`
				ID      any             `json:"id"`
				Targets json.RawMessage `json:"targets"`
			}
			if json.Unmarshal(element, &entry) != nil {
				low++
				continue
			}
			if entry.Targets != nil {
				return 0, len(data) // Go folds the case of keys and takes the last of two.
			}
			names[fmt.Sprintf("%v %v", entry.Account, entry.ID)] = true
		}
		return low + len(names), len(raw)
	}
	if err := yaml.Unmarshal(data, &elements); err != nil {
		t.Fatalf("no list was read as one: %v", err)
	}
	for _, element := range elements {
		targets, isGroup, name := 0, false, ""
		for i := 0; element.Kind == yaml.MappingNode && i < len(element.Content); i += 2 {
			if key := element.Content[i].Value; key == "account" || key == "id" {
				name += key + " " + element.Content[i+1].Value + " "
			}
			if element.Content[i].Value == "targets" {
				isGroup = true
				if element.Content[i+1].Kind == yaml.SequenceNode {
					targets = max(targets, len(element.Content[i+1].Content))
				}
			}
		}
		switch {
		case !isGroup:
			names[name] = true
			high++
		default:
			low, high = low+min(targets, 1), high+max(targets, 1)
		}
	}
	return max(low, len(names)), high
}

func BenchmarkParse(b *testing.B) {
	for _, form := range []string{"json", "yaml"} {
		b.Run(form, func(b *testing.B) {
			var doc strings.Builder
			for i := range 1000 {
				if form == "json" {
					doc.WriteString(map[bool]string{true: "[", false: ","}[i == 0])
					fmt.Fprintf(&doc, `{"account":"vod","id":"%032x","created":"2026-11-21T08:00:00Z","labels":{"title":"launch"}}`, i)
				} else {
					fmt.Fprintf(&doc, "- account: vod\n  id: %032x\n  created: 2026-11-21T08:00:00Z\n  labels:\n    title: launch\n", i)
				}
			}
			if form == "json" {
				doc.WriteString("]")
			}
			data := []byte(doc.String())
			b.SetBytes(int64(len(data)))
			for b.Loop() {
				tasks, problems, err := parse(string(data), "tasks")
				if len(tasks) != 1000 || len(problems) > 0 || err != nil {
					b.Fatal(len(tasks), problems, err)
				}
			}
		})
	}
}
