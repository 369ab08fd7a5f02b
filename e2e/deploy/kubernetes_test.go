package deploy_test

import (
	"bytes"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	monitoring "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
	apps "k8s.io/api/apps/v1"
	core "k8s.io/api/core/v1"
	policy "k8s.io/api/policy/v1"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	admission "k8s.io/pod-security-admission/api"
	standards "k8s.io/pod-security-admission/policy"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"
	"sigs.k8s.io/yaml"
)

const rulesManifest = "deploy/kubernetes/base/prometheusrule.yaml"

// manifests are the objects of an overlay.
type manifests struct {
	names      []string
	set        apps.StatefulSet
	service    core.Service
	monitor    monitoring.ServiceMonitor
	rule       monitoring.PrometheusRule
	disruption policy.PodDisruptionBudget
	maps       map[string]core.ConfigMap
}

// overlay builds an overlay and decodes each of its objects strictly: an unknown
// field is an error, as is an object of a kind that nobody expects.
func overlay(t *testing.T, name string) *manifests {
	t.Helper()
	return build(t, inRepository("deploy/kubernetes/overlays", name))
}

// build does so for the kustomization of any folder.
func build(t *testing.T, name string) *manifests {
	t.Helper()
	// The default options are those of `kubectl apply -k`: no file outside of a
	// kustomization's own folder is read.
	resources, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).
		Run(filesys.MakeFsOnDisk(), name)
	if err != nil {
		t.Fatalf("build %s: %v", name, err)
	}
	m := &manifests{maps: map[string]core.ConfigMap{}}
	for _, r := range resources.Resources() {
		text, err := r.AsYAML()
		if err != nil {
			t.Fatal(err)
		}
		var configMap core.ConfigMap
		into := map[string]any{
			"StatefulSet": &m.set, "Service": &m.service, "ServiceMonitor": &m.monitor, "PrometheusRule": &m.rule,
			"PodDisruptionBudget": &m.disruption, "ConfigMap": &configMap,
		}[r.GetKind()]
		if into == nil {
			t.Fatalf("%s: what is a %s?", name, r.GetKind())
		}
		if err := yaml.UnmarshalStrict(text, into); err != nil {
			t.Fatalf("%s: %s %s: %v", name, r.GetKind(), r.GetName(), err)
		}
		if r.GetKind() == "ConfigMap" {
			m.maps[r.GetName()] = configMap
		}
		m.names = append(m.names, r.GetApiVersion()+" "+r.GetKind()+" "+r.GetName())
	}
	slices.Sort(m.names)
	return m
}

