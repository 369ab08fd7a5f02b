package simulator

import (
	"fmt"
	"maps"
	"sync"
	"time"
)

// Quota is what the vendor allows to one identity: Calls in any interval of
// length Per. The zero value, or one with either field zero, allows everything.
type Quota struct {
	Calls int
	Per   time.Duration
}

func (q Quota) limited() bool { return q.Calls > 0 && q.Per > 0 }

// The keys of [Stats.Refused] that all vendors share. Every other key is
// the vendor's own code or text, such as "VOD.10062" or "page size error".
const (
	// RefusedThrottled: the quota was used up.
	RefusedThrottled = "throttled"
	// RefusedAuth: the credentials or the signature were not accepted.
	RefusedAuth = "auth"
	// RefusedRoute: there is no such path or method.
	RefusedRoute = "route"
	// RefusedFault: an injected fault answered in place of the vendor.
	RefusedFault = "fault"
	// RefusedCancelled: the caller had gone before its call arrived. Such a
	// call is not in [Stats.Calls].
	RefusedCancelled = "cancelled"
)

// Stats is what the vendor saw so far. Requests for an IAM token are not calls.
type Stats struct {
	// Calls is how many calls arrived, whatever became of them.
	Calls int
	// ByIdentity is Calls by whom the vendor counts: the claimed username or
	// access key (CDNetworks), the project in the path (Huawei Cloud). A call
	// without any has the empty identity.
	ByIdentity map[string]int
	// OverQuota is how many calls arrived as one too many: together with the
	// earlier calls of the same identity, some interval of length [Quota].Per
	// then held more than [Quota].Calls. Refused calls count as well.
	OverQuota int
	// Refused is how many calls were not answered, by reason.
	Refused map[string]int
	// MaxInFlight is the largest number of calls that were under way at once.
	MaxInFlight int
}

// meter counts calls as they arrive and knows which are over the quota.
type meter struct {
	quota Quota
	now   func() time.Time

	mu       sync.Mutex
	stats    Stats
	inFlight int
	// arrivals is when the last Quota.Calls calls of each identity arrived.
	arrivals map[string][]time.Time
	requests uint64
}

// Arrival is one request as it came in.
type Arrival struct {
	At time.Time
	// Over: the request is one too many for the quota.
	Over bool
	// Wait is how long from At until a call would not be over the quota.
	Wait time.Duration
	// Number counts the requests, from 1.
	Number uint64
}

// ID identifies the request, in the form of a UUID.
func (a Arrival) ID() string {
	return fmt.Sprintf("%08x-0000-4000-8000-%012x", a.Number, a.At.UnixMilli())
}

func newMeter(quota Quota, now func() time.Time) *meter {
	return &meter{
		quota:    quota,
		now:      now,
		stats:    Stats{ByIdentity: map[string]int{}, Refused: map[string]int{}},
		arrivals: map[string][]time.Time{},
	}
}

// underWay marks the beginning of a call, or its end.
func (m *meter) underWay(change int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.inFlight += change
	m.stats.MaxInFlight = max(m.stats.MaxInFlight, m.inFlight)
}

// arrive numbers a request, and counts it for identity if it is a call. The clock is
// read under the lock, so that arrivals are counted in the order of their times.
//
// A call is over the quota if the one that came Quota.Calls calls before it came less
// than Quota.Per ago: those two and all between them then lie in one interval of that
// length.
func (m *meter) arrive(identity string, counted bool) Arrival {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.requests++
	a := Arrival{At: m.now(), Number: m.requests}
	if !counted {
		return a
	}
	m.stats.Calls++
	m.stats.ByIdentity[identity]++
	if !m.quota.limited() {
		return a
	}
	last := m.arrivals[identity]
	if len(last) == m.quota.Calls {
		a.Over = a.At.Sub(last[0]) < m.quota.Per
		last = last[1:]
	}
	last = append(last, a.At)
	m.arrivals[identity] = last
	if a.Over {
		m.stats.OverQuota++
	}
	if len(last) == m.quota.Calls {
		a.Wait = max(0, last[0].Add(m.quota.Per).Sub(a.At))
	}
	return a
}

// refuse counts a call that was not answered.
func (m *meter) refuse(reason string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.stats.Refused[reason]++
}

func (m *meter) snapshot() Stats {
	m.mu.Lock()
	defer m.mu.Unlock()
	s := m.stats
	s.ByIdentity = maps.Clone(s.ByIdentity)
	s.Refused = maps.Clone(s.Refused)
	return s
}
