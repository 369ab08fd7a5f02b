package stack_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"prefetch_exporter/e2e/internal/run"
)

const (
	// shown is the time range of the dashboards, of which the test has less.
	shown = 5 * time.Minute
	// resolution is the time between two points of a graph.
	resolution = 5 * time.Second
)

// dashboard is what this test reads of a Grafana dashboard.
type dashboard struct {
	UID        string `json:"uid"`
	Templating struct {
		List []struct {
			Name  string `json:"name"`
			Type  string `json:"type"`
			Query any    `json:"query"`
		} `json:"list"`
	} `json:"templating"`
	Annotations struct {
		List []struct {
			Name string `json:"name"`
			Expr string `json:"expr"`
		} `json:"list"`
	} `json:"annotations"`
	Panels []panel `json:"panels"`
}

type panel struct {
	Title   string  `json:"title"`
	Panels  []panel `json:"panels"`
	Targets []struct {
		Expr    string `json:"expr"`
		Instant bool   `json:"instant"`
	} `json:"targets"`
}

// variables replaces what Grafana would: everything is selected.
func variables(expression string) string {
	return strings.NewReplacer(
		"$__rate_interval", "1m", "$__interval", resolution.String(), "$__range", shown.String(),
		"$job", ".+", "$instance", ".+", "$provider", ".+", "$account", ".+", "$task", ".+",
	).Replace(expression)
}

// panelLog counts what was asked for the dashboards.
type panelLog struct{ run, returned, others int }

// answersDashboards asks Prometheus every question of every dashboard. Each must
// have an answer, for everything that a panel shows is there in the site.
func (l *leg) answersDashboards(t *testing.T) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dashboardsDir, "*.json"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no dashboards: %v", err)
	}
	// Again, if a scrape failed.
	run.Eventually(t, patience, l.name+" answers every query of the dashboards", func() error {
		l.panels = panelLog{}
		var failed []error
		for _, file := range files {
			var d dashboard
			if err := json.Unmarshal([]byte(read(t, file)), &d); err != nil {
				t.Fatalf("%s: %v", file, err)
			}
			for _, err := range l.askDashboard(t, d) {
				failed = append(failed, fmt.Errorf("%s: %w", d.UID, err))
			}
		}
		return errors.Join(failed...)
	})
}

// askDashboard returns what has no answer.
func (l *leg) askDashboard(t *testing.T, d dashboard) []error {
	t.Helper()
	failed := l.askPanels(t, d.Panels)
	for _, a := range d.Annotations.List {
		l.panels.others++
		samples, err := during(t, l.prometheus.URL, variables(a.Expr), shown, resolution)
		if err == nil && len(samples) == 0 {
			err = errors.New("no data")
		}
		if err != nil {
			failed = append(failed, fmt.Errorf("annotation %q: %w", a.Name, err))
		}
	}
	for _, v := range d.Templating.List {
		if v.Type != "query" {
			continue
		}
		l.panels.others++
		if err := l.askVariable(t, v.Query); err != nil {
			failed = append(failed, fmt.Errorf("$%s: %w", v.Name, err))
		}
	}
	return failed
}

func (l *leg) askPanels(t *testing.T, panels []panel) (failed []error) {
	t.Helper()
	for _, p := range panels {
		failed = append(failed, l.askPanels(t, p.Panels)...)
		for _, target := range p.Targets {
			if strings.Contains(target.Expr, "probe_") {
				continue // no edge is asked here, but in e2e/edge
			}
			var (
				samples []sample
				err     error
			)
			if expression := variables(target.Expr); target.Instant {
				samples, err = instant(t, l.prometheus.URL, expression)
			} else {
				samples, err = during(t, l.prometheus.URL, expression, shown, resolution)
			}
			l.panels.run++
			switch {
			case err != nil:
				failed = append(failed, fmt.Errorf("%q: %s: %w", p.Title, target.Expr, err))
			case len(samples) == 0:
				failed = append(failed, fmt.Errorf("%q has no data: %s", p.Title, target.Expr))
			default:
				l.panels.returned++
			}
		}
	}
	return failed
}

// labelValues is Grafana's own function for the values of a label.
var labelValues = regexp.MustCompile(`^label_values\((.+), *(\w+)\)$`)

func (l *leg) askVariable(t *testing.T, query any) error {
	t.Helper()
	if object, ok := query.(map[string]any); ok {
		query = object["query"]
	}
	found := labelValues.FindStringSubmatch(fmt.Sprint(query))
	if found == nil {
		return fmt.Errorf("not understood: %v", query)
	}
	values, err := ask[[]string](t, l.prometheus.URL, "label/"+found[2]+"/values", url.Values{"match[]": {variables(found[1])}})
	if err == nil && len(values) == 0 {
		err = fmt.Errorf("no values: %v", query)
	}
	return err
}
