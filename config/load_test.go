package config_test

import (
	"errors"
	"flag"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/common/model"

	"prefetch_exporter/config"
	"prefetch_exporter/config/form"
	"prefetch_exporter/config/vendors"
	"prefetch_exporter/prefetch"
)

var update = flag.Bool("update", false, "write the wanted output anew")

// base is a configuration to which a test adds one thing.
const base = `accounts:
  - name: edge
    cdnetworks: {username: ops, api_key: K}
`

func write(t *testing.T, content string) string {
	t.Helper()
	return writeFile(t, filepath.Join(t.TempDir(), "config.yml"), content)
}

func writeFile(t *testing.T, path, content string) string {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func load(t *testing.T, content string) *config.Config {
	t.Helper()
	c, err := config.Load(write(t, content))
	if err != nil {
		t.Fatalf("Load: %v", err)
	}
	return c
}

// vod and edge return an account's section, nil if it is another vendor's.
func vod(a *config.Account) *vendors.HuaweiCloudVOD {
	section, _ := a.Vendor.(*vendors.HuaweiCloudVOD)
	return section
}

func edge(a *config.Account) *vendors.CDNetworks {
	section, _ := a.Vendor.(*vendors.CDNetworks)
	return section
}

// every is a duration as the configuration has it.
func every(d time.Duration) model.Duration { return model.Duration(d) }

func golden(t *testing.T, path, got string) {
	t.Helper()
	if *update {
		writeFile(t, path, got)
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", path, diff)
	}
}

// TestInvalid loads every testdata/invalid-*.yml and compares the whole error
// with the .txt beside it.
func TestInvalid(t *testing.T) {
	t.Parallel()
	here, err := filepath.Abs("testdata")
	if err != nil {
		t.Fatal(err)
	}
	paths, err := filepath.Glob("testdata/invalid-*.yml")
	if err != nil || len(paths) == 0 {
		t.Fatalf("no files: %v", err)
	}
	for _, path := range paths {
		t.Run(filepath.Base(path), func(t *testing.T) {
			t.Parallel()
			c, err := config.Load(path)
			if err == nil || c != nil {
				t.Fatalf("Load = %v, %v; want an error alone", c, err)
			}
			if strings.Contains(err.Error(), "hunter2") {
				t.Errorf("the error shows a secret:\n%v", err)
			}
			got := strings.ReplaceAll(err.Error(), here, "TESTDATA") + "\n"
			golden(t, strings.TrimSuffix(path, ".yml")+".txt", got)
		})
	}
}

// TestWarnings does the same for what is valid and gives warnings.
func TestWarnings(t *testing.T) {
	t.Parallel()
	c, err := config.Load("testdata/warnings.yml")
	if err != nil {
		t.Fatal(err)
	}
	var got strings.Builder
	for _, warning := range c.Warnings {
		got.WriteString(warning.Error() + "\n")
	}
	golden(t, "testdata/warnings.txt", got.String())
}

// TestSameTasksAreOne lists a task twice, which says the same in other words.
func TestSameTasksAreOne(t *testing.T) {
	t.Parallel()
	c := load(t, base+`    tasks:
      - {id: one, created: 2026-11-21T08:00:00Z, urls: [https://h/1], labels: {n: one}}
      - {id: two}
      - {id: one, labels: {n: "one"}, urls: ["https://h/1"], created: 2026-11-21T16:00:00+08:00}
`)
	if tasks := c.Accounts[0].Tasks; len(tasks) != 2 || tasks[0].ID != "one" || tasks[1].ID != "two" || len(c.Warnings) != 0 {
		t.Errorf("tasks %+v, warnings %v", tasks, c.Warnings)
	}
}

func TestDefaults(t *testing.T) {
	t.Parallel()
	c := load(t, base+`  - name: vod
    huaweicloud_vod: {region: cn-north-4, project_id: 0123, token: T}
`)
	want := config.Global{PollInterval: every(time.Minute), Retention: every(24 * time.Hour), MaxStaleness: every(time.Hour), TaskLimit: 5000}
	if diff := cmp.Diff(want, c.Global); diff != "" {
		t.Errorf("Global (-want +got):\n%s", diff)
	}
	first, second := &c.Accounts[0], &c.Accounts[1]
	if want := (config.RateLimit{Calls: 1, Per: every(5 * time.Minute)}); first.RateLimit != want {
		t.Errorf("CDNetworks rate limit = %v, want %v", first.RateLimit, want)
	}
	if want := (config.RateLimit{Calls: 50, Per: every(time.Minute)}); second.RateLimit != want {
		t.Errorf("Huawei rate limit = %v, want %v", second.RateLimit, want)
	}
	if first.PollInterval != every(time.Minute) {
		t.Errorf("poll interval = %v, want the global one", first.PollInterval)
	}
	cdn := edge(first)
	if cdn.Endpoint != "https://api.cdnetworks.com" || cdn.PageSize != 100 || cdn.LookBack != every(72*time.Hour) || cdn.WatchWindow {
		t.Errorf("CDNetworks = %+v %d %v %v", cdn.Endpoint, cdn.PageSize, cdn.LookBack, cdn.WatchWindow)
	}
	at := time.Date(2026, 11, 21, 8, 0, 0, 0, cdn.TimeZone.Location)
	if got := at.Format("MST -0700"); got != "GMT+08:00 +0800" {
		t.Errorf("time zone = %s", got)
	}
	huawei := vod(second)
	if huawei.Endpoint != "https://vod.cn-north-4.myhuaweicloud.com" || huawei.ProjectID != "0123" {
		t.Errorf("Huawei = %s %s", huawei.Endpoint, huawei.ProjectID)
	}
	if huawei.HTTPClientConfig.FollowRedirects {
		t.Error("a vendor's redirects would be followed")
	}
	if len(c.Warnings) != 0 {
		t.Errorf("warnings: %v", c.Warnings)
	}
}

func TestTasks(t *testing.T) {
	t.Parallel()
	c := load(t, base+`    tasks:
      - id: 1e10
        created: 2026-11-21T08:00:00Z
        deadline: "2026-11-21T18:00:00+08:00"
        urls: ["https://example.com/a b.mp4"]
        labels: {season: 2026, title: "", ok: true}
      - id: plain
`)
	want := []prefetch.Task{
		{
			Account: "edge", ID: "1e10", Source: prefetch.SourceConfig,
			Created:  time.Date(2026, 11, 21, 8, 0, 0, 0, time.UTC),
			Deadline: time.Date(2026, 11, 21, 10, 0, 0, 0, time.UTC),
			URLs:     []string{"https://example.com/a b.mp4"},
			Labels:   map[string]string{"season": "2026", "title": "", "ok": "true"},
		},
		{Account: "edge", ID: "plain", Source: prefetch.SourceConfig},
	}
	if diff := cmp.Diff(want, c.Accounts[0].Tasks); diff != "" {
		t.Errorf("tasks (-want +got):\n%s", diff)
	}
	if got := c.Accounts[0].Tasks[0].Deadline.Format(time.RFC3339); got != "2026-11-21T10:00:00Z" {
		t.Errorf("deadline = %s, want it in UTC", got)
	}
}

func TestSharedBudget(t *testing.T) {
	t.Parallel()
	c := load(t, base+`  - name: the-same-user
    cdnetworks: {username: ops, access_key: AK, secret_key: SKEXAMPLE}
`)
	if a, b := c.Accounts[0].Identity(), c.Accounts[1].Identity(); a != b {
		t.Errorf("identities %q and %q differ", a, b)
	}
}

func TestDiscover(t *testing.T) {
	t.Parallel()
	c := load(t, `accounts:
  - {name: named, huaweicloud_cdn: {access_key: AK, secret_key: s}}
  - {name: listed, discover: 36h, huaweicloud_cdn: {access_key: AK, secret_key: s}}
`)
	if c.Accounts[0].Discover != 0 || c.Accounts[1].Discover != every(36*time.Hour) {
		t.Errorf("discover %v and %v", c.Accounts[0].Discover, c.Accounts[1].Discover)
	}
	if masked := string(c.Masked()); strings.Count(masked, "discover") != 1 || !strings.Contains(masked, "    discover: 1d12h\n") {
		t.Errorf("it is shown as\n%s", masked)
	}
}

// Accounts of one provider and group share a budget, whatever else they are.
func TestGroup(t *testing.T) {
	t.Parallel()
	c := load(t, `accounts:
  - {name: a, rate_limit: {group: tenant 7}, huaweicloud_vod: {region: cn-north-4, project_id: p, access_key: AK1, secret_key: s}}
  - {name: b, rate_limit: {group: tenant 7}, huaweicloud_vod: {region: cn-east-2, project_id: q, token: t}}
  - {name: other-group, rate_limit: {group: tenant 8}, huaweicloud_vod: {region: cn-north-4, project_id: p, access_key: AK1, secret_key: s}}
  - {name: no-group, huaweicloud_vod: {region: cn-north-4, project_id: p, access_key: AK1, secret_key: s}}
  - {name: other-provider, rate_limit: {group: tenant 7}, cdnetworks: {username: tenant 7, api_key: K}}
  - {name: user, cdnetworks: {username: tenant 7, api_key: K}}
`)
	names := map[string]string{}
	for i := range c.Accounts {
		a := &c.Accounts[i]
		names[a.Identity()] += a.Name + " "
	}
	want := map[string]bool{"a b ": true, "other-group ": true, "no-group ": true, "other-provider ": true, "user ": true}
	for identity, together := range names {
		if !want[together] {
			t.Errorf("%q share %q", together, identity)
		}
		if strings.Contains(identity, "tenant") {
			t.Errorf("the group is in clear: %q", identity)
		}
	}
	if limit := c.Accounts[0].RateLimit; limit.Calls != 50 || limit.Group != "tenant 7" {
		t.Errorf("limit %+v", limit)
	}
}

func TestTaskDiscovery(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "a[b]*?")
	if err := os.MkdirAll(filepath.Join(dir, "tasks"), 0o700); err != nil {
		t.Fatal(err)
	}
	task := writeFile(t, filepath.Join(dir, "tasks", "one.yml"), "[]")
	path := writeFile(t, filepath.Join(dir, "config.yml"), base+`task_discovery:
  files: [tasks/*.yml, /etc/tasks.json]
  http:
    - url: https://user:pw@example.com/tasks?key=1
    - {url: "http://example.com/", refresh_interval: 5s}
`)
	c, err := config.Load(path)
	if err != nil {
		t.Fatal(err)
	}
	found, err := filepath.Glob(c.TaskDiscovery.Files[0])
	if err != nil || len(found) != 1 || found[0] != task {
		t.Errorf("the pattern %q finds %q, %v; want %q", c.TaskDiscovery.Files[0], found, err, task)
	}
	if got := c.TaskDiscovery.Files[1]; got != "/etc/tasks.json" {
		t.Errorf("absolute pattern = %q", got)
	}
	http := c.TaskDiscovery.HTTP
	if http[0].URL.Value() != "https://user:pw@example.com/tasks?key=1" || http[0].Source() != "https://example.com/tasks" {
		t.Errorf("URL %s, source %s", http[0].URL, http[0].Source())
	}
	if http[0].RefreshInterval != every(time.Minute) || http[1].RefreshInterval != every(5*time.Second) {
		t.Errorf("refresh intervals %v, %v", http[0].RefreshInterval, http[1].RefreshInterval)
	}
	if !http[0].HTTPClientConfig.FollowRedirects {
		t.Error("discovery lost prometheus/common's defaults")
	}
}

