package replicas_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

const (
	// takeoverLimit is after how long others own what a killed exporter did, while
	// etcd keeps its leader.
	takeoverLimit = leaseTTL + 2*time.Second
	// handOverLimit is the same after a graceful end.
	handOverLimit = 2 * time.Second
)

// disturbance is what may happen to a group. It returns when everything runs
// again, and says what it did.
type disturbance struct {
	name string
	do   func(t testing.TB, s *site) string
}

func disturbances() []disturbance {
	return []disturbance{
		{"exporter killed", killed},
		{"exporter stopped past its lease", stopped},
		{"exporter stopped right after a charge", stoppedAfterCharge},
		{"exporter terminated", terminated},
		{"etcd member killed", memberKilled},
		{"etcd leader stopped", leaderStopped},
		{"network cut", cutOff},
	}
}

// deck is an endless order of disturbances in which each comes as often as the
// others.
type deck struct {
	random *rand.Rand
	left   []disturbance
}

func (d *deck) draw() disturbance {
	if len(d.left) == 0 {
		d.left = slices.DeleteFunc(disturbances(), func(one disturbance) bool { return !strings.Contains(one.name, *only) })
		d.random.Shuffle(len(d.left), func(i, j int) { d.left[i], d.left[j] = d.left[j], d.left[i] })
	}
	first := d.left[0]
	d.left = d.left[1:]
	return first
}

func killed(t testing.TB, s *site) string {
	t.Helper()
	r := s.anyone()
	s.kill(t, r)
	down := s.busy(t, between(s, 0, leaseTTL+4*time.Second))
	if down > takeoverLimit {
		s.takenOver(t, r, time.Second)
	}
	s.restart(t, r)
	return fmt.Sprintf("%s for %v", r.Name, down)
}

func stopped(t testing.TB, s *site) string {
	t.Helper()
	r := s.anyone()
	report(t, r.Signal(syscall.SIGSTOP))
	down := s.busy(t, between(s, leaseTTL+time.Second, leaseTTL+4*time.Second))
	report(t, r.Signal(syscall.SIGCONT))
	return fmt.Sprintf("%s for %v", r.Name, down)
}

func terminated(t testing.TB, s *site) string {
	t.Helper()
	r := s.anyone()
	began := time.Now()
	gone := make(chan error)
	go func() { gone <- r.Terminate(stopLimit) }()
	// What it observes of its last answers counts.
	for err := error(nil); err == nil; {
		_, err = r.scrape(t.Context())
	}
	report(t, <-gone)
	took := time.Since(began)
	s.takenOver(t, r, handOverLimit)
	down := s.busy(t, between(s, 0, 3*time.Second))
	s.restart(t, r)
	return fmt.Sprintf("%s, which took %v, for %v", r.Name, took.Round(time.Millisecond), down)
}

func memberKilled(t testing.TB, s *site) string {
	t.Helper()
	m := s.etcd.Members()[s.random.IntN(members)]
	report(t, m.Kill())
	down := s.busy(t, between(s, time.Second, leaseTTL))
	report(t, m.Start())
	return fmt.Sprintf("%s for %v", m.Name, down)
}

func leaderStopped(t testing.TB, s *site) string {
	t.Helper()
	m, err := s.etcd.Leader(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	report(t, m.Pause())
	down := s.busy(t, between(s, 2*time.Second, leaseTTL+4*time.Second))
	report(t, m.Resume())
	return fmt.Sprintf("%s for %v", m.Name, down)
}

func cutOff(t testing.TB, s *site) string {
	t.Helper()
	r := s.anyone()
	ways := []struct {
		word string
		cut  func()
	}{
		{"silently", r.network.Cut},
		{"in one direction", r.network.CutAnswers},
		{"by refusal", r.network.Break},
	}
	way := ways[s.random.IntN(len(ways))]
	way.cut()
	down := s.busy(t, between(s, time.Second, leaseTTL+4*time.Second))
	r.network.Mend()
	return fmt.Sprintf("%s %s for %v", r.Name, way.word, down)
}

// takenOver expects that the others own everything, and have forgotten r, within
// that time.
func (s *site) takenOver(t testing.TB, r *replica, limit time.Duration) {
	t.Helper()
	others := *s
	others.replicas = nil
	for _, other := range s.replicas {
		if other != r {
			others.replicas = append(others.replicas, other)
		}
	}
	if err := others.until(t, limit, others.whole); err != nil {
		t.Errorf("nobody took over from %s: %v", r.Name, err)
	}
}

func (s *site) anyone() *replica { return s.replicas[s.random.IntN(len(s.replicas))] }

// kill ends a replica right after what it has observed was read, so that nothing
// it did is forgotten but what happens in between.
func (s *site) kill(t testing.TB, r *replica) {
	t.Helper()
	_, _ = r.scrape(t.Context()) // what is not there shows at the next look
	report(t, r.Kill())
}

// restart starts a replica that has ended.
func (s *site) restart(t testing.TB, r *replica) {
	t.Helper()
	for key, n := range r.seen {
		r.ended[key] += n
	}
	r.seen = observed{}
	if err := r.Start(); err != nil {
		t.Fatal(err)
	}
}

// between draws a time.
func between(s *site, shortest, longest time.Duration) time.Duration {
	return shortest + time.Duration(s.random.Int64N(int64(longest-shortest)))
}

// busy uses the group for that long, whatever state it is in: tasks are put, and
// vendors get some that nobody names.
func (s *site) busy(t testing.TB, d time.Duration) time.Duration {
	t.Helper()
	const every = time.Second
	end := time.NewTimer(d)
	defer end.Stop()
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	for {
		select {
		case <-t.Context().Done():
			t.Fatal(t.Context().Err())
		case <-end.C:
			return d.Round(time.Millisecond)
		case <-ticker.C:
			s.work(t)
		}
	}
}
