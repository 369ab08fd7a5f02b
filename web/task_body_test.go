package web_test

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"
	"unicode/utf8"
)

func TestBadBodies(t *testing.T) {
	t.Parallel()
	const noTime = " is not an RFC 3339 time with an offset, such as 2026-11-21T08:00:00Z or 2026-11-21T16:00:00+08:00"
	long := strings.Repeat("é", 100)
	for name, test := range map[string]struct{ body, want string }{
		"no JSON":             {`{created: x}`, "the body is not JSON: invalid character 'c' looking for beginning of object key string"},
		"cut off":             {`{"created":`, "the body is not JSON: unexpected end of JSON input"},
		"form":                {`deadline=1`, "the body is not JSON: invalid character 'd' looking for beginning of value"},
		"trailing data":       {`{} {}`, "the body is not JSON: invalid character '{' after top-level value"},
		"trailing comma":      {`{"urls":[],}`, "the body is not JSON: invalid character '}' looking for beginning of object key string"},
		"byte order mark":     {"\ufeff{}", "the body is not JSON: invalid character 'ï' looking for beginning of value"},
		"not UTF-8":           {"{\"labels\":{\"a\":\"\xff\"}}", "the body is not valid UTF-8"},
		"too deep":            {strings.Repeat("[", 20_000), "the body is not JSON: invalid character '[' exceeded max depth"},
		"list":                {`[]`, `body: must be a mapping such as {"deadline": "2026-11-21T10:00:00Z"}, found a list`},
		"null":                {`null`, `body: must be a mapping such as {"deadline": "2026-11-21T10:00:00Z"}, found nothing`},
		"text":                {`"x"`, `body: must be a mapping such as {"deadline": "2026-11-21T10:00:00Z"}, found "x"`},
		"number":              {`-1`, `body: must be a mapping such as {"deadline": "2026-11-21T10:00:00Z"}, found "-1"`},
		"unknown key":         {`{"deadlne":"x"}`, `deadlne: unknown key; did you mean deadline? Known here: created, deadline, urls, labels`},
		"key in another case": {`{"Deadline":"2026-11-21T10:00:00Z"}`, `Deadline: unknown key; did you mean deadline? Known here: created, deadline, urls, labels`},
		"id in the body":      {`{"id":"x"}`, `id: unknown key here; it belongs in the path, /api/v1/tasks/{account}/{id}`},
		"long unknown key":    {`{"` + long + `":1}`, "…: unknown key; known here: created, deadline, urls, labels"},
		"key given twice":     {`{"urls":[],"urls":["https://a"]}`, "urls: is given twice, first in line 1"},
		"escaped twice":       {`{"urls":[],"\u0075rls":["https://a"]}`, "urls: is given twice, first in line 1"},
		"number for a time":   {`{"created":1763712000}`, `created: "1763712000"` + noTime},
		"empty time":          {`{"created":""}`, `created: ""` + noTime},
		"no offset":           {`{"deadline":"2026-11-21T10:00:00"}`, `deadline: "2026-11-21T10:00:00"` + noTime},
		"day":                 {`{"deadline":"2026-11-21"}`, `deadline: "2026-11-21"` + noTime},
		"year 1":              {`{"created":"0001-01-01T00:00:00Z"}`, "created: must be between the years 2000 and 2199"},
		"year 2263":           {`{"deadline":"2263-01-01T00:00:00Z"}`, "deadline: must be between the years 2000 and 2199"},
		"year 1999":           {`{"created":"1999-01-01T00:00:00Z"}`, "created: must be between the years 2000 and 2199"},
		"too late":            {`{"created":"2026-11-21T10:00:00Z","deadline":"2026-11-21T09:59:59Z"}`, "deadline: must not be before created"},
		"URLs as a text":      {`{"urls":"https://a"}`, `urls: must be a list such as ["https://example.com/a.mp4"], found "https://a"`},
		"URLs of other types": {`{"urls":["https://a",true,null,{}]}`, "urls[2]: must be a text, found nothing; urls[3]: must be a text, found a mapping; urls[1]: must begin with http:// or https://"},
		"URL without scheme":  {`{"urls":["https://a","example.com/b"]}`, "urls[1]: must begin with http:// or https://"},
		"labels as a list":    {`{"labels":["a"]}`, `labels: must be a mapping such as {"title": "launch"}, found a list`},
		"label twice":         {`{"labels":{"a":"1","a":"2"}}`, "labels.a: is given twice, first in line 1"},
		"our own label":       {`{"labels":{"status":"x"}}`, "labels.status: the label would hide the exporter's own label of this name"},
		"bad label":           {`{"labels":{"a-b":"x"}}`, "labels.a-b: a label's name must match [a-zA-Z_][a-zA-Z0-9_]*"},
		"several": {
			`{"foo":1,"created":true,"urls":{},"labels":{"a":[]}}`,
			`foo: unknown key; known here: created, deadline, urls, labels; created: "true" is not an RFC 3339 time with an offset, such as 2026-11-21T08:00:00Z or 2026-11-21T16:00:00+08:00; urls: must be a list such as ["https://example.com/a.mp4"], found a mapping; labels.a: must be a text, found a list`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := newExporter()
			w := ask(t, handler(t, e.options()), "PUT /api/v1/tasks/edge/x", test.body)
			if got := open(t, w); w.Code != http.StatusBadRequest || got.ErrorType != "bad_data" || got.Error != test.want {
				t.Errorf("%d %s\n got %s\nwant %s", w.Code, got.ErrorType, got.Error, test.want)
			}
			if len(e.registered) > 0 {
				t.Errorf("put all the same: %v", e.registered)
			}
		})
	}
}

