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
		now := newClock(epoch())
		s := simulator.NewCDNetworks(simulator.CDNetworksOptions{
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
			got := decodeCDN(t, send(t, s, newRequest(t, "POST "+cdnURL, `{"itemId":"x"}`,
				apiKeyHeaders(user, "key", now.Now()))).body)
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

func checkMessage(t tb, a cdnAnswer, want string) {
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
		now := newClock(epoch())
		options := opsOptions(now.Now)
		options.Quota = simulator.Quota{Calls: 2, Per: 5 * time.Minute}
		options.ThrottleStatus = http.StatusTooManyRequests
		s := simulator.NewCDNetworks(options)
		call := func() answer {
			return send(t, s, newRequest(t, "POST "+cdnURL, `{"itemId":"a"}`, apiKeyHeaders("ops", "key", now.Now())))
		}
		var statuses []int
		var got answer
		for range 3 {
			got = call()
			statuses = append(statuses, got.status)
			now.Add(90 * time.Second)
		}
		if !slices.Equal(statuses, []int{200, 200, 429}) {
			t.Fatalf("statuses %v", statuses)
		}
		if a := decodeCDN(t, got.body); a.Code != 0 || a.Message != "request is too frequent" {
			t.Errorf("answer %+v", a)
		}
		seconds, err := strconv.Atoi(got.header.Get("Retry-After"))
		if err != nil || seconds != 210 { // the second call, at 90 s, leaves the interval at 390 s
			t.Fatalf("Retry-After %q", got.header.Get("Retry-After"))
		}
		now.Add(time.Duration(seconds)*time.Second - 90*time.Second - early)
		want := http.StatusOK
		if early > 0 {
			want = http.StatusTooManyRequests
		}
		if got := call(); got.status != want {
			t.Errorf("%v early: %d, want %d", early, got.status, want)
		}
	}
}

func TestHuaweicloudThrottles(t *testing.T) {
	t.Parallel()
	for _, status := range []int{0, http.StatusServiceUnavailable} {
		s := simulator.NewHuaweicloud(simulator.HuaweicloudOptions{
			Now: epoch, AccessKeys: map[string]string{"AKEXAMPLE": "SKEXAMPLE"},
			Quota: simulator.Quota{Calls: 1, Per: time.Minute}, ThrottleStatus: status,
		})
		s.Submit(simulator.Task{ID: "t", Owner: project, URLs: urls(1, simulator.URLPlan{})})
		if got := send(t, s, signedVOD(t, epoch())); got.status != http.StatusAccepted {
			t.Fatalf("first: %d %s", got.status, got.body)
		}
		want := status
		if want == 0 {
			want = http.StatusTooManyRequests
		}
		checkVODError(t, send(t, s, signedVOD(t, epoch())), vodWant{want, "APIGW.0308"}, "policy user over ratelimit,limit:1,")
		if stats := s.Stats(); stats.OverQuota != 1 || stats.ByIdentity[project] != 2 {
			t.Errorf("stats %+v", stats)
		}
	}
}
