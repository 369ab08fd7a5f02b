package simulator_test

import (
	"net/http"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"prefetch_exporter/vendor_api/simulator"
	simcdnetworks "prefetch_exporter/vendor_api/simulator/cdnetworks"
	"prefetch_exporter/vendor_api/simulator/simulatortest"
)

// The quota as the vendor sees it, against a count by brute force: a call is
// over if the interval of length Per that ends with it held more than Calls
// calls of its identity. Each identity is counted by itself, refused and
// unauthenticated calls included.
func TestQuotaProperty(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		quota := simulator.Quota{
			Calls: rapid.IntRange(0, 4).Draw(t, "calls"),
			Per:   time.Duration(rapid.IntRange(0, 10).Draw(t, "per")) * time.Second,
		}
		now := simulatortest.NewClock(simulatortest.Epoch())
		s := simcdnetworks.New(simcdnetworks.Options{
			Now: now.Now, Quota: quota, APIKeys: map[string]string{"a": "key", "b": "key"},
		})
		arrived := map[string][]time.Time{}
		over, refused := 0, map[string]int{}
		for range rapid.IntRange(0, 40).Draw(t, "n") {
			now.Add(time.Duration(rapid.IntRange(0, 4000).Draw(t, "gap")) * time.Millisecond)
			user := rapid.SampledFrom([]string{"a", "b", "stranger"}).Draw(t, "user")
			arrived[user] = append(arrived[user], now.Now())
			within := 0
			for _, at := range arrived[user] {
				if now.Now().Sub(at) < quota.Per {
					within++
				}
			}
			limited := quota.Calls > 0 && quota.Per > 0 && within > quota.Calls
			got := simulatortest.DecodeCDN(t, simulatortest.Send(t, s, simulatortest.NewRequest(t, "POST "+simulatortest.CDNURL, `{"itemId":"x"}`,
				simulatortest.APIKeyHeaders(user, "key", now.Now()))).Body)
			switch {
			case limited:
				over++
				refused[simulator.RefusedThrottled]++
				checkMessage(t, got, "request is too frequent")
			case user == "stranger":
				refused[simulator.RefusedAuth]++
				checkMessage(t, got, "username is invalid")
			default:
				checkMessage(t, got, "success")
			}
		}
		calls, byIdentity := 0, map[string]int{}
		for user, times := range arrived {
			calls += len(times)
			byIdentity[user] = len(times)
		}
		want := simulator.Stats{Calls: calls, ByIdentity: byIdentity, OverQuota: over, Refused: refused, MaxInFlight: min(calls, 1)}
		if diff := cmp.Diff(want, s.Stats()); diff != "" {
			t.Errorf("stats (-want +got):\n%s", diff)
		}
	})
}

func checkMessage(t simulatortest.TB, a simulatortest.CDNAnswer, want string) {
	t.Helper()
	if a.Message != want {
		t.Errorf("answer %q, want %q", a.Message, want)
	}
}

// Retry-After is the earliest moment at which a call is within the quota: a
// caller that obeys gets its answer, one that comes a second earlier does not.
func TestRetryAfter(t *testing.T) {
	t.Parallel()
	for _, early := range []time.Duration{0, time.Second} {
		now := simulatortest.NewClock(simulatortest.Epoch())
		options := simulatortest.OpsOptions(now.Now)
		options.Quota = simulator.Quota{Calls: 2, Per: 5 * time.Minute}
		options.ThrottleStatus = http.StatusTooManyRequests
		s := simcdnetworks.New(options)
		call := func() simulatortest.Answer {
			return simulatortest.Send(t, s, simulatortest.NewRequest(t, "POST "+simulatortest.CDNURL, `{"itemId":"a"}`, simulatortest.APIKeyHeaders("ops", "key", now.Now())))
		}
		var statuses []int
		var got simulatortest.Answer
		for range 3 {
			got = call()
			statuses = append(statuses, got.Status)
			now.Add(90 * time.Second)
		}
		if !slices.Equal(statuses, []int{200, 200, 429}) {
			t.Fatalf("statuses %v", statuses)
		}
		if a := simulatortest.DecodeCDN(t, got.Body); a.Code != 0 || a.Message != "request is too frequent" {
			t.Errorf("answer %+v", a)
		}
		seconds, err := strconv.Atoi(got.Header.Get("Retry-After"))
		if err != nil || seconds != 210 { // the second call, at 90 s, leaves the interval at 390 s
			t.Fatalf("Retry-After %q", got.Header.Get("Retry-After"))
		}
		now.Add(time.Duration(seconds)*time.Second - 90*time.Second - early)
		want := http.StatusOK
		if early > 0 {
			want = http.StatusTooManyRequests
		}
		if got := call(); got.Status != want {
			t.Errorf("%v early: %d, want %d", early, got.Status, want)
		}
	}
}
