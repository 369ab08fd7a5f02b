package huaweicloud_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"prefetch_exporter/prefetch"
	vendorapi "prefetch_exporter/vendor_api"
	"prefetch_exporter/vendor_api/huaweicloud"
)

const password = `correct"horse<battery>staple`

// cloud is IAM and VOD in memory, on the clock of the test's bubble.
type cloud struct {
	// issue answers the nth request for a token, from 1; nil issues a token of
	// 24 hours named T and its number.
	issue func(n int, r *http.Request) (*http.Response, error)
	// answer answers a query; nil answers without rows.
	answer func(r *http.Request) (*http.Response, error)

	fetches, queries atomic.Int64
	mu               sync.Mutex
	tokens           []string
}

func (c *cloud) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.URL.Host == "iam.example" {
		n := int(c.fetches.Add(1))
		if c.issue == nil {
			return issued(n, 24*time.Hour), nil
		}
		return c.issue(n, r)
	}
	c.queries.Add(1)
	c.mu.Lock()
	c.tokens = append(c.tokens, r.Header.Get("X-Auth-Token"))
	c.mu.Unlock()
	if c.answer == nil {
		return respond(http.StatusOK, `{"preheating_results":[]}`), nil
	}
	return c.answer(r)
}

// used returns the tokens of the queries so far.
func (c *cloud) used() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]string(nil), c.tokens...)
}

func tokenName(n int) string { return fmt.Sprintf("T%d", n) }

// issued is IAM's answer as its page has it, less the catalog.
func issued(n int, life time.Duration) *http.Response {
	at := time.Now().UTC()
	body := fmt.Sprintf(`{"token":{"expires_at":%q,"issued_at":%q,"methods":["password"]}}`,
		at.Add(life).Format("2006-01-02T15:04:05.000000Z"), at.Format("2006-01-02T15:04:05.000000Z"))
	return respond(http.StatusCreated, body, "X-Subject-Token", tokenName(n))
}

func (c *cloud) provider(tb testing.TB) *huaweicloud.Provider {
	tb.Helper()
	client, err := vendorapi.NewClient(vendorapi.ClientOptions{RoundTripper: c})
	if err != nil {
		tb.Fatal(err)
	}
	p, err := huaweicloud.New(huaweicloud.Options{
		Endpoint: "https://vod.example", ProjectID: project, Client: client,
		Auth: huaweicloud.IAM(huaweicloud.IAMOptions{
			Endpoint: "https://iam.example", Domain: "company", Username: "ops", Password: text(password),
			ProjectID: project, Client: client,
		}),
	})
	if err != nil {
		tb.Fatal(err)
	}
	return p
}

func TestIAMRequest(t *testing.T) {
	t.Parallel()
	c := &cloud{issue: func(n int, r *http.Request) (*http.Response, error) {
		if r.Method != http.MethodPost || r.URL.String() != "https://iam.example/v3/auth/tokens" ||
			r.Header.Get("Content-Type") != "application/json" {
			t.Errorf("%s %s %v", r.Method, r.URL, r.Header)
		}
		var got any
		if err := json.NewDecoder(r.Body).Decode(&got); err != nil {
			t.Error(err)
		}
		want := map[string]any{"auth": map[string]any{
			"identity": map[string]any{
				"methods": []any{"password"},
				"password": map[string]any{"user": map[string]any{
					"name": "ops", "password": password, "domain": map[string]any{"name": "company"},
				}},
			},
			"scope": map[string]any{"project": map[string]any{"id": project}},
		}}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
		return issued(n, time.Hour), nil
	}}
	if _, err := c.provider(t).Query(t.Context(), taskQuery()); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"T1"}, c.used()); diff != "" {
		t.Error(diff)
	}
}

