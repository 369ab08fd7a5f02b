package deploy_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/cli"
	"github.com/compose-spec/compose-go/v2/types"
	"sigs.k8s.io/yaml"
)

// project loads compose files as `docker compose -f … -f …` does.
func project(t *testing.T, files ...string) *types.Project {
	t.Helper()
	var paths []string
	for _, file := range files {
		paths = append(paths, inRepository("deploy/compose", file))
	}
	options, err := cli.NewProjectOptions(paths)
	if err != nil {
		t.Fatal(err)
	}
	p, err := options.LoadProject(t.Context())
	if err != nil {
		t.Fatalf("%v: %v", files, err)
	}
	return p
}

// projects are the combinations that the files name in their first lines.
var projects = map[string][]string{
	"alone":    {"docker-compose.yml"},
	"demo":     {"docker-compose.yml", "docker-compose.demo.yml"},
	"replicas": {"docker-compose.yml", "docker-compose.replicas.yml"},
	"edge":     {"docker-compose.yml", "docker-compose.edge.yml"},
}

// TestComposeServices says which services a combination has.
func TestComposeServices(t *testing.T) {
	t.Parallel()
	common := []string{"alertmanager", "exporter", "grafana", "prometheus"}
	for name, more := range map[string][]string{
		"alone": nil, "demo": nil, "replicas": {"etcd-0", "etcd-1", "etcd-2", "exporter-2"}, "edge": {"blackbox"},
	} {
		want := slices.Sorted(slices.Values(slices.Concat(common, more)))
		if got := project(t, projects[name]...).ServiceNames(); !slices.Equal(slices.Sorted(slices.Values(got)), want) {
			t.Errorf("%s: %v, want %v", name, got, want)
		}
	}
}

// TestComposeIsPinnedAndLocal: every image of others is pinned by its digest, and
// every port is on the loopback.
func TestComposeIsPinnedAndLocal(t *testing.T) {
	t.Parallel()
	pinned := regexp.MustCompile(`:v?[0-9][^@]*@sha256:[0-9a-f]{64}$`)
	for name, files := range projects {
		for _, s := range project(t, files...).Services {
			if s.Build == nil && !pinned.MatchString(s.Image) {
				t.Errorf("%s: %s has the image %s", name, s.Name, s.Image)
			}
			for _, port := range s.Ports {
				if port.HostIP != "127.0.0.1" {
					t.Errorf("%s: %s listens on %q", name, s.Name, port.HostIP)
				}
			}
		}
	}
}

// TestComposeCompacts: each etcd gets the flags that docs/high-availability.md calls
// required.
func TestComposeCompacts(t *testing.T) {
	t.Parallel()
	line := regexp.MustCompile("(?m)^\\| `(.*)` \\| \\*\\*required\\*\\*").FindStringSubmatch(string(read(t, inRepository("docs/high-availability.md"))))
	if line == nil {
		t.Fatal("docs/high-availability.md requires no flag")
	}
	members := 0
	for _, s := range project(t, projects["replicas"]...).Services {
		if !strings.HasPrefix(s.Name, "etcd-") {
			continue
		}
		members++
		for flag := range strings.FieldsSeq(line[1]) {
			name, want, _ := strings.Cut(strings.TrimPrefix(flag, "--"), "=")
			name = "ETCD_" + strings.ToUpper(strings.ReplaceAll(name, "-", "_"))
			if got := s.Environment[name]; got == nil || *got != want {
				t.Errorf("%s: %s is not %s", s.Name, name, want)
			}
		}
	}
	if members == 0 {
		t.Error("there is no etcd")
	}
}

