package stack_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"prefetch_exporter/e2e/internal/run"
)

// sample is one series of an answer of Prometheus.
type sample struct {
	Metric map[string]string `json:"metric"`
	// Value is a time and a number as text, and Values are many of them.
	Value  []any   `json:"value"`
	Values [][]any `json:"values"`
}

// number is the value of a series at an instant.
func (s sample) number() (float64, error) {
	const timeAndNumber = 2
	if len(s.Value) != timeAndNumber {
		return 0, fmt.Errorf("no number: %v", s)
	}
	n, err := strconv.ParseFloat(fmt.Sprint(s.Value[1]), 64)
	if err != nil {
		return 0, fmt.Errorf("no number: %w", err)
	}
	return n, nil
}

// ask calls Prometheus's HTTP API. An answer with a warning or a remark is an
// error.
func ask[T any](t *testing.T, prometheus, path string, parameters url.Values) (data T, err error) {
	t.Helper()
	body, err := run.Get(t, prometheus+"/api/v1/"+path+"?"+parameters.Encode())
	if err != nil {
		return data, err
	}
	var answer struct {
		Data     T        `json:"data"`
		Warnings []string `json:"warnings"`
		Infos    []string `json:"infos"`
	}
	if err := json.Unmarshal(body, &answer); err != nil {
		return data, fmt.Errorf("%s: %w", path, err)
	}
	if remarks := slices.Concat(answer.Warnings, answer.Infos); len(remarks) > 0 {
		return data, errors.New(strings.Join(remarks, "; "))
	}
	return answer.Data, nil
}

type result struct {
	Result []sample `json:"result"`
}

// instant is the value of an expression now.
func instant(t *testing.T, prometheus, expression string) ([]sample, error) {
	t.Helper()
	answer, err := ask[result](t, prometheus, "query", url.Values{"query": {expression}})
	return answer.Result, err
}

// during is the value of an expression over the last minutes.
func during(t *testing.T, prometheus, expression string, span, step time.Duration) ([]sample, error) {
	t.Helper()
	now := time.Now()
	answer, err := ask[result](t, prometheus, "query_range", url.Values{
		"query": {expression}, "step": {step.String()},
		"start": {now.Add(-span).Format(time.RFC3339Nano)}, "end": {now.Format(time.RFC3339Nano)},
	})
	return answer.Result, err
}

// firingAlerts are what Prometheus's rules alert on now.
func firingAlerts(t *testing.T, prometheus string) ([]identity, error) {
	t.Helper()
	samples, err := instant(t, prometheus, `ALERTS{alertstate="firing"}`)
	alerts := make([]identity, len(samples))
	for i, s := range samples {
		alerts[i] = identify(s.Metric)
	}
	return alerts, err
}
