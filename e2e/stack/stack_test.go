package stack_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"prefetch_exporter/e2e/internal/run"
)

// patience bounds how long anything may take, on a machine that does much else.
const patience = 3 * time.Minute

// TestStack follows accounts in trouble through everything that watches
// them: what Prometheus stores is what the vendors know, whoever must be told is
// told what happened and that it is over, nobody else is told of anything, and
// every dashboard has data.
func TestStack(t *testing.T) {
	t.Parallel()
	both := releases(t)
	s := newSite(t)
	legs := make([]*leg, len(both))
	for i, r := range both {
		legs[i] = startLeg(t, r, s.exporter.URL)
	}

	for _, l := range legs {
		l.knowsTheTruth(t, s)
	}
	s.launch(t)
	for _, l := range legs {
		l.isTold(t, refused())
		l.inhibits(t, identity{"PrefetchAccountDown", lockedAccount, ""}, identity{"PrefetchDataStale", lockedAccount, lockedTask})
	}
	s.unlock(t)
	for _, l := range legs {
		l.isTold(t, troubles()...)
		l.groups(t)
	}
	s.finish()
	for _, l := range legs {
		l.knowsTheTruth(t, s)
		l.answersDashboards(t)
	}
	s.repair(t)
	for _, l := range legs {
		// What failed was submitted again, and is warm: the failed tasks are as they were.
		l.isToldTheEnd(t, troubles()[:2]...)
		l.knowsTheTruth(t, s)
	}
	s.miss(t)
	for _, l := range legs {
		l.isTold(t, missed())
		// The page stands for both tickets.
		l.isToldTheEnd(t, troubles()[2:]...)
	}
	s.arrive()
	for _, l := range legs {
		l.isAtPeace(t)
		l.knowsTheTruth(t, s)
		l.toldNothingElse(t)
	}
	s.leave(t)
	for _, l := range legs {
		l.knowsTheTruth(t, s)
		l.hasNoComplaint(t)
	}
	summarize(t, legs)
}

// isTold waits until every expected alert has reached its receiver, and checks
// what it says.
func (l *leg) isTold(t *testing.T, expected ...expectation) {
	t.Helper()
	for _, want := range expected {
		var got told
		run.Eventually(t, patience, l.name+" tells of "+want.String(), func() error {
			all := l.receiver.told(want.receiver, firing)
			i := slices.IndexFunc(all, func(a told) bool { return identify(a.Labels) == want.identity })
			if i < 0 {
				now, err := firingAlerts(t, l.prometheus.URL)
				return errors.Join(err, fmt.Errorf("told: %v, firing: %v", l.receiver.identities(want.receiver, firing), now))
			}
			got = all[i]
			return nil
		})
		l.check(t, want, got)
		l.checkMessage(t, want, got)
	}
}

// check compares an alert with what is expected of it.
func (l *leg) check(t *testing.T, want expectation, got told) {
	t.Helper()
	labels := map[string]string{
		"alertname": want.alert, "severity": want.severity, "job": job, "provider": want.provider, "account": want.account,
	}
	statusURL := l.exporter + "/tasks?account=" + want.account
	if want.task != "" {
		labels["task"] = want.task
		statusURL += "&task=" + want.task
	}
	if !maps.Equal(got.Labels, labels) {
		t.Errorf("%s: %v has labels %v, want %v", l.name, want, got.Labels, labels)
	}
	texts := map[string]string{
		"summary": regexp.QuoteMeta(want.summary), "description": want.description,
		"status_url":    regexp.QuoteMeta(statusURL),
		"dashboard_url": regexp.QuoteMeta("http://localhost:3000" + want.dashboard),
		"runbook_url":   regexp.QuoteMeta(l.exporter + "/runbooks/#" + strings.ToLower(want.alert)),
	}
	if want.counts != "" {
		texts["counts"], texts["ratio"] = want.counts+answered, want.ratio+answered
		texts["title"] = regexp.QuoteMeta(titleOf(want.task))
	}
	for name, text := range got.Annotations {
		if !whole(texts[name], text) {
			t.Errorf("%s: %s of %v is %q, want %q", l.name, name, want, text, texts[name])
		}
		delete(texts, name)
	}
	for name := range texts {
		t.Errorf("%s: %v has no %s", l.name, want, name)
	}
}

