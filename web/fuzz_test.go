package web_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"prefetch_exporter/prefetch"
)

// form is what the body of a PUT may say.
type form struct {
	Created  *string            `json:"created"`
	Deadline *string            `json:"deadline"`
	URLs     []scalar           `json:"urls"`
	Labels   map[string]*scalar `json:"labels"`
}

// scalar is a text, or a number or a boolean, which stand for their own text.
type scalar string

func (s *scalar) UnmarshalJSON(value []byte) error {
	if value[0] == '"' {
		return json.Unmarshal(value, (*string)(s))
	}
	*s = scalar(value)
	return nil
}

// task is what is said, but for the times.
func (f form) task() (t prefetch.Task) {
	for _, u := range f.URLs {
		t.URLs = append(t.URLs, string(u))
	}
	t.Labels = map[string]string{}
	for name, value := range f.Labels {
		if value != nil {
			t.Labels[name] = string(*value)
		}
	}
	return t
}

// FuzzPut puts any body. Either the task is kept, valid, says what the body says
// to encoding/json's own reader, and comes out the same when it is put again in
// another form; or nothing is kept and the error names what is wrong.
func FuzzPut(f *testing.F) {
	for _, seed := range []string{
		"", "{}", "null", "[]", `{"created":"2026-11-21T08:00:00Z","deadline":"2026-11-21T18:00:00.5+08:00"}`,
		`{"urls":["https://example.com/a.mp4"],"labels":{"title":"launch"}}`, `{"urls":[null],"labels":{"a":null}}`,
		`{"urls":[],"urls":[]}`, `{"labels":{"a":"1","a":"2"}}`, `{"Created":""}`, `{} x`, "{\"labels\":{\"a\":\"\xff\"}}",
		`{"labels":{"a":"\ud800"}}`, `{"labels":{"a":1e3,"b":false,"c":{}}}`, `{"created":"0000-01-01T00:00:00-23:59"}`, `{"\u0075rls":["HTTPS://a"]}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		e := newExporter()
		h := handler(t, e.options())
		w := ask(t, h, "PUT /api/v1/tasks/edge/x", string(body))
		answer := open(t, w)
		task, kept := e.registered["edge x"]
		switch w.Code {
		case http.StatusCreated:
			if !kept {
				t.Fatal("201, and nothing is kept")
			}
		case http.StatusBadRequest, http.StatusRequestEntityTooLarge:
			if kept || answer.ErrorType != "bad_data" {
				t.Fatalf("%s, and kept is %t", w.Body, kept)
			}
			return
		default:
			t.Fatalf("%d %s", w.Code, w.Body)
		}
		if err := task.Validate(); err != nil {
			t.Fatalf("an invalid task was kept: %v", err)
		}

		var said form
		if text := strings.TrimSpace(string(body)); text != "" {
			if err := json.Unmarshal([]byte(text), &said); err != nil {
				t.Fatalf("accepted, though encoding/json says %v", err)
			}
		}
		if diff := cmp.Diff([]any{said.task().URLs, said.task().Labels}, []any{task.URLs, task.Labels}, cmpopts.EquateEmpty()); diff != "" {
			t.Fatalf("-said +kept:\n%s", diff)
		}
		if (said.Created == nil) != task.Created.IsZero() || (said.Deadline == nil) != task.Deadline.IsZero() {
			t.Fatalf("said %v and %v, kept %v and %v", said.Created, said.Deadline, task.Created, task.Deadline)
		}
		again := putAgain(t, h, e, said)
		if diff := cmp.Diff(task, again, cmpopts.EquateEmpty()); diff != "" {
			t.Fatalf("put again (-first +second):\n%s", diff)
		}
	})
}

func putAgain(t *testing.T, h http.Handler, e *exporter, said form) prefetch.Task {
	t.Helper()
	body, err := json.Marshal(said)
	if err != nil {
		t.Fatal(err)
	}
	if w := ask(t, h, "PUT /api/v1/tasks/edge/x", string(body)); w.Code != http.StatusOK {
		t.Fatalf("%s again: %d %s", body, w.Code, w.Body)
	}
	return e.registered["edge x"]
}
