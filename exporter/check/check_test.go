package check_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"prefetch_exporter/exporter"
	"prefetch_exporter/exporter/check"
	"prefetch_exporter/store"
	"prefetch_exporter/vendor_api/simulator"
	simalibabacloud "prefetch_exporter/vendor_api/simulator/alibabacloud"
	simcdnetworks "prefetch_exporter/vendor_api/simulator/cdnetworks"
	simhuaweicloud "prefetch_exporter/vendor_api/simulator/huaweicloud"
)

const (
	checkProject = "0123456789abcdef0123456789abcdef"
	checkKey     = "LTAI0123456789ABCDEF7Q2X"
	checkSecret  = "a-secret-that-must-not-be-seen"
)

// checking is a configuration that is checked, and where its exporter stores.
type checking struct {
	t        *testing.T
	file     string
	data     string
	warnings []string
}

func newChecking(t *testing.T, accounts string) *checking {
	t.Helper()
	folder := t.TempDir()
	c := &checking{t: t, file: filepath.Join(folder, "config.yml"), data: filepath.Join(folder, "data")}
	if err := os.WriteFile(c.file, []byte("accounts:\n"+accounts), 0o600); err != nil {
		t.Fatal(err)
	}
	return c
}

// check returns what was told of each account.
func (c *checking) check(with func(*check.Options)) ([]check.Result, error) {
	c.t.Helper()
	var told []check.Result
	o := check.Options{
		ConfigFile: c.file, StoragePath: c.data, Warn: func(text string) { c.warnings = append(c.warnings, text) },
	}
	with(&o)
	err := check.Accounts(c.t.Context(), o, func(a check.Result) { told = append(told, a) })
	if text := fmt.Sprintf("%+v %v %v", told, err, c.warnings); strings.Contains(text, checkSecret) || strings.Contains(text, checkKey) {
		c.t.Errorf("a secret is told: %s", text)
	}
	return told, err
}

func asIs(*check.Options) {}

// serveVendor returns the URL of a simulated vendor.
func serveVendor(t *testing.T, h http.Handler) string {
	t.Helper()
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	return server.URL
}

