package docs_test

import (
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// fileKeys finds the files that a configuration names.
var fileKeys = regexp.MustCompile(`(?m)\b(?:\w+_file): *([^\s,}#]+)`)

// workflow is what the manual uses of GitHub's workflows.
type workflow struct {
	Name        string            `yaml:"name"`
	On          any               `yaml:"on"`
	Permissions map[string]string `yaml:"permissions"`
	Jobs        map[string]struct {
		RunsOn  string            `yaml:"runs-on"`
		Needs   string            `yaml:"needs"`
		Timeout int               `yaml:"timeout-minutes"`
		Env     map[string]string `yaml:"env"`
		Steps   []struct {
			Name string            `yaml:"name"`
			ID   string            `yaml:"id"`
			Uses string            `yaml:"uses"`
			With map[string]string `yaml:"with"`
			Env  map[string]string `yaml:"env"`
			Run  string            `yaml:"run"`
		} `yaml:"steps"`
	} `yaml:"jobs"`
}

// gitlabJob is what the manual uses of a job of GitLab's.
type gitlabJob struct {
	Stage     string            `yaml:"stage"`
	Image     string            `yaml:"image"`
	Needs     []string          `yaml:"needs"`
	Timeout   string            `yaml:"timeout"`
	Variables map[string]string `yaml:"variables"`
	Script    []string          `yaml:"script"`
	Artifacts struct {
		Reports struct {
			DotEnv string `yaml:"dotenv"`
		} `yaml:"reports"`
		Paths []string `yaml:"paths"`
	} `yaml:"artifacts"`
	AllowFailure struct {
		ExitCodes []int `yaml:"exit_codes"`
	} `yaml:"allow_failure"`
}

// jobScripts returns what the jobs of a workflow, or of GitLab's, have a shell do.
func jobScripts(text string) []string {
	var all []string
	expression := regexp.MustCompile(`\$\{\{[^}]*\}\}`)
	var of workflow
	if strict(text, &of) == nil {
		for _, job := range of.Jobs {
			for _, step := range job.Steps {
				all = append(all, expression.ReplaceAllString(step.Run, anID))
			}
		}
	}
	var jobs map[string]gitlabJob
	if yaml.Unmarshal([]byte(text), &jobs) == nil {
		for _, job := range jobs {
			all = append(all, strings.Join(job.Script, "\n"))
		}
	}
	return slices.DeleteFunc(all, func(script string) bool { return script == "" })
}
