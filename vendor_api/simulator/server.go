package simulator

import (
	"bytes"
	"io"
	"maps"
	"net/http"
	"sync"
	"time"

	"prefetch_exporter/prefetch"
)

// maxRequest is the limit of a request's body, the gateway's own (Huawei Cloud,
// API signing guide: 12 MB). CDNetworks names none.
const maxRequest = 12 << 20

// FaultFunc may answer a request in place of the vendor: it returns ok to do
// so. A status that is no final HTTP status (200–999) cuts the connection
// without any answer. It can read the request's body, and must be safe for
// concurrent use.
type FaultFunc func(r *http.Request) (status int, body string, ok bool)

// Server is what every simulated vendor does, whatever it is asked: it keeps the
// tasks, and a request takes time, is counted, may be answered by a fault, and is
// refused over the quota. A vendor embeds it and says how it answers. It is safe
// for concurrent use.
type Server struct {
	now        func() time.Time
	latency    Latency
	meter      *meter
	tasks      *registry
	vocabulary Vocabulary

	mu    sync.Mutex
	fault FaultFunc
}

// Call is one request as a vendor's front end sees it.
type Call struct {
	// Identity is whom the call is counted for. Not counted are requests that
	// cost no quota.
	Identity string
	Counted  bool
	// Answer answers a request that is within the quota, and Throttled one that
	// is not.
	Answer    func(r *http.Request, body []byte, a Arrival) Reply
	Throttled func(a Arrival) Reply
}

// Reply is a whole answer.
type Reply struct {
	Status int
	Header http.Header
	Body   []byte
	// Refused is why it is not what was asked for, a key of [Stats.Refused];
	// empty if it is.
	Refused string
}

// NewServer returns a server without tasks. A nil now is [time.Now], a nil latency
// none.
func NewServer(now func() time.Time, quota Quota, latency Latency, v Vocabulary) *Server {
	if now == nil {
		now = time.Now
	}
	if latency == nil {
		latency = Jitter(0, 0)
	}
	return &Server{now: now, latency: latency, meter: newMeter(quota, now), tasks: newRegistry(), vocabulary: v}
}

// Now is the vendor's clock.
func (s *Server) Now() time.Time { return s.now() }

// Submit gives a task to the vendor, in place of an earlier one of the same ID.
func (s *Server) Submit(task Task) { s.tasks.submit(task, s.now()) }

// Remove makes the vendor forget a task.
func (s *Server) Remove(id string) { s.tasks.remove(id) }

// Task is the task of that id, whoever owns it.
func (s *Server) Task(id string) (*Registered, bool) { return s.tasks.get(id) }

// Between returns the owner's tasks whose creation, to the second, lies between
// the two times or is one of them, in the order of creation. The slice belongs
// to the caller.
func (s *Server) Between(owner string, from, to time.Time) []*Registered {
	return s.tasks.between(owner, from, to)
}

// Counts is the truth about a task now, whether its rows are visible or not:
// its URLs by the status that a client should report. A task that is not known
// or not created yet has none.
func (s *Server) Counts(id string) prefetch.Counts {
	task, ok := s.tasks.get(id)
	if !ok {
		return prefetch.Counts{}
	}
	return task.counts(s.now(), s.vocabulary)
}

// Settled is when the last row of a task became visible with a final status;
// false as long as that is not so.
func (s *Server) Settled(id string) (time.Time, bool) {
	task, ok := s.tasks.get(id)
	if !ok {
		return time.Time{}, false
	}
	return task.settled(s.now(), s.vocabulary)
}

// Stats is what arrived so far.
func (s *Server) Stats() Stats { return s.meter.snapshot() }

// TokenIssued counts a token that was given out.
func (s *Server) TokenIssued() { s.meter.tokenIssued() }

// Fault installs a function that may answer requests in place of the vendor;
// nil removes it. Calls that it answers count against the quota.
func (s *Server) Fault(f FaultFunc) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fault = f
}

// Serve answers one request. A call counts when it arrives, which is after the
// first part of its latency: a caller that has gone by then was never there.
// The quota is looked at before the credentials, so that an unauthenticated
// call over the quota is throttled, too.
func (s *Server) Serve(w http.ResponseWriter, r *http.Request, c Call) {
	if c.Counted {
		s.meter.enter()
		defer s.meter.leave()
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxRequest))
	if err != nil {
		s.meter.refuse(RefusedCancelled)
		panic(http.ErrAbortHandler) // net/http's way to cut a connection
	}
	before, after := s.latency()
	if !sleep(r.Context(), before) {
		s.meter.refuse(RefusedCancelled)
		return
	}
	var a Arrival
	if c.Counted {
		a = s.meter.arrive(c.Identity)
	} else {
		a = s.meter.pass()
	}
	answer := s.decide(r, body, c, a)
	if answer.Refused != "" {
		s.meter.refuse(answer.Refused)
	}
	if !sleep(r.Context(), after) {
		return
	}
	answer.write(w, a.At)
}

func (s *Server) decide(r *http.Request, body []byte, c Call, a Arrival) Reply {
	s.mu.Lock()
	fault := s.fault
	s.mu.Unlock()
	if fault != nil {
		r.Body = io.NopCloser(bytes.NewReader(body))
		if status, text, ok := fault(r); ok {
			return Reply{Status: status, Body: []byte(text), Refused: RefusedFault}
		}
	}
	if a.Over {
		return c.Throttled(a)
	}
	return c.Answer(r, body, a)
}

// write sends the answer with the simulator's own clock in the Date header.
func (a Reply) write(w http.ResponseWriter, at time.Time) {
	const lowest, highest = 200, 999
	if a.Status < lowest || a.Status > highest {
		panic(http.ErrAbortHandler) // net/http's way to cut a connection
	}
	maps.Copy(w.Header(), a.Header)
	w.Header().Set("Date", at.UTC().Format(http.TimeFormat))
	w.WriteHeader(a.Status)
	// A caller that has gone needs no answer, and nobody else could be told.
	_, _ = w.Write(a.Body)
}
