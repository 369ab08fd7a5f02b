package simulator

import (
	"cmp"
	"iter"
	"math"
	"strings"
	"time"

	"prefetch_exporter/prefetch"
)

// Vocabulary is how a vendor spells the statuses: the word that it sends for each, and
// Others that mean one. A URL that waits may have the word of one that is fetched.
type Vocabulary struct {
	Waiting, Running, Succeeded, Failed string

	Others map[string]prefetch.Status
}

// status is what a client should make of a word, in any letter case: pages, examples
// and SDKs differ in it.
func (v *Vocabulary) status(word string) prefetch.Status {
	word = strings.ToLower(strings.TrimSpace(word))
	for _, known := range []struct {
		word   string
		status prefetch.Status
	}{{v.Running, prefetch.Running}, {v.Waiting, prefetch.Waiting}, {v.Succeeded, prefetch.Succeeded}, {v.Failed, prefetch.Failed}} {
		if word == strings.ToLower(known.word) {
			return known.status
		}
	}
	if status, ok := v.Others[word]; ok {
		return status
	}
	return prefetch.Unknown
}

// row is a URL of a task as it is at a moment.
func (v *Vocabulary) row(t *Registered, i int, now time.Time) Row {
	r := Row{Task: t, Plan: &t.URLs[i], Index: i}
	var word string
	switch {
	case now.Before(r.Begin()):
		r.Status, word = prefetch.Waiting, v.Waiting
	case r.Plan.Stuck || now.Before(r.Finish()):
		r.Status, word = prefetch.Running, v.Running
		if r.Plan.Fetch > 0 {
			r.Progress = min(1, float64(now.Sub(r.Begin()))/float64(r.Plan.Fetch))
		}
	case r.Plan.Fails:
		r.Status, word, r.Progress = prefetch.Failed, v.Failed, 1
	default:
		r.Status, word, r.Progress = prefetch.Succeeded, v.Succeeded, 1
	}
	r.Word = cmp.Or(r.Plan.Word, word)
	return r
}

// Row is one URL of a task as it is at a moment.
type Row struct {
	Task *Registered
	Plan *URLPlan
	// Index is its place among the URLs of the task, from 0.
	Index int
	// Status is what is true of it, and Word what the vendor sends.
	Status prefetch.Status
	Word   string
	// Progress is how far the vendor is, between 0 and 1.
	Progress float64
}

// Begin is when the fetch begins.
func (r *Row) Begin() time.Time { return r.Task.Created.Add(r.Plan.Wait) }

// Finish is when the fetch ends; meaningless for a URL that is stuck.
func (r *Row) Finish() time.Time { return r.Begin().Add(r.Plan.Fetch) }

// Rows are the URLs of a task that show at a moment, in the order of submission.
func (s *Server) Rows(t *Registered, now time.Time) iter.Seq[Row] {
	return func(yield func(Row) bool) {
		for i := range t.URLs {
			if shows := !now.Before(t.Created.Add(t.URLs[i].Appears)); shows && !yield(s.vendor.Vocabulary.row(t, i, now)) {
				return
			}
		}
	}
}

// China is the time zone of vendors who name none.
func China() *time.Location {
	const eastEight = 8 * 60 * 60
	return time.FixedZone("GMT+08:00", eastEight)
}

// Page is a range of rows, counted from 0. End is not in it.
type Page struct{ First, End int }

// PageOf is a page of so many rows, counted from 1.
func PageOf(number, size int) Page {
	if number-1 > (math.MaxInt-size)/size {
		return Page{} // beyond every row there can be
	}
	return Page{First: (number - 1) * size, End: number * size}
}

// Search returns how many rows of tasks match, and those of them that are in a page,
// in the order of the tasks and of submission. A nil match takes all.
func (s *Server) Search(tasks []*Registered, match func(Row) bool, page Page, now time.Time) (total int, rows []Row) {
	for _, task := range tasks {
		n := len(task.URLs)
		if match == nil && !now.Before(task.Complete) && (total+n <= page.First || total >= page.End) {
			total += n // none of its rows is in the page
			continue
		}
		for row := range s.Rows(task, now) {
			if match != nil && !match(row) {
				continue
			}
			if total >= page.First && total < page.End {
				rows = append(rows, row)
			}
			total++
		}
	}
	return total, rows
}

// Show writes each row in a vendor's form. The list is never nil.
func Show[R any](rows iter.Seq[Row], form func(Row) R) []R {
	list := []R{}
	for row := range rows {
		list = append(list, form(row))
	}
	return list
}
