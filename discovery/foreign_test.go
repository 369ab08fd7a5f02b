package discovery_test

import (
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	promconfig "github.com/prometheus/common/config"

	"prefetch_exporter/discovery"
)

// Secrets of every kind that a question may carry, none part of another word.
const (
	inQuery    = "qzq-token-in-query"
	inUser     = "qzq-password-in-url"
	inBasic    = "qzq-basic-password"
	inBearer   = "qzq-bearer-token"
	inHeader   = "qzq-header-value"
	inOAuth2   = "qzq-client-secret"
	fromServer = "qzq-access-token"
)

// echo answers with what it was sent, in one of the ways in which that comes into
// a log.
var echoes = map[string]func(w http.ResponseWriter, sent string){
	"unknown key": func(w http.ResponseWriter, sent string) {
		fmt.Fprintf(w, `[{"account": "a", "id": "x", %q: 1}, {"account": "a", "id": "ok"}]`, sent)
	},
	"no list":         func(w http.ResponseWriter, sent string) { fmt.Fprint(w, sent) },
	"a page":          func(w http.ResponseWriter, sent string) { fmt.Fprintf(w, "<html>%s</html>", url.QueryEscape(sent)) },
	"unknown account": func(w http.ResponseWriter, sent string) { fmt.Fprintf(w, `[{"account": %q, "id": "x"}]`, sent) },
	"a bad time": func(w http.ResponseWriter, sent string) {
		fmt.Fprintf(w, `[{"account": "a", "id": "x", "created": %q}, {"account": "a", "id": "ok"}]`, sent)
	},
	"a broken header": func(w http.ResponseWriter, sent string) {
		conn, _, err := http.NewResponseController(w).Hijack()
		if err == nil {
			fmt.Fprintf(conn, "HTTP/1.1 200 OK\r\n%s%s\r\n\r\n", sent, strings.Repeat("x", 900_000))
			_ = conn.Close()
		}
	},
	"a redirect": func(w http.ResponseWriter, sent string) {
		w.Header().Set("Location", "http://elsewhere.example/"+url.PathEscape(sent)+strings.Repeat("x", 10_000))
		w.WriteHeader(http.StatusFound)
	},
}

// TestCredentialsThatAServerRepeats asks servers that show what they were sent:
// the log tells of the trouble, briefly, and has nothing of the credentials.
func TestCredentialsThatAServerRepeats(t *testing.T) {
	t.Parallel()
	for name, echo := range echoes {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for kind, client := range clients(t) {
				checkEcho(t, kind, client, echo)
			}
		})
	}
}

// clients are the ways to log in.
func clients(t *testing.T) map[string]promconfig.HTTPClientConfig {
	t.Helper()
	login := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprintf(w, `{"access_token": %q, "token_type": "Bearer"}`, fromServer)
	}))
	t.Cleanup(login.Close)
	refusing := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		w.WriteHeader(http.StatusUnauthorized)
		fmt.Fprintf(w, "refused:\n%s\n%s", r.Header.Get("Authorization"), body)
	}))
	t.Cleanup(refusing.Close)
	return map[string]promconfig.HTTPClientConfig{
		"URL":                    {},
		"basic":                  {BasicAuth: &promconfig.BasicAuth{Username: "u", Password: inBasic}},
		"bearer":                 {Authorization: &promconfig.Authorization{Type: "Bearer", Credentials: inBearer}},
		"headers":                {HTTPHeaders: &promconfig.Headers{Headers: map[string]promconfig.Header{"X-Key": {Values: []string{inHeader}}}}},
		"OAuth2":                 {OAuth2: &promconfig.OAuth2{ClientID: "id", ClientSecret: inOAuth2, TokenURL: login.URL}},
		"OAuth2 that is refused": {OAuth2: &promconfig.OAuth2{ClientID: "id", ClientSecret: inOAuth2, TokenURL: refusing.URL}},
	}
}

