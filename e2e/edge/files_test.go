package edge_test

import (
	"net/http"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"prefetch_exporter/e2e/internal/run"
)

// The tools of both programs take the files that users are given, and the module that
// the manual shows.
func TestFiles(t *testing.T) {
	t.Parallel()
	blackbox := installed(t, "prometheus-blackbox-exporter", "blackbox_exporter")
	shown := filepath.Join(t.TempDir(), "blackbox.yml")
	write(t, shown, moduleOfTheManual(t))
	for _, command := range [][]string{
		{installed(t, "promtool"), "check", "config", deployed + "/prometheus.yml"},
		{blackbox, "--config.check", "--config.file=" + deployed + "/blackbox.yml"},
		{blackbox, "--config.check", "--config.file=" + shown},
	} {
		if out, err := exec.CommandContext(t.Context(), command[0], command[1:]...).CombinedOutput(); err != nil {
			t.Errorf("%q: %v\n%s", command, err, out)
		}
	}
}

func moduleOfTheManual(t *testing.T) string {
	t.Helper()
	for _, block := range regexp.MustCompile("(?s)```yaml\n(.*?)```").FindAllStringSubmatch(read(t, run.Repository+"/docs/edge_check.md"), -1) {
		if strings.Contains(block[1], "modules:") {
			return strings.ReplaceAll("\n"+block[1], "\n  ", "\n") // it stands in a list
		}
	}
	t.Fatal("docs/edge_check.md shows no module")
	return ""
}

// There is a module for every provider, and the manual tells of its header.
func TestEveryProviderHasAModule(t *testing.T) {
	t.Parallel()
	var modules struct {
		Modules map[string]struct {
			HTTP struct {
				Method          string
				FollowRedirects *bool                `yaml:"follow_redirects"`
				Headers         []map[string]*string `yaml:"fail_if_header_not_matches"`
			}
		}
	}
	if err := yaml.Unmarshal([]byte(read(t, deployed+"/blackbox.yml")), &modules); err != nil {
		t.Fatal(err)
	}
	for name, m := range modules.Modules {
		if m.HTTP.Method != http.MethodHead || m.HTTP.FollowRedirects == nil || *m.HTTP.FollowRedirects || len(m.HTTP.Headers) != 1 {
			t.Errorf("%s sends %s, follows redirects %v, or demands no header: %v", name, m.HTTP.Method, m.HTTP.FollowRedirects, m.HTTP.Headers)
		}
	}
	manual := read(t, run.Repository+"/docs/edge_check.md")
	for _, provider := range providers(t) {
		m, ok := modules.Modules["edge_"+provider]
		if !ok {
			t.Errorf("no module for %s", provider)
			continue
		}
		header := regexp.MustCompile("(?im)^\\|[^|]*`" + provider + "`[^|]*\\|[^|]*`" + *m.HTTP.Headers[0]["header"] + "\\b")
		if !header.MatchString(manual) {
			t.Errorf("docs/edge_check.md has no line of %s and its header", provider)
		}
	}
}

// providers are those that the configuration names to whoever gives none.
func providers(t *testing.T) []string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "config.yml")
	write(t, file, "accounts: [{name: a}]\n")
	out, err := exec.CommandContext(t.Context(), run.Exporter(t), "--config.check", "--config.file="+file).CombinedOutput()
	if err == nil {
		t.Fatal("an account without a provider is no error")
	}
	_, list, _ := strings.Cut(string(out), "give ")
	list, _, _ = strings.Cut(list, "\n")
	names := strings.FieldsFunc(list, func(r rune) bool { return r != '_' && (r < 'a' || r > 'z') })
	names = slices.DeleteFunc(names, func(name string) bool { return name == "or" })
	const least = 10
	if len(names) < least {
		t.Fatalf("providers %q of %s", names, out)
	}
	return names
}
