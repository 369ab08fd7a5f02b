package rules_test

import (
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/prometheus/promql/parser"

	"prefetch_exporter/collector"
)

// TestExpressions: every expression parses, asks for metrics and labels that the
// exporter emits, and takes from its result only labels that it has.
func TestExpressions(t *testing.T) {
	t.Parallel()
	known := emitted(t)
	for _, kind := range []struct {
		name string
		list []expression
		// least is how many there must be, lest a change of a file's form makes
		// the test find none and pass.
		least int
	}{
		{"dashboards", dashboardExpressions(t), 80},
		{"rules", ruleExpressions(t), 40},
		{"documents", documentExpressions(t), 25},
	} {
		if len(kind.list) < kind.least {
			t.Errorf("only %d expressions of %s", len(kind.list), kind.name)
		}
		for _, e := range kind.list {
			check(t, e, known)
		}
		t.Logf("%d expressions of %s", len(kind.list), kind.name)
	}
}

// TestChecksFail: the test above would see what it is there to see.
func TestChecksFail(t *testing.T) {
	t.Parallel()
	const selected = `{job=~"$job", instance=~"$instance", `
	known := emitted(t)
	for _, tc := range []struct {
		name, want string
		e          expression
	}{
		{"syntax", "parse", expression{text: `sum(prefetch_task_up`}},
		{"metric", "no metric prefetch_task_urlz", expression{text: `prefetch_task_urlz`}},
		{"label", "no label state", expression{text: `prefetch_task_urls{state="failed"}`}},
		{"value", `is never "fialed"`, expression{text: `prefetch_task_urls{status="fialed"}`}},
		{"value of a pattern", `is never "done"`, expression{text: `prefetch_task_urls{status=~"failed|done"}`}},
		{"grouping", "no label tsk", expression{text: `sum by (tsk) (prefetch_task_urls)`}},
		{"matching", "no label tsk", expression{text: `prefetch_task_up == on (tsk) prefetch_task_settled`}},
		{"ignoring", "no label tsk", expression{text: `prefetch_task_up == ignoring (tsk) prefetch_task_settled`}},
		{"legend", "has no label status", expression{text: `sum by (task) (prefetch_task_urls)`, labels: []string{"status"}}},
		{"legend of a metric", "has no label status", expression{text: `prefetch_task_up`, labels: []string{"status"}}},
		{"bucket of no histogram", "no metric", expression{text: `prefetch_task_up_bucket`}},
		{"variables", "does not match the variable $instance", expression{text: `go_goroutines{job=~"$job"}`, dashboard: true}},
		{"task", "does not match the variable $account", expression{
			text: `prefetch_task_up` + selected + `provider=~"$provider"}`, dashboard: true,
		}},
		{"task of a probe", "does not match the variable $task", expression{
			text: `probe_success{provider=~"$provider", account=~"$account"}`, dashboard: true,
		}},
	} {
		problems := problemsOf(tc.e, known)
		if !slices.ContainsFunc(problems, func(p string) bool { return strings.Contains(p, tc.want) }) {
			t.Errorf("%s: %s: found %q, want %q", tc.name, tc.e.text, problems, tc.want)
		}
	}
}

func check(t *testing.T, e expression, known map[string][]string) {
	t.Helper()
	for _, problem := range problemsOf(e, known) {
		t.Errorf("%s: %s\n%s", e.where, problem, e.text)
	}
}

// free stands for labels that a metric may have beside those that are known.
const free = "*"

