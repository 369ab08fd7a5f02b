package simulator_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"prefetch_exporter/vendor_api/simulator"
	simcdnetworks "prefetch_exporter/vendor_api/simulator/cdnetworks"
	simhuaweicloud "prefetch_exporter/vendor_api/simulator/huaweicloud"
	"prefetch_exporter/vendor_api/simulator/simulatortest"
)

// fixed returns a latency that is always the same.
func fixed(before, after time.Duration) simulator.Latency {
	return func() (time.Duration, time.Duration) { return before, after }
}

// A call is counted and answered when it arrives: after the first part of its
// latency, and before the second.
func TestLatency(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		options := simulatortest.OpsOptions(nil)
		options.Latency = fixed(3*time.Second, 4*time.Second)
		s := simcdnetworks.New(options)
		s.Submit(simulator.Task{ID: "a", Owner: "ops", URLs: []simulator.URLPlan{{URL: "a", Fetch: 3 * time.Second}}})
		start := time.Now()
		done := make(chan simulatortest.CDNAnswer)
		go func() { done <- simulatortest.Ask(t, s, start, `{"itemId":"a"}`) }()

		<-time.After(3*time.Second - 1)
		synctest.Wait()
		if stats := s.Stats(); stats.Calls != 0 || stats.MaxInFlight != 1 {
			t.Errorf("before the arrival: %+v", stats)
		}
		<-time.After(1)
		synctest.Wait()
		if stats := s.Stats(); stats.Calls != 1 {
			t.Errorf("at the arrival: %+v", stats)
		}
		got := <-done
		if took := time.Since(start); took != 7*time.Second {
			t.Errorf("took %v", took)
		}
		if got.ResultDetail[0].Status != "success" {
			t.Errorf("the answer is not of the moment of arrival: %+v", got)
		}
	})
}

// Nobody waits for a vendor longer than its context; whether the call counts
// depends on whether it had arrived by then.
func TestCallerLeaves(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name          string
		latency       simulator.Latency
		calls, absent int
	}{
		{"before the arrival", fixed(5*time.Second, 0), 0, 1},
		{"after the arrival", fixed(0, 5*time.Second), 1, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				options := simulatortest.OpsOptions(nil)
				options.Latency = test.latency
				s := simcdnetworks.New(options)
				ctx, cancel := context.WithTimeout(t.Context(), time.Second)
				defer cancel()
				start := time.Now()
				req := simulatortest.NewRequest(t, "POST "+simulatortest.CDNURL, `{"itemId":"a"}`, simulatortest.APIKeyHeaders("ops", "key", start))
				_, err := simulator.Transport(s).RoundTrip(req.WithContext(ctx))
				if !errors.Is(err, context.DeadlineExceeded) || time.Since(start) != time.Second {
					t.Errorf("after %v: %v", time.Since(start), err)
				}
				synctest.Wait()
				stats := s.Stats()
				if stats.Calls != test.calls || stats.Refused[simulator.RefusedCancelled] != test.absent {
					t.Errorf("stats %+v", stats)
				}
			})
		})
	}
}

// Many callers at once, for a day of their own, over a quota that they obey:
// the arithmetic holds without a lock of the test's.
func TestParallelCalls(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := simhuaweicloud.New(simhuaweicloud.Options{
			Latency:    simulator.Jitter(1, 10*time.Second),
			AccessKeys: map[string]string{"AKEXAMPLE": "SKEXAMPLE"},
			Quota:      simulator.Quota{Calls: 4, Per: time.Minute},
		})
		s.Submit(simulator.Task{ID: "t", Owner: simulatortest.Project, URLs: simulatortest.URLs(3, simulator.URLPlan{Fetch: time.Hour})})
		const callers, each = 4, 50
		var all sync.WaitGroup
		for range callers {
			all.Go(func() {
				for range each {
					if got := simulatortest.Send(t, s, simulatortest.SignedVOD(t, time.Now())); got.Status != http.StatusAccepted {
						t.Errorf("%d %s", got.Status, got.Body)
					}
					<-time.After(time.Minute)
				}
			})
		}
		all.Wait()
		if stats := s.Stats(); stats.Calls != callers*each || stats.OverQuota != 0 || stats.MaxInFlight < 2 || stats.MaxInFlight > callers {
			t.Errorf("stats %+v", stats)
		}
	})
}

