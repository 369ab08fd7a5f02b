package web

import (
	"bufio"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"

	"prefetch_exporter/prefetch"
)

const (
	// apiRoot is where all of the JSON API is.
	apiRoot = "/api/"
	// tasksRoot is where each task is, as its account and its id.
	tasksRoot = "/api/v1/tasks/"
)

// maxMessage bounds an error's text in bytes: a body can be wrong in a hundred
// thousand places.
const maxMessage = 4096

// errorType is what a program can tell failures by. The words are those of
// Prometheus' own API where it has one.
type errorType string

const (
	errorBadData     errorType = "bad_data"
	errorForbidden   errorType = "forbidden"
	errorNotFound    errorType = "not_found"
	errorConflict    errorType = "conflict"
	errorLimit       errorType = "limit"
	errorUnavailable errorType = "unavailable"
)

// apiError is an answer that is no success.
type apiError struct {
	status  int
	kind    errorType
	message string
}

// success and failure are the two envelopes of Prometheus' API.
type success struct {
	Status   string   `json:"status"`
	Data     any      `json:"data"`
	Warnings []string `json:"warnings,omitempty"`
}

type failure struct {
	Status    string    `json:"status"`
	ErrorType errorType `json:"errorType"`
	Error     string    `json:"error"`
}

// api serves what is below [apiRoot].
type api struct {
	Options

	changes changes
}

func (a *api) addTo(r routes) {
	r.handle("", apiRoot, http.HandlerFunc(noEndpoint))
	r.handle("", "/api/v1/accounts", byMethod(map[string]answer{http.MethodGet: a.listAccounts}))
	r.handle("", "/api/v1/tasks", byMethod(map[string]answer{http.MethodGet: a.listTasks}, paramAccount, paramLabel, paramPhase))
	r.handle("", "/api/v1/sd/urls", byMethod(map[string]answer{http.MethodGet: a.listURLs}, paramAccount, paramPerTask, paramStatus))
	r.handle("", tasksRoot, named(strings.Count(r.prefix+tasksRoot, "/"), byMethod(map[string]answer{
		http.MethodGet: a.getTask, http.MethodPut: a.putTask, http.MethodDelete: a.deleteTask,
	}, paramLimit, paramOffset), noEndpoint))
}

// named gives h the account and the id of a path, which ends with both; segment
// is the account's place in it. A path without them is for missing. No pattern of a
// ServeMux does: its wildcards match no segment that is an escaped slash alone.
//
// All that follows the account is the id: proxies decode paths, and a slash of an id
// then comes as one. An id that has "." or ".." between slashes, or nothing, gets no
// further than [routes.clean] that way.
func named(segment int, h http.Handler, missing http.HandlerFunc) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		names := strings.Split(r.URL.EscapedPath(), "/")[segment:]
		if len(names) < 2 || slices.Contains(names, "") {
			missing(w, r)
			return
		}
		for i, name := range names {
			// The server has refused requests with a wrong escape.
			var err error
			if names[i], err = url.PathUnescape(name); err != nil {
				missing(w, r)
				return
			}
		}
		r.SetPathValue("account", names[0])
		r.SetPathValue("id", strings.Join(names[1:], "/"))
		h.ServeHTTP(w, r)
	})
}

// answer answers a request, or writes nothing and returns why it cannot.
type answer func(w http.ResponseWriter, r *http.Request) *apiError

// byMethod answers other methods in the envelope, which a ServeMux would not, and
// likewise other query parameters than these, which are those of GET. HEAD is
// answered where GET is.
func byMethod(answers map[string]answer, parameters ...string) http.Handler {
	if get, ok := answers[http.MethodGet]; ok {
		answers[http.MethodHead] = get
	}
	allow := strings.Join(slices.Sorted(maps.Keys(answers)), ", ")
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		known := parameters
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			known = nil
		}
		wrong := checkParameters(r, known)
		if answer, ok := answers[r.Method]; !ok {
			w.Header().Set("Allow", allow)
			wrong = &apiError{http.StatusMethodNotAllowed, errorBadData, "the method is not allowed here; these are: " + allow}
		} else if wrong == nil {
			wrong = answer(w, r)
		}
		if wrong != nil {
			fail(w, *wrong)
		}
	})
}

func noEndpoint(w http.ResponseWriter, _ *http.Request) {
	fail(w, apiError{
		http.StatusNotFound, errorNotFound,
		"there is no such endpoint; account and id must be percent-encoded, a slash as %2F",
	})
}

func (a *api) listAccounts(w http.ResponseWriter, _ *http.Request) *apiError {
	accounts := a.Snapshot().Accounts
	views := make([]accountView, 0, len(accounts))
	for i := range accounts {
		views = append(views, viewAccount(&accounts[i]))
	}
	succeed(w, http.StatusOK, success{Data: views})
	return nil
}

