package simulator

import (
	"bytes"
	"io"
	"maps"
	"net/http"
	"sync"
	"time"
)

// maxRequest is the limit of a request's body, the gateway's own (Huawei Cloud,
// API signing guide: 12 MB). CDNetworks names none.
const maxRequest = 12 << 20

// FaultFunc may answer a request in place of the vendor: it returns ok to do
// so. A status that is no final HTTP status (200–999) cuts the connection
// without any answer. It can read the request's body, and must be safe for
// concurrent use.
type FaultFunc func(r *http.Request) (status int, body string, ok bool)

// server is what both vendors do with a request, whatever it asks: it takes
// time, is counted, may be answered by a fault, and is refused over the quota.
type server struct {
	now     func() time.Time
	latency Latency
	meter   *meter

	mu    sync.Mutex
	fault FaultFunc
}

// call is one request as a vendor's front end sees it.
type call struct {
	// identity is whom the call is counted for. Not counted are requests that
	// cost no quota.
	identity string
	counted  bool
	// answer answers a request that is within the quota, and throttled one that
	// is not.
	answer    func(r *http.Request, body []byte, a arrival) reply
	throttled func(a arrival) reply
}

// reply is a whole answer.
type reply struct {
	status int
	header http.Header
	body   []byte
	// refused is why it is not what was asked for, a key of Stats.Refused;
	// empty if it is.
	refused string
}

func newServer(now func() time.Time, quota Quota, latency Latency) *server {
	if now == nil {
		now = time.Now
	}
	if latency == nil {
		latency = Jitter(0, 0)
	}
	return &server{now: now, latency: latency, meter: newMeter(quota, now)}
}

func (s *server) setFault(f FaultFunc) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fault = f
}

// serve answers one request. A call counts when it arrives, which is after the
// first part of its latency: a caller that has gone by then was never there.
// The quota is looked at before the credentials, so that an unauthenticated
// call over the quota is throttled, too.
func (s *server) serve(w http.ResponseWriter, r *http.Request, c call) {
	if c.counted {
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
	var a arrival
	if c.counted {
		a = s.meter.arrive(c.identity)
	} else {
		a = s.meter.pass()
	}
	answer := s.decide(r, body, c, a)
	if answer.refused != "" {
		s.meter.refuse(answer.refused)
	}
	if !sleep(r.Context(), after) {
		return
	}
	answer.write(w, a.at)
}

func (s *server) decide(r *http.Request, body []byte, c call, a arrival) reply {
	s.mu.Lock()
	fault := s.fault
	s.mu.Unlock()
	if fault != nil {
		r.Body = io.NopCloser(bytes.NewReader(body))
		if status, text, ok := fault(r); ok {
			return reply{status: status, body: []byte(text), refused: RefusedFault}
		}
	}
	if a.over {
		return c.throttled(a)
	}
	return c.answer(r, body, a)
}

// write sends the answer with the simulator's own clock in the Date header.
func (a reply) write(w http.ResponseWriter, at time.Time) {
	const lowest, highest = 200, 999
	if a.status < lowest || a.status > highest {
		panic(http.ErrAbortHandler) // net/http's way to cut a connection
	}
	maps.Copy(w.Header(), a.header)
	w.Header().Set("Date", at.UTC().Format(http.TimeFormat))
	w.WriteHeader(a.status)
	// A caller that has gone needs no answer, and nobody else could be told.
	_, _ = w.Write(a.body)
}
