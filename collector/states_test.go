package collector_test

import (
	"time"

	"prefetch_exporter/collector"
	"prefetch_exporter/prefetch"
)

// vodAccount is an account in good health that watches the tasks.
func vodAccount(tasks ...*prefetch.TaskState) prefetch.AccountState {
	a := prefetch.AccountState{
		Account:      huawei,
		Up:           true,
		Limit:        prefetch.Limit{Calls: 50, Per: time.Minute},
		NextCall:     ago(2 * time.Second),
		Progress:     now,
		MaxStaleness: time.Hour,
		Tasks:        tasks,
	}
	for _, t := range tasks {
		a.Phases[t.Phase]++
	}
	return a
}

// launch is a task that was answered a minute ago.
func launch() *prefetch.TaskState {
	return &prefetch.TaskState{
		Account: huawei, ID: huaweiTask, Source: prefetch.SourceConfig,
		Labels:      map[string]string{"title": "launch", "region": "ap-southeast-3"},
		Phase:       prefetch.Active,
		FirstSeen:   ago(90 * time.Minute),
		Created:     ago(2*time.Hour + 500*time.Millisecond),
		Deadline:    now.Add(30 * time.Minute),
		LastRefresh: ago(time.Minute),
		Up:          true,
		Counts:      prefetch.Counts{prefetch.Waiting: 3, prefetch.Running: 2, prefetch.Succeeded: 14, prefetch.Failed: 1},
		Answered:    true,
		URLs:        []prefetch.URL{{URL: "https://example.com/a-url-is-never-a-label.mp4"}},
	}
}

func settledTask() *prefetch.TaskState {
	t := launch()
	t.Phase = prefetch.Settled
	t.Counts = prefetch.Counts{prefetch.Succeeded: 19, prefetch.Failed: 1}
	t.Recovered = 1
	t.Finished = ago(20 * time.Hour)
	t.Created = ago(22 * time.Hour)
	t.Deadline = time.Time{}
	t.Labels = nil
	// Long ago, and yet not stale: a settled task does not change any more.
	t.LastRefresh = ago(20 * time.Hour)
	return t
}

func staleTask() *prefetch.TaskState {
	t := launch()
	t.LastRefresh = ago(time.Hour + time.Nanosecond)
	t.EdgeRatio, t.HasEdgeRatio = 0.97, true
	return t
}

func windowAccount() prefetch.AccountState {
	t := launch()
	t.Account, t.ID = edge, edgeTask
	t.Labels = nil
	t.Deadline = time.Time{}
	t.EdgeRatio, t.HasEdgeRatio = 0.9825, true
	return prefetch.AccountState{
		Account: edge, Up: true, Phases: [prefetch.NumPhases]int{prefetch.Active: 1},
		Limit:    prefetch.Limit{Calls: 1, Per: 5 * time.Minute},
		NextCall: now.Add(4 * time.Minute), Progress: now.Add(-3 * time.Minute), MaxStaleness: time.Hour,
		Backlog:       5 * time.Minute,
		Window:        &prefetch.Counts{prefetch.Running: 40, prefetch.Succeeded: 240, prefetch.Failed: 1, prefetch.Unknown: 1},
		WindowRefresh: ago(20 * time.Minute),
		Tasks:         []*prefetch.TaskState{t},
	}
}

// recorded brings every series of the recorder into being.
func recorded(r *collector.Recorder) {
	r.AddAccount(edge)
	r.Called(edge, "task")
	r.Called(edge, "window")
	r.Called(edge, "window")
	r.Answered(edge, 300*time.Millisecond)
	r.Answered(edge, 30*time.Second)
	r.Answered(edge, 31*time.Second)
	r.Failed(edge, prefetch.ReasonTimeout)
	r.URLWait(edge, 45*time.Second)
	r.URLFetch(edge, 10*time.Minute)
	r.URLFetch(edge, 25*time.Hour)
	r.TaskDuration(edge, 3*time.Hour)
	r.StoreError(collector.StoreWrite)
	r.ConfigReloaded(true, ago(time.Hour))
	r.SetDiscovery("files", true, ago(time.Minute))
	r.SetDiscovery("https://example.com/tasks", false, time.Time{})
	r.SetRejected(collector.RejectedInvalid, 2)
}
