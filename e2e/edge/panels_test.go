package edge_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"prefetch_exporter/e2e/internal/run"
)

// panelsShow has Prometheus ask what the panels of edges ask: each query must
// find all URLs of both tasks.
func panelsShow(t *testing.T, prometheus string) {
	t.Helper()
	var dashboard struct {
		Panels []struct {
			Title   string `json:"title"`
			Targets []struct {
				RefID string `json:"refId"`
				Expr  string `json:"expr"`
			} `json:"targets"`
		} `json:"panels"`
	}
	if err := json.Unmarshal([]byte(read(t, run.Repository+"/dashboards/prefetch-task.json")), &dashboard); err != nil {
		t.Fatal(err)
	}
	everything := strings.NewReplacer("$job", ".+", "$instance", ".+", "$provider", ".+", "$account", ".+", "$task", ".+")
	got := map[string]map[string]int{} // how many series of a task have which value
	for _, p := range dashboard.Panels {
		for _, q := range p.Targets {
			if !strings.Contains(q.Expr, "probe_") {
				continue
			}
			name := p.Title + " " + q.RefID
			got[name] = map[string]int{}
			samples, err := query(t, prometheus, everything.Replace(q.Expr))
			if err != nil {
				t.Error(err)
			}
			for _, s := range samples {
				got[name][fmt.Sprintf("%s: %v", s.Metric["task"], s.Value[1])]++
			}
		}
	}
	want := map[string]map[string]int{
		"Edge hits A":              {warmTask + ": 1": 1, coldTask + ": 0": 1},
		"What the edge answered A": {warmTask + ": 0": 3, coldTask + ": 1": 3}, // hit; missed, then hit
		"What the edge answered B": {warmTask + ": 200": 3, coldTask + ": 200": 3},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("panels (-want +got):\n%s", diff)
	}
}