// emitted returns the labels of each series that there can be: of the exporter,
// of its runtime, of Prometheus itself and of recording rules.
func emitted(t *testing.T) map[string][]string {
	t.Helper()
	target := []string{"job", "instance", "pod"}
	known := map[string][]string{
		"up": append(slices.Clone(target), "task"), "go_goroutines": target, "process_resident_memory_bytes": target,
	}
	// Of blackbox_exporter, with the labels that deploy/blackbox/prometheus.yml sets.
	for _, name := range []string{"probe_success", "probe_failed_due_to_regex", "probe_http_status_code"} {
		known[name] = append(slices.Clone(target), "provider", "account", "task", "status")
	}
	for _, m := range collector.Metrics() {
		labels := append(slices.Clone(m.Labels), target...)
		if m.Name == "prefetch_task_info" {
			labels = append(labels, "title", free)
		}
		known[m.Name] = labels
		if m.Type == "histogram" {
			known[m.Name+"_bucket"] = append(slices.Clone(labels), "le")
			known[m.Name+"_sum"], known[m.Name+"_count"] = labels, labels
		}
	}
	// A recording's labels are those of its expression; the recordings come in
	// the order in which they build on each other.
	for _, g := range readRules(t).Groups {
		for _, r := range g.Rules {
			if r.Record == "" {
				continue
			}
			e, err := parser.NewParser(parser.Options{}).ParseExpr(r.Expr)
			if err != nil {
				t.Fatalf("%s: %v", r.Record, err)
			}
			known[r.Record] = slices.Sorted(maps.Keys(labelsOfResult(e, known)))
			known[r.Record] = slices.AppendSeq(known[r.Record], maps.Keys(r.Labels))
		}
	}
	return known
}

// values are all that a label can have, where that is known.
func values(label string) []string {
	switch label {
	case "status":
		return []string{"waiting", "running", "succeeded", "failed", "unknown"}
	case "phase":
		return []string{"pending", "active", "settled", "lost"}
	case "query":
		return []string{"task", "window", "count", "list"}
	case "reason":
		return []string{
			"auth", "throttled", "invalid", "not_found", "timeout", "unavailable", "decode",
			"unknown_account", "corrupt", "read", "write",
		}
	default:
		return nil
	}
}

// variables are Grafana's, as far as they are no text of a matcher.
var variables = strings.NewReplacer("$__rate_interval", "5m", "$__range", "1h")

// problemsOf says what is wrong with an expression.
func problemsOf(e expression, known map[string][]string) []string {
	root, err := parser.NewParser(parser.Options{}).ParseExpr(variables.Replace(e.text))
	if err != nil {
		return []string{"does not parse: " + err.Error()}
	}
	var problems []string
	parser.Inspect(root, func(node parser.Node, _ []parser.Node) error {
		switch n := node.(type) {
		case *parser.VectorSelector:
			problems = append(problems, problemsOfSelector(n, e.dashboard, known)...)
		case *parser.AggregateExpr:
			problems = append(problems, missing(n.Grouping, labelsOfResult(n.Expr, known))...)
		case *parser.BinaryExpr:
			problems = append(problems, problemsOfMatching(n, known)...)
		default:
		}
		return nil
	})
	result := labelsOfResult(root, known)
	for _, label := range e.labels {
		if !result[label] && !result[free] {
			problems = append(problems, "the result has no label "+label)
		}
	}
	return problems
}

// problemsOfMatching: what is matched on, both sides have; what is ignored, one
// side has.
func problemsOfMatching(n *parser.BinaryExpr, known map[string][]string) []string {
	if n.VectorMatching == nil {
		return nil
	}
	names := n.VectorMatching.MatchingLabels
	left, right := missing(names, labelsOfResult(n.LHS, known)), missing(names, labelsOfResult(n.RHS, known))
	if n.VectorMatching.On {
		return append(left, right...)
	}
	return slices.DeleteFunc(left, func(problem string) bool { return !slices.Contains(right, problem) })
}

func missing(names []string, labels map[string]bool) []string {
	var problems []string
	for _, name := range names {
		if !labels[name] && !labels[free] {
			problems = append(problems, "no label "+name)
		}
	}
	return problems
}

// alternatives finds the words of a pattern that is nothing but words.
var alternatives = regexp.MustCompile(`^\w+(\|\w+)*$`)

func problemsOfSelector(s *parser.VectorSelector, dashboard bool, known map[string][]string) []string {
	labels, ok := known[s.Name]
	if s.Name == "" {
		labels, ok = labelsOfPattern(s, known)
	}
	if !ok {
		return []string{"no metric " + s.Name}
	}
	var problems []string
	matched := map[string]bool{}
	for _, m := range s.LabelMatchers {
		if m.Name == "__name__" {
			continue
		}
		if !slices.Contains(labels, m.Name) {
			problems = append(problems, "no label "+m.Name+" of "+s.Name)
		}
		matched[m.Name] = matched[m.Name] || m.Value == "$"+m.Name
		if all := values(m.Name); all != nil && alternatives.MatchString(m.Value) {
			for value := range strings.SplitSeq(m.Value, "|") {
				if !slices.Contains(all, value) {
					problems = append(problems, m.Name+` is never "`+value+`"`)
				}
			}
		}
	}
	if !dashboard {
		return problems
	}
	variables := []string{"job", "instance", "provider", "account"}
	if strings.HasPrefix(s.Name, "probe_") {
		// Of another job, whose instances are URLs.
		variables = []string{"provider", "account", "task"}
	}
	for _, label := range variables {
		if slices.Contains(labels, label) && !matched[label] {
			problems = append(problems, s.Name+" does not match the variable $"+label)
		}
	}
	return problems
}