// TestComposeConfigurations lays out what each service sees, as its volumes say,
// and has each program's own tool read it.
func TestComposeConfigurations(t *testing.T) {
	t.Parallel()
	for name, files := range projects {
		for _, s := range project(t, files...).Services {
			root := t.TempDir()
			for _, volume := range s.Volumes {
				if volume.Type == types.VolumeTypeBind {
					layOut(t, volume.Source, filepath.Join(root, volume.Target))
				}
			}
			switch {
			case name == "demo" && s.Name == "exporter":
				if len(s.Volumes) != 0 || !slices.Equal(s.Command, []string{"--demo"}) {
					t.Errorf("the demo reads %v and runs %q", s.Volumes, s.Command)
				}
			case strings.HasPrefix(s.Name, "exporter"):
				writeSecrets(t, filepath.Join(root, "etc/prefetch_exporter/secrets"))
				var args []string
				for _, arg := range s.Command {
					args = append(args, strings.Replace(arg, "=/", "="+root+"/", 1))
				}
				exporter(t, append(args, "--config.check")...)
			case s.Name == "prometheus":
				said := tool(t, "promtool", "check", "config", filepath.Join(root, configOf(t, s)))
				// The configuration and two files of rules.
				if strings.Count(said, "SUCCESS:") < 3 {
					t.Errorf("%s: promtool read too little:\n%s", name, said)
				}
				if jobs := jobsOf(t, filepath.Join(root, configOf(t, s))); (name == "edge") != slices.Contains(jobs, "prefetch_edge") {
					t.Errorf("%s: Prometheus has the jobs %q", name, jobs)
				}
			case s.Name == "blackbox":
				tool(t, blackboxExporter(t), "--config.check", "--config.file="+filepath.Join(root, configOf(t, s)))
			case s.Name == "alertmanager":
				said := tool(t, "amtool", "check-config", filepath.Join(root, configOf(t, s)))
				if !strings.Contains(said, "1 templates") {
					t.Errorf("%s: amtool found no template:\n%s", name, said)
				}
			case s.Name == "grafana":
				provider := string(read(t, filepath.Join(root, "etc/grafana/provisioning/dashboards/prefetch.yml")))
				_, path, _ := strings.Cut(provider, "path: ")
				found, err := filepath.Glob(filepath.Join(root, strings.TrimSpace(path), "*.json"))
				if err != nil || len(found) != len(dashboards(t)) {
					t.Errorf("%s: Grafana looks for dashboards in %q and finds %v, %v", name, path, found, err)
				}
			}
		}
	}
}

// jobsOf returns the jobs of a configuration of Prometheus and of the files that it
// reads jobs from.
func jobsOf(t *testing.T, path string) (jobs []string) {
	t.Helper()
	var config struct {
		Files   []string `json:"scrape_config_files"`
		Configs []struct {
			Job string `json:"job_name"`
		} `json:"scrape_configs"`
	}
	if err := yaml.Unmarshal(read(t, path), &config); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	for _, c := range config.Configs {
		jobs = append(jobs, c.Job)
	}
	for _, pattern := range config.Files {
		found, err := filepath.Glob(filepath.Join(filepath.Dir(path), pattern))
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range found {
			jobs = append(jobs, jobsOf(t, file)...)
		}
	}
	return jobs
}

// blackboxExporter is the program as Debian calls it, or as others do.
func blackboxExporter(t *testing.T) string {
	t.Helper()
	const debian = "prometheus-blackbox-exporter"
	if _, err := exec.LookPath(debian); err == nil {
		return debian
	}
	return "blackbox_exporter"
}

// configOf returns the configuration file that a service's command names.
func configOf(t *testing.T, s types.ServiceConfig) string {
	t.Helper()
	const flag = "--config.file"
	for _, arg := range s.Command {
		if value, found := strings.CutPrefix(arg, flag+"="); found {
			return value
		}
	}
	t.Fatalf("%s has no %s", s.Name, flag)
	return ""
}

// layOut copies a file or a folder; it must be there.
func layOut(t *testing.T, from, to string) {
	t.Helper()
	info, err := os.Stat(from)
	if err != nil {
		t.Fatal(err)
	}
	if !info.IsDir() {
		write(t, to, read(t, from))
		return
	}
	if err := os.CopyFS(to, os.DirFS(from)); err != nil {
		t.Fatal(err)
	}
}
