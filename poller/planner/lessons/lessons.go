// Package lessons is what an answer teaches of how long URLs take. It is pure: a task
// before and after the answer in, observations out.
package lessons

import (
	"math"
	"time"

	"prefetch_exporter/poller/survival"
	"prefetch_exporter/poller/task"
	"prefetch_exporter/prefetch"
)

// Lesson is an answer, for what it teaches.
type Lesson struct {
	Durations *survival.Observations // where it is noted
	Curve     *survival.Curve        // what is believed as yet
	// Now is our time, Sent when the vendor can have seen the question at the
	// earliest, by its clock, which is Offset ahead of ours.
	Now, Sent time.Time
	Offset    time.Duration
	RowTimes  bool // rows say when they were created, and when they ended
}

func (l *Lesson) age(t *task.Task, at time.Time) time.Duration {
	return at.Add(l.Offset).Sub(t.CreatedAt())
}

// Rows learns how long URLs take from an answer that shows all rows of the
// task.
func (l *Lesson) Rows(before *task.Task, urls []prefetch.URL) {
	d, counts := l.Durations, prefetch.CountURLs(urls)
	if !l.RowTimes {
		l.Summary(before, counts)
		return
	}
	l.sizeAndFailures(before, counts)
	seen := before.LastRefresh.Add(l.Offset)
	for i := range urls {
		u := &urls[i]
		if u.Created.IsZero() {
			continue
		}
		from := time.Duration(0)
		if before.Answered() {
			from = max(0, seen.Sub(u.Created))
		}
		switch {
		case !u.Status.Final():
			d.Watched(1, from, l.Sent.Sub(u.Created))
		case u.Finished.IsZero(): // nobody knows when
		case !before.Answered() || u.Finished.After(seen):
			age := u.Finished.Sub(u.Created)
			d.Watched(1, from, age)
			d.EndedAt(1, age)
		}
	}
}

func (l *Lesson) sizeAndFailures(before *task.Task, counts prefetch.Counts) {
	if !before.Answered() {
		l.Durations.Sized(max(counts.Total(), len(before.Expected)))
	}
	l.Durations.Failed += float64(max(0, counts[prefetch.Failed]-before.Counts[prefetch.Failed]))
}

// Summary learns how long URLs take from how many are left of a task, where rows have
// no times, as in a list.
func (l *Lesson) Summary(t *task.Task, counts prefetch.Counts) {
	l.sizeAndFailures(t, counts)
	if t.KnownCreation().IsZero() && !t.Answered() {
		return // how old they are is not known
	}
	d := l.Durations
	now := l.age(t, l.Now)
	before, from := counts.Total(), time.Duration(0)
	if t.Answered() {
		before, from = t.Counts.Total()-t.Counts.Final(), l.age(t, t.LastRefresh)
	}
	left := counts.Total() - counts.Final()
	d.Watched(left, from, now)
	d.EndedBetween(before-left, from, now, l.Curve)
}

// Counts learns from a count of URLs that succeeded. Of each URL in neither count
// underWay is the chance that it is under way still; hinted says that windows tell
// of those that run.
func (l *Lesson) Counts(before *task.Counted, t *task.Task, hinted bool, underWay float64) {
	d, now := l.Durations, t.Counted
	failed, succeeded := float64(max(0, now.Failed-before.Failed)), max(0, now.Succeeded-before.Succeeded)
	d.Failed += failed
	d.Final += failed
	if hinted || !now.SucceededAt.After(before.SucceededAt) {
		d.Final += float64(succeeded)
		return // windows of what runs tell more
	}
	from := time.Duration(0)
	if !before.SucceededAt.IsZero() {
		from = l.age(t, before.SucceededAt)
	}
	to := l.age(t, l.Now)
	// What failed since that was counted is not under way.
	alive := float64(now.Left()) * underWay
	d.Watched(int(math.Round(alive)), from, to)
	d.EndedBetween(succeeded, from, to, l.Curve)
}
