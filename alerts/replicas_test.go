package alerts_test

import (
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"prefetch_exporter/internal/programtest"
)

// TestReplicasTellOnce repeats the tests of the rules with two more replicas beside
// each exporter: one follows at once, and one was cut off when the test began and
// still shows what it heard then. Every alert, every number and every word is the
// same, and comes once.
func TestReplicasTellOnce(t *testing.T) {
	t.Parallel()
	promtool := programtest.Path(t, "promtool")
	dir := t.TempDir()
	settings, err := os.ReadFile(settingsFile)
	if err != nil {
		t.Fatal(err)
	}
	// Links lead to whoever has the newest answer, which may be any of them.
	linked := strings.Replace(string(settings), `exporter_url: ""`, `exporter_url: http://exporter:10186`, 1)
	if err := os.WriteFile(filepath.Join(dir, settingsFile), []byte(linked), 0o600); err != nil {
		t.Fatal(err)
	}
	rules, err := filepath.Abs(rulesFile)
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range testFiles(t) {
		// replicas_test.yml has replicas; the others are long, and have no rule that the
		// rest does not have.
		if slices.Contains([]string{"replicas_test.yml", "facts_test.yml", "keep_firing_test.yml", "doubled_settings_test.yml"}, filepath.Base(file)) {
			continue
		}
		var content ruleTests
		readYAML(t, file, &content)
		content.RuleFiles = []string{filepath.Join(dir, settingsFile), rules}
		content.Tests = slices.DeleteFunc(content.Tests, func(r ruleTest) bool { return len(withReplicas(r.Input)) == len(r.Input) })
		if len(content.Tests) == 0 {
			t.Errorf("%s: nothing in it could double", file)
		}
		for i, r := range content.Tests {
			content.Tests[i].Input = withReplicas(r.Input)
		}
		t.Run(filepath.Base(file), func(t *testing.T) {
			t.Parallel()
			text, err := yaml.Marshal(content)
			if err != nil {
				t.Fatal(err)
			}
			name := filepath.Join(dir, filepath.Base(file))
			if err := os.WriteFile(name, text, 0o600); err != nil {
				t.Fatal(err)
			}
			if out, err := exec.CommandContext(t.Context(), promtool, "test", "rules", name).CombinedOutput(); err != nil {
				t.Errorf("promtool: %v\n%s", err, out)
			}
		})
	}
}

var (
	// ofTheGroup are series that a replica has as the owner of the account has them.
	ofTheGroup = regexp.MustCompile(`^prefetch_(task|account|api_limit|api_next)_\w*\{`)
	// counted are each replica's own, and of one that asks for nothing they are 0.
	counted = regexp.MustCompile(`(_total|_bucket|_sum|_count)\{`)
	native  = regexp.MustCompile(`^prefetch_\w*duration_seconds\{`)
	number  = regexp.MustCompile(`^(-?[0-9.]+)[^x_]*?(x\d+)?$`)
	account = regexp.MustCompile(`^prefetch_(?:task|account|api)_\w*\{(.*)\}$`)
)

const exporter = `instance="exporter:10186"`

// ruleTests is promtool's file of tests, as far as it is changed here.
type ruleTests struct {
	RuleFiles []string       `yaml:"rule_files"`
	Tests     []ruleTest     `yaml:"tests"`
	Rest      map[string]any `yaml:",inline"`
}

type ruleTest struct {
	Input []inputSeries  `yaml:"input_series"`
	Rest  map[string]any `yaml:",inline"`
}

type inputSeries struct {
	Series string `yaml:"series"`
	Values string `yaml:"values"`
}

// withReplicas adds the series of two replicas to those of the one that asks.
func withReplicas(all []inputSeries) []inputSeries {
	owners := map[string]bool{}
	all = slices.Clone(all)
	for _, s := range all {
		if !strings.Contains(s.Series, exporter) || native.MatchString(s.Series) || strings.HasPrefix(s.Series, "prefetch_account_owner{") {
			continue
		}
		following, cutOff := s.Values, first(s.Values)
		switch {
		case counted.MatchString(s.Series):
			following = nought(s.Values)
			cutOff = following
		case strings.HasPrefix(s.Series, "prefetch_exporter_tasks_rejected"):
			cutOff = s.Values // what it finds in lists of tasks comes without etcd
		case !ofTheGroup.MatchString(s.Series):
			continue
		}
		all = append(all, inputSeries{as(s.Series, "following:10186"), following}, inputSeries{as(s.Series, "lost-sight:10186"), cutOff})
		if m := account.FindStringSubmatch(s.Series); m != nil {
			owners[ofAccount(m[1])] = true
		}
	}
	for _, labels := range slices.Sorted(maps.Keys(owners)) {
		owner := "prefetch_account_owner{" + labels + "}"
		all = slices.DeleteFunc(all, func(s inputSeries) bool { return s.Series == owner })
		all = append(all, inputSeries{owner, "1x400"}, inputSeries{as(owner, "following:10186"), "0x400"},
			inputSeries{as(owner, "lost-sight:10186"), "0x400"})
	}
	return all
}

func as(series, instance string) string {
	return strings.Replace(series, exporter, `instance="`+instance+`"`, 1)
}

// ofAccount leaves of labels those of the account and of whoever is scraped.
func ofAccount(labels string) string {
	kept := slices.DeleteFunc(regexp.MustCompile(`\w+="(?:[^"\\]|\\.)*"`).FindAllString(labels, -1), func(label string) bool {
		name, _, _ := strings.Cut(label, "=")
		return !slices.Contains([]string{"job", "instance", "cluster", "provider", "account"}, name)
	})
	return strings.Join(kept, ",")
}

// first makes all samples what the first one was; where there are none it leaves it.
func first(values string) string {
	value := ""
	return eachSample(values, func(sample string) string {
		if value == "" {
			value = sample
		}
		return value
	})
}

func nought(values string) string {
	return eachSample(values, func(string) string { return "0" })
}

func eachSample(values string, to func(string) string) string {
	var out []string
	for token := range strings.FieldsSeq(values) {
		if m := number.FindStringSubmatch(token); m != nil {
			token = to(m[1]) + m[2]
		}
		out = append(out, token)
	}
	return strings.Join(out, " ")
}
