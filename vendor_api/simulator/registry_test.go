package simulator_test

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"prefetch_exporter/prefetch"
	"prefetch_exporter/vendor_api/simulator"
	simcdnetworks "prefetch_exporter/vendor_api/simulator/cdnetworks"
	"prefetch_exporter/vendor_api/simulator/simulatortest"
)

func TestSettled(t *testing.T) {
	t.Parallel()
	plan := simulator.URLPlan{Wait: time.Minute, Fetch: time.Minute}
	tests := []struct {
		name    string
		plans   []simulator.URLPlan
		settled time.Duration // after creation; negative for never
	}{
		{"no URL", nil, -1},
		{"at once", []simulator.URLPlan{{}}, 0},
		{"the last counts", []simulator.URLPlan{{}, plan, {Fails: true}}, 2 * time.Minute},
		{"visible later than final", []simulator.URLPlan{{Appears: 3 * time.Minute}, plan}, 3 * time.Minute},
		{"stuck", []simulator.URLPlan{plan, {Stuck: true}}, -1},
		{"undocumented word", []simulator.URLPlan{plan, {Word: "done"}}, -1},
		{"documented word that is not final", []simulator.URLPlan{{Word: "INIT"}}, -1},
		{"documented final word", []simulator.URLPlan{{Word: "Success", Stuck: true}}, 0},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			now := simulatortest.NewClock(simulatortest.Noon())
			s := simcdnetworks.New(simulatortest.OpsOptions(now.Now))
			s.Submit(simulator.Task{ID: "item", Owner: "ops", URLs: test.plans})
			if test.settled > 0 {
				now.Add(test.settled - 1)
				if at, ok := s.Settled("item"); ok {
					t.Errorf("settled too early, at %v", at)
				}
				now.Add(1)
			}
			if test.settled < 0 {
				now.Add(100 * time.Hour)
			}
			at, ok := s.Settled("item")
			if ok != (test.settled >= 0) || ok && !at.Equal(simulatortest.Noon().Add(test.settled)) {
				t.Errorf("settled %v %v, want %v", at, ok, test.settled)
			}
		})
	}
	s := simcdnetworks.New(simulatortest.OpsOptions(simulatortest.Epoch))
	if _, ok := s.Settled("nothing"); ok || s.Counts("nothing") != (prefetch.Counts{}) {
		t.Error("an unknown task has a state")
	}
	s.Submit(simulator.Task{ID: "future", Owner: "ops", Created: simulatortest.Epoch().Add(1), URLs: simulatortest.URLs(2, simulator.URLPlan{})})
	if _, ok := s.Settled("future"); ok || s.Counts("future") != (prefetch.Counts{}) {
		t.Error("a task of the future has a state")
	}
}

// The tasks of an owner between two times are those whose creation is, to the
// second, both ends included, in the order of creation and then of submission. What is
// created later than now is none of them.
func TestTasks(t *testing.T) {
	t.Parallel()
	s := simulator.NewServer(simulator.Vendor{Now: simulatortest.Noon})
	at := func(seconds float64) time.Time {
		return simulatortest.Noon().Add(time.Duration(seconds * float64(time.Second)))
	}
	for _, task := range []simulator.Task{
		{ID: "later", Owner: "ops", Created: at(2)},
		{ID: "first", Owner: "ops", Created: at(0.9)},
		{ID: "second", Owner: "ops", Created: at(0.1)},
		{ID: "other's", Owner: "dev", Created: at(1)},
		{ID: "later", Owner: "ops", Created: at(1)},
	} {
		s.Submit(task)
	}
	for _, c := range []struct {
		id            string
		from, to, now float64
		want          string
	}{
		{"", 0, 1, 9, "[first second later]"},
		{"", 0, 0, 9, "[first second]"},
		{"", 1, 1, 9, "[later]"},
		{"", 2, 9, 9, "[]"},
		{"", 1, 0, 9, "[]"},
		{"", 0, 9, 0.5, "[second]"},
		{"second", 0, 1, 9, "[second]"},
		{"second", 1, 1, 9, "[]"},
		{"first", 0, 1, 0.5, "[]"},
		{"other's", 0, 9, 9, "[]"},
		{"nobody's", 0, 9, 9, "[]"},
	} {
		ids := []string{}
		for _, task := range s.Tasks(simulator.Wanted{Owner: "ops", ID: c.id, From: at(c.from), To: at(c.to), Now: at(c.now)}) {
			ids = append(ids, task.ID)
		}
		if got := fmt.Sprint(ids); got != c.want {
			t.Errorf("%+v: %s", c, got)
		}
	}
	if got := s.Tasks(simulator.Wanted{Owner: "ops", Now: at(9)}); len(got) != 3 {
		t.Errorf("of all times: %d", len(got))
	}
}

// An answer that a proxy compressed has the same text, behind a byte-order mark.
func TestCompressing(t *testing.T) {
	t.Parallel()
	h := simulator.Compressing(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("X-Vendor", "yes")
		w.WriteHeader(http.StatusAccepted)
		_, _ = w.Write(bytes.Repeat([]byte("0"), 1000))
	}))
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil))
	zip, err := gzip.NewReader(w.Body)
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(zip)
	if err != nil {
		t.Fatal(err)
	}
	if w.Code != http.StatusAccepted || w.Header().Get("X-Vendor") != "yes" ||
		string(body) != "\uFEFF"+string(bytes.Repeat([]byte("0"), 1000)) {
		t.Errorf("got %d %v, %d bytes", w.Code, w.Header(), len(body))
	}
}

func TestParseSignature(t *testing.T) {
	t.Parallel()
	for header, want := range map[string]map[string]string{
		"A B=c":           {"B": "c"},
		"A B=c, D=e==,F=": {"B": "c", "D": "e==", "F": ""},
		"A B=c,B=d":       nil,
		"A B":             nil,
		"AB=c":            nil,
		"":                nil,
	} {
		got, ok := simulator.ParseSignature(header, "A")
		if diff := cmp.Diff(want, got); diff != "" || ok != (want != nil) {
			t.Errorf("%q: %v (-want +got):\n%s", header, ok, diff)
		}
	}
}
