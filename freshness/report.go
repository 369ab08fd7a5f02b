package freshness

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
)

// WriteJSON writes the results for a later comparison, in a fixed order.
func WriteJSON(w io.Writer, results []Result) error {
	e := json.NewEncoder(w)
	e.SetIndent("", " ")
	if err := e.Encode(sorted(results)); err != nil {
		return fmt.Errorf("write results: %w", err)
	}
	return nil
}

// WriteMarkdown writes one table for each scenario, and one of the targets.
func WriteMarkdown(w io.Writer, results []Result) error {
	var b strings.Builder
	for _, s := range Scenarios() {
		if of := in(sorted(results), s.Name); len(of) > 0 {
			writeScenario(&b, &s, of)
		}
	}
	writeTargets(&b, results)
	if _, err := io.WriteString(w, b.String()); err != nil {
		return fmt.Errorf("write tables: %w", err)
	}
	return nil
}

// sorted returns the results by scenario, strategy and seed.
func sorted(results []Result) []Result {
	scenarios := Scenarios()
	strategies := Strategies()
	place := func(r Result) int {
		const most = 1000 // strategies
		return most*slices.IndexFunc(scenarios, func(s Scenario) bool { return s.Name == r.Scenario }) +
			slices.Index(strategies[:], r.Strategy)
	}
	results = slices.Clone(results)
	slices.SortStableFunc(results, func(a, b Result) int { return cmp.Or(place(a)-place(b), cmp.Compare(a.Seed, b.Seed)) })
	return results
}

func writeScenario(b *strings.Builder, s *Scenario, of []Result) {
	unit, text := times(s)
	fmt.Fprintf(b, "### %s\n\n", strings.ToUpper(s.Name[:1])+s.Name[1:])
	fmt.Fprintf(b, "%s, %d calls per %d min; %s items, %s. Lag in %s.\n\n",
		s.Vendor.Name, s.Vendor.Limit.Calls, s.Vendor.Limit.Per/time.Minute, between(of, func(r Result) float64 { return float64(r.Items) }),
		seeds(of), unit)
	b.WriteString("| | mean (over seeds) | p50 | p95 | max | × page oracle | × round-robin " +
		"| first answer | calls | count error | unreported |\n")
	b.WriteString("|---|---|---|---|---|---|---|---|---|---|---|\n")
	for _, strategy := range Strategies() {
		rows := only(of, strategy)
		if len(rows) > 0 {
			writeRow(b, text, rows, of)
		}
	}
	b.WriteByte('\n')
	writeDeadlines(b, s, of)
}

// writeRow writes the row of one strategy, whose results are rows, beside all
// those of the scenario.
func writeRow(b *strings.Builder, text func(seconds float64) string, rows, of []Result) {
	strategy := rows[0].Strategy
	lag := func(f func(Spread) float64) string {
		return text(mean(rows, func(r Result) float64 { return f(r.Lag) }))
	}
	low, high := ends(rows, meanLag.of)
	first, calls, countError := "–", "–", "–"
	if rows[0].First != nil {
		first = text(mean(rows, firstAnswer.of))
	}
	if strategy != ByNextSlot {
		calls = fmt.Sprintf("%.0f", mean(rows, func(r Result) float64 { return float64(r.Calls) }))
	}
	if rows[0].CountError != nil {
		countError = fmt.Sprintf("%.2f", mean(rows, func(r Result) float64 { return *r.CountError }))
	}
	fmt.Fprintf(b, "| %s | %s (%s–%s) | %s | %s | %s | %s | %s | %s | %s | %s | %s |\n", strategy,
		text(mean(rows, meanLag.of)), text(low), text(high),
		lag(func(l Spread) float64 { return l.P50 }), lag(func(l Spread) float64 { return l.P95 }),
		lag(func(l Spread) float64 { return l.Max }),
		ratio(rows, only(of, ByPageOracle)), ratio(rows, only(of, ByRoundRobin)), first, calls, countError,
		between(rows, func(r Result) float64 { return float64(len(r.Unreported)) }))
}