func TestBodySize(t *testing.T) {
	t.Parallel()
	const limit = 1 << 20
	h := handler(t, newExporter().options())
	if w := ask(t, h, "PUT /api/v1/tasks/edge/x", "{}"+strings.Repeat(" ", limit-2)); w.Code != http.StatusCreated {
		t.Errorf("1 MiB: %d %s", w.Code, w.Body)
	}
	w := ask(t, h, "PUT /api/v1/tasks/edge/y", "{}"+strings.Repeat(" ", limit-1))
	if got := open(t, w); w.Code != http.StatusRequestEntityTooLarge || got.ErrorType != "bad_data" || !strings.Contains(got.Error, "1048576 bytes") {
		t.Errorf("1 MiB and a byte: %d %s", w.Code, w.Body)
	}
}

// Thousands of mistakes make no list of all that was found, and a long message has no
// half character at its end.
func TestManyMistakes(t *testing.T) {
	t.Parallel()
	h := handler(t, newExporter().options())
	body := `{"urls":{}` + strings.Repeat(`,"a":1`, 4_000) + "}"
	w := ask(t, h, "PUT /api/v1/tasks/edge/y", body)
	if got := open(t, w).Error; w.Code != http.StatusBadRequest || len(got) > 4100 || !strings.HasSuffix(got, "; and more") {
		t.Errorf("%d with %d bytes: %.100s…%s", w.Code, len(got), got, got[max(0, len(got)-20):])
	}
	for shift := range 2 {
		account := strings.Repeat("a", 1+shift) + url.PathEscape(strings.Repeat("🎬", 2_000))
		w := ask(t, h, "PUT /api/v1/tasks/"+account+"/y", "{}")
		got := open(t, w).Error
		if w.Code != http.StatusNotFound || len(got) > 4100 || strings.ContainsRune(got, utf8.RuneError) || !strings.HasSuffix(got, "…") {
			t.Errorf("%d with %d bytes: %.100s…%s", w.Code, len(got), got, got[max(0, len(got)-20):])
		}
	}
}

func TestBodyBreaksOff(t *testing.T) {
	t.Parallel()
	e := newExporter()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPut, "/api/v1/tasks/edge/x",
		io.MultiReader(strings.NewReader("{}"), iotest.ErrReader(errors.New("connection reset"))))
	w := httptest.NewRecorder()
	handler(t, e.options()).ServeHTTP(w, r)
	if got := open(t, w); w.Code != http.StatusBadRequest || !strings.Contains(got.Error, "connection reset") || len(e.registered) > 0 {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

// oneConnection is a listener with one client.
type oneConnection chan net.Conn

func (l oneConnection) Accept() (net.Conn, error) {
	if conn, ok := <-l; ok {
		return conn, nil
	}
	return nil, net.ErrClosed
}
func (l oneConnection) Close() error   { close(l); return nil }
func (l oneConnection) Addr() net.Addr { return &net.UnixAddr{} }

// A client that never ends its body is not waited for; one that is slow after
// its body is not cut off.
func TestSlowBody(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		client, conn := net.Pipe()
		listener := make(oneConnection, 1)
		listener <- conn
		server := &http.Server{Handler: handler(t, newExporter().options()), ReadHeaderTimeout: time.Hour}
		go func() { _ = server.Serve(listener) }()
		defer server.Close()
		defer client.Close()
		answers := make(chan []byte, 1)
		go func() {
			answer, _ := io.ReadAll(client)
			answers <- answer
		}()

		_, err := io.WriteString(client, "PUT /api/v1/tasks/edge/x HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}")
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(10 * time.Minute)
		began := time.Now()
		_, err = io.WriteString(client, "PUT /api/v1/tasks/edge/y HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\n{}")
		if err != nil {
			t.Fatal(err)
		}
		answer := string(<-answers)
		if got := time.Since(began); got > time.Minute {
			t.Errorf("waited %v", got)
		}
		if strings.Count(answer, "HTTP/1.1 201 ") != 1 || strings.Count(answer, "HTTP/1.1 400 ") != 1 || !strings.Contains(answer, "timeout") {
			t.Errorf("answered:\n%s", answer)
		}
	})
}

// What a body costs is bounded by its bytes, however many elements it has.
//
//nolint:paralleltest // measures memory
func TestMemoryOfABody(t *testing.T) {
	h := handler(t, newExporter().options())
	const limit = 1 << 20
	for name, body := range map[string]string{
		"numbers": `{"urls":[` + strings.Repeat("0,", limit/2-10) + `0]}`,
		"texts":   `{"urls":[` + strings.Repeat(`"",`, limit/3-10) + `""]}`,
		"lists":   `{"urls":[` + strings.Repeat("[],", limit/3-10) + `0]}`,
		"keys":    `{"a":0` + strings.Repeat(`,"a":0`, limit/6-10) + `}`,
		"labels": `{"labels":{` + strings.Join(slices.Collect(func(yield func(string) bool) {
			for i := range limit / 13 {
				if !yield(fmt.Sprintf(`"l%05d":""`, i)) {
					return
				}
			}
		}), ",") + `}}`,
		"deep": `{"urls":` + strings.Repeat("[", 9000) + strings.Repeat("]", 9000) + `}`,
	} {
		t.Run(name, func(t *testing.T) {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			w := ask(t, h, "PUT /api/v1/tasks/edge/x", body)
			runtime.ReadMemStats(&after)
			if w.Code != http.StatusBadRequest || w.Body.Len() > 5000 {
				t.Errorf("%d with %d bytes: %.300s", w.Code, w.Body.Len(), w.Body)
			}
			if cost := after.TotalAlloc - before.TotalAlloc; cost > 10*limit+2<<20 {
				t.Errorf("%d bytes cost %d: %.300s", len(body), cost, w.Body)
			}
		})
	}
}