// TestOverlays says which objects an overlay has, and that each is one of
// Kubernetes or of the Prometheus operator to the letter.
func TestOverlays(t *testing.T) {
	t.Parallel()
	common := []string{
		"apps/v1 StatefulSet prefetch-exporter",
		"monitoring.coreos.com/v1 PrometheusRule prefetch-exporter",
		"monitoring.coreos.com/v1 ServiceMonitor prefetch-exporter",
		"v1 ConfigMap prefetch-exporter-config",
		"v1 Service prefetch-exporter",
	}
	for _, dashboard := range dashboards(t) {
		common = append(common, "v1 ConfigMap "+configMapOf(dashboard))
	}
	for name, more := range map[string][]string{
		"single":   nil,
		"replicas": {"policy/v1 PodDisruptionBudget prefetch-exporter"},
	} {
		want := slices.Sorted(slices.Values(slices.Concat(common, more)))
		if diff := cmp.Diff(want, overlay(t, name).names); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// TestDocumentedKustomization builds what docs/install.md tells people to write.
func TestDocumentedKustomization(t *testing.T) {
	t.Parallel()
	_, text, found := strings.Cut(string(read(t, inRepository("docs/install.md"))), "```yaml\n# kustomization.yaml")
	text, _, ended := strings.Cut(text, "\n```")
	if !found || !ended {
		t.Fatal("docs/install.md has no kustomization.yaml")
	}
	folder := t.TempDir()
	root, err := filepath.Abs(repository)
	if err != nil {
		t.Fatal(err)
	}
	relative, err := filepath.Rel(folder, root)
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(folder, "kustomization.yaml"), []byte("#"+strings.ReplaceAll(text, "../prefetch_exporter", relative)))
	const config = "accounts: # of mine\n"
	write(t, filepath.Join(folder, "config.yml"), []byte(config))
	m := build(t, folder)
	if image := m.set.Spec.Template.Spec.Containers[0].Image; image != "registry.example.com/prefetch_exporter:0.1.0" {
		t.Errorf("the image is %s", image)
	}
	if got := m.maps["prefetch-exporter-config"].Data["config.yml"]; got != config {
		t.Errorf("the configuration is %q", got)
	}
	if m.set.Namespace != "monitoring" {
		t.Errorf("the namespace is %q", m.set.Namespace)
	}
}

// TestSelectors: what selects pods or the service finds them.
func TestSelectors(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"single", "replicas"} {
		m := overlay(t, name)
		pod := labels.Set(m.set.Spec.Template.Labels)
		selectors := map[string]*meta.LabelSelector{
			"StatefulSet": m.set.Spec.Selector,
			"Service":     {MatchLabels: m.service.Spec.Selector},
		}
		if name == "replicas" {
			selectors["PodDisruptionBudget"] = m.disruption.Spec.Selector
			selectors["topology"] = m.set.Spec.Template.Spec.TopologySpreadConstraints[0].LabelSelector
		}
		for what, selector := range selectors {
			if !finds(t, selector, pod) {
				t.Errorf("%s: the %s does not find the pods: %v", name, what, selector)
			}
		}
		if !finds(t, &m.monitor.Spec.Selector, m.service.Labels) {
			t.Errorf("%s: the ServiceMonitor does not find the Service", name)
		}
		if port := m.monitor.Spec.Endpoints[0].Port; port != m.service.Spec.Ports[0].Name {
			t.Errorf("%s: the ServiceMonitor asks port %q", name, port)
		}
		if job := m.service.Labels[m.monitor.Spec.JobLabel]; !strings.Contains(job, "prefetch") {
			t.Errorf("%s: the job is %q, but the alerts need prefetch in it", name, job)
		}
		if m.set.Spec.ServiceName != m.service.Name {
			t.Errorf("%s: the StatefulSet names the service %q", name, m.set.Spec.ServiceName)
		}
	}
}

func finds(t *testing.T, selector *meta.LabelSelector, set labels.Set) bool {
	t.Helper()
	s, err := meta.LabelSelectorAsSelector(selector)
	if err != nil {
		t.Fatal(err)
	}
	return !s.Empty() && s.Matches(set)
}

// TestPodSecurity has Kubernetes' own rules judge the pods: they run in a
// namespace that enforces the restricted standard.
func TestPodSecurity(t *testing.T) {
	t.Parallel()
	evaluator, err := standards.NewEvaluator(standards.DefaultChecks(), nil)
	if err != nil {
		t.Fatal(err)
	}
	restricted := admission.LevelVersion{Level: admission.LevelRestricted, Version: admission.LatestVersion()}
	for _, name := range []string{"single", "replicas"} {
		pod := overlay(t, name).set.Spec.Template
		for _, result := range evaluator.EvaluatePod(restricted, &pod.ObjectMeta, &pod.Spec) {
			if !result.Allowed {
				t.Errorf("%s: %s: %s", name, result.ForbiddenReason, result.ForbiddenDetail)
			}
		}
		if container := pod.Spec.Containers[0]; !*container.SecurityContext.ReadOnlyRootFilesystem {
			t.Errorf("%s: the root is not read-only", name)
		}
	}
}

// TestContainers: the exporter takes the arguments, and the configuration of the
// ConfigMap, with the secrets beside it as they are mounted.
func TestContainers(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"single", "replicas"} {
		m := overlay(t, name)
		container := m.set.Spec.Template.Spec.Containers[0]
		root := t.TempDir()
		for _, mount := range container.VolumeMounts {
			switch mount.Name {
			case "config":
				for file, text := range m.maps["prefetch-exporter-config"].Data {
					write(t, filepath.Join(root, mount.MountPath, file), []byte(text))
				}
			case "secrets":
				writeSecrets(t, filepath.Join(root, mount.MountPath))
			}
		}
		var args []string
		for _, arg := range container.Args {
			args = append(args, strings.Replace(arg, "=/", "="+root+"/", 1))
		}
		exporter(t, append(args, "--config.check")...)
	}
}

