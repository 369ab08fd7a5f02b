package config_test

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"prefetch_exporter/config"
)

const examplePath = "../config.example.yml"

// sections are configurations in which everything is right but one unknown key
// in each part that has keys; the errors list the keys that are known there.
func sections() []string {
	return []string{
		`unknown: 1
global: {unknown: 1}
accounts:
  - unknown: 1
    rate_limit: {unknown: 1}
    huaweicloud_vod: {unknown: 1, iam: {unknown: 1}}
    tasks: [{unknown: 1}]
  - huaweicloud_cdn: {unknown: 1, iam: {unknown: 1}}
  - alibabacloud_cdn: {unknown: 1}
  - cdnetworks: {unknown: 1}
  - tencentcloud_edgeone: {unknown: 1}
  - tencentcloud_cdn: {unknown: 1}
  - volcengine_cdn: {unknown: 1}
  - byteplus_cdn: {unknown: 1}
  - baiducloud_cdn: {unknown: 1}
storage: {unknown: 1, etcd: {unknown: 1}}
task_discovery: {unknown: 1, http: [{unknown: 1}]}
`,
	}
}

// knownKeys returns every key that the configuration can have, but those of
// prometheus/common, and those of these that an account can use.
func knownKeys(t *testing.T) []string {
	t.Helper()
	list := regexp.MustCompile(`unknown key; known here: (.*)`)
	keys := []string{"tls_config", "proxy_url", "no_proxy", "proxy_from_environment", "proxy_connect_header"}
	for _, section := range sections() {
		_, err := config.Load(write(t, section))
		if err == nil {
			t.Fatal("no error")
		}
		if got, want := len(list.FindAllString(err.Error(), -1)), strings.Count(section, "unknown"); got != want {
			t.Fatalf("%d unknown keys were reported, want %d:\n%v", got, want, err)
		}
		for _, parts := range list.FindAllStringSubmatch(err.Error(), -1) {
			keys = append(keys, strings.Split(parts[1], ", ")...)
		}
	}
	slices.Sort(keys)
	return slices.Compact(keys)
}

func read(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func TestExampleLoads(t *testing.T) {
	t.Parallel()
	c, files, err := config.Read(examplePath)
	if err != nil {
		t.Fatal(err)
	}
	// What the example cannot know is to be noticed before the vendor does.
	var fields []string
	for _, w := range c.Warnings {
		if w.Message != "looks like the placeholder of an example" {
			t.Errorf("warning: %v", w)
		}
		fields = append(fields, w.Field)
	}
	want := []string{
		"accounts[0].huaweicloud_vod.access_key", "accounts[0].huaweicloud_vod.secret_key", "accounts[1].cdnetworks.api_key",
	}
	if !slices.Equal(fields, want) {
		t.Errorf("placeholders at %q, want %q", fields, want)
	}
	if len(files) != 1 {
		t.Errorf("needs files that a fresh clone does not have: %v", files)
	}
}

// TestEveryKeyIsExplained fails when a key is added and not written about.
func TestEveryKeyIsExplained(t *testing.T) {
	t.Parallel()
	example, manual := read(t, examplePath), read(t, "../docs/configuration.md")
	for _, key := range knownKeys(t) {
		if !regexp.MustCompile(`(?m)^[ #-]*` + key + `:`).MatchString(example) {
			t.Errorf("config.example.yml does not show %s", key)
		}
		// The files of secrets are described once, in a list of all of them.
		for _, name := range []string{key, strings.TrimSuffix(key, "_file")} {
			if !strings.Contains(manual, "`"+name+"`") {
				t.Errorf("docs/configuration.md does not describe %s", name)
			}
		}
	}
}

// TestExampleStatesDefaults removes the settings that have a default from the
// example's first lines: the effective configuration must not change.
func TestExampleStatesDefaults(t *testing.T) {
	t.Parallel()
	with, err := config.Load(examplePath)
	if err != nil {
		t.Fatal(err)
	}
	setting := regexp.MustCompile(`(?m)^ +(retention|max_staleness|task_limit|calls|per|time_zone|page_size|lookback|watch_window|` +
		`endpoint): .*\n`)
	global := regexp.MustCompile(`(?m)^  poll_interval: .*\n`)
	without := load(t, global.ReplaceAllString(setting.ReplaceAllString(read(t, examplePath), ""), ""))
	if got, want := string(without.Masked()), string(with.Masked()); got != want {
		t.Errorf("the example's values are not the defaults; with them:\n%s\nwithout:\n%s", want, got)
	}
}

// TestExampleAlternatives takes the comments off the alternatives: together
// they contradict each other, but each must be a key that exists.
func TestExampleAlternatives(t *testing.T) {
	t.Parallel()
	// A commented-out key or list item, not a sentence.
	alternative := regexp.MustCompile(`(?m)^( *)# ( *(?:- )?[a-zA-Z_-]+:(?: .*)?)$`)
	item := regexp.MustCompile(`(?m)^( *)# ( *- tasks/.*)$`)
	text := read(t, examplePath)
	text = regexp.MustCompile(`(?m)^ +(http_client_config: \{\}|files: \[\]|http: \[\])\n`).ReplaceAllString(text, "")
	text = item.ReplaceAllString(alternative.ReplaceAllString(text, "$1$2"), "$1$2")
	if !strings.Contains(text, "\n  http:\n    - url:") {
		t.Fatalf("the alternatives were not found:\n%s", text)
	}
	_, err := config.Load(write(t, text))
	if err == nil {
		t.Fatal("contradicting alternatives were accepted")
	}
	for line := range strings.Lines(err.Error()) {
		line = strings.TrimSpace(line)
		if !regexp.MustCompile(`the secret is given twice|more than one way to authenticate|no such file|unable to|does not tell which tasks there are`).MatchString(line) {
			t.Errorf("an alternative is wrong: %s", line)
		}
	}
}
