package planner

import (
	"slices"

	"prefetch_exporter/poller/planner/ask"
	"prefetch_exporter/poller/planner/priority"
	"prefetch_exporter/poller/planner/why"
	"prefetch_exporter/prefetch"
	vendorapi "prefetch_exporter/vendor_api"
)

// Question is what to ask, and why in a few words for people.
type Question struct {
	// Task is nil for a window. Others are further tasks of the same question.
	Task   *Candidate
	Others []*Candidate
	// Shown are those that a window tells of which names them, once it left.
	Shown []*Candidate
	Query vendorapi.Query
	Why   string
	// Pressing: a deadline passed, or nothing is known of the task yet. The look-back
	// waits longer for it.
	Pressing bool
	// Follows: it is for the next page of a task that takes turns with others.
	Follows  bool
	Priority priority.Priority
}

// TaskID is the task that is asked for; empty for a window.
func (q *Question) TaskID() string {
	if q.Task == nil {
		return ""
	}
	return q.Task.ID
}

// Tasks are all tasks that are asked for by their ids.
func (q *Question) Tasks() []*Candidate {
	if q.Task == nil {
		return nil
	}
	return append([]*Candidate{q.Task}, q.Others...)
}

// Each puts others in the place of the tasks that are asked for.
func (q *Question) Each(other func(*Candidate) *Candidate) {
	if q.Task != nil {
		q.Task = other(q.Task)
	}
	q.Others = slices.Clone(q.Others)
	for i, t := range q.Others {
		q.Others[i] = other(t)
	}
}

// together adds to a question about one task those that go next, as far as the vendor
// takes several in one question.
func (s *Round) together(q *Question) {
	room := s.Capabilities.TasksPerQuery - 1
	if room <= 0 || q.Query.Kind != vendorapi.QueryTask || q.Task.AloneUntil.After(s.Now) || q.Follows || q.Query.Page > 0 {
		return
	}
	var next []*appraisal
	for i := range s.all {
		c := &s.all[i]
		if !c.due || c.task == q.Task || c.task.AloneUntil.After(s.Now) || c.kind == ask.NextPage {
			continue
		}
		at, _ := slices.BinarySearchFunc(next, c, func(a, b *appraisal) int {
			if better(a, b) == a {
				return -1
			}
			return 1
		})
		if at < room {
			next = slices.Insert(next, at, c)[:min(len(next)+1, room)]
		}
	}
	for _, c := range next {
		q.Others, q.Query.Others = append(q.Others, c.task), append(q.Query.Others, c.task.ID)
		q.Priority = q.Priority.Plus(c.priority())
	}
	if len(next) > 0 {
		q.Why = "one answer tells of " + why.Tasks(1+len(next)) + "; first " + q.Why
	}
}

// ask is the question about one task.
func (s *Round) ask(c *appraisal) Question {
	t := c.task
	q := Question{Task: t, Query: vendorapi.Query{Kind: vendorapi.QueryTask}, Priority: c.priority()}
	if s.counts(c) && !t.Counted.Doubtful() {
		status := s.countNext(t)
		if status == prefetch.Waiting {
			if all, ok := s.waitWindow(t); ok {
				all.Priority, all.Pressing = q.Priority, q.Priority.Presses()
				return all
			}
		}
		q.Query.Kind, q.Query.Status = vendorapi.QueryCount, &status
	}
	never := t.LastAsked.IsZero() && !t.Answered()
	q.Pressing = q.Priority.Presses() || c.kind == ask.Regular && never && t.Counted == nil
	q.Follows = c.kind == ask.NextPage && !q.Priority.Presses()
	facts := why.Facts{Class: c.class, Kind: c.kind, Counted: q.Query.Status, Total: s.counts(c), Chance: float64(c.chance)}
	q.Why = facts.Task(&t.Task)
	q.Query = s.terms.Query(&t.Task, q.Query)
	return q
}

// counts reports whether the task's URLs are counted instead of read.
func (s *Round) counts(c *appraisal) bool {
	return c.kind == ask.Regular && s.terms.ByCount(&c.task.Task)
}
