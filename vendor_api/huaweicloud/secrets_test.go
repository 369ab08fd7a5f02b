package huaweicloud_test

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

	"prefetch_exporter/vendor_api/huaweicloud"
)

const (
	accessKey = "AKLONGEXAMPLE12345678"
	secretKey = "SKLONGEXAMPLE/0123456789abcdef"
)

// The vendor names the access key that it does not know.
func TestRefusedAccessKeyIsHidden(t *testing.T) {
	t.Parallel()
	p := newProvider(t, func(*http.Request) (*http.Response, error) {
		return respond(http.StatusUnauthorized, `{"error_code":"APIGW.0301","error_msg":"Incorrect IAM authentication information: `+
			`Get secretKey failed,ak:`+accessKey+`,err:ak not exist"}`), nil
	}, huaweicloud.AKSK(text(accessKey), text(secretKey), nil))
	_, err := p.Query(t.Context(), taskQuery())
	const want = "auth: HTTP 401: APIGW.0301: Incorrect IAM authentication information: Get secretKey failed,ak:<secret>,err:ak not exist"
	if e := wantError(t, err); e.Error() != want {
		t.Errorf("got  %v\nwant %s", e, want)
	}
}

// A secret that looks like a part of the vendor's words must not change what they
// mean.
func TestHidingDoesNotClassify(t *testing.T) {
	t.Parallel()
	p := newProvider(t, func(*http.Request) (*http.Response, error) {
		return respond(http.StatusBadRequest, `{"error_code":"VOD.10062","error_msg":"none"}`), nil
	}, huaweicloud.Token(text("10062")))
	_, err := p.Query(t.Context(), taskQuery())
	if e := wantError(t, err); e.Error() != "not_found: HTTP 400: VOD.<secret>: none" {
		t.Errorf("got %v", e)
	}
	p = newProvider(t, func(*http.Request) (*http.Response, error) {
		return respond(http.StatusOK, `{"preheating_results":[{"url":"https://a.example/token","status":"token"}]}`), nil
	}, huaweicloud.Token(text("token")))
	a, err := p.Query(t.Context(), taskQuery())
	if err != nil || a.URLs[0].URL != "https://a.example/token" || a.UnknownWords[0] != "<secret>" {
		t.Errorf("got %+v, %v", a, err)
	}
}

// Wherever an answer repeats what it was sent, and whatever surrounds that, no
// credential is in what the query returns.
func TestSecretsNeverComeThrough(t *testing.T) {
	t.Parallel()
	const token = "tok2"
	quoted := func(format string) func(string) *http.Response {
		return func(s string) *http.Response {
			return respond(http.StatusForbidden, strings.ReplaceAll(format, "%s", strconv.Quote(s)))
		}
	}
	answers := map[string]func(shown string) *http.Response{
		"page":      func(s string) *http.Response { return respond(http.StatusBadGateway, "<pre>"+s+"</pre>") },
		"no JSON":   func(s string) *http.Response { return respond(http.StatusOK, s) },
		"message":   quoted(`{"error_code":"APIGW.0301","error_msg":%s}`),
		"code":      quoted(`{"error_code":%s}`),
		"nested":    quoted(`{"error":{"code":"X","message":%s}}`),
		"elsewhere": quoted(`{"request":{"headers":[%s]}}`),
		"status": func(s string) *http.Response {
			return respond(http.StatusOK, `{"preheating_results":[{"url":"u","status":`+strconv.Quote(s)+`}]}`)
		},
		"redirect": func(s string) *http.Response {
			return respond(http.StatusFound, "", "Location", "/?"+url.QueryEscape(s))
		},
		"request id": func(s string) *http.Response { return respond(http.StatusServiceUnavailable, "", "X-Request-Id", s) },
	}
	auths := []struct {
		auth    huaweicloud.Auth
		secrets []string
	}{
		{huaweicloud.AKSK(text(accessKey), text(secretKey), nil), []string{accessKey, secretKey}},
		{huaweicloud.AKSK(text(accessKey), text(secretKey), text(token)), []string{accessKey, secretKey, token}},
		{huaweicloud.Token(text(token)), []string{token}},
	}
	rapid.Check(t, func(rt *rapid.T) {
		answer := rapid.SampledFrom(slices.Sorted(maps.Keys(answers))).Draw(rt, "answer")
		around := rapid.StringOf(rapid.RuneFrom([]rune("x =,;:\"")))
		before, after := around.Draw(rt, "before"), around.Draw(rt, "after")
		before += strings.Repeat("y", rapid.SampledFrom([]int{0, 290}).Draw(rt, "up to the cut"))
		account := rapid.SampledFrom(auths).Draw(rt, "auth")
		secrets := account.secrets
		p := newProvider(t, func(r *http.Request) (*http.Response, error) {
			if signed := r.Header.Get("Authorization"); signed != "" {
				_, signature, _ := strings.Cut(signed, "Signature=")
				secrets = append(slices.Clip(secrets), signed, signature)
			}
			return answers[answer](before + rapid.SampledFrom(secrets).Draw(rt, "shown") + after), nil
		}, account.auth)
		got, err := p.Query(t.Context(), taskQuery())
		shown := fmt.Sprint(err, got.UnknownWords, got.Oddities, got.RequestID)
		for _, secret := range secrets {
			if strings.Contains(shown, secret) {
				rt.Fatalf("%s shows %q: %s", answer, secret, shown)
			}
		}
	})
}

// The password is hidden in every error of IAM, not only in its refusals.
func TestIAMPasswordIsHiddenEverywhere(t *testing.T) {
	t.Parallel()
	for name, issue := range map[string]func() (*http.Response, error){
		"code": func() (*http.Response, error) {
			return respond(http.StatusBadRequest, `{"error_code":`+strconv.Quote(password)+`}`), nil
		},
		"redirect": func() (*http.Response, error) {
			return respond(http.StatusFound, "", "Location", "https://login.example/?password="+url.QueryEscape(password)), nil
		},
		"request id": func() (*http.Response, error) {
			return respond(http.StatusServiceUnavailable, "", "X-Request-Id", password), nil
		},
		"network": func() (*http.Response, error) { return nil, fmt.Errorf("after %s: %w", password, io.ErrUnexpectedEOF) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := &cloud{issue: func(int, *http.Request) (*http.Response, error) { return issue() }}
			_, err := c.provider(t).Query(t.Context(), taskQuery())
			e := wantError(t, err)
			if s := e.Error(); strings.Contains(s, "staple") || !strings.Contains(s, "<secret>") || !e.Unsent {
				t.Errorf("got %s", s)
			}
		})
	}
}