// listTasks writes one task after the other: there can be many, and nothing
// grows with them here.
func (a *api) listTasks(w http.ResponseWriter, r *http.Request) *apiError {
	which, wrong := parseFilter(r.URL.Query())
	if wrong != nil {
		return wrong
	}
	accounts := a.Snapshot().Accounts
	jsonHeader(w, http.StatusOK)
	out := bufio.NewWriter(w)
	encoder := newEncoder(out)
	// What cannot be written any more has no reader; the writer remembers it.
	_, _ = out.WriteString(`{"status":"success","data":[`)
	separator := "\n"
	for i := range accounts {
		if !which.hasAccount(accounts[i].Account.Name) {
			continue
		}
		for _, t := range accounts[i].Tasks {
			if !which.matches(t) {
				continue
			}
			_, _ = out.WriteString(separator)
			separator = ","
			if err := encoder.Encode(viewTask(&accounts[i], t)); err != nil {
				return nil
			}
		}
	}
	_, _ = out.WriteString("]")
	doubts := which.doubts(accounts)
	if a.unread() {
		doubts = append(doubts, "the store was not read yet: tasks may be missing, and nothing is known of those that are here")
	}
	if len(doubts) > 0 {
		_, _ = out.WriteString(`,"warnings":`)
		if err := encoder.Encode(doubts); err != nil {
			return nil
		}
	}
	_, _ = out.WriteString("}\n")
	_ = out.Flush()
	return nil
}

func (a *api) getTask(w http.ResponseWriter, r *http.Request) *apiError {
	account, id := r.PathValue("account"), r.PathValue("id")
	rows, wrong := parsePart(r.URL.Query())
	if wrong != nil {
		return wrong
	}
	view, warnings, found := a.find(account, id, rows)
	if !found {
		return a.noTask(account, id)
	}
	succeed(w, http.StatusOK, success{Data: view, Warnings: warnings})
	return nil
}

// unread reports that the store, which replicas share, was not read yet: what is
// not known may well be there.
func (a *api) unread() bool { return a.Group != nil && !a.Group().Loaded }

// The warnings of tasks that are shown though they are not watched.
const (
	warnEnded = "the task's time is over: it ended longer than global.retention ago, or made room for others of global.task_limit; " +
		"this is how it ended, and it is not watched or asked for again"
	warnUnwatched = "the task is kept but not watched now: it is over global.task_limit"
)

// find returns a task as it is watched, else as it ended, else as it was known
// last or, if nothing is known, as it was put. A task of an account that does not
// exist is not found. Of its rows it has a part.
func (a *api) find(account, id string, rows part) (view taskDetail, warnings []string, found bool) {
	state := a.Snapshot().Account(account)
	if state == nil {
		return taskDetail{}, nil, false
	}
	if watched := state.Task(id); watched != nil {
		view = viewDetail(state, watched, rows)
		return view, rows.warnings(view), true
	}
	i, known := slices.BinarySearchFunc(state.Unwatched, id, func(t prefetch.UnwatchedTask, id string) int {
		return strings.Compare(t.ID, id)
	})
	var last prefetch.UnwatchedTask
	if known {
		last = state.Unwatched[i]
	}
	ended := !last.Ended.IsZero()
	var task prefetch.Task
	kept := false
	if a.Registry != nil {
		task, kept = a.Registry.Get(account, id)
	}
	if !ended && !kept {
		return taskDetail{}, nil, false
	}
	shown := prefetch.TaskState{Account: state.Account, ID: id, Created: task.Created}
	if known {
		shown = *last.TaskState
	}
	if !ended {
		shown.Source = prefetch.SourceAPI
	}
	if kept && shown.Source == prefetch.SourceAPI {
		// What was put is newer than what was watched.
		shown.Labels, shown.Deadline = task.Labels, task.Deadline
	}
	view = viewDetail(state, &shown, rows)
	if !ended {
		return view, append([]string{warnUnwatched}, rows.warnings(view)...), true
	}
	view.URLList, view.URLListTotal = nil, nil // the rows are not kept
	return view, []string{warnEnded}, true
}

func succeed(w http.ResponseWriter, status int, what success) {
	what.Status = "success"
	writeJSON(w, status, what)
}

func fail(w http.ResponseWriter, e apiError) {
	if len(e.message) > maxMessage {
		end := maxMessage
		for !utf8.RuneStart(e.message[end]) {
			end--
		}
		e.message = e.message[:end] + "…"
	}
	writeJSON(w, e.status, failure{Status: "error", ErrorType: e.kind, Error: e.message})
}

func writeJSON(w http.ResponseWriter, status int, what any) {
	jsonHeader(w, status)
	_ = newEncoder(w).Encode(what) //nolint:errchkjson // All forms here have JSON, and a client that is gone needs none.
}

func jsonHeader(w http.ResponseWriter, status int) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
}

// newEncoder leaves the & of URLs as they are: no answer is sniffed for HTML.
func newEncoder(w io.Writer) *json.Encoder {
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	return encoder
}
