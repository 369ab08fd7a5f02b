package discovery_test

import (
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"prefetch_exporter/discovery"
	"prefetch_exporter/prefetch"
)

const repeated = "- {account: a, id: x, urls: [https://h/a, https://h/b, https://h/a, https://h/b]}\n- {account: a, id: y, urls: [https://h/a, https://h/A]}\n"

// A vendor may have two rows of a URL that was submitted twice, so the task is
// taken; but what it waits for is said.
func TestRepeatedURL(t *testing.T) {
	t.Parallel()
	tasks, problems, err := discovery.Parse([]byte(repeated), "t")
	if err != nil || len(tasks) != 2 || len(tasks[0].URLs) != 4 {
		t.Fatalf("%v, %v", tasks, err)
	}
	want := []discovery.Problem{{
		Place: "t:1", Entry: 1,
		Message: `task "x" of account "a": urls[2]: is listed already, as urls[0]: the task settles only when the vendor shows a row for each`,
	}}
	if diff := cmp.Diff(want, problems); diff != "" {
		t.Errorf("problems (-want +got):\n%s", diff)
	}
	if doubts := (prefetch.Task{}).Doubts(); doubts != nil {
		t.Errorf("doubts of nothing: %q", doubts)
	}
}

func TestRepeatedURLIsLogged(t *testing.T) {
	t.Parallel()
	var l logs
	r := newReports()
	file := filepath.Join(t.TempDir(), "tasks.yml")
	write(t, file, repeated)
	m := newManager(t, discovery.Options{Files: []string{file}, Reporter: r, Logger: l.logger()})
	m.Set(nil, []string{"a"})
	run(t, m)
	awaitIDs(t, m, "a/x file", "a/y file")
	if l.count("an entry is odd") != 1 || l.count("urls[2]: is listed already") != 1 || r.rejections()[discovery.RejectedInvalid] != 0 {
		t.Errorf("rejected %v, logged:\n%s", r.rejections(), l.String())
	}
}
