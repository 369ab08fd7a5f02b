package form_test

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"prefetch_exporter/config/form"
	"prefetch_exporter/config/secret"
)

// levels are those of a small file.
func levels() map[string]form.Level {
	return map[string]form.Level{
		"":       {Keys: []string{"n", "d", "b", "t", "required", "list", "below", "password", "password_file"}},
		"list":   {Form: "[{id: a}]"},
		"list[]": {Keys: []string{"id"}, Form: "{id: a}"},
		"below":  {Keys: []string{"token", "token_file", "page_size"}},
	}
}

// file is what reading a small file gives.
type file struct {
	N        int
	D        time.Duration
	B        bool
	T        string
	IDs      []string
	Token    string
	Password string
}

// read reads a document as a package of settings does.
func read(r *form.Reader, document string) (f file) {
	root := r.Document([]byte(document))
	if root == nil {
		return f
	}
	m, ok := form.Value{R: r, Node: root, Line: root.Line}.Mapping()
	if !ok {
		return f
	}
	f.N = m.Get("n").Integer(form.Span[int]{Def: 5, Low: 1, High: 9})
	f.D = time.Duration(m.Get("d").Duration(form.Span[time.Duration]{Def: time.Minute, Low: time.Second, High: time.Hour}))
	f.B = m.Get("b").Boolean()
	f.T = m.Get("t").Text()
	m.Get("required").RequiredText()
	for _, item := range m.Get("list").List() {
		if below, ok := item.Mapping(); ok {
			f.IDs = append(f.IDs, below.Get("id").RequiredText())
		}
	}
	if below, ok := m.Get("below").Mapping(); ok && len(below.Keys) > 0 {
		if s := below.RequiredSecret("token"); s != nil {
			f.Token = s.Value()
		}
	}
	if m.Has("password", "password_file") {
		if s := m.RequiredPassword("password"); s != nil {
			f.Password = s.Value()
		}
	}
	return f
}

// What is right is read, what is not given has its default, and everything that is
// wrong is told with its line and its field.
func TestReader(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "token"), []byte("abc\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	none := file{N: 5, D: time.Minute}
	for name, c := range map[string]struct {
		document string
		want     file
		wrong    []string
	}{
		"defaults": {"required: x", none, nil},
		"all": {
			"required: x\nn: 7\nd: 30s\nb: true\nt: 0123\nlist: [{id: 1e10}, {id: b}]\nbelow: {token_file: token}\npassword: pä",
			file{N: 7, D: 30 * time.Second, B: true, T: "0123", IDs: []string{"1e10", "b"}, Token: "abc", Password: "pä"}, nil,
		},
		"ranges": {"required: x\nn: 10\nd: 2h", none, []string{
			"f.yml:2: n: must be between 1 and 9, is 10", "f.yml:3: d: must be between 1s and 1h, is 2h",
		}},
		"types": {"required: [x]\nn: a\nd: 5\nb: 1\nt: {}\nlist: a\nbelow: []", none, []string{
			"f.yml:1: required: must be a single value, is a list",
			`f.yml:2: n: must be a whole number, is "a"`,
			`f.yml:3: d: "5" is not a duration such as 30s, 5m or 24h`,
			"f.yml:4: b: must be true or false",
			"f.yml:5: t: must be a single value, is a mapping",
			"f.yml:6: list: must be a list, such as [{id: a}]",
			"f.yml:7: below: must be a mapping of keys to values",
		}},
		"missing": {"n: 5", none, []string{"f.yml:1: required: is required"}},
		"empty":   {"", file{}, []string{"f.yml:1: document: is empty"}},
		"a list":  {"[]", file{}, []string{"f.yml:1: document: must be a mapping of keys to values"}},
		"no text": {`required: ""`, none, []string{"f.yml:1: required: must not be empty"}},
		"an alias": {"required: &a x\nt: *a", file{}, []string{
			"f.yml:1: required: begins with &: YAML aliases and anchors are not supported; if it is a text, quote it",
			"f.yml:2: t: begins with *: YAML aliases and anchors are not supported; if it is a text, quote it",
		}},
		"unknown": {"required: x\nlists: []\npage_size: 5", none, []string{
			"f.yml:2: lists: unknown key; did you mean list? Known here: n, d, b, t, required, list, below, password, password_file",
			"f.yml:3: page_size: unknown key here; it belongs under below",
		}},
		"of an item": {"required: x\nlist: [{ids: a}]\nid: b", file{N: 5, D: time.Minute, IDs: []string{""}}, []string{
			"f.yml:2: list[0].ids: unknown key; did you mean id? Known here: id",
			"f.yml:2: list[0].id: is required", "f.yml:3: id: unknown key here; it belongs in an item of list",
		}},
		"twice":    {"required: x\nbelow: {token: a, token_file: token}", none, []string{"f.yml:2: below.token_file: the secret is given twice, as token in line 2 too"}},
		"no file":  {"required: x\nbelow: {token_file: none}", none, []string{"f.yml:2: below.token_file: cannot be read: stat DIR/none: no such file or directory"}},
		"no token": {"required: x\nbelow: {page_size: 1}", none, []string{"f.yml:2: below.token: is required, or token_file"}},
		"no ASCII": {"required: x\nbelow: {token: ä}", none, []string{"f.yml:2: below.token: contains a character that is not ASCII, at position 1"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := &form.Reader{File: "f.yml", Dir: dir, Levels: levels()}
			got := read(r, c.document)
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			r.Errs.Sort()
			wrong := strings.ReplaceAll(r.Errs.Error(), dir, "DIR")
			if diff := cmp.Diff(strings.Join(c.wrong, "\n"), wrong); diff != "" {
				t.Errorf("errors (-want +got):\n%s", diff)
			}
		})
	}
}

