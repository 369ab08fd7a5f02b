package cdnetworks_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"prefetch_exporter/vendor_api/simulator"
	simcdnetworks "prefetch_exporter/vendor_api/simulator/cdnetworks"
	"prefetch_exporter/vendor_api/simulator/simulatortest"
)

// The vectors of the two authentication methods, computed outside of this
// module: the password with openssl, the signature with the vendor's SDK.
const (
	vectorBasic = "Basic dXNlcm5hbWU6OFRTS2x5R0NobTBzM3VLWGF5b0poazFVam93PQ=="
	vectorDate  = "Thu, 01 Jan 2026 00:00:00 GMT"
	vectorBody  = `{"startTime":"2026-01-01 00:00:00","endTime":"2026-01-01 23:59:59","pageNo":"1","pageSize":"100"}`
	vectorAKSK  = "CNC-HMAC-SHA256 Credential=AKEXAMPLE, SignedHeaders=content-type;host, " +
		"Signature=aba81903825c67e5de2c0a81335b6df4ef6370a72d93fefc59b2c033defda26d"
)

func vectorUser(now func() time.Time) *simcdnetworks.Server {
	return simcdnetworks.New(simcdnetworks.Options{
		Now:        now,
		APIKeys:    map[string]string{"username": "apiKey"},
		AccessKeys: map[string]string{"AKEXAMPLE": "SKEXAMPLE"},
	})
}

func TestAPIKey(t *testing.T) {
	t.Parallel()
	vector := map[string]string{"Authorization": vectorBasic, "Date": vectorDate, "Content-Type": "application/json"}
	tests := []struct {
		name    string
		change  map[string]string // an empty value removes the header
		offset  time.Duration
		status  int
		message string
	}{
		{name: "vector", status: 200, message: "success"},
		{name: "five minutes late", offset: 5 * time.Minute, status: 200, message: "success"},
		{name: "five minutes early", offset: -5 * time.Minute, status: 200, message: "success"},
		{name: "too late", offset: 5*time.Minute + time.Second, status: 401, message: "date is expired"},
		{name: "too early", offset: -5*time.Minute - time.Second, status: 401, message: "date is expired"},
		{
			name: "x-cnc-date", change: map[string]string{"Date": "", "x-cnc-date": vectorDate},
			status: 200, message: "success",
		},
		{
			name: "x-cnc-date wins over Date", change: map[string]string{"x-cnc-date": "Thu, 01 Jan 2026 00:00:01 GMT"},
			status: 401, message: "authentication failed",
		},
		{
			name: "another date", change: map[string]string{"Date": "Thu, 01 Jan 2026 00:00:01 GMT"},
			status: 401, message: "authentication failed",
		},
		{
			name: "no date", change: map[string]string{"Date": ""},
			status: 401, message: "date header is missing or malformed",
		},
		{
			name: "date in ISO form", change: map[string]string{"Date": "2026-01-01T00:00:00Z"},
			status: 401, message: "date header is missing or malformed",
		},
		{
			name: "no authorization", change: map[string]string{"Authorization": ""},
			status: 401, message: "authorization header is missing or malformed",
		},
		{
			name: "another key", change: simulatortest.APIKeyHeaders("username", "apikey", simulatortest.Epoch()),
			status: 401, message: "authentication failed",
		},
		{
			name: "another user", change: simulatortest.APIKeyHeaders("nobody", "apiKey", simulatortest.Epoch()),
			status: 200, message: "username is invalid",
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s := vectorUser(func() time.Time { return simulatortest.Epoch().Add(test.offset) })
			header := simulatortest.Changed(vector, test.change)
			got := simulatortest.Send(t, s, simulatortest.NewRequest(t, "POST "+simulatortest.CDNURL, `{"itemId":"x"}`, header))
			checkCDN(t, got, test.status, test.message)
			checkRefused(t, s, test.message != "success")
		})
	}
}