// A day and a half of a question a minute: each token is replaced well before
// its end, and not sooner than it must be.
func TestIAMRenewsBeforeTheEnd(t *testing.T) {
	t.Parallel()
	const end24 = `{"token":{"expires_at":"%s"}}`
	for _, tt := range []struct {
		name        string
		life        time.Duration
		response    func(n int) *http.Response
		wantFetches int64
	}{
		{name: "24 h", life: 24 * time.Hour, wantFetches: 2},
		{name: "1 h", life: time.Hour, wantFetches: 48},
		{name: "no body", life: 24 * time.Hour, wantFetches: 2, response: func(n int) *http.Response {
			return respond(http.StatusCreated, "", "X-Subject-Token", tokenName(n))
		}},
		{name: "no times", life: 24 * time.Hour, wantFetches: 2, response: func(n int) *http.Response {
			return respond(http.StatusCreated, `{"token":{"expires_at":"tomorrow"}}`, "X-Subject-Token", tokenName(n))
		}},
		{name: "no issue time, vendor's clock an hour ahead", life: 24 * time.Hour, wantFetches: 2, response: func(n int) *http.Response {
			vendor := time.Now().Add(time.Hour).UTC()
			return respond(http.StatusCreated, fmt.Sprintf(end24, vendor.Add(24*time.Hour).Format(time.RFC3339)),
				"X-Subject-Token", tokenName(n), "Date", vendor.Format(http.TimeFormat))
		}},
		{name: "no issue time, no date", life: 24 * time.Hour, wantFetches: 2, response: func(n int) *http.Response {
			return respond(http.StatusCreated, fmt.Sprintf(end24, time.Now().Add(24*time.Hour).UTC().Format(time.RFC3339)),
				"X-Subject-Token", tokenName(n), "Date", "")
		}},
		{name: "longer than documented", life: 24 * time.Hour, wantFetches: 2, response: func(n int) *http.Response {
			return issued(n, 1000*time.Hour)
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				born := map[string]time.Time{}
				c := &cloud{}
				c.issue = func(n int, _ *http.Request) (*http.Response, error) {
					born[tokenName(n)] = time.Now()
					if tt.response != nil {
						return tt.response(n), nil
					}
					return issued(n, tt.life), nil
				}
				c.answer = func(r *http.Request) (*http.Response, error) {
					if age := time.Since(born[r.Header.Get("X-Auth-Token")]); age > tt.life*3/4 {
						t.Errorf("a token of %v life is used at the age of %v", tt.life, age)
					}
					return respond(http.StatusOK, `{}`), nil
				}
				p := c.provider(t)
				for range 36 * 60 {
					if _, err := p.Query(t.Context(), taskQuery()); err != nil {
						t.Fatal(err)
					}
					tick(time.Minute)
				}
				if got := c.fetches.Load(); got != tt.wantFetches {
					t.Errorf("%d tokens fetched, want %d", got, tt.wantFetches)
				}
			})
		})
	}
}

// tick lets d pass on the bubble's clock.
func tick(d time.Duration) { <-time.After(d) }

// A token that is over when it comes is used once and not kept.
func TestIAMTokenAlreadyOver(t *testing.T) {
	t.Parallel()
	c := &cloud{issue: func(n int, _ *http.Request) (*http.Response, error) { return issued(n, -time.Hour), nil }}
	p := c.provider(t)
	for range 2 {
		if _, err := p.Query(t.Context(), taskQuery()); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff([]string{"T1", "T2"}, c.used()); diff != "" {
		t.Error(diff)
	}
}

// The options' own clock counts before the provider's.
func TestIAMClock(t *testing.T) {
	t.Parallel()
	c := &cloud{issue: func(n int, _ *http.Request) (*http.Response, error) {
		return respond(http.StatusCreated, "{}", "X-Subject-Token", tokenName(n)), nil
	}}
	clock := now()
	auth := huaweicloud.IAM(huaweicloud.IAMOptions{
		Endpoint: "https://iam.example", Domain: "d", Username: "u", Password: text(password), ProjectID: project,
		Client: newClient(t, c), Now: func() time.Time { return clock },
	})
	for _, want := range []string{"T1", "T1", "T2"} {
		req := newRequest(t, "https://vod.example")
		if err := auth.Authorize(t.Context(), req, nil, time.Time{}); err != nil {
			t.Fatal(err)
		}
		if got := req.Header.Get("X-Auth-Token"); got != want {
			t.Errorf("token %s, want %s", got, want)
		}
		clock = clock.Add(17 * time.Hour)
	}
}

// A refused token fails its call, and the next call fetches a new one first.
func TestIAMTokenRefused(t *testing.T) {
	t.Parallel()
	for name, refusal := range map[string]func() *http.Response{
		"401":        func() *http.Response { return respond(http.StatusUnauthorized, "") },
		"APIG.0301":  func() *http.Response { return respond(http.StatusForbidden, `{"error_code":"APIG.0301"}`) },
		"VOD.10054":  func() *http.Response { return respond(http.StatusForbidden, `{"error_code":"VOD.10054"}`) },
		"VST.10004":  func() *http.Response { return respond(http.StatusBadRequest, `{"error_code":"VST.10004"}`) },
		"200 inside": func() *http.Response { return respond(http.StatusOK, `{"error_code":"VOD.10054"}`) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := &cloud{}
			c.answer = func(r *http.Request) (*http.Response, error) {
				if r.Header.Get("X-Auth-Token") == "T1" {
					return refusal(), nil
				}
				return respond(http.StatusOK, `{}`), nil
			}
			p := c.provider(t)
			_, err := p.Query(t.Context(), taskQuery())
			if e := wantError(t, err); e.Reason != prefetch.ReasonAuth || e.Unsent {
				t.Errorf("got %+v", e)
			}
			if q, f := c.queries.Load(), c.fetches.Load(); q != 1 || f != 1 {
				t.Errorf("%d queries and %d fetches in one call", q, f)
			}
			if _, err := p.Query(t.Context(), taskQuery()); err != nil {
				t.Error(err)
			}
			if diff := cmp.Diff([]string{"T1", "T2"}, c.used()); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// What another token would not mend keeps the token.
func TestIAMTokenKept(t *testing.T) {
	t.Parallel()
	for name, resp := range map[string]func() *http.Response{
		"internal error": func() *http.Response { return respond(http.StatusForbidden, `{"error_code":"VOD.10051"}`) },
		"no permission":  func() *http.Response { return respond(http.StatusForbidden, `{"error_code":"PAP.0011"}`) },
		"not verified":   func() *http.Response { return respond(http.StatusForbidden, `{"error_code":"VOD.10055"}`) },
		"throttled":      func() *http.Response { return respond(http.StatusTooManyRequests, `{"error_code":"APIG.0308"}`) },
		"no JSON":        func() *http.Response { return respond(http.StatusOK, `<html>`) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := &cloud{answer: func(*http.Request) (*http.Response, error) { return resp(), nil }}
			p := c.provider(t)
			for range 3 {
				if _, err := p.Query(t.Context(), taskQuery()); err == nil {
					t.Error("no error")
				}
			}
			if got := c.fetches.Load(); got != 1 {
				t.Errorf("%d fetches", got)
			}
		})
	}
}

// Calls that were under way with the old token do not drop the new one.
func TestIAMLateRefusalKeepsTheNewToken(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := &cloud{}
		var call atomic.Int64
		c.answer = func(r *http.Request) (*http.Response, error) {
			if r.Header.Get("X-Auth-Token") != "T1" {
				return respond(http.StatusOK, `{}`), nil
			}
			tick(time.Duration(call.Add(1)) * time.Second)
			return respond(http.StatusUnauthorized, ""), nil
		}
		p := c.provider(t)
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() {
				if _, err := p.Query(t.Context(), taskQuery()); err == nil {
					t.Error("no error")
				}
			})
		}
		// The refusals come after 1, 2, 3 and 4 s, this between the first two.
		tick(1500 * time.Millisecond)
		if _, err := p.Query(t.Context(), taskQuery()); err != nil {
			t.Error(err)
		}
		wg.Wait()
		if _, err := p.Query(t.Context(), taskQuery()); err != nil {
			t.Error(err)
		}
		if got := c.fetches.Load(); got != 2 {
			t.Errorf("%d fetches, want 2", got)
		}
	})
}

