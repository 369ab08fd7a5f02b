package docs_test

import (
	"fmt"
	"maps"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// TestYAML gives every block of YAML to the program that reads such a file.
func TestYAML(t *testing.T) {
	t.Parallel()
	s := newSandbox(t)
	count := map[string]int{}
	for _, p := range pages(t) {
		for _, b := range p.blocks {
			if b.kind != "yaml" {
				continue
			}
			kind, err := s.judge(t, b.text)
			if err != nil {
				t.Errorf("%s:%d: %s: %v", b.page, b.line, kind, err)
			}
			count[kind]++
		}
	}
	for _, kind := range slices.Sorted(maps.Keys(count)) {
		t.Logf("%d × %s", count[kind], kind)
	}
}

// judge returns what reads such a block, and what is wrong with it.
func (s sandbox) judge(t *testing.T, text string) (reader string, err error) {
	t.Helper()
	if yaml.Unmarshal([]byte(text), &[]any{}) == nil {
		path := s.write(t, "tasks.yml", text)
		return "prefetch_exporter --config.check, a list of tasks", s.checkConfig(t, "task_discovery: {files: ["+path+"]}\n")
	}
	keys := map[string]any{}
	if err := yaml.Unmarshal([]byte(text), &keys); err != nil {
		return "YAML", err
	}
	has := func(names ...string) bool {
		return slices.ContainsFunc(names, func(name string) bool { _, found := keys[name]; return found })
	}
	switch {
	case has("accounts", "task_discovery", "storage", "global"):
		return "prefetch_exporter --config.check", s.checkConfig(t, text)
	case has("tls_server_config", "basic_auth_users"):
		s.writeConfig(t, accounts)
		web := s.write(t, "shown.yml", text)
		return "prefetch_exporter --config.check --web.config.file",
			execute(s.programs+"/prefetch_exporter", "--config.check", "--config.file="+s.folder+"/config.yml", "--web.config.file="+web)
	case has("scrape_configs", "rule_files"):
		return "promtool check config", s.promtool(t, text)
	case has("relabel_configs"):
		return "promtool check config", s.promtool(t, "scrape_configs:\n- job_name: shown\n  "+strings.ReplaceAll(text, "\n", "\n  "))
	case has("modules"):
		return "blackbox_exporter --config.check", execute(tool("prometheus-blackbox-exporter"), "--config.check", "--config.file="+s.write(t, "shown.yml", text))
	case has("providers"):
		return "Grafana's provisioning, decoded strictly", strict(text, &provisioning{})
	case has("on"):
		return "GitHub Actions, decoded strictly (actionlint: e2e/deploy)", strict(text, &workflow{})
	case has("basic_auth", "tls_config", "authorization"):
		path := s.write(t, "shown.yml", text)
		return "prefetchtool --http.config.file", execute(s.programs+"/prefetchtool", "accounts", "--exporter.url="+s.exporter, "--http.config.file="+path)
	case keys["kind"] == "Kustomization":
		return "kustomize (e2e/deploy)", nil
	}
	return "GitLab CI, decoded strictly", strict(text, &map[string]gitlabJob{})
}

// accounts are those that the manual's examples name.
const accounts = `accounts:
  - {name: edge, cdnetworks: {username: ops, api_key_file: secrets/cdnetworks_key}}
  - {name: vod-launches, huaweicloud_vod: {region: ap-southeast-3, project_id: "0123", access_key: AKEXAMPLE, secret_key_file: secrets/huaweicloud_sk}}
`

// checkConfig has the exporter check a configuration, of which accounts may be left
// out. Files that it names are there.
func (s sandbox) checkConfig(t *testing.T, text string) error {
	t.Helper()
	if !strings.Contains(text, "accounts:") {
		text += accounts
	}
	s.writeConfig(t, text)
	return execute(s.programs+"/prefetch_exporter", "--config.check", "--config.file="+s.folder+"/config.yml")
}

// writeConfig writes a configuration, and the secrets and certificates that it names.
func (s sandbox) writeConfig(t *testing.T, text string) {
	t.Helper()
	text = strings.ReplaceAll(text, "/run/credentials/prefetch_exporter.service/", "secrets/")
	s.write(t, "config.yml", text)
	certificate := read(t, s.folder+"/ca.pem")
	for _, path := range fileKeys.FindAllStringSubmatch(text, -1) {
		content := "a-secret-of-this-test\n"
		if strings.HasSuffix(path[1], ".pem") {
			content = certificate
		}
		s.write(t, path[1], content)
	}
}

// promtool checks a configuration of Prometheus with our own rules.
func (s sandbox) promtool(t *testing.T, text string) error {
	t.Helper()
	alerts, err := filepath.Abs(repository + "/alerts")
	if err != nil {
		t.Fatal(err)
	}
	text = strings.ReplaceAll(text, "/etc/prometheus/", alerts+"/")
	return execute(tool("promtool"), "check", "config", s.write(t, "prometheus.yml", text))
}

// tool returns the path of a program that make deps has put into .build, unless it
// is installed.
func tool(name string) string {
	if path, err := exec.LookPath(name); err == nil {
		return path
	}
	return filepath.Join(repository, ".build", "bin", name)
}

func execute(program string, args ...string) error {
	output, err := exec.Command(program, args...).CombinedOutput() //nolint:noctx // it ends by itself
	if err != nil {
		return fmt.Errorf("%w\n%s", err, output)
	}
	return nil
}

func strict(text string, into any) error {
	decoder := yaml.NewDecoder(strings.NewReader(text))
	decoder.KnownFields(true)
	return decoder.Decode(into)
}

// provisioning is what Grafana reads of a provider of dashboards.
type provisioning struct {
	APIVersion int `yaml:"apiVersion"`
	Providers  []struct {
		Name    string            `yaml:"name"`
		Folder  string            `yaml:"folder"`
		Type    string            `yaml:"type"`
		Options map[string]string `yaml:"options"`
	} `yaml:"providers"`
}
