package replicas_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
)

// shown is what one replica shows at one moment.
type shown struct {
	replica *replica
	// common is every series and every task of the API that all replicas must tell
	// alike.
	common map[string]string
	// owned are the accounts that it says it asks for.
	owned map[string]bool
	// tasks are those of the API, by account and id.
	tasks           map[string]map[string]apiTask
	storeUp, others float64
	observed        observed
}

// apiTask is a task as GET /api/v1/tasks has it.
type apiTask struct {
	Account string         `json:"account"`
	ID      string         `json:"id"`
	Settled bool           `json:"settled"`
	Phase   string         `json:"phase"`
	URLs    map[string]int `json:"urls"`
}

// observed counts what a replica's histograms hold, by metric and account.
type observed map[string]float64

// histograms observe each URL, or task, once in the group.
func histograms() []string {
	return []string{"prefetch_url_wait_seconds", "prefetch_url_fetch_seconds", "prefetch_task_duration_seconds"}
}

// isCommon tells the series that are the same on all replicas. Left out are
// counters and histograms, which are each replica's own, ages, which grow while
// one looks, and when the next call may be, which each dates by itself.
func isCommon(name string) bool {
	switch name {
	case "prefetch_task_age_seconds", "prefetch_task_duration_seconds", "prefetch_account_owner", "prefetch_account_backlog_seconds":
		return false
	case "prefetch_api_limit_calls", "prefetch_api_limit_period_seconds":
		return true
	default:
		return strings.HasPrefix(name, "prefetch_task_") || strings.HasPrefix(name, "prefetch_account_")
	}
}

// look asks a replica for everything.
func (r *replica) look(ctx context.Context) (*shown, error) {
	if _, err := r.get(ctx, "/-/ready"); err != nil {
		return nil, err
	}
	families, err := r.scrape(ctx)
	if err != nil {
		return nil, err
	}
	s := &shown{
		replica: r, common: map[string]string{}, owned: map[string]bool{}, tasks: map[string]map[string]apiTask{},
		storeUp: first(families, "prefetch_exporter_store_up"), others: first(families, "prefetch_exporter_replicas"),
		observed: observations(families),
	}
	for name, family := range families {
		for _, m := range family.GetMetric() {
			if isCommon(name) {
				s.common[series(name, m)] = fmt.Sprint(m.GetGauge().GetValue())
			}
			if name == "prefetch_account_owner" && m.GetGauge().GetValue() == 1 {
				s.owned[label(m, "account")] = true
			}
		}
	}
	return s, s.readTasks(ctx)
}

// scrape also keeps what the histograms hold.
func (r *replica) scrape(ctx context.Context) (map[string]*dto.MetricFamily, error) {
	body, err := r.get(ctx, "/metrics")
	if err != nil {
		return nil, err
	}
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("%s: read the exposition: %w", r.Name, err)
	}
	r.seen = observations(families)
	return families, nil
}

func (s *shown) readTasks(ctx context.Context) error {
	body, err := s.replica.get(ctx, "/api/v1/tasks")
	if err != nil {
		return err
	}
	var answer struct {
		Data []json.RawMessage `json:"data"`
	}
	if err := json.Unmarshal(body, &answer); err != nil {
		return fmt.Errorf("%s: %w", s.replica.Name, err)
	}
	for _, raw := range answer.Data {
		var task apiTask
		var fields map[string]json.RawMessage
		if err := errors.Join(json.Unmarshal(raw, &task), json.Unmarshal(raw, &fields)); err != nil {
			return fmt.Errorf("%s: %w", s.replica.Name, err)
		}
		if s.tasks[task.Account] == nil {
			s.tasks[task.Account] = map[string]apiTask{}
		}
		s.tasks[task.Account][task.ID] = task
		// It depends on when the next call may be.
		delete(fields, "next_look")
		for field, value := range fields {
			s.common[fmt.Sprintf("%s of task %s/%s", field, task.Account, task.ID)] = string(value)
		}
	}
	return nil
}

// lookAll asks all replicas at the same time.
func (s *site) lookAll(ctx context.Context) ([]*shown, error) {
	all, errs := make([]*shown, len(s.replicas)), make([]error, len(s.replicas))
	var asked sync.WaitGroup
	for n, r := range s.replicas {
		asked.Go(func() { all[n], errs[n] = r.look(ctx) })
	}
	asked.Wait()
	for _, err := range errs {
		if err != nil {
			return nil, err
		}
	}
	return all, nil
}

// different describes the first differences between what replicas show; nil if
// there is none.
func different(all []*shown) error {
	keys := map[string]bool{}
	for _, r := range all {
		for key := range r.common {
			keys[key] = true
		}
	}
	var found []string
	for _, key := range slices.Sorted(maps.Keys(keys)) {
		var values []string
		for _, r := range all {
			value, ok := r.common[key]
			if !ok {
				value = "nothing"
			}
			values = append(values, value)
		}
		if same := slices.Compact(slices.Clone(values)); len(same) > 1 {
			found = append(found, key+": "+strings.Join(values, " | "))
		}
	}
	if len(found) == 0 {
		return nil
	}
	const most = 20
	return fmt.Errorf("%d differences between %s:\n  %s", len(found), names(all), strings.Join(found[:min(most, len(found))], "\n  "))
}

func names(all []*shown) string {
	var names []string
	for _, r := range all {
		names = append(names, r.replica.Name)
	}
	return strings.Join(names, " | ")
}

func observations(families map[string]*dto.MetricFamily) observed {
	o := observed{}
	for _, name := range histograms() {
		for _, m := range families[name].GetMetric() {
			o[name+" "+label(m, "account")] += float64(m.GetHistogram().GetSampleCount())
		}
	}
	return o
}

// first is the value of the only series of a metric; -1 without one.
func first(families map[string]*dto.MetricFamily, name string) float64 {
	for _, m := range families[name].GetMetric() {
		return m.GetGauge().GetValue()
	}
	return -1
}

func label(m *dto.Metric, name string) string {
	for _, l := range m.GetLabel() {
		if l.GetName() == name {
			return l.GetValue()
		}
	}
	return ""
}

func series(name string, m *dto.Metric) string {
	var text strings.Builder
	text.WriteString(name)
	for _, l := range m.GetLabel() {
		fmt.Fprintf(&text, " %s=%q", l.GetName(), l.GetValue())
	}
	return text.String()
}