// Calls at the same time share one fetch, and its failure: four wrong passwords
// in a row can lock a user out.
func TestIAMSharesOneFetch(t *testing.T) {
	t.Parallel()
	for name, fail := range map[string]bool{"token": false, "failure": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				c := &cloud{issue: func(n int, _ *http.Request) (*http.Response, error) {
					tick(10 * time.Second)
					if fail {
						return respond(http.StatusUnauthorized, `{"error":{"code":401,"message":"wrong"}}`), nil
					}
					return issued(n, time.Hour), nil
				}}
				p := c.provider(t)
				var wg sync.WaitGroup
				for range 4 {
					wg.Go(func() {
						_, err := p.Query(t.Context(), taskQuery())
						if (err != nil) != fail {
							t.Errorf("got %v", err)
						}
					})
				}
				wg.Wait()
				if got := c.fetches.Load(); got != 1 {
					t.Errorf("%d fetches", got)
				}
				if q := c.queries.Load(); fail && q != 0 || !fail && q != 4 {
					t.Errorf("%d queries", q)
				}
			})
		})
	}
}

// A call that is given up while it fetches fails alone; one that is given up
// while it waits does not wait on.
func TestIAMGivenUp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := &cloud{issue: func(n int, r *http.Request) (*http.Response, error) {
			select {
			case <-time.After(10 * time.Second):
				return issued(n, time.Hour), nil
			case <-r.Context().Done():
				return nil, context.Cause(r.Context())
			}
		}}
		p := c.provider(t)
		fetching, giveUp := context.WithCancel(t.Context())
		waiting, stop := context.WithTimeout(t.Context(), 3*time.Second)
		defer stop()
		reasons := map[string]prefetch.Reason{}
		var mu sync.Mutex
		var wg sync.WaitGroup
		start := time.Now()
		for _, call := range []struct {
			name string
			ctx  context.Context
		}{{"fetching", fetching}, {"waiting", waiting}, {"patient", t.Context()}} {
			wg.Go(func() {
				_, err := p.Query(call.ctx, taskQuery())
				mu.Lock()
				defer mu.Unlock()
				reasons[call.name] = ""
				if err != nil {
					e := wantError(t, err)
					reasons[call.name] = e.Reason
					if !e.Unsent {
						t.Errorf("%s: counted as sent", call.name)
					}
				}
			})
			synctest.Wait()
		}
		tick(5 * time.Second)
		giveUp()
		wg.Wait()
		want := map[string]prefetch.Reason{
			"fetching": prefetch.ReasonUnavailable, "waiting": prefetch.ReasonTimeout, "patient": "",
		}
		if diff := cmp.Diff(want, reasons); diff != "" {
			t.Error(diff)
		}
		if f, took := c.fetches.Load(), time.Since(start); f != 2 || took != 15*time.Second {
			t.Errorf("%d fetches in %v", f, took)
		}
		_, err := p.Query(fetching, taskQuery())
		if e := wantError(t, err); !e.Unsent || !errors.Is(err, context.Canceled) {
			t.Errorf("a call that was given up before: %+v", e)
		}
	})
}
