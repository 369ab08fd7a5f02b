package replicas_test

import (
	"flag"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"prefetch_exporter/prefetch"
)

var (
	rounds = flag.Int("replicas.rounds", len(disturbances()), "how often TestChaos disturbs the group")
	only   = flag.String("replicas.only", "", "a part of the names of the only disturbances that TestChaos draws")
	seed   = flag.Uint64("replicas.seed", 1, "from which TestChaos draws what happens; 0: a new one")
)

const (
	// stuckTasks of each account never end, so that its budget is always wanted.
	stuckTasks = 6
	// settleEvery is after how many rounds everything must be settled.
	settleEvery = 7
)

// TestChaos disturbs a group of replicas again and again. After each round the
// replicas must be equal and every account have one owner; whatever happens, no
// vendor may be called too often, no task be lost and no URL be observed twice.
func TestChaos(t *testing.T) {
	t.Parallel()
	from := *seed
	if from == 0 {
		from = uint64(time.Now().UnixNano())
	}
	t.Logf("%d rounds of -replicas.seed=%d", *rounds, from)
	s := newSite(t, from, identities(t, from))
	for _, name := range s.names {
		for n := range stuckTasks + 1 {
			const urls = 3
			p := s.submit(name, urls, n < stuckTasks)
			s.accounts[name].must[p.id] = true
		}
	}
	s.start(t, exporterProgram(t))
	defer s.judge(t)
	whole, equal := s.calm(t)
	t.Logf("started: calm after %v, equal after %v more", short(whole), short(equal))
	s.settled(t)
	ledger := s.baseline(t)

	cards := deck{random: s.random}
	for n := range *rounds {
		d := cards.draw()
		began := time.Now()
		did := d.do(t, s)
		took := time.Since(began)
		whole, equal := s.calm(t)
		s.accountable(t)
		t.Logf("%s round %d: %s: %s; after %v calm in %v, equal in %v",
			began.Format("15:04:05.000"), n+1, d.name, did, short(took), short(whole), short(equal))
		if (n+1)%settleEvery == 0 || n+1 == *rounds {
			s.settled(t)
			s.observations(t, ledger)
		}
		if t.Failed() {
			t.Fatalf("stopped after round %d of -replicas.seed=%d", n+1, from)
		}
	}
	lost := 0.0
	for key, n := range ledger.unseen {
		if !ledger.never[key] {
			lost += n
		}
	}
	t.Logf("%v URLs and tasks were stored by an exporter that was ended before it counted them", lost)
}

// accountable looks at the quotas.
func (s *site) accountable(t testing.TB) {
	t.Helper()
	for _, i := range s.identities {
		for _, over := range i.over() {
			t.Error(over)
		}
		if stats := i.vendor.Stats(); stats.OverQuota != 0 {
			t.Errorf("%s: the simulator itself saw %d calls over the quota", i.name, stats.OverQuota)
		}
	}
}

// judge looks at what the whole time was like.
func (s *site) judge(t testing.TB) {
	t.Helper()
	s.accountable(t)
	for _, i := range s.identities {
		const least = 10
		n := i.arrivals()
		t.Logf("%s: %d calls at %d per %v, refused: %v", i.name, n, i.limit.Calls, i.limit.Per, i.vendor.Stats().Refused)
		if n < least {
			t.Errorf("%s: only %d calls: nothing was tested", i.name, n)
		}
	}
	for _, r := range s.replicas {
		text, err := os.ReadFile(r.LogFile)
		report(t, err)
		for _, bad := range []string{"panic", "DATA RACE", "has forgotten", "cannot be read"} {
			if at := strings.Index(string(text), bad); at >= 0 {
				t.Errorf("%s logged %q:\n%s", r.Name, bad, string(text[max(0, at-200):min(len(text), at+2000)]))
			}
		}
	}
	if t.Failed() {
		s.showLogs(t)
	}
}

// showLogs prints the ends of all logs: the folder is gone with the test.
func (s *site) showLogs(t testing.TB) {
	t.Helper()
	const last = 1500
	for _, r := range s.replicas {
		f, err := os.Open(r.LogFile)
		if err != nil {
			continue
		}
		_, _ = f.Seek(-last, io.SeekEnd)
		text, _ := io.ReadAll(f)
		_ = f.Close()
		t.Logf("the end of the log of %s:\n%s", r.Name, text)
	}
}

// work is what a group has to do at all times: a new task, or one less.
func (s *site) work(t testing.TB) {
	t.Helper()
	name := s.names[s.random.IntN(len(s.names))]
	a, r := s.accounts[name], s.anyone()
	switch s.random.IntN(4) {
	case 0:
		if id := a.deletable(); id != "" {
			s.remove(t, r, name, id)
		}
	case 1:
		if a.discovers {
			p := s.submit(name, 2, false)
			a.must[p.id] = true
		}
	default:
		s.put(t, r, name)
	}
}

// deletable is a task that was put and that everybody showed as settled; empty
// if there is none.
func (a *account) deletable() string {
	if a.discovers {
		return ""
	}
	for _, id := range slices.Sorted(maps.Keys(a.put)) {
		if a.known[id] && a.must[id] {
			return id
		}
	}
	return ""
}

func statusWord(n int) string { return prefetch.Status(n).String() }

func short(d time.Duration) string { return fmt.Sprintf("%.1fs", d.Seconds()) }
