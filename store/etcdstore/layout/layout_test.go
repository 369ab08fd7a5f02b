package layout_test

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"strings"
	"testing"

	"prefetch_exporter/store"
	"prefetch_exporter/store/etcdstore/layout"
)

func TestPaths(t *testing.T) {
	t.Parallel()
	for want, name := range map[string]layout.Name{
		"format":                     layout.FormatName(),
		"recovered":                  layout.Recovered(),
		"replicas/host%2F1":          layout.Replica("host/1"),
		"owner/a%00%FFb":             layout.Owner("a\x00\xffb"),
		"head/id":                    layout.Head("id"),
		"tasks/a%2Fb/c%2Fd":          layout.Record(store.Tasks, "a/b", "c/d"),
		"ledger/%25/huawei:vod@cn-1": layout.Record(store.Ledger, "%", "huawei:vod@cn-1"),
	} {
		if got := name.Path(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
		back, ok := layout.ParsePath(want)
		if !ok || back != name {
			t.Errorf("%q is %+v, %v", want, back, ok)
		}
	}
	for _, path := range []string{
		"", "tasks", "tasks/a", "tasks/a/", "tasks//b", "tasks/%zz/b", "tasks/a/%", "owner/", "owner/a/b", "replicas", "format/a", "other/a/b",
	} {
		if name, ok := layout.ParsePath(path); ok {
			t.Errorf("%q is %+v", path, name)
		}
	}
}

func FuzzPaths(f *testing.F) {
	f.Add("a", "b")
	f.Add("a/b", "%2F")
	f.Add("\x00", "\xff")
	f.Fuzz(func(t *testing.T, scope, key string) {
		if scope == "" || key == "" {
			return
		}
		for _, name := range []layout.Name{layout.Record(store.Ledger, scope, key), layout.Owner(key)} {
			if back, ok := layout.ParsePath(name.Path()); !ok || back != name {
				t.Errorf("%+v came back as %+v, %v", name, back, ok)
			}
		}
	})
}

func noise(size int) []byte {
	source := rand.NewChaCha8([32]byte{2})
	value := make([]byte, size)
	_, _ = source.Read(value)
	return value
}

func TestValues(t *testing.T) {
	t.Parallel()
	record := layout.Record(store.Tasks, "vod", "1")
	for name, test := range map[string]struct {
		value []byte
		head  string
		parts int
	}{
		"empty":       {[]byte{}, "=3:", 0},
		"small":       {[]byte("{}"), "=3:{}", 0},
		"compressed":  {bytes.Repeat([]byte("row "), 1000), "z3:", 0},
		"noise":       {noise(1000), "=3:", 0},
		"large rows":  {bytes.Repeat([]byte("row "), 1<<20), "z3:", 0},
		"large noise": {noise(3 << 20), "+3:u/4", 4},
	} {
		sealed := layout.Seal(record, 3, test.value, "u")
		if !bytes.HasPrefix(sealed.Value, []byte(test.head)) || len(sealed.Parts) != test.parts || layout.Version(sealed.Value) != 3 {
			t.Errorf("%s: %d parts, %.20q", name, len(sealed.Parts), sealed.Value)
		}
		names := layout.PartsOf(record, sealed.Value)
		var parts [][]byte
		for i, part := range sealed.Parts {
			if names[i] != part.Name || len(part.Value) > layout.MaxPart {
				t.Errorf("%s: part %d is %+v with %d bytes", name, i, part.Name, len(part.Value))
			}
			if prefix := layout.PartsPrefix(part.Name).Path(); !strings.HasPrefix(part.Name.Path(), prefix) {
				t.Errorf("%s does not begin with %s", part.Name.Path(), prefix)
			}
			parts = append(parts, part.Value)
		}
		value, version, err := layout.Unseal(sealed.Value, parts)
		if err != nil || version != 3 || !bytes.Equal(value, test.value) {
			t.Errorf("%s: %d bytes, version %d, %v", name, len(value), version, err)
		}
	}
}

func TestDamaged(t *testing.T) {
	t.Parallel()
	record := layout.Record(store.Tasks, "vod", "1")
	sealed := layout.Seal(record, 1, bytes.Repeat([]byte("row "), 1000), "u").Value
	for name, test := range map[string]struct {
		value string
		parts [][]byte
		want  string
	}{
		"empty":        {"", nil, "no version"},
		"no kind":      {":x", nil, "no version"},
		"no number":    {"=x:{}", nil, `version "x"`},
		"zero":         {"=0:{}", nil, `version "0"`},
		"unknown":      {"?1:{}", nil, "unknown way"},
		"not gzip":     {"z1:{}", nil, "decompressing"},
		"cut off":      {string(sealed[:len(sealed)-4]), nil, "decompressing"},
		"no parts":     {"+1:u/1", nil, "no parts"},
		"missing part": {"+1:u/2", [][]byte{{1}, nil}, "part 2 of 2 is missing"},
	} {
		_, _, err := layout.Unseal([]byte(test.value), test.parts)
		if !errors.Is(err, store.ErrDamaged) || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: got %v, want %q", name, err, test.want)
		}
	}
	for _, value := range []string{"", "=1:u/1", "+1:u", "+1:u/0", "+1:u/-1", "+1:u/1000000000"} {
		if parts := layout.PartsOf(record, []byte(value)); parts != nil {
			t.Errorf("%q has parts %v", value, parts)
		}
	}
	if v := layout.Version([]byte("x")); v != 0 {
		t.Errorf("version %d", v)
	}
	if layout.Owner("a").IsRecord() || !layout.Owner("a").IsOwner() || !layout.Replica("a").IsReplica() {
		t.Error("kinds are mixed up")
	}
}

