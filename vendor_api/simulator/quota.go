package simulator

import (
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

// The keys of [Stats.Refused] that both simulators share. Every other key is
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
	// TokensIssued is how many IAM tokens were given out (Huawei Cloud).
	TokensIssued int
}

// meter counts calls as they arrive and knows which are over the quota.
type meter struct {
	quota Quota
	now   func() time.Time

	mu       sync.Mutex
	stats    Stats
	inFlight int
	arrivals map[string]*arrivals
	requests uint64
}

// arrivals remembers when the last Quota.Calls calls of one identity arrived.
type arrivals struct {
	ring []time.Time
	next int
	full bool
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

func newMeter(quota Quota, now func() time.Time) *meter {
	return &meter{
		quota:    quota,
		now:      now,
		stats:    Stats{ByIdentity: map[string]int{}, Refused: map[string]int{}},
		arrivals: map[string]*arrivals{},
	}
}

// enter marks the beginning of a call.
func (m *meter) enter() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.inFlight++
	m.stats.MaxInFlight = max(m.stats.MaxInFlight, m.inFlight)
}

// leave marks the end of a call.
func (m *meter) leave() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.inFlight--
}

// arrive counts a call of identity now. The clock is read under the lock, so
// that arrivals are counted in the order of their times.
func (m *meter) arrive(identity string) Arrival {
	m.mu.Lock()
	defer m.mu.Unlock()
	a := Arrival{At: m.now()}
	m.requests++
	a.Number = m.requests
	m.stats.Calls++
	m.stats.ByIdentity[identity]++
	if !m.quota.limited() {
		return a
	}
	seen, ok := m.arrivals[identity]
	if !ok {
		seen = &arrivals{ring: make([]time.Time, m.quota.Calls)}
		m.arrivals[identity] = seen
	}
	a.Over, a.Wait = seen.add(a.At, m.quota.Per)
	if a.Over {
		m.stats.OverQuota++
	}
	return a
}

// pass numbers a request that is no call.
func (m *meter) pass() Arrival {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.requests++
	return Arrival{At: m.now(), Number: m.requests}
}

// refuse counts a call that was not answered.
func (m *meter) refuse(reason string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.stats.Refused[reason]++
}

func (m *meter) tokenIssued() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.stats.TokensIssued++
}

func (m *meter) snapshot() Stats {
	m.mu.Lock()
	defer m.mu.Unlock()
	s := m.stats
	s.ByIdentity = maps.Clone(s.ByIdentity)
	s.Refused = maps.Clone(s.Refused)
	return s
}

// add records an arrival at t. It is over the quota if the call that came
// len(ring) calls before it came less than per ago: those two and all between
// them then lie in one interval of length per.
func (a *arrivals) add(t time.Time, per time.Duration) (over bool, wait time.Duration) {
	over = a.full && t.Sub(a.ring[a.next]) < per
	a.ring[a.next] = t
	a.next++
	if a.next == len(a.ring) {
		a.next, a.full = 0, true
	}
	if a.full {
		wait = max(0, a.ring[a.next].Add(per).Sub(t))
	}
	return over, wait
}