// The cause of an error can be asked for.
func TestErrors(t *testing.T) {
	t.Parallel()
	r := &form.Reader{File: "f.yml", Dir: t.TempDir(), Levels: levels()}
	read(r, "required: x\nbelow: {token_file: none}")
	if !errors.Is(r.Errs, os.ErrNotExist) {
		t.Errorf("%v does not tell that there is no such file", r.Errs)
	}
}

// A secret that is one by mistake only is warned of, and not shown.
func TestMistaken(t *testing.T) {
	t.Parallel()
	for value, want := range map[string]string{
		"'${TOKEN}'": "looks like a variable that nothing filled in; none is expanded here",
		"changeme":   "looks like the placeholder of an example",
		"' abc'":     "begins or ends with a blank, which counts",
		"abc":        "",
	} {
		r := &form.Reader{File: "f.yml", Dir: t.TempDir(), Levels: levels()}
		read(r, "required: x\nbelow: {token: "+value+"}")
		var got string
		if len(r.Warnings) > 0 {
			got = r.Warnings[0].Message
		}
		if got != want || len(r.Errs) > 0 {
			t.Errorf("%s: %q, want %q (%v)", value, got, want, r.Errs)
		}
	}
}

// A line that people are shown has no control characters.
func TestRequiredLine(t *testing.T) {
	t.Parallel()
	for document, want := range map[string]string{
		"t: ops":         "ops",
		`t: "op\ts"`:     "f.yml:1: t: must not contain control characters",
		"required: here": "f.yml:1: t: is required",
	} {
		r := &form.Reader{File: "f.yml", Levels: levels()}
		root := r.Document([]byte(document))
		m, _ := form.Value{R: r, Node: root, Line: root.Line}.Mapping()
		got := m.Get("t").RequiredLine()
		if len(r.Errs) > 0 {
			got = r.Errs.Error()
		}
		if got != want {
			t.Errorf("%s: %q, want %q", document, got, want)
		}
	}
}

// The keys of a section are its yaml tags; a secret may stand in a file.
func TestKeysOf(t *testing.T) {
	t.Parallel()
	type section struct {
		User  string         `yaml:"user,omitempty"`
		Token *secret.Secret `yaml:"token"`
	}
	if got, want := form.KeysOf[section](), []string{"user", "token", "token_file"}; !slices.Equal(got, want) {
		t.Errorf("keys are %q, want %q", got, want)
	}
}
