package deploy_test

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/cli"
	"github.com/compose-spec/compose-go/v2/types"
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
}

// TestComposeServices says which services a combination has.
func TestComposeServices(t *testing.T) {
	t.Parallel()
	common := []string{"alertmanager", "exporter", "grafana", "prometheus"}
	for name, more := range map[string][]string{
		"alone": nil, "demo": nil, "replicas": {"etcd-0", "etcd-1", "etcd-2", "exporter-2"},
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
				said := tool(t, "promtool", "check", "config", filepath.Join(root, flagOf(t, s, "--config.file")))
				// The configuration and two files of rules.
				if strings.Count(said, "SUCCESS:") < 3 {
					t.Errorf("%s: promtool read too little:\n%s", name, said)
				}
			case s.Name == "alertmanager":
				said := tool(t, "amtool", "check-config", filepath.Join(root, flagOf(t, s, "--config.file")))
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

// flagOf returns the value of a flag of a service's command.
func flagOf(t *testing.T, s types.ServiceConfig, flag string) string {
	t.Helper()
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