func TestFault(t *testing.T) {
	t.Parallel()
	options := simulatortest.OpsOptions(simulatortest.Epoch)
	options.Quota = simulator.Quota{Calls: 2, Per: time.Minute}
	s := simcdnetworks.New(options)
	request := func() *http.Request {
		return simulatortest.NewRequest(t, "POST "+simulatortest.CDNURL, `{"itemId":"a"}`, simulatortest.APIKeyHeaders("ops", "key", simulatortest.Epoch()))
	}
	s.Fault(func(r *http.Request) (int, string, bool) {
		body, err := io.ReadAll(r.Body)
		if err != nil || string(body) != `{"itemId":"a"}` {
			t.Errorf("fault sees body %q, %v", body, err)
		}
		return http.StatusBadGateway, "<html>", true
	})
	got := simulatortest.Send(t, s, request())
	if got.Status != http.StatusBadGateway || got.Body != "<html>" || got.Header.Get("Date") == "" {
		t.Errorf("got %+v", got)
	}
	s.Fault(func(r *http.Request) (int, string, bool) {
		_, err := io.Copy(io.Discard, r.Body)
		return 0, "", err != nil
	})
	if got := simulatortest.Send(t, s, request()); simulatortest.DecodeCDN(t, got.Body).Code != 1 {
		t.Errorf("a fault that declines: %+v", got)
	}
	s.Fault(nil)
	if got := simulatortest.Send(t, s, request()); simulatortest.DecodeCDN(t, got.Body).Message != "request is too frequent" {
		t.Errorf("calls that a fault answered do not count: %+v", got)
	}
	if stats := s.Stats(); stats.Refused[simulator.RefusedFault] != 1 || stats.Calls != 3 {
		t.Errorf("stats %+v", stats)
	}
}

// A fault without a final status cuts the connection, in process and on the
// wire. It reaches IAM as well.
func TestFaultCuts(t *testing.T) {
	t.Parallel()
	s := simhuaweicloud.New(simhuaweicloud.Options{})
	s.Fault(func(*http.Request) (int, string, bool) { return 0, "", true })
	server := httptest.NewServer(s)
	defer server.Close()
	for name, get := range map[string]func() (*http.Response, error){
		"in process": func() (*http.Response, error) {
			return simulator.Transport(s).RoundTrip(simulatortest.NewRequest(t, "POST "+simulatortest.IAMURL, "{}", nil))
		},
		"on the wire": func() (*http.Response, error) {
			return server.Client().Do(simulatortest.NewRequest(t, "POST "+server.URL+"/v3/auth/tokens", "{}", nil))
		},
	} {
		resp, err := get()
		if err == nil {
			_ = resp.Body.Close()
		}
		if !errors.Is(err, io.EOF) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A body over the gateway's limit is not read to its end.
func TestHugeBody(t *testing.T) {
	t.Parallel()
	s := simcdnetworks.New(simulatortest.OpsOptions(simulatortest.Epoch))
	req := simulatortest.NewRequest(t, "POST "+simulatortest.CDNURL, strings.Repeat(" ", 12<<20+1), simulatortest.APIKeyHeaders("ops", "key", simulatortest.Epoch()))
	resp, err := simulator.Transport(s).RoundTrip(req)
	if err == nil {
		_ = resp.Body.Close()
		t.Fatal("it was answered")
	}
	if stats := s.Stats(); stats.Calls != 0 || stats.Refused[simulator.RefusedCancelled] != 1 {
		t.Errorf("stats %+v", stats)
	}
}

func TestJitterProperty(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		seed := rapid.Uint64().Draw(t, "seed")
		limit := time.Duration(rapid.Int64Range(-5, int64(time.Hour)).Draw(t, "limit"))
		one, same := simulator.Jitter(seed, limit), simulator.Jitter(seed, limit)
		for range 20 {
			before, after := one()
			if before < 0 || after < 0 || before+after > max(limit, 0) {
				t.Fatalf("%v + %v, limit %v", before, after, limit)
			}
			if b, a := same(); b != before || a != after {
				t.Fatal("the same seed gives another sequence")
			}
		}
	})
	var spread time.Duration
	jitter := simulator.Jitter(7, time.Second)
	for range 100 {
		before, after := jitter()
		spread = max(spread, before+after)
	}
	if spread < 900*time.Millisecond {
		t.Errorf("of 100 calls none took more than %v", spread)
	}
}

// BenchmarkItemQuery asks for one item among ten thousand, as a day of polling
// does tens of thousands of times.
func BenchmarkItemQuery(b *testing.B) {
	s := manyTasks()
	for b.Loop() {
		if got := simulatortest.Ask(b, s, simulatortest.Noon(), `{"itemId":"item5000"}`); got.Count != 10 {
			b.Fatalf("got %+v", got)
		}
	}
}

// BenchmarkWindowQuery pages through the rows of all of them.
func BenchmarkWindowQuery(b *testing.B) {
	s := manyTasks()
	for b.Loop() {
		if got := simulatortest.Ask(b, s, simulatortest.Noon(), `{`+simulatortest.WholeDay+`,"pageSize":100,"pageNo":500}`); got.Count != 100_000 {
			b.Fatalf("got %d %s", got.Count, got.Message)
		}
	}
}

func manyTasks() *simcdnetworks.Server {
	s := simcdnetworks.New(simulatortest.OpsOptions(simulatortest.Noon))
	for i := range 10_000 {
		s.Submit(simulator.Task{
			ID: fmt.Sprintf("item%d", i), Owner: "ops", Created: simulatortest.Noon().Add(-time.Duration(i) * time.Second),
			URLs: simulatortest.URLs(10, simulator.URLPlan{Wait: time.Minute, Fetch: time.Minute}),
		})
	}
	return s
}