func writeDeadlines(b *strings.Builder, s *Scenario, of []Result) {
	of = slices.DeleteFunc(slices.Clone(of), func(r Result) bool { return r.Deadlines == nil })
	if len(of) == 0 {
		return
	}
	most, all := s.Vendor.DeadlineLimits()
	fmt.Fprintf(b, "Lag at the deadline, in seconds (a slot is %s s):\n\n", number(s.Vendor.SlotLength().Seconds()))
	fmt.Fprintf(b, "| | items | mean | p50 | p95 | max | within %s s | within %s s | met | known as met |\n"+
		"|---|---|---|---|---|---|---|---|---|---|\n", number(most.Seconds()), number(all.Seconds()))
	for _, strategy := range Strategies() {
		rows := only(of, strategy)
		if len(rows) == 0 {
			continue
		}
		at := func(f func(*Deadlines) float64) float64 {
			return mean(rows, func(r Result) float64 { return f(r.Deadlines) })
		}
		_, worst := ends(rows, func(r Result) float64 { return r.Deadlines.Lag.Max })
		fmt.Fprintf(b, "| %s | %s | %.1f | %.1f | %.1f | %.1f | %.1f %% | %.1f %% | %s | %.1f %% |\n", strategy,
			between(rows, func(r Result) float64 { return float64(r.Deadlines.Items) }),
			at(func(d *Deadlines) float64 { return d.Lag.Mean }), at(func(d *Deadlines) float64 { return d.Lag.P50 }),
			at(func(d *Deadlines) float64 { return d.Lag.P95 }), worst,
			100*at(func(d *Deadlines) float64 { return d.WithinFirst }),
			100*at(func(d *Deadlines) float64 { return d.WithinSecond }),
			between(rows, func(r Result) float64 { return float64(r.Deadlines.Met) }),
			100*at(func(d *Deadlines) float64 { return d.KnownMet }))
	}
	b.WriteByte('\n')
}

func writeTargets(b *strings.Builder, results []Result) {
	b.WriteString("### Targets\n\n| target | is | |\n|---|---|---|\n")
	for _, t := range Targets(results) {
		verdict := "**missed**"
		if t.Reached {
			verdict = "reached"
		}
		fmt.Fprintf(b, "| %s | %s | %s |\n", t.Text, t.Is, verdict)
	}
}

// times is how the times of a scenario are shown: in minutes where a slot is minutes
// long, else in seconds.
func times(s *Scenario) (unit string, text func(seconds float64) string) {
	unit, length := "seconds", time.Second
	if s.Vendor.SlotLength() >= time.Minute {
		unit, length = "minutes", time.Minute
	}
	return unit, func(seconds float64) string { return fmt.Sprintf("%.1f", seconds/length.Seconds()) }
}

func in(results []Result, scenario string) []Result {
	return slices.DeleteFunc(slices.Clone(results), func(r Result) bool { return r.Scenario != scenario })
}

func only(results []Result, s Strategy) []Result {
	return slices.DeleteFunc(slices.Clone(results), func(r Result) bool { return r.Strategy != s })
}

func mean(results []Result, f func(Result) float64) float64 {
	sum := 0.0
	for i := range results {
		sum += f(results[i])
	}
	return sum / float64(len(results))
}

func ends(results []Result, f func(Result) float64) (low, high float64) {
	low, high = f(results[0]), f(results[0])
	for i := range results {
		low, high = min(low, f(results[i])), max(high, f(results[i]))
	}
	return low, high
}

// between is a number, or the least and the greatest where seeds differ.
func between(results []Result, f func(Result) float64) string {
	low, high := ends(results, f)
	if low == high {
		return number(low)
	}
	return number(low) + "–" + number(high)
}

func ratio(rows, against []Result) string {
	if n, ok := meanLag.times(rows, against); ok {
		return fmt.Sprintf("%.2f", n)
	}
	return "–"
}

// seeds is how many each strategy was run with.
func seeds(of []Result) string {
	if n := len(only(of, of[0].Strategy)); n > 1 {
		return fmt.Sprintf("%d seeds", n)
	}
	return "1 seed"
}

func number(x float64) string { return strings.TrimSuffix(fmt.Sprintf("%.1f", x), ".0") }