// writeSecrets puts every secret that an example names into a folder.
func writeSecrets(t *testing.T, folder string) {
	t.Helper()
	for _, file := range []string{"cdnetworks_key", "etcd_password"} {
		write(t, filepath.Join(folder, file), []byte("a-secret"))
	}
	write(t, filepath.Join(folder, "etcd_ca.pem"), certificate(t))
}

// TestDashboardsAreConfigMaps: each dashboard is in one, as it is.
func TestDashboardsAreConfigMaps(t *testing.T) {
	t.Parallel()
	m := overlay(t, "single")
	for _, path := range dashboards(t) {
		got, file := m.maps[configMapOf(path)], filepath.Base(path)
		if got.Data[file] != string(read(t, path)) {
			t.Errorf("dashboards/kustomization.yaml has no ConfigMap %s with %s", configMapOf(path), file)
		}
		if got.Labels["grafana_dashboard"] != "1" {
			t.Errorf("%s has the labels %v: Grafana's sidecar does not find it", got.Name, got.Labels)
		}
		// kubectl apply keeps the whole object in an annotation, which has a limit.
		const most = 256 << 10
		if len(got.Data[file]) > most {
			t.Errorf("%s has %d bytes, more than an annotation may have", file, len(got.Data[file]))
		}
	}
}

func dashboards(t *testing.T) []string {
	t.Helper()
	paths, err := filepath.Glob(inRepository("dashboards", "*.json"))
	if err != nil || len(paths) == 0 {
		t.Fatalf("no dashboards: %v", err)
	}
	return paths
}

// configMapOf names the ConfigMap of prefetch-task.json prefetch-exporter-dashboard-task.
func configMapOf(dashboard string) string {
	name := strings.TrimSuffix(filepath.Base(dashboard), ".json")
	return "prefetch-exporter-dashboard-" + strings.TrimPrefix(name, "prefetch-")
}

// TestRulesManifest: kustomize cannot put a file into an object, so that this one
// is generated: go test . -update.
func TestRulesManifest(t *testing.T) {
	t.Parallel()
	var text bytes.Buffer
	text.WriteString(`# Generated from alerts/*.yml: cd e2e/deploy && go test . -update
apiVersion: monitoring.coreos.com/v1
kind: PrometheusRule
metadata:
  name: prefetch-exporter
spec:
  groups:
`)
	files := []string{"prefetch_rules.yml", "prefetch_settings.yml"}
	var groups []monitoring.RuleGroup
	for _, file := range files {
		rules := read(t, inRepository("alerts", file))
		_, list, found := strings.Cut("\n"+string(rules), "\ngroups:\n")
		if !found {
			t.Fatalf("%s does not begin with groups", file)
		}
		for line := range strings.Lines(list) {
			if strings.TrimSpace(line) != "" {
				line = "  " + line
			}
			text.WriteString(line)
		}
		var spec monitoring.PrometheusRuleSpec
		if err := yaml.UnmarshalStrict(rules, &spec); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		groups = append(groups, spec.Groups...)
	}
	path := inRepository(rulesManifest)
	if *update {
		write(t, path, text.Bytes())
	}
	if !bytes.Equal(text.Bytes(), read(t, path)) {
		t.Errorf("%s is not what alerts/ has; go test . -update writes it anew", rulesManifest)
	}
	if diff := cmp.Diff(groups, overlay(t, "single").rule.Spec.Groups); diff != "" {
		t.Errorf("the rules of the overlay (-alerts +overlay):\n%s", diff)
	}
	names := map[string]bool{}
	for _, g := range groups {
		names[g.Name] = true
	}
	if len(names) != len(groups) {
		t.Errorf("two groups of one name: %v", slices.Sorted(maps.Keys(names)))
	}
}
