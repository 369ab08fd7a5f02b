package deploy_test

import (
	"bytes"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/rhysd/actionlint"
	"sigs.k8s.io/yaml"
)

// TestWorkflows has actionlint read the workflows.
func TestWorkflows(t *testing.T) {
	t.Parallel()
	var said bytes.Buffer
	linter, err := actionlint.NewLinter(&said, &actionlint.LinterOptions{})
	if err != nil {
		t.Fatal(err)
	}
	found, err := linter.LintFiles(workflows(t), nil)
	if err != nil || len(found) > 0 {
		t.Errorf("%v\n%s", err, said.String())
	}
}

// TestDocumentedWorkflow has actionlint read what docs/pipelines.md tells people to
// write.
func TestDocumentedWorkflow(t *testing.T) {
	t.Parallel()
	_, text, found := strings.Cut(string(read(t, inRepository("docs/pipelines.md"))), "```yaml\nname: ")
	text, _, ended := strings.Cut(text, "\n```")
	if !found || !ended {
		t.Fatal("docs/pipelines.md has no workflow")
	}
	var said bytes.Buffer
	linter, err := actionlint.NewLinter(&said, &actionlint.LinterOptions{})
	if err != nil {
		t.Fatal(err)
	}
	problems, err := linter.Lint("launch.yml", []byte("name: "+text+"\n"), nil)
	if err != nil || len(problems) > 0 {
		t.Errorf("%v\n%s", err, said.String())
	}
}

// TestWorkflowsArePinned: what is used of others is named by its commit or digest,
// and a job may do only what it says.
func TestWorkflowsArePinned(t *testing.T) {
	t.Parallel()
	action := regexp.MustCompile(`^[\w-]+/[\w-]+@[0-9a-f]{40}$`)
	writes := map[string][]string{}
	for _, path := range workflows(t) {
		var workflow struct {
			Permissions map[string]string
			Jobs        map[string]struct {
				Permissions map[string]string
				Container   string
				Steps       []struct {
					Uses string
					With map[string]any
				}
			}
		}
		if err := yaml.Unmarshal(read(t, path), &workflow); err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		if workflow.Permissions == nil || len(workflow.Permissions) > 0 {
			t.Errorf("%s: every job has the permissions %v", path, workflow.Permissions)
		}
		for name, job := range workflow.Jobs {
			if job.Container != "" && !strings.Contains(job.Container, "@sha256:") {
				t.Errorf("%s: %s runs in %s", path, name, job.Container)
			}
			for what, may := range job.Permissions {
				if may == "write" {
					writes[name] = append(writes[name], what)
				}
			}
			for _, step := range job.Steps {
				if step.Uses != "" && !action.MatchString(step.Uses) {
					t.Errorf("%s: %s uses %s", path, name, step.Uses)
				}
				keeps, given := step.With["persist-credentials"].(bool)
				if strings.HasPrefix(step.Uses, "actions/checkout@") && (keeps || !given) {
					t.Errorf("%s: %s leaves its credentials to the steps", path, name)
				}
			}
		}
	}
	want := map[string][]string{"publish": {"attestations", "contents", "id-token"}, "image": {"packages"}}
	for job, what := range writes {
		if slices.Sort(what); !slices.Equal(what, want[job]) {
			t.Errorf("%s may write %v, want %v", job, what, want[job])
		}
	}
}

func workflows(t *testing.T) []string {
	t.Helper()
	paths, err := filepath.Glob(inRepository(".github/workflows", "*.yml"))
	if err != nil || len(paths) == 0 {
		t.Fatalf("no workflows: %v", err)
	}
	return paths
}