// checkMessage looks for what people read of an alert.
func (l *leg) checkMessage(t *testing.T, want expectation, got told) {
	t.Helper()
	title := fmt.Sprintf("[%s] Prefetch account %s", want.severity, want.account)
	if want.task != "" {
		title = fmt.Sprintf("[%s] Prefetch %s · %s (%s)", want.severity, titleOf(want.task), want.task, want.account)
	}
	lines := []string{got.Annotations["summary"], "Status: " + got.Annotations["status_url"], "What to do: " + got.Annotations["runbook_url"]}
	color := "warning"
	if want.severity == "critical" {
		color = "danger"
	}
	run.Eventually(t, patience, l.name+" writes of "+want.String(), func() error {
		all := l.receiver.chat()
		if slices.ContainsFunc(all, func(a attachment) bool {
			return a.Title == title && a.TitleLink == got.Annotations["status_url"] && a.Color == color &&
				!slices.ContainsFunc(lines, func(line string) bool { return !strings.Contains(a.Text+"\n", line+"\n") })
		}) {
			return nil
		}
		return fmt.Errorf("no message %q with %q in %+v", title, lines, all)
	})
}

// inhibits waits until these alerts fire and Alertmanager holds them back
// because of others.
func (l *leg) inhibits(t *testing.T, alerts ...identity) {
	t.Helper()
	for _, want := range alerts {
		run.Eventually(t, patience, l.name+" inhibits "+want.String(), func() error {
			body, err := run.Get(t, l.alertmanager.URL+"/api/v2/alerts")
			if err != nil {
				return err
			}
			var known []struct {
				Labels map[string]string `json:"labels"`
				Status struct {
					InhibitedBy []string `json:"inhibitedBy"`
				} `json:"status"`
			}
			if err := json.Unmarshal(body, &known); err != nil {
				return fmt.Errorf("read Alertmanager's answer: %w", err)
			}
			for _, a := range known {
				if identify(a.Labels) == want && len(a.Status.InhibitedBy) > 0 {
					return nil
				}
			}
			return fmt.Errorf("not among %+v", known)
		})
	}
}

// groups checks that a notification is of one task, one account or one exporter,
// and that both alerts of the stuck task come in one.
func (l *leg) groups(t *testing.T) {
	t.Helper()
	run.Eventually(t, patience, l.name+" tells of both alerts of a task at once", func() error {
		for _, n := range l.receiver.received(tickets) {
			const both = 2
			if n.GroupLabels["task"] == vodStuck && len(n.Alerts) == both {
				return nil
			}
		}
		return errors.New("no such notification")
	})
	for _, path := range []string{pager, tickets} {
		for _, n := range l.receiver.received(path) {
			for _, a := range n.Alerts {
				want := maps.Clone(a.Labels)
				maps.DeleteFunc(want, func(name, _ string) bool {
					return !slices.Contains([]string{"job", "provider", "account", "task"}, name)
				})
				if !maps.Equal(n.GroupLabels, want) {
					t.Errorf("%s: %v came in the group %v", l.name, identify(a.Labels), n.GroupLabels)
				}
			}
		}
	}
}

// knowsTheTruth waits until Prometheus has of every task what its vendor has:
// each status, the ratio, whether it is settled; and nothing of any other task.
func (l *leg) knowsTheTruth(t *testing.T, s *site) {
	t.Helper()
	run.Eventually(t, patience, l.name+" knows what the vendors know", func() error {
		want := s.truth()
		samples, err := instant(t, l.prometheus.URL, `{__name__=~"prefetch_task_(urls|settled|success_ratio)"}`)
		if err != nil {
			return err
		}
		got := map[string]float64{}
		for _, sample := range samples {
			n, err := sample.number()
			if err != nil {
				return err
			}
			what := sample.Metric["__name__"]
			if status, ok := sample.Metric["status"]; ok {
				what = status
			}
			got[sample.Metric["account"]+"/"+sample.Metric["task"]+" "+what] = n
		}
		if !maps.Equal(got, want) {
			return fmt.Errorf("Prometheus has %v, the vendors %v", got, want)
		}
		return nil
	})
}