// labelsOfPattern are the labels that all metrics have which a pattern of names
// selects, if there is one.
func labelsOfPattern(s *parser.VectorSelector, known map[string][]string) ([]string, bool) {
	var all []string
	found := false
	for _, m := range s.LabelMatchers {
		for name, labels := range known {
			if m.Name != "__name__" || !m.Matches(name) {
				continue
			}
			if !found {
				all, found = slices.Clone(labels), true
			}
			all = slices.DeleteFunc(all, func(l string) bool { return !slices.Contains(labels, l) })
		}
	}
	return all, found
}

// labelsOfResult are those that the series of an expression's result can have.
func labelsOfResult(e parser.Expr, known map[string][]string) map[string]bool {
	labels := map[string]bool{}
	add := func(more map[string]bool) { maps.Copy(labels, more) }
	switch n := e.(type) {
	case *parser.VectorSelector:
		all := known[n.Name]
		if n.Name == "" {
			all, _ = labelsOfPattern(n, known)
		}
		for _, l := range all {
			labels[l] = true
		}
	case *parser.MatrixSelector:
		add(labelsOfResult(n.VectorSelector, known))
	case *parser.SubqueryExpr:
		add(labelsOfResult(n.Expr, known))
	case *parser.ParenExpr:
		add(labelsOfResult(n.Expr, known))
	case *parser.UnaryExpr:
		add(labelsOfResult(n.Expr, known))
	case *parser.StepInvariantExpr:
		add(labelsOfResult(n.Expr, known))
	case *parser.Call:
		add(labelsOfCall(n, known))
	case *parser.AggregateExpr:
		add(labelsOfAggregate(n, known))
	case *parser.BinaryExpr:
		add(labelsOfBinary(n, known))
	default: // a number or a text
	}
	return labels
}

func labelsOfCall(n *parser.Call, known map[string][]string) map[string]bool {
	labels := map[string]bool{}
	switch n.Func.Name {
	case "absent", "scalar", "time", "vector":
		return labels
	default:
	}
	for _, a := range n.Args {
		maps.Copy(labels, labelsOfResult(a, known))
	}
	if n.Func.Name == "histogram_quantile" {
		delete(labels, "le")
	}
	return labels
}

func labelsOfAggregate(n *parser.AggregateExpr, known map[string][]string) map[string]bool {
	all := labelsOfResult(n.Expr, known)
	if n.Op == parser.TOPK || n.Op == parser.BOTTOMK {
		return all
	}
	labels := map[string]bool{}
	if n.Without {
		maps.Copy(labels, all)
		for _, l := range n.Grouping {
			delete(labels, l)
		}
		return labels
	}
	for _, l := range n.Grouping {
		labels[l] = true
	}
	return labels
}

func labelsOfBinary(n *parser.BinaryExpr, known map[string][]string) map[string]bool {
	left, right := labelsOfResult(n.LHS, known), labelsOfResult(n.RHS, known)
	switch {
	case n.Op == parser.LOR:
		// Both sides' series come out; a legend may only take what all have.
		return intersection(left, right)
	case n.VectorMatching == nil: // one side is a number
		maps.Copy(left, right)
		return left
	case n.VectorMatching.Card == parser.CardOneToMany:
		return right
	case n.Op.IsSetOperator(), n.VectorMatching.Card == parser.CardManyToOne:
		for _, l := range n.VectorMatching.Include {
			left[l] = true
		}
		return left
	default:
		return intersection(left, right)
	}
}

func intersection(a, b map[string]bool) map[string]bool {
	both := map[string]bool{}
	for l := range a {
		if b[l] || b[free] {
			both[l] = true
		}
	}
	return both
}
