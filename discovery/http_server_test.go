package discovery_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"prefetch_exporter/discovery"
)

// server answers in the place of the network, and remembers what it was asked.
type server struct {
	mu       sync.Mutex
	answer   func(req *http.Request) (*http.Response, error)
	requests []*http.Request
	times    []time.Time
	open     int // bodies that were not closed
}

func (s *server) RoundTrip(req *http.Request) (*http.Response, error) {
	s.mu.Lock()
	s.requests = append(s.requests, req)
	s.times = append(s.times, time.Now())
	answer := s.answer
	s.mu.Unlock()
	resp, err := answer(req)
	if resp != nil {
		s.mu.Lock()
		s.open++
		s.mu.Unlock()
		resp.Body = &countedBody{Reader: resp.Body, closed: sync.OnceFunc(func() {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.open--
		})}
	}
	return resp, err
}

type countedBody struct {
	io.Reader

	closed func()
}

func (b *countedBody) Close() error {
	b.closed()
	return nil
}

func (s *server) set(answer func(req *http.Request) (*http.Response, error)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.answer = answer
}

func (s *server) asked() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.requests)
}

func (s *server) last() *http.Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.requests[len(s.requests)-1]
}

func (s *server) unclosed() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.open
}

func (s *server) source(url string) discovery.HTTPSource {
	return discovery.HTTPSource{URL: url, Client: &http.Client{Transport: s}}
}

func response(status int, body string, headers ...string) func(*http.Request) (*http.Response, error) {
	return func(*http.Request) (*http.Response, error) {
		w := httptest.NewRecorder()
		for i := 0; i < len(headers); i += 2 {
			w.Header().Set(headers[i], headers[i+1])
		}
		w.WriteHeader(status)
		if body != "" {
			if _, err := w.WriteString(body); err != nil {
				return nil, err
			}
		}
		return w.Result(), nil
	}
}

func failure(err error) func(*http.Request) (*http.Response, error) {
	return func(*http.Request) (*http.Response, error) { return nil, err }
}

const (
	tasksURL = "https://user:pass@pipeline.example/tasks?token=hidden#part"
	tasksAs  = "https://pipeline.example/tasks"
)

// polled is a manager with one HTTP source in a bubble of synctest.
type polled struct {
	*manager

	server  *server
	reports *reports
	logs    *logs
}

func poll(t *testing.T, answer func(*http.Request) (*http.Response, error)) polled {
	t.Helper()
	p := polled{server: &server{answer: answer}, reports: newReports(), logs: new(logs)}
	p.manager = newManager(t, options{
		HTTP:      []discovery.HTTPSource{p.server.source(tasksURL)},
		Reporter:  p.reports,
		Logger:    p.logs.logger(),
		UserAgent: "prefetch_exporter/test",
		Random:    func() float64 { return 0 },
	})
	p.Set(nil, []string{"a"})
	return p
}

// pass lets so many intervals of one minute pass.
func pass(minutes int) {
	<-time.After(time.Duration(minutes) * time.Minute)
	synctest.Wait()
}
