package baiducloud

import (
	"encoding/base64"
	"fmt"
	"net/url"
	"slices"
	"time"

	"prefetch_exporter/prefetch"
	"prefetch_exporter/vendor_api/simulator"
)

// question is a request's query, read and checked.
type question struct {
	abroad     bool
	id, marker string
	// from and to limit the creation, both included.
	from, to time.Time
}

// parseQuestion reads the query. With an id everything else but a URL and a marker is
// left unread, since the vendor's SDK sends times always.
func parseQuestion(u *url.URL, now time.Time) (q question, problem string) {
	query := u.Query()
	q = question{abroad: u.Path == abroadPath, id: query.Get("id"), marker: query.Get("marker"), to: now}
	if q.id != "" {
		if query.Get("url") != "" || q.marker != "" {
			return q, "url and marker must not be set with id."
		}
		return q, ""
	}
	var err error
	if text := query.Get("endTime"); text != "" {
		if q.to, err = time.Parse(timeForm, text); err != nil {
			return q, "endTime is not valid."
		}
	}
	q.from = q.to.Add(-day)
	if text := query.Get("startTime"); text != "" {
		if q.from, err = time.Parse(timeForm, text); err != nil {
			return q, "startTime is not valid."
		}
	}
	switch {
	case q.to.Before(q.from):
		return q, "startTime is after endTime."
	case q.to.Sub(q.from) > longest:
		return q, "The range must not exceed 30 days."
	}
	if _, ok := q.position(); !ok {
		return q, "marker is not valid."
	}
	return q, ""
}

// position is a row of a window, from which on a page goes back in time: that of a task,
// counted from the oldest, and of a row in it.
type position struct{ task, row int }

// markOf is a marker, which holds for the times of its question only.
func (q *question) markOf(p position) string {
	text := fmt.Sprintf("%d %d %d %d", q.from.Unix(), q.to.Unix(), p.task, p.row)
	return base64.StdEncoding.EncodeToString([]byte(text))
}

// position reads the marker; without one it is the newest row.
func (q *question) position() (position, bool) {
	if q.marker == "" {
		return position{task: -1}, true
	}
	text, err := base64.StdEncoding.DecodeString(q.marker)
	if err != nil {
		return position{}, false
	}
	var from, to int64
	var p position
	if _, err := fmt.Sscanf(string(text), "%d %d %d %d", &from, &to, &p.task, &p.row); err != nil || p.task < 0 || p.row < 0 {
		return position{}, false
	}
	return p, from == q.from.Unix() && to == q.to.Unix()
}

// page answers with the rows of a page, from the newest task to the oldest, and the
// marker of the next one.
func (s *Server) page(owner string, q *question, now time.Time) listing {
	l := listing{Details: []detail{}}
	tasks := s.Tasks(simulator.Wanted{Owner: owner, From: q.from, To: q.to, Now: now})
	at, _ := q.position()
	if at.task < 0 || at.task >= len(tasks) {
		at = position{task: len(tasks) - 1}
	}
	for ; at.task >= 0; at = (position{task: at.task - 1}) {
		if tasks[at.task].Purge {
			continue
		}
		rows := slices.Collect(s.Rows(tasks[at.task], now))
		for ; at.row < len(rows); at.row++ {
			if len(l.Details) == s.options.Rows {
				l.IsTruncated, l.NextMarker = true, q.markOf(at)
				return l
			}
			l.Details = append(l.Details, s.detail(&rows[at.row], q))
		}
	}
	return l
}

func (s *Server) detail(r *simulator.Row, q *question) detail {
	const all = 100
	d := detail{Status: r.Word, CreatedAt: shown(r.Task.Second)}
	about := target{URL: r.Plan.URL}
	if begins, ok := s.options.Begins[r.Task.ID]; ok {
		about.StartTime = shown(begins)
	}
	if r.Status.Final() {
		d.FinishedAt = shown(r.Finish())
	}
	if q.abroad {
		about.Type = "file"
		if r.Status == prefetch.Waiting && r.Plan.Word == "" {
			d.Status = wordInProgress // it has no word for that
		}
	} else {
		d.Progress = new(int(all * r.Progress))
		if r.Status != prefetch.Waiting {
			d.StartedAt = shown(r.Begin())
		}
	}
	if s.options.Misspelt {
		d.FinishedAt, d.FinshedAt = "", d.FinishedAt
	}
	d.Task = about
	if s.options.TaskInList {
		d.Task = []target{about}
	}
	return d
}

func shown(t time.Time) string { return t.UTC().Format(timeForm) }