// TestAccounts asks several vendors, in every form that a question has.
func TestAccounts(t *testing.T) {
	t.Parallel()
	keys := map[string]string{checkKey: checkSecret}
	ali := simalibabacloud.New(simalibabacloud.Options{AccessKeys: keys})
	vod := simhuaweicloud.New(simhuaweicloud.Options{
		AccessKeys: keys, IAMUsers: map[string]string{"domain/user": checkSecret}, StaticTokens: []string{checkSecret},
		Now: func() time.Time { return time.Now().Add(5 * time.Minute) },
	})
	cdn := simhuaweicloud.NewCDN(simhuaweicloud.CDNOptions{AccessKeys: keys, DomainID: checkProject})
	edge := simcdnetworks.New(simcdnetworks.Options{APIKeys: map[string]string{"ops": checkSecret}})
	launch := simulator.Task{ID: "launch", Owner: checkKey, Created: time.Now().Add(-5 * time.Minute), URLs: []simulator.URLPlan{
		{URL: "https://example.com/a"}, {URL: "https://example.com/b", Fails: true}, {URL: "https://example.com/c", Word: "resting"},
	}}
	ali.Submit(launch)
	launch.Owner = "ops"
	edge.Submit(launch)
	aliKeys := "access_key_id: " + checkKey + ", access_key_secret: " + checkSecret
	vodAt := serveVendor(t, vod)
	section := func(format string, at string) string { return fmt.Sprintf(format, at, checkProject) }
	noVendor := serveVendor(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "<html>") }))
	throttling := serveVendor(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTooManyRequests) }))
	for name, tt := range map[string]struct {
		account string // below its name
		want    string // of "works asked signed status understood clock advice"
	}{
		"a task": {
			fmt.Sprintf("alibabacloud_cdn: {endpoint: %q, %s}\n    tasks: [{id: launch}]", serveVendor(t, ali), aliKeys),
			`^true "task launch" "ACS3-HMAC-SHA256, with the key that ends in 7Q2X; access_key_id: <secret>; access_key_secret: <secret>" 200 ` +
				`"3 URLs, 1 succeeded, 1 failed, 1 unknown" near \["the answer has words.*: resting"\]$`,
		},
		"a task that the vendor does not know": {
			fmt.Sprintf("alibabacloud_cdn: {endpoint: %q, %s}\n    tasks: [{id: other}]", serveVendor(t, ali), aliKeys),
			`^true "task other" .* 200 "the vendor answers, and does not know the task" near \[\]$`,
		},
		"a window, as a user": {
			fmt.Sprintf("cdnetworks: {endpoint: %q, username: ops, api_key: %s}", serveVendor(t, edge), checkSecret),
			`^true "the URLs of the last 10 minutes" "Basic, as ops; username: ops; .*api_key: <secret>" 200 "3 URLs, created in the last 10 minutes" near`,
		},
		"a list": {
			fmt.Sprintf("huaweicloud_cdn: {endpoint: %q, access_key: %s, secret_key: %s}", serveVendor(t, cdn), checkKey, checkSecret),
			`^true "the tasks of the last hour" "SDK-HMAC-SHA256, .*" 200 "0 tasks, created in the last hour" near \[\]$`,
		},
		"a task that does not exist": {
			section("huaweicloud_vod: {endpoint: %q, project_id: %s, access_key: "+checkKey+", secret_key: "+checkSecret+"}", vodAt),
			`^true "a task that does not exist" "SDK-HMAC-SHA256, with the key.*" (202|400|404) ".*" 300s \[.*"set this machine's clock: .*"\]$`,
		},
		"a token": {
			section("huaweicloud_vod: {endpoint: %q, project_id: %s, token: "+checkSecret+"}", vodAt),
			`^true .* "X-Auth-Token, as ` + checkProject + `; project_id: ` + checkProject + `; token: <secret>"`,
		},
		"IAM": {
			section("huaweicloud_vod: {endpoint: %[1]q, project_id: %s, iam: {endpoint: %[1]q, domain: domain, username: user, password: "+checkSecret+"}}", vodAt),
			`^true .* "X-Auth-Token, as domain; .*iam.username: user; iam.password: <secret>"`,
		},
		"a wrong password": {
			section("huaweicloud_vod: {endpoint: %[1]q, project_id: %s, iam: {endpoint: %[1]q, domain: domain, username: user, password: wrong}}", vodAt),
			`^false .* "not signed, as domain; .*" 401 "auth: .*" .*\["compare the key with`,
		},
		"a wrong key": {
			fmt.Sprintf("cdnetworks: {endpoint: %q, username: ops, api_key: wrong}", serveVendor(t, edge)),
			`^false .* (200|401|403) "auth: .*" near \["compare the key with`,
		},
		"a wrong project": {
			fmt.Sprintf("tencentcloud_edgeone: {endpoint: %q, secret_id: %s, secret_key: %s, zone_id: zone-1}",
				serveVendor(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
					_, _ = io.WriteString(w, `{"Response":{"Error":{"Code":"ResourceUnavailable.ZoneNotFound","Message":"no zone"},"RequestId":"r"}}`)
				})), checkKey, checkSecret),
			`^false .* 200 "invalid: .*" near \["the vendor does not take the question`,
		},
		"nobody there": {
			fmt.Sprintf("alibabacloud_cdn: {endpoint: %q, %s}", "http://127.0.0.1:1", aliKeys),
			`^false .* 0 "unavailable: .*refused" none \["look whether this machine reaches`,
		},
		"no vendor": {
			fmt.Sprintf("alibabacloud_cdn: {endpoint: %q, %s}", noVendor, aliKeys),
			`^false .* 200 "decode: .*" near \["something else than the vendor's API`,
		},
		"too often": {
			fmt.Sprintf("alibabacloud_cdn: {endpoint: %q, %s}", throttling, aliKeys),
			`^false .* 429 "throttled: .*" near \["the quota is used up`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			told, err := newChecking(t, "  - name: one\n    "+tt.account+"\n").check(asIs)
			if err != nil || len(told) != 1 {
				t.Fatalf("%v: %+v", err, told)
			}
			a := told[0]
			clock := "none"
			if a.ClockOffset != nil {
				clock = "near"
				if *a.ClockOffset > 290 && *a.ClockOffset < 310 {
					clock = "300s"
				}
			}
			got := fmt.Sprintf("%v %q %q %d %q %s %q", a.Works, a.Asked, a.SignedAs, a.HTTPStatus, a.Understood, clock, a.Advice)
			if !regexp.MustCompile(tt.want).MatchString(got) {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
			if a.HTTPStatus != 0 && a.Connected == "" || a.NotAsked != "" {
				t.Errorf("got %+v", a)
			}
		})
	}
}

