package pages_test

import (
	"net/http"
	"path/filepath"
	"testing"
	"time"

	"prefetch_exporter/collector"
	"prefetch_exporter/collector/collectortest"
	"prefetch_exporter/collector/pages"
	"prefetch_exporter/prefetch"
)

func pendingTask() *prefetch.TaskState {
	return &prefetch.TaskState{
		Account: huawei, ID: huaweiTask, Source: prefetch.SourceConfig,
		FirstSeen: ago(time.Second), Created: ago(time.Second),
	}
}

func failingAccount() prefetch.AccountState {
	t := launch()
	t.Up = false
	t.LastError = &prefetch.Failure{Reason: prefetch.ReasonThrottled, Message: "too many calls", Time: ago(time.Second)}
	lost := pendingTask()
	lost.ID, lost.Phase = "ffff", prefetch.Lost
	a := vodAccount(t, lost)
	a.Up, a.Failing, a.Dropped = false, prefetch.ReasonThrottled, 7
	a.NextCall = now.Add(15 * time.Minute)
	return a
}

func hostileAccount() prefetch.AccountState {
	t := launch()
	t.ID = "a\"b\\c\nd{}\xff,=😀"
	t.Labels = map[string]string{
		"ok": "line\nbreak \"quoted\" \\ \xc3\x28", "empty": "", "le": "0.1",
		"account": "hides ours", "provider": "hides ours", "task": "hides ours", "status": "hides ours",
		"__name__": "reserved", "with space": "no", "with.dot": "no", "9": "no", "": "no", "\xff": "no",
	}
	other := launch()
	other.ID, other.Labels = "other", map[string]string{"team": "video"}
	a := vodAccount(t, other)
	a.Phases[prefetch.Active] = 3
	a.Account.Name = "vod \xff\"launches\""
	return a
}

// state is a typical state of the exporter.
type state struct {
	name     string
	accounts []prefetch.AccountState
	record   func(*collector.Recorder)
}

func states() []state {
	withoutURL := launch()
	withoutURL.Counts = prefetch.Counts{}
	return []state{
		{name: "empty"},
		{name: "before_first_answer", accounts: []prefetch.AccountState{{
			Account: huawei, Limit: prefetch.Limit{Calls: 50, Per: time.Minute}, MaxStaleness: time.Hour,
			Phases: [prefetch.NumPhases]int{prefetch.Pending: 1}, Tasks: []*prefetch.TaskState{pendingTask()},
		}}},
		{name: "active", accounts: []prefetch.AccountState{vodAccount(launch())}},
		{name: "answer_without_url", accounts: []prefetch.AccountState{vodAccount(withoutURL)}},
		{name: "settled", accounts: []prefetch.AccountState{vodAccount(settledTask())}},
		{name: "stale", accounts: []prefetch.AccountState{vodAccount(staleTask())}},
		{name: "failing", accounts: []prefetch.AccountState{failingAccount()}},
		{name: "hostile_labels", accounts: []prefetch.AccountState{hostileAccount()}},
		{name: "window", accounts: []prefetch.AccountState{windowAccount(), vodAccount(launch())}},
		{name: "causes_and_progress", accounts: []prefetch.AccountState{tellingAccount(), vodAccount(launch())}},
		{name: "recorder", record: recorded},
	}
}

// handler returns a handler that shows the state.
func (s state) handler() http.Handler {
	recorder := collector.NewRecorder()
	if s.record != nil {
		s.record(recorder)
	}
	return pages.NewHandler(pages.Options{
		Collector: newCollector(&source{prefetch.Snapshot{Accounts: s.accounts}}),
		Recorder:  recorder,
	})
}

// TestExposition holds the exposition of typical states in all three formats.
func TestExposition(t *testing.T) {
	t.Parallel()
	for _, s := range states() {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			h := s.handler()
			asText := filepath.Join("testdata", s.name+".txt")
			golden(t, asText, text(t, get(t, h, acceptText)))
			golden(t, filepath.Join("testdata", s.name+".openmetrics"), text(t, get(t, h, acceptOpenMetrics)))
			if !*collectortest.Update {
				golden(t, asText, decode(t, get(t, h, acceptProtobuf)).AsText(t))
			}
		})
	}
}
