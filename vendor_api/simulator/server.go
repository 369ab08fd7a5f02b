package simulator

import (
	"bytes"
	"cmp"
	"encoding/json"
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

// Vendor is what a vendor does in its own way.
type Vendor struct {
	// Now is its clock; nil means [time.Now].
	Now func() time.Time
	// Quota is what it allows to each identity.
	Quota Quota
	// Latency is how long a request takes; nil means no time.
	Latency Latency
	// Kept is for how long it shows a task; 0 means for good.
	Kept       time.Duration
	Vocabulary Vocabulary

	// Identity is whom a request is counted for; empty for one that claims nobody.
	Identity func(r *http.Request) string
	// Free reports whether a request costs no quota; nil means that each does.
	Free func(r *http.Request) bool
	// Answer answers a request that is within the quota, or refuses it.
	Answer func(r *http.Request, body []byte, a Arrival) (answer any, refused *Refusal)
	// Throttled is how a call over the quota is refused.
	Throttled Refusal
	// Reply puts an answer, or a refusal, into the vendor's form.
	Reply func(answer any, refused *Refusal, a Arrival) Reply
}

// Refusal is an error that a vendor answers with.
type Refusal struct {
	// Status is its HTTP status; 0 means 200.
	Status        int
	Code, Message string
	// Reason is its key in [Stats.Refused]; empty for the code, or the message where
	// there is none.
	Reason string
}

// Denied refuses credentials or a signature.
func Denied(status int, code, message string) *Refusal {
	return &Refusal{Status: status, Code: code, Message: message, Reason: RefusedAuth}
}

// NoRoute refuses a path or a method that does not exist.
func NoRoute(status int, code, message string) *Refusal {
	return &Refusal{Status: status, Code: code, Message: message, Reason: RefusedRoute}
}

// Invalid refuses a parameter, by HTTP 400.
func Invalid(code, message string) *Refusal {
	return &Refusal{Status: http.StatusBadRequest, Code: code, Message: message}
}

// Reply is a whole answer.
type Reply struct {
	// Status is its HTTP status; 0 means that of the refusal.
	Status int
	Header http.Header
	// Body is written as JSON. It is made of plain fields, which cannot fail to encode.
	Body any
}

// Server is what every simulated vendor does, whatever it is asked: it keeps the
// tasks, and a request takes time, is counted, may be answered by a fault, and is
// refused over the quota. A vendor embeds it. It is an [http.Handler], and safe for
// concurrent use.
type Server struct {
	vendor Vendor
	meter  *meter
	tasks  *registry

	mu    sync.Mutex
	fault FaultFunc
}

// NewServer returns a server of a vendor without tasks.
func NewServer(v Vendor) *Server {
	if v.Now == nil {
		v.Now = time.Now
	}
	if v.Latency == nil {
		v.Latency = Jitter(0, 0)
	}
	return &Server{vendor: v, meter: newMeter(v.Quota, v.Now), tasks: newRegistry()}
}

// Now is the vendor's clock.
func (s *Server) Now() time.Time { return s.vendor.Now() }

// Submit gives a task to the vendor, in place of an earlier one of the same ID.
func (s *Server) Submit(task Task) { s.tasks.submit(task, s.Now()) }

// Tasks are those that are wanted and still shown, in the order of creation. The slice
// belongs to the caller.
func (s *Server) Tasks(w Wanted) []*Registered {
	if s.vendor.Kept > 0 {
		w.From = later(w.From, w.Now.Add(-s.vendor.Kept))
	}
	return s.tasks.find(w)
}

// Counts is the truth about a task now, whether its rows are visible or not:
// its URLs by the status that a client should report. A task that is not known
// or not created yet has none.
func (s *Server) Counts(id string) prefetch.Counts {
	now := s.Now()
	if task, ok := s.tasks.get(id); ok && !now.Before(task.Created) {
		return s.CountsAt(task, now)
	}
	return prefetch.Counts{}
}

// CountsAt is the truth about a task at a moment.
func (s *Server) CountsAt(t *Registered, now time.Time) (c prefetch.Counts) {
	for i := range t.URLs {
		c[s.vendor.Vocabulary.status(s.vendor.Vocabulary.row(t, i, now).Word)]++
	}
	return c
}

// Settled is when the last row of a task became visible with a final status;
// false as long as that is not so.
func (s *Server) Settled(id string) (time.Time, bool) {
	task, ok := s.tasks.get(id)
	if !ok {
		return time.Time{}, false
	}
	return task.settled(s.Now(), &s.vendor.Vocabulary)
}

// Stats is what arrived so far.
func (s *Server) Stats() Stats { return s.meter.snapshot() }

// Fault installs a function that may answer requests in place of the vendor;
// nil removes it. Calls that it answers count against the quota.
func (s *Server) Fault(f FaultFunc) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fault = f
}

// ServeHTTP implements [http.Handler]. A call counts when it arrives, which is after
// the first part of its latency: a caller that has gone by then was never there.
// The quota is looked at before the credentials, so that an unauthenticated
// call over the quota is throttled, too.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	counted := s.vendor.Free == nil || !s.vendor.Free(r)
	if counted {
		s.meter.underWay(1)
		defer s.meter.underWay(-1)
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxRequest))
	if err != nil {
		s.meter.refuse(RefusedCancelled)
		panic(http.ErrAbortHandler) // net/http's way to cut a connection
	}
	before, after := s.vendor.Latency()
	if !sleep(r.Context(), before) {
		s.meter.refuse(RefusedCancelled)
		return
	}
	a := s.meter.arrive(s.vendor.Identity(r), counted)
	status, header, text := s.answer(r, body, a)
	if !sleep(r.Context(), after) {
		return
	}
	const lowest, highest = 200, 999
	if status < lowest || status > highest {
		panic(http.ErrAbortHandler)
	}
	maps.Copy(w.Header(), header)
	w.Header().Set("Date", a.At.UTC().Format(http.TimeFormat)) // of its own clock
	w.WriteHeader(status)
	// A caller that has gone needs no answer, and nobody else could be told.
	_, _ = w.Write(text)
}

// answer is what a request gets, by the first who has something to say: a fault, the
// quota, the vendor.
func (s *Server) answer(r *http.Request, body []byte, a Arrival) (status int, header http.Header, text []byte) {
	s.mu.Lock()
	fault := s.fault
	s.mu.Unlock()
	if fault != nil {
		r.Body = io.NopCloser(bytes.NewReader(body))
		if status, text, ok := fault(r); ok {
			s.meter.refuse(RefusedFault)
			return status, nil, []byte(text)
		}
	}
	answer, refused := any(nil), &s.vendor.Throttled
	if !a.Over {
		answer, refused = s.vendor.Answer(r, body, a)
	}
	reply := s.vendor.Reply(answer, refused, a)
	if refused != nil {
		s.meter.refuse(cmp.Or(refused.Reason, refused.Code, refused.Message))
		status = refused.Status
	}
	return cmp.Or(reply.Status, status, http.StatusOK), reply.Header, encode(reply.Body)
}

// encode writes JSON as the vendors do: characters of HTML as they are.
func encode(v any) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil
	}
	return b.Bytes()
}