// TestCheckKeepsTheQuota: a question is charged as an exporter's call is, so that
// neither another check nor an exporter makes a call too many.
func TestCheckKeepsTheQuota(t *testing.T) {
	t.Parallel()
	edge := simcdnetworks.New(simcdnetworks.Options{APIKeys: map[string]string{"ops": checkSecret}, Quota: simulator.Quota{Calls: 1, Per: 5 * time.Minute}})
	section := fmt.Sprintf("cdnetworks: {endpoint: %q, username: ops, api_key: %s}", serveVendor(t, edge), checkSecret)
	c := newChecking(t, "  - name: first\n    "+section+"\n    tasks: [{id: launch}]\n  - name: second\n    "+section+"\n")
	told, err := c.check(asIs)
	if err != nil || len(told) != 2 || !told[0].Works || !strings.Contains(fmt.Sprint(c.warnings), "is new") {
		t.Fatalf("%v: %+v, %q", err, told, c.warnings)
	}
	for range 2 {
		if a := told[1]; a.Works || a.HTTPStatus != 0 || !strings.HasPrefix(a.NotAsked, "the budget allows the next call at 20") {
			t.Errorf("the second account: %+v", a)
		}
		if told, err = c.check(func(o *check.Options) { o.Task = "launch" }); err != nil || told[0].NotAsked == "" {
			t.Errorf("%v: %+v", err, told)
		}
	}
	e, err := exporter.New(exporter.Options{ConfigFile: c.file, StoragePath: c.data, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	var metrics bytes.Buffer
	if err := e.Once(t.Context(), &metrics); err != nil {
		t.Error(err)
	}
	// It holds the store until it is closed.
	if _, err := c.check(asIs); !errors.Is(err, store.ErrInUse) || !strings.Contains(err.Error(), "an exporter that runs keeps the budget") {
		t.Errorf("while an exporter runs: %v", err)
	}
	if err := e.Close(); err != nil {
		t.Error(err)
	}
	if stats := edge.Stats(); stats.Calls != 1 {
		t.Errorf("the vendor saw %d calls, want 1", stats.Calls)
	}
}

func TestCheckIsRefused(t *testing.T) {
	t.Parallel()
	const account = "  - name: ali\n    alibabacloud_cdn: {endpoint: \"http://127.0.0.1:1\", access_key_id: a, access_key_secret: b}\n"
	c := newChecking(t, account)
	if _, err := c.check(func(o *check.Options) { o.Accounts = []string{"ali", "other"} }); err == nil || !strings.Contains(err.Error(), `no account "other"`) {
		t.Errorf("an account that does not exist: %v", err)
	}
	if _, err := os.Stat(c.data); !os.IsNotExist(err) {
		t.Errorf("a store was begun for nothing: %v", err)
	}
	if _, err := newChecking(t, "  - nam: ali\n").check(asIs); err == nil || !strings.Contains(err.Error(), ":2: accounts[0]") {
		t.Errorf("a broken configuration: %v", err)
	}
}
