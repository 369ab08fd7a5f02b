package published_test

import (
	"testing"
	"time"

	"prefetch_exporter/poller/clock"
	"prefetch_exporter/poller/published"
	"prefetch_exporter/poller/quota"
	"prefetch_exporter/prefetch"
	"prefetch_exporter/store/storetest"
)

func open(t *testing.T) published.State {
	t.Helper()
	b, err := quota.Open("somebody", storetest.NewMemory(), clock.Wall(time.Now))
	if err != nil {
		t.Fatal(err)
	}
	return published.State{TaskLimit: 5, Budget: b}
}

func task(id string, phase prefetch.Phase) *prefetch.TaskState {
	return &prefetch.TaskState{ID: id, Phase: phase}
}

// told is the tasks with their phases, in one line.
func told(s *prefetch.AccountState) (line string) {
	for _, t := range s.Tasks {
		line += t.ID + " " + t.Phase.String() + " "
	}
	return line
}

func TestSnapshotsDoNotChange(t *testing.T) {
	t.Parallel()
	var b published.Board
	s := open(t)
	all := s
	all.Tasks = []*prefetch.TaskState{task("b", prefetch.Pending), task("d", prefetch.Lost)}
	all.Unwatched = []prefetch.UnwatchedTask{{TaskState: task("x", prefetch.Settled)}}
	b.Set(all)
	first := b.Snapshot(clock.Stamp{})
	s.Up = true
	b.Change(s, []*prefetch.TaskState{task("b", prefetch.Active), task("c", prefetch.Settled)})
	b.Change(s, []*prefetch.TaskState{task("a", prefetch.Pending)})
	second := b.Snapshot(clock.Stamp{})
	b.Change(s, nil)
	b.Change(s, []*prefetch.TaskState{task("d", prefetch.Settled)})
	third := b.Snapshot(clock.Stamp{})
	for i, c := range []struct {
		got    published.State
		tasks  string
		phases [prefetch.NumPhases]int
	}{
		{first, "b pending d lost ", [prefetch.NumPhases]int{prefetch.Pending: 1, prefetch.Lost: 1}},
		{second, "a pending b active c settled d lost ", [prefetch.NumPhases]int{prefetch.Pending: 1, prefetch.Active: 1, prefetch.Settled: 1, prefetch.Lost: 1}},
		{third, "a pending b active c settled d settled ", [prefetch.NumPhases]int{prefetch.Pending: 1, prefetch.Active: 1, prefetch.Settled: 2}},
	} {
		if got := told(&c.got.AccountState); got != c.tasks || c.got.Phases != c.phases || c.got.Up != (i > 0) || len(c.got.Unwatched) != 1 {
			t.Errorf("snapshot %d: %q %v up %v, want %q %v", i, got, c.got.Phases, c.got.Up, c.tasks, c.phases)
		}
	}
	if got := b.Phases(); got != third.Phases {
		t.Errorf("phases %v, want %v", got, third.Phases)
	}
}

func TestRoom(t *testing.T) {
	t.Parallel()
	var b published.Board
	s := open(t)
	s.Tasks = []*prefetch.TaskState{task("a", prefetch.Pending), task("b", prefetch.Lost), task("c", prefetch.Settled)}
	s.Dropped = 2
	b.Set(s)
	if room, limit := b.Room(); room != 1 || limit != 5 {
		t.Errorf("room for %d of %d, want 1 of 5", room, limit)
	}
	unnamed := task("d", prefetch.Active)
	unnamed.Source = prefetch.SourceVendor
	s.Tasks, s.Found = append(s.Tasks, unnamed), 1
	b.Set(s)
	if room, _ := b.Room(); room != 2 {
		t.Errorf("room for %d besides those that nobody named, want 2", room)
	}
}