func TestAccessKey(t *testing.T) {
	t.Parallel()
	vector := map[string]string{
		"x-cnc-auth-method": "AKSK",
		"x-cnc-accessKey":   "AKEXAMPLE",
		"x-cnc-timestamp":   "1767225600",
		"Authorization":     vectorAKSK,
		"Content-Type":      "application/json",
	}
	tests := []struct {
		name    string
		change  map[string]string
		body    string
		offset  time.Duration
		status  int
		message string
	}{
		{name: "vector", status: 200, message: "success"},
		{
			name: "content type in another case", change: map[string]string{"Content-Type": "Application/JSON"},
			status: 200, message: "success",
		},
		{name: "late", offset: 5*time.Minute + time.Second, status: 401, message: "x-cnc-timestamp is expired"},
		{name: "early", offset: -5*time.Minute - time.Second, status: 401, message: "x-cnc-timestamp is expired"},
		{
			name: "timestamp", change: map[string]string{"x-cnc-timestamp": "1767225601"},
			status: 401, message: "signature does not match",
		},
		{
			name: "timestamp is no number", change: map[string]string{"x-cnc-timestamp": "now"},
			status: 401, message: "x-cnc-timestamp is missing or malformed",
		},
		{name: "body", body: vectorBody + " ", status: 401, message: "signature does not match"},
		{
			name: "content type", change: map[string]string{"Content-Type": "application/json; charset=utf-8"},
			status: 401, message: "signature does not match",
		},
		{
			name: "host", change: map[string]string{"Host": "open.chinanetcenter.com"},
			status: 401, message: "signature does not match",
		},
		{
			name: "unknown key", change: map[string]string{"x-cnc-accessKey": "AKOTHER"},
			status: 200, message: "username is invalid",
		},
		{
			name:   "credential of another key",
			change: map[string]string{"Authorization": strings.Replace(vectorAKSK, "AKEXAMPLE", "AKOTHER", 1)},
			status: 401, message: "authorization header is missing or malformed",
		},
		{
			name:   "host not signed",
			change: map[string]string{"Authorization": strings.Replace(vectorAKSK, "content-type;host", "content-type", 1)},
			status: 401, message: "content-type and host must be signed",
		},
		{
			name:   "content type not signed",
			change: map[string]string{"Authorization": strings.Replace(vectorAKSK, "content-type;host", "host", 1)},
			status: 401, message: "content-type and host must be signed",
		},
		{
			name:   "signature",
			change: map[string]string{"Authorization": strings.Replace(vectorAKSK, "aba8", "bba8", 1)},
			status: 401, message: "signature does not match",
		},
		{
			name:   "signature twice",
			change: map[string]string{"Authorization": vectorAKSK + ", Signature=00"},
			status: 401, message: "authorization header is missing or malformed",
		},
		{
			name:   "another scheme",
			change: map[string]string{"Authorization": strings.Replace(vectorAKSK, "CNC-", "SDK-", 1)},
			status: 401, message: "authorization header is missing or malformed",
		},
		{
			name: "method not named", change: map[string]string{"x-cnc-auth-method": ""},
			status: 401, message: "authorization header is missing or malformed",
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s := vectorUser(func() time.Time { return simulatortest.Epoch().Add(test.offset) })
			body := vectorBody
			if test.body != "" {
				body = test.body
			}
			got := simulatortest.Send(t, s, simulatortest.NewRequest(t, "POST "+simulatortest.CDNURL, body, simulatortest.Changed(vector, test.change)))
			checkCDN(t, got, test.status, test.message)
			checkRefused(t, s, test.message != "success")
		})
	}
}

// A signature may not come twice within five minutes, even from an honest
// client; the same question a second later is another signature.
func TestReplay(t *testing.T) {
	t.Parallel()
	now := simulatortest.NewClock(simulatortest.Epoch())
	s := vectorUser(now.Now)
	ask := func(signedAt time.Time) simulatortest.Answer {
		header := simulatortest.AccessKeyHeaders(vectorBody, signedAt)
		return simulatortest.Send(t, s, simulatortest.NewRequest(t, "POST "+simulatortest.CDNURL, vectorBody, header))
	}
	steps := []struct {
		advance time.Duration
		signed  time.Duration // after simulatortest.Epoch
		status  int
	}{
		{0, 0, http.StatusOK},
		{0, 0, http.StatusUnauthorized},
		{0, time.Second, http.StatusOK},
		{4 * time.Minute, 4 * time.Minute, http.StatusOK},
		{time.Minute, 0, http.StatusUnauthorized}, // exactly five minutes
		{0, 9 * time.Minute, http.StatusOK},
		{5 * time.Minute, 9 * time.Minute, http.StatusUnauthorized},
		{time.Second, 9 * time.Minute, http.StatusOK}, // forgotten
	}
	for i, step := range steps {
		now.Add(step.advance)
		if got := ask(simulatortest.Epoch().Add(step.signed)); got.Status != step.status {
			t.Errorf("step %d: status %d, want %d: %s", i, got.Status, step.status, got.Body)
		}
	}
}

func checkCDN(t *testing.T, got simulatortest.Answer, status int, message string) {
	t.Helper()
	a := simulatortest.DecodeCDN(t, got.Body)
	if got.Status != status || a.Message != message {
		t.Errorf("got %d %q, want %d %q", got.Status, a.Message, status, message)
	}
	if (a.Code == 1) != (message == "success") {
		t.Errorf("Code %d with %q", a.Code, message)
	}
	if id := got.Header.Get("X-Cnc-Request-Id"); !strings.Contains(id, "_") {
		t.Errorf("x-cnc-request-id %q", id)
	}
}

func checkRefused(t *testing.T, s *simcdnetworks.Server, refused bool) {
	t.Helper()
	if n := s.Stats().Refused[simulator.RefusedAuth]; (n == 1) != refused {
		t.Errorf("refused for authentication: %d", n)
	}
}
