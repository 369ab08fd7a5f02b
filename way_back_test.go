package main

import (
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"prefetch_exporter/internal/programtest"
	"prefetch_exporter/store/etcdstore/etcdtest"
)

// TestWayBack does what docs/high-availability.md says about the way from etcd to an
// embedded store, with its own commands: tasks that were put and are not settled come
// along, others are not asked for again.
func TestWayBack(t *testing.T) {
	t.Parallel()
	for _, program := range []string{"bash", "curl", "jq"} {
		programtest.Path(t, program)
	}
	cluster := etcdtest.Start(t, etcdtest.Options{})
	_, config := huaweiVendor(t)
	config = strings.Replace(config, "    tasks:\n      - id: settled\n", "", 1)
	alone := writeFile(t, "config.yml", config)
	shared := writeFile(t, "config.yml", config+onEtcd(cluster))
	folder := t.TempDir()
	scripts := wayBack(t)
	do := func(p *process, script string) {
		t.Helper()
		bash := exec.CommandContext(t.Context(), "bash", "-euo", "pipefail", "-c", script)
		bash.Dir = folder
		bash.Env = append(os.Environ(), "EXPORTER="+p.url, "no_proxy=127.0.0.1")
		if out, err := bash.CombinedOutput(); err != nil {
			t.Fatalf("%s\n%v\n%s", script, err, out)
		}
	}

	p := serve(t, "--config.file="+shared, "--replica.name=a", "--web.enable-task-api")
	p.eventually("is ready", func() bool { status, _ := p.get("/-/ready"); return status == http.StatusOK })
	p.send(http.MethodPut, "/api/v1/tasks/vod/settled", "")
	p.shows(settled, "1")
	p.send(http.MethodPut, "/api/v1/tasks/vod/2026%2Flaunch%201",
		`{"created":"2026-11-21T08:00:00Z","deadline":"2199-11-21T10:00:00Z","labels":{"title":"Launch \"one\" & more"}}`)
	do(p, scripts[0])
	if err := p.stop(); err != nil {
		t.Fatal(err)
	}

	p = serve(t, "--config.file="+alone, "--storage.path="+filepath.Join(folder, "data"), "--web.enable-task-api")
	do(p, scripts[1])
	_, list := p.get("/api/v1/tasks")
	if n := strings.Count(list, `"id":`); n != 1 {
		t.Errorf("%d tasks, want 1: %s", n, list)
	}
	for _, want := range []string{
		`"id":"2026/launch 1"`, `"source":"api"`, `"created":"2026-11-21T08:00:00Z"`, `"deadline":"2199-11-21T10:00:00Z"`,
		`"labels":{"title":"Launch \"one\" & more"}`,
	} {
		if !strings.Contains(list, want) {
			t.Errorf("no %s in %s", want, list)
		}
	}
}

// wayBack returns the two scripts of the manual: what is saved, and what is put again.
func wayBack(t *testing.T) []string {
	t.Helper()
	manual, err := os.ReadFile("docs/high-availability.md")
	if err != nil {
		t.Fatal(err)
	}
	_, text, _ := strings.Cut(string(manual), "\n**Back.**")
	text, _, _ = strings.Cut(text, "\n## ")
	var scripts []string
	for _, block := range regexp.MustCompile("(?s)```(?:ba)?sh\n(.*?)```").FindAllStringSubmatch(text, -1) {
		scripts = append(scripts, block[1])
	}
	if len(scripts) != 2 {
		t.Fatalf("the way back has the scripts %q, want 2", scripts)
	}
	return scripts
}