func TestLoadErrors(t *testing.T) {
	t.Parallel()
	missing := filepath.Join(t.TempDir(), "config.yml")
	c, err := config.Load(missing)
	if c != nil || !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Load = %v, %v; want fs.ErrNotExist", c, err)
	}
	if want := missing + ":1: document: cannot be read: "; !strings.HasPrefix(err.Error(), want) {
		t.Errorf("error %q does not begin with %q", err, want)
	}
	_, err = config.Load(write(t, "accounts:\n  - name: a\n    cdnetworks: {username: u, api_key_file: none}\n"))
	var one form.Error
	if !errors.As(err, &one) || one.Line != 3 || one.Field != "accounts[0].cdnetworks.api_key_file" {
		t.Errorf("first error = %+v", one)
	}
	if !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%v is not fs.ErrNotExist", err)
	}
}

// TestUnreadableBytes is here and not in testdata because editors and git
// would change or refuse such files.
func TestUnreadableBytes(t *testing.T) {
	t.Parallel()
	tests := map[string]struct{ content, want string }{
		"not UTF-8":         {"a: 1\nb: \xff\n", ":2: document: is not valid UTF-8"},
		"control character": {"a: 1\nb: 2\nc: \x01\n", ":3: document: contains a control character"},
		"UTF-16":            {"\xff\xfea\x00", ":1: document: is not valid UTF-8"},
		"byte order inside": {"a: \uffff\n", ":1: document: control characters are not allowed"},
		"nothing":           {"", ":1: document: is empty"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := write(t, test.content)
			_, err := config.Load(path)
			if err == nil || err.Error() != path+test.want {
				t.Errorf("Load = %v, want %s", err, test.want)
			}
		})
	}
}

func TestCarriageReturns(t *testing.T) {
	t.Parallel()
	load(t, strings.ReplaceAll(base, "\n", "\r\n"))
}

// TestSyntaxErrorInALargeFile bounds the search for the line: the bracket is
// never closed, so no shorter beginning of the file can be parsed either.
func TestSyntaxErrorInALargeFile(t *testing.T) {
	t.Parallel()
	path := write(t, "# a comment\naccounts: [\n"+strings.Repeat("  {name: a},\n", 10_000))
	_, err := config.Load(path)
	if err == nil || !strings.HasPrefix(err.Error(), path+":") {
		t.Errorf("Load = %v", err)
	}
}

func TestLongValuesAreCut(t *testing.T) {
	t.Parallel()
	_, err := config.Load(write(t, base+"    poll_interval: "+strings.Repeat("é", 500)+"\n"))
	if err == nil || !strings.Contains(err.Error(), `"`+strings.Repeat("é", 64)+`"…`) || len(err.Error()) > 300 {
		t.Errorf("Load = %v", err)
	}
}
