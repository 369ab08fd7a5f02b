package prefetch_test

import (
	"testing"

	"prefetch_exporter/prefetch"
)

func TestFind(t *testing.T) {
	t.Parallel()
	s := prefetch.Snapshot{Accounts: []prefetch.AccountState{
		{Account: prefetch.Account{Provider: "cdnetworks", Name: "a"}},
		{Account: prefetch.Account{Provider: "cdnetworks", Name: "b"}, Tasks: []*prefetch.TaskState{{ID: "1"}, {ID: "3"}}},
	}}
	if a := s.Account("c"); a != nil {
		t.Errorf("account c is %v", a.Account)
	}
	b := s.Account("b")
	if b == nil || b != &s.Accounts[1] {
		t.Fatalf("account b is %v", b)
	}
	for id, want := range map[string]*prefetch.TaskState{"1": b.Tasks[0], "2": nil, "3": b.Tasks[1], "4": nil} {
		if got := b.Task(id); got != want {
			t.Errorf("task %s is %v", id, got)
		}
	}
	if task := s.Account("a").Task("1"); task != nil {
		t.Errorf("task 1 of account a is %v", task)
	}
}
