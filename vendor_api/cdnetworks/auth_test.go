package cdnetworks_test

import (
	"bytes"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	vendorapi "prefetch_exporter/vendor_api"
	"prefetch_exporter/vendor_api/cdnetworks"
	"prefetch_exporter/vendor_api/vendorapitest"
)

// newRequest is the request of the vectors, without credentials.
func newRequest(t testing.TB, body []byte) *http.Request {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost,
		"https://api.cdnetworks.com/ccm/fetch/ItemIdQuery", bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	return req
}

func TestAPIKeyVector(t *testing.T) {
	t.Parallel()
	req := newRequest(t, nil)
	now := time.Date(2026, 1, 1, 8, 0, 0, 999, beijing)
	if err := cdnetworks.APIKey("username", vendorapitest.Text("apiKey")).Authorize(t.Context(), req, nil, now); err != nil {
		t.Fatal(err)
	}
	if got, want := req.Header.Get("Date"), "Thu, 01 Jan 2026 00:00:00 GMT"; got != want {
		t.Errorf("Date = %q, want %q", got, want)
	}
	want := "Basic dXNlcm5hbWU6OFRTS2x5R0NobTBzM3VLWGF5b0poazFVam93PQ=="
	if got := req.Header.Get("Authorization"); got != want {
		t.Errorf("Authorization = %q, want %q", got, want)
	}
}

func TestAKSKVector(t *testing.T) {
	t.Parallel()
	body := []byte(`{"startTime":"2026-01-01 00:00:00","endTime":"2026-01-01 23:59:59","pageNo":"1","pageSize":"100"}`)
	req := newRequest(t, body)
	auth := cdnetworks.AKSK(vendorapitest.Text("AKEXAMPLE"), vendorapitest.Text("SKEXAMPLE"))
	if err := auth.Authorize(t.Context(), req, body, time.Unix(1767225600, 0)); err != nil {
		t.Fatal(err)
	}
	for header, want := range map[string]string{
		"x-cnc-auth-method": "AKSK",
		"x-cnc-accessKey":   "AKEXAMPLE",
		"x-cnc-timestamp":   "1767225600",
		"Authorization": "CNC-HMAC-SHA256 Credential=AKEXAMPLE, SignedHeaders=content-type;host, " +
			"Signature=aba81903825c67e5de2c0a81335b6df4ef6370a72d93fefc59b2c033defda26d",
	} {
		if got := req.Header.Get(header); got != want {
			t.Errorf("%s = %q, want %q", header, got, want)
		}
	}
}

// Secrets are read for every request, since their file may have changed.
func TestSecretsAreReadAnew(t *testing.T) {
	t.Parallel()
	key := "old"
	for name, auth := range map[string]vendorapi.Auth{
		"API key": cdnetworks.APIKey("username", func() string { return key }),
		"AK/SK":   cdnetworks.AKSK(func() string { return key }, func() string { return key }),
	} {
		seen := map[string]bool{}
		for _, key = range []string{"old", "new"} {
			req := newRequest(t, nil)
			if err := auth.Authorize(t.Context(), req, nil, time.Unix(1767225600, 0)); err != nil {
				t.Fatal(err)
			}
			seen[req.Header.Get("Authorization")] = true
		}
		if len(seen) != 2 {
			t.Errorf("%s: the new secret was not used", name)
		}
	}
}

func TestAuthRefusesToSendWithoutCredentials(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		auth vendorapi.Auth
		want string
	}{
		"no username":         {cdnetworks.APIKey("", vendorapitest.Text("HUSH")), "username is empty"},
		"colon in username":   {cdnetworks.APIKey("a:b", vendorapitest.Text("HUSH")), "colon"},
		"no API key":          {cdnetworks.APIKey("username", vendorapitest.Text("")), "API key is empty"},
		"no access key":       {cdnetworks.AKSK(vendorapitest.Text(""), vendorapitest.Text("HUSH")), "access key is empty"},
		"no secret key":       {cdnetworks.AKSK(vendorapitest.Text("HUSH"), vendorapitest.Text("")), "secret key is empty"},
		"nothing of anything": {cdnetworks.AKSK(vendorapitest.Text(""), vendorapitest.Text("")), "access key is empty"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			req := newRequest(t, nil)
			err := tc.auth.Authorize(t.Context(), req, nil, time.Unix(1767225600, 0))
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Fatalf("error = %v, want one with %q", err, tc.want)
			}
			if strings.Contains(err.Error(), "HUSH") {
				t.Errorf("the error tells the secret: %v", err)
			}
			if got := req.Header.Get("Authorization"); got != "" {
				t.Errorf("Authorization = %q although the request is refused", got)
			}
		})
	}
}

// timestamp is what auth dates a request with that is made at the given Unix
// time.
func timestamp(t testing.TB, auth vendorapi.Auth, unix int64) string {
	t.Helper()
	req := newRequest(t, nil)
	if err := auth.Authorize(t.Context(), req, nil, time.Unix(unix, 0)); err != nil {
		t.Fatal(err)
	}
	return req.Header.Get("X-Cnc-Timestamp")
}

func TestAKSKTimestamps(t *testing.T) {
	t.Parallel()
	auth := cdnetworks.AKSK(vendorapitest.Text("AKEXAMPLE"), vendorapitest.Text("SKEXAMPLE"))
	for _, step := range []struct {
		clock int64
		want  string
	}{
		{1767225600, "1767225600"},
		{1767225600, "1767225601"},
		{1767225601, "1767225602"},
		{1767225610, "1767225610"},
		// The clock is set back by an hour: the vendor would refuse a time that
		// goes on from the wrong one.
		{1767222000, "1767222000"},
		{1767222000, "1767222001"},
		{1767225600, "1767225603"},
	} {
		if got := timestamp(t, auth, step.clock); got != step.want {
			t.Errorf("at %d: timestamp = %s, want %s", step.clock, got, step.want)
		}
	}
}

func TestAKSKNeverUsesASecondTwice(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		auth := cdnetworks.AKSK(vendorapitest.Text("AKEXAMPLE"), vendorapitest.Text("SKEXAMPLE"))
		clocks := rapid.SliceOfN(rapid.Int64Range(1767225600, 1767225620), 1, 60).Draw(rt, "clocks")
		seen := map[string]bool{}
		for _, unix := range clocks {
			got := timestamp(t, auth, unix)
			if seen[got] {
				rt.Fatalf("timestamp %s was used twice", got)
			}
			seen[got] = true
		}
	})
}

func TestAKSKNeverUsesASecondTwiceConcurrently(t *testing.T) {
	t.Parallel()
	const callers, calls = 16, 250
	auth := cdnetworks.AKSK(vendorapitest.Text("AKEXAMPLE"), vendorapitest.Text("SKEXAMPLE"))
	var (
		wg   sync.WaitGroup
		mu   sync.Mutex
		seen = map[string]int{}
	)
	for caller := range callers {
		wg.Go(func() {
			for call := range calls {
				got := timestamp(t, auth, 1767225600+int64(call+caller))
				mu.Lock()
				seen[got]++
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	if len(seen) != callers*calls {
		t.Errorf("%d requests had %d different timestamps", callers*calls, len(seen))
	}
}

// Forgetting old seconds must not bring back recent ones.
func TestAKSKForgetsOnlyOldSeconds(t *testing.T) {
	t.Parallel()
	const start, calls, recent = 1767225600, 4500, 300
	auth := cdnetworks.AKSK(vendorapitest.Text("AKEXAMPLE"), vendorapitest.Text("SKEXAMPLE"))
	for i := range int64(calls) {
		timestamp(t, auth, start+i)
	}
	for i := range int64(recent) {
		if got, used := timestamp(t, auth, start+calls-recent+i), strconv.Itoa(start+calls); got < used {
			t.Fatalf("timestamp %s was used before", got)
		}
	}
}