// isAtPeace waits until nothing alerts any more and everybody was told so.
func (l *leg) isAtPeace(t *testing.T) {
	t.Helper()
	run.Eventually(t, patience, l.name+" has no alert left", func() error {
		now, err := firingAlerts(t, l.prometheus.URL)
		if len(now) > 0 {
			return fmt.Errorf("firing: %v", now)
		}
		return err
	})
	l.isToldTheEnd(t, everything()...)
}

// ended is what people read of an alert that is over: when that was and where to
// look, and no number of the trouble.
var ended = regexp.MustCompile(`^Ended at \d{4}-\d\d-\d\d \d\d:\d\d UTC: [A-Z][^0-9:%]*\.( .* · \S+)?\nNow: http\S+\n*$`)

// isToldTheEnd waits until whoever was told of these alerts was told that they
// are over, as programs and as people are.
func (l *leg) isToldTheEnd(t *testing.T, expected ...expectation) {
	t.Helper()
	for _, want := range expected {
		run.Eventually(t, patience, l.name+" tells the end of "+want.String(), func() error {
			over := l.receiver.identities(want.receiver, resolved)
			if !slices.Contains(over, want.identity) {
				return fmt.Errorf("told of the end of %v", over)
			}
			for _, a := range l.receiver.chat() {
				for part := range strings.SplitSeq(a.Text, "Ended at ") {
					if text := "Ended at " + part; strings.Contains(part, want.summary) && !strings.Contains(part, "What to do") {
						if !ended.MatchString(text) {
							return fmt.Errorf("of the end people read %q", text)
						}
						return nil
					}
				}
			}
			return errors.New("people were not told of the end")
		})
	}
}

// toldNothingElse checks that nobody was told of more than was expected.
func (l *leg) toldNothingElse(t *testing.T) {
	t.Helper()
	want := map[string][]identity{}
	for _, e := range everything() {
		want[e.receiver] = append(want[e.receiver], e.identity)
	}
	for path, expected := range want {
		slices.SortFunc(expected, identity.compare)
		if got := l.receiver.identities(path, firing); !slices.Equal(got, expected) {
			t.Errorf("%s: %s was told of %v, want %v", l.name, path, got, expected)
		}
	}
	// Whoever is woken is woken once for each.
	times := map[identity]int{}
	for _, a := range l.receiver.told(pager, firing) {
		times[identify(a.Labels)]++
	}
	for id, n := range times {
		if n != 1 {
			t.Errorf("%s: %s was told of %v %d times", l.name, pager, id, n)
		}
	}
	if problems := l.receiver.unreadable(); problems != nil {
		t.Errorf("%s: the receiver could not read: %v", l.name, problems)
	}
}

// complaint finds a log line that is not merely information.
var complaint = regexp.MustCompile(`(?im)^.*\blevel=(warn|error).*$`)

func (l *leg) hasNoComplaint(t *testing.T) {
	t.Helper()
	for _, p := range []*run.Process{l.prometheus, l.alertmanager} {
		if lines := complaint.FindAllString(p.Log.String(), -1); lines != nil {
			t.Errorf("%s: %s complains:\n%s", l.name, p.Name, strings.Join(lines, "\n"))
		}
	}
}

// summarize writes what each leg saw into the build folder, for whoever runs
// the tests by make.
func summarize(t *testing.T, legs []*leg) {
	t.Helper()
	var text strings.Builder
	for _, l := range legs {
		fmt.Fprintf(&text, "%s: %d panel queries run, %d returned data; %d other queries of dashboards\n",
			l.versions, l.panels.run, l.panels.returned, l.panels.others)
		samples, err := during(t, l.prometheus.URL, `ALERTS{alertstate="firing"}`, time.Hour, time.Second)
		if err != nil {
			t.Error(err)
		}
		fired := map[identity]bool{}
		for _, s := range samples {
			fired[identify(s.Metric)] = true
		}
		fmt.Fprintf(&text, "  fired     %v\n", slices.SortedFunc(maps.Keys(fired), identity.compare))
		for _, path := range []string{pager, tickets} {
			fmt.Fprintf(&text, "  %-9s received %v, resolved %v\n", path[1:], l.receiver.identities(path, firing), l.receiver.identities(path, resolved))
		}
		fmt.Fprintf(&text, "  messages  %d\n", len(l.receiver.chat()))
	}
	t.Logf("\n%s", text.String())
	write(t, filepath.Join(run.Repository, ".build", "e2e", "stack.log"), text.String())
}