// A value that expands beyond what is kept is refused, not read into memory.
func TestBomb(t *testing.T) {
	t.Parallel()
	record := layout.Record(store.Tasks, "vod", "1")
	bomb := layout.Seal(record, 1, make([]byte, store.MaxValue+1), "u")
	if _, _, err := layout.Unseal(bomb.Value, nil); !errors.Is(err, store.ErrDamaged) || !strings.Contains(err.Error(), "too large") {
		t.Errorf("got %v", err)
	}
}

func TestDecode(t *testing.T) {
	t.Parallel()
	record := layout.Record(store.Tasks, "vod", "1")
	shout := func(r store.Op) (store.Op, error) { r.Value = append(r.Value, '!'); return r, nil }
	drop := func(r store.Op) (store.Op, error) { r.Value = nil; return r, nil }
	broken := errors.New("broken")
	for name, test := range map[string]struct {
		value      string
		migrations []store.Migration
		want       []byte
		wantErr    string
	}{
		"same":     {"=1:a", nil, []byte("a"), ""},
		"empty":    {"=1:", nil, []byte{}, ""},
		"older":    {"=1:a", []store.Migration{shout, shout}, []byte("a!!"), ""},
		"old":      {"=2:a", []store.Migration{shout, shout}, []byte("a!"), ""},
		"left out": {"=1:a", []store.Migration{drop, shout}, nil, ""},
		"newer":    {"=3:a", []store.Migration{shout}, nil, `key "1": etcd holds a newer format: version 3`},
		"damaged":  {"x", nil, nil, `table tasks, scope "vod", key "1": store is damaged`},
		"broken": {
			"=1:a",
			[]store.Migration{func(r store.Op) (store.Op, error) { return r, broken }},
			nil,
			"migrating from version 1 to 2: broken",
		},
	} {
		op, err := layout.Decode(record, []byte(test.value), nil, test.migrations)
		if test.wantErr != "" {
			if err == nil || !strings.Contains(err.Error(), test.wantErr) {
				t.Errorf("%s: got %v", name, err)
			}
			continue
		}
		if err != nil || !bytes.Equal(op.Value, test.want) || (op.Value == nil) != (test.want == nil) || op.Scope != "vod" || op.Key != "1" {
			t.Errorf("%s: %+v, %v", name, op, err)
		}
	}
}

func TestSay(t *testing.T) {
	t.Parallel()
	text := layout.Say(layout.Registration{Reads: 2, Value: []byte{0, 255}})
	if got := layout.Said[layout.Registration](text); got.Reads != 2 || !bytes.Equal(got.Value, []byte{0, 255}) {
		t.Errorf("%s came back as %+v", text, got)
	}
	if got := layout.Said[layout.Format]([]byte(`{"version":3`)); got.Version != 0 {
		t.Errorf("got %+v", got)
	}
	if got := layout.Said[layout.Ownership](layout.Say(layout.Ownership{Replica: "a"})); got.Replica != "a" {
		t.Errorf("got %+v", got)
	}
}