func checkEcho(t *testing.T, kind string, client promconfig.HTTPClientConfig, echo func(http.ResponseWriter, string)) {
	t.Helper()
	var asked atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		for _, sent := range []string{r.Header.Get("X-Key"), r.Header.Get("Authorization"), r.URL.RawQuery} {
			if sent != "" {
				echo(w, sent)
				return
			}
		}
	}))
	defer server.Close()
	client.FollowRedirects = true
	log := &logs{}
	address := server.URL + "/tasks"
	if kind == "URL" {
		address = strings.Replace(server.URL, "http://", "http://u:"+inUser+"@", 1) + "/tasks?key=" + inQuery
	}
	m := newManager(t, options{
		Logger: log.logger(), HTTP: []discovery.HTTPSource{{URL: address, ClientConfig: client}},
	})
	m.Set(nil, []string{"a"})
	stop := run(t, m)
	await(t, m, kind+" is asked", m.Complete)
	m.Merged() // tells of accounts
	stop()
	text := log.String()
	if n := log.count("level=WARN"); n == 0 {
		t.Errorf("%s: nothing is logged after %d questions: the test tests nothing", kind, asked.Load())
	}
	hidden := []string{"qzq", base64.StdEncoding.EncodeToString([]byte("u:" + inBasic)), base64.StdEncoding.EncodeToString([]byte("u:" + inUser))}
	for _, secret := range hidden {
		if strings.Contains(text, secret) {
			t.Errorf("%s: the log shows %s:\n%.3000s", kind, secret, text)
		}
	}
	for line := range strings.Lines(text) {
		if len(line) > 1000 {
			t.Errorf("%s: a line of %d bytes: %.300s", kind, len(line), line)
		}
	}
}

// TestChangingProblemsAreHeldBack has another mistake in each of 120 answers, and
// fails in another way each minute after.
func TestChangingProblemsAreHeldBack(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		n := 0
		var failing atomic.Bool
		p := poll(t, func(*http.Request) (*http.Response, error) {
			n++
			if failing.Load() {
				return nil, fmt.Errorf("failure %d", n)
			}
			return response(http.StatusOK, fmt.Sprintf(
				`[{"account":"a","id":"1"},{"account":"a","id":"2","key_%d":1},{"account":"unknown_%d","id":"3"}]`, n, n))(nil)
		})
		run(t, p.manager)
		pass(55)
		for _, text := range []string{"key_", "unknown_"} {
			if got := p.logs.count(text); got != 10 {
				t.Errorf("%d lines with %q in an hour, want 10", got, text)
			}
		}
		failing.Store(true)
		pass(30)
		if got := p.logs.count("failure "); got != 11 {
			t.Errorf("%d failures are logged, want the first and ten of the changes", got)
		}
		failing.Store(false)
		pass(2)
		if got := p.logs.count("can be read again"); got != 1 {
			t.Errorf("%d recoveries are logged, want 1", got)
		}
	})
}

// TestASourceThatComesAndGoes does so every five seconds.
func TestASourceThatComesAndGoes(t *testing.T) {
	t.Parallel()
	var n atomic.Int32
	synctest.Test(t, func(t *testing.T) {
		log := &logs{}
		client := &http.Client{Transport: roundTrip(func(*http.Request) (*http.Response, error) {
			if n.Add(1)%2 == 0 {
				return nil, &net.OpError{Op: "dial", Err: io.ErrUnexpectedEOF}
			}
			return response(http.StatusOK, list("a/1"))(nil)
		})}
		m := newManager(t, options{Logger: log.logger(), HTTP: []discovery.HTTPSource{{
			URL: "https://pipeline.example/tasks", RefreshInterval: 5 * time.Second, Client: client,
		}}})
		m.Set(nil, []string{"a"})
		run(t, m)
		pass(10)
		fails, again := log.count("cannot be read"), log.count("can be read again")
		if fails < 8 || fails > 11 || again < 8 || again > fails {
			t.Errorf("%d failures and %d recoveries are logged in 10 minutes, want one a minute", fails, again)
		}
	})
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }
