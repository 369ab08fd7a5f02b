package cdnetworks_test

import (
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"prefetch_exporter/prefetch"
	vendorapi "prefetch_exporter/vendor_api"
	"prefetch_exporter/vendor_api/cdnetworks"
)

const (
	apiKey    = "APIKEYEXAMPLE0123456789"
	accessKey = "AKLONGEXAMPLE12345678"
	secretKey = "SKLONGEXAMPLE/0123456789abcdef"
)

// secretsOf is everything in a request that nobody must see.
func secretsOf(r *http.Request) []string {
	secrets := []string{r.Header.Get("Authorization")}
	if _, password, ok := r.BasicAuth(); ok {
		return append(secrets, apiKey, password, strings.TrimPrefix(secrets[0], "Basic "))
	}
	_, signature, _ := strings.Cut(secrets[0], "Signature=")
	return append(secrets, secretKey, signature, r.Header.Get("X-Cnc-Accesskey"))
}

// A gateway that shows the request it got shows nothing of the credentials.
func TestEchoedRequest(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		auth vendorapi.Auth
		want string
	}{
		{cdnetworks.APIKey("ops", secret(apiKey)), "Authorization: <secret>\nX-Cnc-Accesskey: \n"},
		{cdnetworks.AKSK(secret(accessKey), secret(secretKey)), "Authorization: <secret>\nX-Cnc-Accesskey: <secret>\n"},
	} {
		p := newProvider(t, cdnetworks.Options{Auth: tt.auth, Client: newClient(t, roundTripper(func(r *http.Request) (*http.Response, error) {
			body := fmt.Sprintf("Authorization: %s\nX-Cnc-Accesskey: %s\n", r.Header.Get("Authorization"), r.Header.Get("X-Cnc-Accesskey"))
			return reply{status: http.StatusBadGateway, body: body}.transport().RoundTrip(r)
		}))})
		_, err := p.Query(t.Context(), taskQuery())
		if e := vendorError(t, err); e.Message != strings.Join(strings.Fields(tt.want), " ") {
			t.Errorf("got %q", e.Message)
		}
	}
}

// A secret that looks like a part of the vendor's words must not change what they
// mean.
func TestHidingDoesNotClassify(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]string{
		`{"Code":0,"message":"page size error"}`: "invalid: HTTP 200: 0: <secret> size error",
		`{"Code":0,"message":"size of page"}`:    "unavailable: HTTP 200: 0: size of <secret>",
	} {
		p := newProvider(t, cdnetworks.Options{
			Auth:   cdnetworks.APIKey("ops", secret("page")),
			Client: newClient(t, reply{status: http.StatusOK, body: body}.transport()),
		})
		_, err := p.Query(t.Context(), taskQuery())
		if e := vendorError(t, err); e.Error() != want {
			t.Errorf("got  %v\nwant %s", e, want)
		}
	}
}

// Wherever an answer repeats what it was sent, and whatever surrounds that, no
// credential is in what the query returns.
func TestSecretsNeverComeThrough(t *testing.T) {
	t.Parallel()
	answers := map[string]func(shown string) reply{
		"page":    func(s string) reply { return reply{status: 502, body: "<pre>" + s + "</pre>"} },
		"no JSON": func(s string) reply { return reply{status: 200, body: s} },
		"message": func(s string) reply { return reply{status: 200, body: `{"Code":0,"message":` + strconv.Quote(s) + `}`} },
		"code":    func(s string) reply { return reply{status: 403, body: `{"Code":` + strconv.Quote(s) + `}`} },
		"object": func(s string) reply {
			return reply{status: 403, body: `{"msg":{"headers":[` + strconv.Quote(s) + `]}}`}
		},
		"count": func(s string) reply { return reply{status: 200, body: `{"Code":1,"count":` + strconv.Quote(s) + `}`} },
		"row": func(s string) reply {
			return reply{status: 200, body: `{"Code":1,"count":2,"resultDetail":[` + strconv.Quote(s) + `]}`}
		},
		"fields": func(s string) reply {
			return reply{status: 200, body: strings.ReplaceAll(
				`{"Code":1,"count":1,"resultDetail":[{"url":"u","status":%s,"rate":%s,"createTime":%s}]}`, "%s", strconv.Quote(s))}
		},
		"redirect": func(s string) reply {
			return reply{status: 302, header: map[string]string{"Location": "/?" + url.QueryEscape(s)}}
		},
		"request id": func(s string) reply {
			return reply{status: 200, body: `{"Code":1}`, header: map[string]string{"X-Cnc-Request-Id": s}}
		},
	}
	auths := []vendorapi.Auth{
		cdnetworks.APIKey("ops", secret(apiKey)), cdnetworks.AKSK(secret(accessKey), secret(secretKey)),
	}
	rapid.Check(t, func(rt *rapid.T) {
		answer := rapid.SampledFrom(slices.Sorted(maps.Keys(answers))).Draw(rt, "answer")
		around := rapid.StringOf(rapid.RuneFrom([]rune("x =,;:\"")))
		before, after := around.Draw(rt, "before"), around.Draw(rt, "after")
		before += strings.Repeat("y", rapid.SampledFrom([]int{0, 290}).Draw(rt, "up to the cut"))
		var secrets []string
		p := newProvider(t, cdnetworks.Options{
			Auth: rapid.SampledFrom(auths).Draw(rt, "auth"),
			Client: newClient(t, roundTripper(func(r *http.Request) (*http.Response, error) {
				secrets = secretsOf(r)
				return answers[answer](before + rapid.SampledFrom(secrets).Draw(rt, "shown") + after).transport().RoundTrip(r)
			})),
		})
		got, err := p.Query(t.Context(), taskQuery())
		shown := fmt.Sprint(err, got.UnknownWords, got.Oddities, got.RequestID)
		for _, secret := range secrets {
			if strings.Contains(shown, secret) {
				rt.Fatalf("%s shows %q: %s", answer, secret, shown)
			}
		}
	})
}

// The network's own errors may quote what a broken gateway sent.
func TestSecretsOfABrokenAnswer(t *testing.T) {
	t.Parallel()
	p := newProvider(t, cdnetworks.Options{
		Auth: cdnetworks.AKSK(secret(accessKey), secret(secretKey)),
		Client: newClient(t, roundTripper(func(r *http.Request) (*http.Response, error) {
			return nil, fmt.Errorf("malformed HTTP response %q: %w", r.Header.Get("Authorization"), io.ErrUnexpectedEOF)
		})),
	})
	_, err := p.Query(t.Context(), taskQuery())
	const want = `unavailable: api.cdnetworks.com: malformed HTTP response "<secret>": unexpected EOF`
	if e := vendorError(t, err); e.Error() != want || e.Reason != prefetch.ReasonUnavailable {
		t.Errorf("got %v", e)
	}
}
